"""Write one HTML page with all tables and figures, sliders over restored images, and the provenance of the results.

The page needs neither a network nor other files, since it contains style, script and pictures. The tables are the HTML
files that `groupsc table` wrote, and the list of all numbers comes from their CSV files.
"""

from __future__ import annotations

import base64
import html
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path

import jinja2
import numpy as np
import pandas as pd
from PIL import Image

from groupsc.benchmark import metrics
from groupsc.benchmark.averages import DECIMALS, plain
from groupsc.config.definitions import LEVEL_NAMES
from groupsc.config.labels import DEGRADED_LABELS, METHOD_LABELS, TASK_LABELS
from groupsc.data.datasets import data_digest
from groupsc.io.images import read_image
from groupsc.paper.pictures import picture
from groupsc.paper.reproducibility import read_cells
from groupsc.utils.atomic import write_text
from groupsc.utils.digests import file_digest
from groupsc.utils.errors import GroupSCError, unreadable
from groupsc.weights.cards import name_of
from groupsc.weights.files import load_weights

WIDTH, QUALITY = 1400, 82
"""Largest width of a figure in pixels, and quality of its WebP picture. The page links to the full files."""
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


@dataclass(frozen=True)
class Comparison:
    """The versions of one image, each with a name and a data URL; the degraded is first and the clean last."""

    title: str
    size: tuple[int, int]
    views: list[tuple[str, str]]


def write_report(
    output, rows: pd.DataFrame, *, tables=(), figures=(), captions=None, pictures=None, weights=(), shown: int = 12
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
    shown : int
        Largest number of sliders.

    Returns
    -------
    Path
        `output`.

    Raises
    ------
    GroupSCError
        When a file is missing or is not a table.

    Examples
    --------
    >>> write_report("index.html", rows, tables=["tables/table4.html"])  # doctest: +SKIP
    """
    output = Path(output)
    tables = [Path(path) for path in tables]
    cells = read_cells([path.with_suffix(".csv") for path in tables if path.stem.startswith("table")])
    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page = environment.get_template("report.html").render(
        tables=[_table(path, output) for path in tables],
        figures=[_figure(Path(path), output, (captions or {}).get(Path(path).stem)) for path in figures],
        comparisons=_comparisons(rows, pictures, shown) if pictures is not None else [],
        cells=_cells(cells.sort_values("ours", key=pd.isna, kind="stable")),
        sets=_sets(rows),
        models=_models(weights),
        devices=sorted(rows["device"].dropna().unique()),
        versions=sorted(rows["code_version"].dropna().unique()),
    )
    write_text(output, page)
    return output


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
    return PageFigure(path.stem, name, marked, alt.replace("\\|", "|"), _webp(image), size, files)


def _files(path: Path, output: Path, endings) -> dict[str, str]:
    found = {ending: path.with_suffix(f".{ending}") for ending in endings}
    folder = output.parent.resolve()
    return {
        ending: Path(os.path.relpath(file.resolve(), folder)).as_posix()
        for ending, file in found.items()
        if file.exists()
    }


def _comparisons(rows: pd.DataFrame, pictures, shown: int) -> list[Comparison]:
    """Select images for the sliders, alternating between the tasks, so that a short list contains all tasks."""
    rows = rows[(rows["repetition"] == 0) & rows["method"].isin(METHOD_LABELS)]
    whole = rows["mode"] != "block"
    rows = rows[whole] if whole.any() else rows
    drawn = [picture(pictures, row, "restored").is_file() for row in rows.itertuples()]
    rows = rows[np.array(drawn, dtype=bool)]
    turns = []
    for _, own in rows.groupby("task", sort=False):
        keys = ["level", "dataset", "image"]
        turns += list(enumerate(group for _, group in own.groupby(keys, dropna=False, sort=False)))
    turns.sort(key=lambda turn: turn[0])
    return [_comparison(pictures, group) for _, group in turns[:shown]]


def _comparison(pictures, rows: pd.DataFrame) -> Comparison:
    order = list(METHOD_LABELS)
    lines = sorted(rows.drop_duplicates("method").itertuples(), key=lambda row: order.index(row.method))
    first = lines[0]
    clean, degraded = (read_image(picture(pictures, first, kind)) for kind in ("clean", "degraded"))
    level, measure = plain(first.level), metrics.measure_of(first.task)
    kind = LEVEL_NAMES[first.task]
    words = "" if level is None else f", {'σ' if kind == 'sigma' else kind} = {level:g}"
    views = [(f"{DEGRADED_LABELS[first.task]}, {getattr(metrics, measure)(degraded, clean):.2f} dB", degraded)]
    for row in lines:
        title = f"{METHOD_LABELS[row.method]}, {getattr(row, measure):.2f} dB"
        views.append((title, read_image(picture(pictures, row, "restored"))))
    views.append(("Clean", clean))
    sources = [(name, _webp(_pil(image))) for name, image in views]
    size = (clean.shape[2], clean.shape[1])
    return Comparison(f"{TASK_LABELS[first.task]}{words}: {first.image} of {first.dataset}", size, sources)


def _pil(image: np.ndarray) -> Image.Image:
    pixels = (image.clip(0, 1) * 255).round().astype(np.uint8)
    return Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).convert("RGB")


def _webp(image: Image.Image) -> str:
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=QUALITY, method=4)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode()


def _cells(cells: pd.DataFrame) -> list[list[tuple[str, str]]]:
    """Convert each line of the tables' CSV files to pairs of text and sort key, without rounding the sort keys."""
    lines = []
    for cell in cells.itertuples(index=False):
        digits = DECIMALS.get(cell.metric, 2)

        def number(value, digits=digits, signed=False):
            if pd.isna(value):
                return "", ""
            text = f"{value:{'+' if signed else ''}.{digits}f}".replace("-", "−")
            return text, repr(float(value))

        share = "" if pd.isna(cell.images) else f"{cell.images:.0f}"
        if not pd.isna(cell.images_of) and not pd.isna(cell.images):
            share += f" of {cell.images_of:.0f}"
        mode = plain(cell.mode) or ""
        mode += "" if pd.isna(cell.stride) else f" {cell.stride:.0f}"
        lines.append([
            _word(cell.table), _word(cell.row), _word(cell.column), _word(cell.dataset), _word(cell.metric),
            (plain(cell.printed) or "", number(cell.published)[1]), number(cell.ours),
            number(cell.spread), number(cell.difference, signed=True), (share, number(cell.images)[1]), _word(mode),
            _word(cell.status),
        ])  # fmt: skip
    return lines


def _word(value) -> tuple[str, str]:
    text = "" if pd.isna(value) else str(value)
    return text, text


def _sets(rows: pd.DataFrame) -> list[tuple[str, int, str]]:
    """Return each data set of the results with its number of used images and the digest of the whole set."""
    counts = rows.groupby("dataset")["image"].nunique()
    return [(name, int(count), data_digest(name) or "not in the registry") for name, count in counts.items()]


def _models(weights) -> list[dict]:
    found = []
    for path in map(Path, weights):
        model, card = load_weights(path)
        found.append({
            "name": name_of(path, card), "digest": file_digest(path), "parameters": model.number_of_parameters,
            "steps": card.get("steps"), "minutes": card.get("minutes"), "device": card.get("device"),
            "dataset": card.get("training", {}).get("dataset"), "code": card.get("code_version"),
        })  # fmt: skip
    return found
