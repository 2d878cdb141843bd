"""Write one HTML page with all tables and figures, sliders over restored images, and the provenance of the results.

The page needs neither a network nor other files, since it contains style, script and pictures. The tables are the HTML
files that `groupsc table` wrote, and the list of all numbers comes from their CSV files.
"""

from __future__ import annotations

import html
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import jinja2
import pandas as pd
from PIL import Image

from groupsc.benchmark.averages import DECIMALS, average, plain
from groupsc.data.manifests import registered_digest
from groupsc.models.sizes import number_of_parameters
from groupsc.pages.headlines import best, points, reproduced
from groupsc.pages.sliders import GAIN, comparisons, webp
from groupsc.pages.training_steps import training_steps
from groupsc.paper.reproducibility import read_cells
from groupsc.utils.atomic import write_text
from groupsc.utils.digests import file_digest
from groupsc.utils.durations import duration
from groupsc.utils.errors import GroupSCError, unreadable
from groupsc.weights.cards import config_of, name_of, read_card

WIDTH = 1400
"""Largest width of a figure in pixels. The page links to the full files."""
INCH = 130
"""Pixels on the screen per inch of the printed figure."""

TEMPLATES = Path(__file__).parent / "templates"
TABLE = re.compile(r"<table\b[^>]*>(.*)</table>", re.S)
CAPTION = re.compile(r"<caption>(.*?)</caption>", re.S)


@dataclass(frozen=True)
class PageTable:
    """A table of the page: the content of its HTML element, its caption, and files to download."""

    name: str
    title: str
    caption: str
    body: str
    files: dict[str, str]


@dataclass(frozen=True)
class PageFigure:
    """A figure of the page: title and caption as HTML, the picture as a data URL, and files to download."""

    name: str
    title: str
    caption: str
    alt: str
    source: str
    size: tuple[int, int]
    files: dict[str, str]


def write_report(
    output,
    rows: pd.DataFrame,
    *,
    tables=(),
    figures=(),
    captions=None,
    pictures=None,
    weights=(),
    plan=None,
    shown: int = 8,
) -> Path:
    """Write the report page.

    Parameters
    ----------
    output : path
        The HTML file. Links to the files of tables and figures are relative to it.
    rows : pandas.DataFrame
        Per-image results, as `groupsc.benchmark.rows.read_rows` returns them.
    tables : list of paths
        HTML files that `groupsc table` wrote, with the CSV files in the same folder.
    figures : list of paths
        PNG files; PDF files of the same name are linked.
    captions : dict, optional
        Text files of captions by the name of the figure: `**Title.** Sentences.`
    pictures : path, optional
        Folder of `<experiment>/<data set>/<image>-restored.png`, for the sliders.
    weights : list of paths
        Weights files, for the list of their digests and trainings.
    plan : path, optional
        JSON file of `groupsc plan --json`: what the grid costs.
    shown : int
        Largest number of sliders.

    Returns
    -------
    Path
        `output`.

    Raises
    ------
    GroupSCError
        When a file is missing, is not a table, or is not a plan.

    Examples
    --------
    >>> write_report("index.html", rows, tables=["tables/table4.html"])  # doctest: +SKIP
    """
    output = Path(output)
    tables = [Path(path) for path in tables]
    cells = read_cells([path.with_suffix(".csv") for path in tables if path.stem.startswith("table")])
    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    means = average(rows)
    page = environment.get_template("report.html").render(
        tiles=[*reproduced(cells), *best(means)],
        points=points(means),
        plan=_plan(plan) if plan is not None else None,
        gain=GAIN,
        tables=[_table(path, output) for path in tables],
        figures=[_figure(Path(path), output, (captions or {}).get(Path(path).stem)) for path in figures],
        comparisons=comparisons(rows, pictures, shown) if pictures is not None else [],
        cells=_cells(cells[cells["metric"].isin(DECIMALS)].sort_values("ours", key=pd.isna, kind="stable")),
        sets=_sets(rows),
        models=_models(weights),
        devices=sorted(rows["device"].dropna().unique()),
        versions=sorted(rows["code_version"].dropna().unique()),
    )
    write_text(output, page)
    return output


def _plan(path) -> dict:
    """Read the JSON file of `groupsc plan --json`."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise unreadable(error)(f"{path} can't be read ({error}); make it with `groupsc plan --json`") from error
    if not isinstance(found, dict) or "machines" not in found:
        raise GroupSCError(f"{path} is not a plan; make it with `groupsc plan --json`")
    return found


def _table(path: Path, output: Path) -> PageTable:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise unreadable(error)(f"{path} can't be read ({error}); make it with `groupsc table`") from error
    inside = TABLE.search(text)
    caption = CAPTION.search(text)
    if inside is None or caption is None:
        raise GroupSCError(f"{path} contains no table; make it with `groupsc table`")
    body = re.sub(r' id="[^"]*"', "", CAPTION.sub("", inside[1]))
    title, _, rest = caption[1].partition("</b>")
    kinds = ("csv", "md", "tex")
    title = html.unescape(title.removeprefix("<b>").rstrip("."))
    return PageTable(path.stem, title, html.unescape(rest.strip()), body, _files(path, output, kinds))


def _figure(path: Path, output: Path, caption) -> PageFigure:
    try:
        with Image.open(path) as opened:
            inches = opened.width / opened.info.get("dpi", (300, 300))[0]
            image = opened.convert("RGB")
    except OSError as error:
        raise unreadable(error)(f"{path} can't be read ({error}); make it with `groupsc figure`") from error
    if image.width > WIDTH:
        image = image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS)
    text = " ".join(Path(caption).read_text(encoding="utf-8").split()) if caption else f"**{path.stem}.**"
    title = re.match(r"\*\*(.*?)\.?\*\*", text)
    rest = text[title.end() :].strip() if title else text
    alt = re.split(r"(?<=[.;]) ", rest)[0] if rest else path.stem
    name = title[1] if title else path.stem
    marked = re.sub(r"``(.*?)``", r"<code>\1</code>", html.escape(rest.replace("\\|", "|")))
    files = _files(path, output, ("png", "pdf"))
    size = (round(inches * INCH), round(inches * INCH * image.height / image.width))
    return PageFigure(path.stem, name, marked, alt.replace("\\|", "|"), webp(image), size, files)


def _files(path: Path, output: Path, endings) -> dict[str, str]:
    found = {ending: path.with_suffix(f".{ending}") for ending in endings}
    folder = output.parent.resolve()
    return {ending: _address(file.resolve(), folder) for ending, file in found.items() if file.exists()}


def _address(file: Path, folder: Path) -> str:
    """Return the path of a file relative to a folder, or its address if it is on another drive."""
    try:
        return Path(os.path.relpath(file, folder)).as_posix()
    except ValueError:
        return file.as_uri()


def _cells(cells: pd.DataFrame) -> list[list[tuple[str, str]]]:
    """Convert each line of the tables' CSV files to pairs of text and sort key, without rounding the sort keys."""
    lines = []
    for cell in cells.itertuples(index=False):
        digits = DECIMALS[cell.metric]
        share = "" if pd.isna(cell.images) else f"{cell.images:.0f}"
        if not pd.isna(cell.images_of) and not pd.isna(cell.images):
            share += f" of {cell.images_of:.0f}"
        mode = plain(cell.mode) or ""
        mode += "" if pd.isna(cell.stride) else f" {cell.stride:.0f}"
        lines.append([
            _word(cell.table), _word(cell.row), _word(cell.column), _word(cell.dataset), _word(cell.metric),
            (plain(cell.printed) or "", _number(cell.published, digits)[1]), _number(cell.ours, digits),
            _number(cell.spread, digits), _number(cell.difference, digits, signed=True),
            (share, _number(cell.images, digits)[1]), _word(mode),
            _word(cell.status),
        ])  # fmt: skip
    return lines


def _number(value, digits: int, *, signed: bool = False) -> tuple[str, str]:
    """Return a number as text with some digits, and as sort key with all digits; empty for a missing value."""
    if pd.isna(value):
        return "", ""
    shown = round(float(value), digits) or 0.0  # Not −0.0.
    return f"{shown:{'+' if signed and shown else ''}.{digits}f}".replace("-", "−"), repr(float(value))


def _word(value) -> tuple[str, str]:
    text = "" if pd.isna(value) else str(value)
    return text, text


def _sets(rows: pd.DataFrame) -> list[tuple[str, int, str]]:
    """Return each data set of the results with its number of used images and the digest of the whole set."""
    counts = rows.groupby("dataset")["image"].nunique()
    return [(name, int(count), registered_digest(name) or "not in the registry") for name, count in counts.items()]


def _models(weights) -> list[dict]:
    found = []
    for path in map(Path, weights):
        card = read_card(path)
        parameters = number_of_parameters(config_of(path, card))
        found.append({
            "name": name_of(path, card), "digest": file_digest(path), "parameters": parameters,
            "steps": training_steps(card) if "steps" in card else "", "device": card.get("device"),
            "time": duration(60 * card["minutes"]) if card.get("minutes") else "",
            "dataset": card.get("training", {}).get("dataset"), "code": card.get("code_version"),
        })  # fmt: skip
    return found
