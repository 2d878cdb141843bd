"""Commands that make tables, figures and pages from per-image results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from groupsc.cli.options import Folders, Rows, pixel
from groupsc.utils.atomic import write_text
from groupsc.utils.errors import GroupSCError


def table(
    name: Annotated[str, Argument(metavar="TABLE", help="Name of the table, such as table4.")],
    output: Annotated[Path, Option(help="Files to write, without the endings .md, .csv, .tex and .html.")],
    rows: Rows = None,
    baseline: Annotated[str, Option(help="Method to compare with in the table `paired`.")] = "sc",
) -> None:
    """Make a table of the paper.

    The table contains published values, measured values and their differences. The table `table7` contains settings and
    is made from weights files. The table `paired` contains differences between methods, image by image; the table
    `overview` contains all measured values, and the table `robustness` those on the stress set.
    """
    made = _table_of_settings(rows) if name == "table7" else _table_of_results(name, rows or [], baseline)
    for path in made.write(output):
        print(f"wrote {path}")


def _table_of_settings(weights: list[Path] | None):
    from groupsc.paper.settings import build_settings
    from groupsc.weights.cards import name_of, read_card
    from groupsc.weights.released import with_released

    cards = [(path, read_card(path)) for path in with_released(weights)]
    return build_settings({name_of(path, card): card for path, card in cards})


def _table_of_results(name: str, files: list[Path], baseline: str):
    """Make a table from files of per-image results; paired differences need scipy, which takes time to load."""
    from groupsc.benchmark.rows import read_rows

    rows = read_rows(files)
    if name == "paired":
        from groupsc.baselines import comparable
        from groupsc.paper.paired import paired_table

        if baseline not in (known := comparable(rows["method"])):
            raise GroupSCError(f"--baseline is {baseline!r}; choose one of {', '.join(known)}")
        return paired_table(rows, baseline)
    from groupsc.paper.overview import build_overview
    from groupsc.paper.robustness import build_robustness
    from groupsc.paper.tables import build

    others = {"overview": build_overview, "robustness": build_robustness}
    return others[name](rows) if name in others else build(name, rows)


def reproducibility(
    output: Annotated[Path, Option(help="Files to write, without the endings .md, .csv, .tex and .html.")],
    tables: Annotated[list[Path] | None, Argument(metavar="[TABLE.csv...]", help="Tables of `groupsc table`.")] = None,
    weights: Annotated[list[Path] | None, Option(help="Evaluated weights; their training explains gaps.")] = None,
    charts: Annotated[list[Path] | None, Option("--chart", help="Also draw to this .png, .pdf or .svg file.")] = None,
) -> None:
    """Count the reproduced PSNR and SSIM values of the paper.

    The table gives the known reasons for the values that are not reproduced.
    """
    from groupsc.paper.reproducibility import build_reproducibility, cards_of, read_cells
    from groupsc.weights.released import with_released

    cells = read_cells(tables or [])
    written = build_reproducibility(cells, cards_of(with_released(weights))).write(output)
    if charts:
        from groupsc.figures.reproducibility import chart
        from groupsc.figures.style import save

        written = [*written, *save(chart(cells), charts)]
    for path in written:
        print(f"wrote {path}")


def figure(
    name: Annotated[str, Argument(metavar="FIGURE", help="Name of the figure, such as figure4 or denoising.")],
    output: Annotated[list[Path], Option(help="Figure file (.pdf, .png or .svg); may be given several times.")],
    sources: Annotated[
        list[Path] | None,
        Argument(metavar="[FILE...]", help="Sources of the figure: per-image results, training logs or weights files."),
    ] = None,
    pictures: Annotated[Path | None, Option(help="Folder of <experiment>/<data set>/<image>-restored.png.")] = None,
    task: Annotated[str | None, Option(help="Task of the results: gray, color, mosaic or jpeg.")] = None,
    level: Annotated[
        float | None, Option(help="Noise σ in gray levels of 255, or JPEG quality, of the results or of the image.")
    ] = None,
    dataset: Annotated[str | None, Option(help="Data set of the images.")] = None,
    images: Annotated[list[str] | None, Option("--image", help="Image to show; may be given several times.")] = None,
    at: Annotated[str | None, Option(metavar="X,Y", help="Column and row of the pixel to explain.")] = None,
    panels: Annotated[
        list[str] | None,
        Option("--panel", metavar="TASK,LEVEL,DATASET,IMAGE", help="Panel of `artefacts`; may be given several times."),
    ] = None,
    baseline: Annotated[
        str | None, Option(help="Method that the figure `paired` compares with; by default sc.")
    ] = None,
    data_dir: Annotated[Path | None, Option(help="Folder of the data sets.")] = None,
    folders: Folders = None,
) -> None:
    """Draw a figure."""
    from groupsc.data.folders import data_dir_with
    from groupsc.figures.artefacts import Panel
    from groupsc.figures.catalog import draw

    chosen = {
        **_sources_of(name, sources or []),
        "panels": [Panel.parse(text) for text in panels or []] or None,
        "at": None if at is None else pixel(at),
        "pictures": pictures,
        "task": task,
        "level": level,
        "dataset": dataset,
        "images": images or None,
        "baseline": baseline,
        "data_dir": data_dir_with(data_dir or "data/raw", folders) if data_dir or folders else None,
    }
    for path in draw(name, output, **{key: value for key, value in chosen.items() if value is not None}):
        print(f"wrote {path}")


def _sources_of(figure: str, files: list[Path]) -> dict[str, Any]:
    """Return the sources that a figure needs, by their names in `groupsc.figures.catalog`; None for others."""
    from groupsc.benchmark.rows import read_rows
    from groupsc.figures.catalog import FIGURES
    from groupsc.weights.released import with_released

    needs = FIGURES[figure].needs if figure in FIGURES else ()
    return {
        "rows": read_rows(files) if "rows" in needs else None,
        "weights": (with_released(files) or None) if "weights" in needs else None,
        "logs": (files or None) if "logs" in needs else None,
    }


def report(
    output: Annotated[Path, Option(help="HTML file to write.")],
    rows: Rows = None,
    tables: Annotated[
        list[Path] | None, Option("--table", metavar="TABLE.html", help="Table of `groupsc table`.")
    ] = None,
    figures: Annotated[
        list[Path] | None, Option("--figure", metavar="FIGURE.png", help="Figure of `groupsc figure`.")
    ] = None,
    captions: Annotated[
        list[str] | None, Option("--caption", metavar="NAME=FILE", help="File with the caption of a figure.")
    ] = None,
    pictures: Annotated[Path | None, Option(help="Folder of <experiment>/<data set>/<image>-restored.png.")] = None,
    weights: Annotated[list[Path] | None, Option(help="Evaluated weights.")] = None,
    plan: Annotated[Path | None, Option(help="JSON file of `groupsc plan --json`.")] = None,
) -> None:
    """Write all results to one HTML page.

    The page contains tables, figures and restored images, and needs no network.
    """
    from groupsc.benchmark.rows import read_rows
    from groupsc.pages.report import write_report
    from groupsc.weights.released import with_released

    texts = dict(text.partition("=")[::2] for text in captions or [])
    sources: dict[str, Any] = {
        "tables": tables or (),
        "figures": figures or (),
        "pictures": pictures,
        "weights": with_released(weights),
        "plan": plan,
    }
    print(f"wrote {write_report(output, read_rows(rows or []), captions=texts, **sources)}")


def metrics(
    output: Annotated[Path, Option(help="JSON file to write.")],
    rows: Rows = None,
) -> None:
    """Write the headline numbers, at most 20, to one small file.

    The output is for `dvc metrics show`.
    """
    from groupsc.benchmark.averages import metrics_json
    from groupsc.benchmark.rows import read_rows

    write_text(output, json.dumps(metrics_json(read_rows(rows or [])), indent=1) + "\n")


def manifest(
    output: Annotated[Path, Option(help="JSON file to write.")],
    rows: Rows = None,
    commit: Annotated[str | None, Option(help="Commit of the checkout.")] = None,
) -> None:
    """Write the versions and checksums that the results depend on.

    The file contains the packages, the CPU or GPU, the code, and the checksums of images and weights.
    """
    from groupsc.benchmark.rows import read_rows
    from groupsc.pages.manifest import manifest as collected

    found = collected(read_rows(rows or []), commit=commit or None)
    write_text(output, json.dumps(found, indent=1, ensure_ascii=False) + "\n")


def summary(
    rows: Rows = None,
    tables: Annotated[list[Path] | None, Option("--table", help="Table made from the results.")] = None,
    figures: Annotated[list[Path] | None, Option("--figure", help="Figure made from the results.")] = None,
    remarks: Annotated[list[str] | None, Option("--remark", help="Line to add.")] = None,
    output: Annotated[Path | None, Option(help="Text file to write; by default the summary is printed.")] = None,
) -> None:
    """List tables, figures and numbers of images.

    The summary shows the paths of tables and figures, and the number of images of each evaluation.
    """
    from groupsc.benchmark import averages
    from groupsc.benchmark.rows import read_rows

    text = averages.summary(read_rows(rows or []), tables or (), figures or (), remarks=remarks or ())
    if output is None:
        print(text)
    else:
        write_text(output, text + "\n")


COMMANDS = (table, reproducibility, figure, report, metrics, manifest, summary)
"""Functions that are commands."""
