"""Commands that make tables, figures and pages of what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from groupsc.cli.options import pixel
from groupsc.utils.atomic import write_text

Rows = Annotated[list[Path] | None, Argument(metavar="[ROWS.csv...]", help="Made by `groupsc evaluate`.")]


def table(
    name: Annotated[str, Argument(metavar="TABLE", help="Such as table4.")],
    output: Annotated[Path, Option(help="Where to write, without the endings .md, .csv, .tex and .html.")],
    rows: Rows = None,
) -> None:
    """Make a table of the paper: its figures, the measured ones, and the difference; table7 from files of weights."""
    from groupsc.benchmark.rows import read_rows
    from groupsc.paper.settings import build_settings
    from groupsc.paper.tables import build
    from groupsc.weights.cards import name_of, read_card

    if name == "table7":
        cards = [(path, read_card(path)) for path in rows or []]
        made = build_settings({name_of(path, card): card for path, card in cards})
    else:
        made = build(name, read_rows(rows or []))
    for path in made.write(output):
        print(f"wrote {path}")


def reproducibility(
    output: Annotated[Path, Option(help="Where to write, without the endings .md, .csv, .tex and .html.")],
    tables: Annotated[list[Path] | None, Argument(metavar="[TABLE.csv...]", help="Made by `groupsc table`.")] = None,
    weights: Annotated[list[Path] | None, Option(help="Weights behind them, whose training explains gaps.")] = None,
    charts: Annotated[list[Path] | None, Option("--chart", help="Also draw to this .png, .pdf or .svg file.")] = None,
) -> None:
    """Count how many of the paper's figures are reproduced, and say why others are not."""
    from groupsc.paper import reproducibility as counts

    cells = counts.read_cells(tables or [])
    written = counts.panel(cells, counts.cards_of(weights or [])).write(output)
    if charts:
        from groupsc.figures.reproducibility import chart
        from groupsc.figures.style import save

        written = [*written, *save(chart(cells), charts)]
    for path in written:
        print(f"wrote {path}")


def figure(
    name: Annotated[str, Argument(metavar="FIGURE", help="Such as figure4, denoising, dictionary or training.")],
    output: Annotated[list[Path], Option(help="A .pdf, .png or .svg file; may be given several times.")],
    sources: Annotated[
        list[Path] | None,
        Argument(metavar="[FILE...]", help="What is shown: files of rows, logs of trainings, or weights files."),
    ] = None,
    pictures: Annotated[Path | None, Option(help="Folder of <experiment>/<data set>/<image>-restored.png.")] = None,
    task: Annotated[str | None, Option(help="Which rows are shown.")] = None,
    level: Annotated[float | None, Option(help="Which rows are shown, or the noise of the image.")] = None,
    dataset: Annotated[str | None, Option(help="Where the images are from.")] = None,
    images: Annotated[list[str] | None, Option("--image", help="Image to show; may be given several times.")] = None,
    at: Annotated[str | None, Option(metavar="X,Y", help="Column and row of the pixel that is explained.")] = None,
    panels: Annotated[
        list[str] | None, Option("--panel", metavar="TASK,LEVEL,DATASET,IMAGE", help="For the figure of artefacts.")
    ] = None,
    data_dir: Annotated[Path | None, Option(help="Folder of the data sets.")] = None,
) -> None:
    """Draw a figure."""
    from groupsc.benchmark.rows import read_rows
    from groupsc.figures.artefacts import Panel
    from groupsc.figures.catalog import FIGURES, draw

    needs, files = FIGURES[name].needs if name in FIGURES else (), sources or None
    chosen = {
        "rows": read_rows(sources or []) if "rows" in needs else None,
        "weights": files if "weights" in needs else None,
        "logs": files if "logs" in needs else None,
        "panels": [Panel.parse(text) for text in panels or []] or None,
        "at": None if at is None else pixel(at),
        "pictures": pictures,
        "task": task,
        "level": level,
        "dataset": dataset,
        "images": images or None,
        "data_dir": data_dir,
    }
    for path in draw(name, output, **{key: value for key, value in chosen.items() if value is not None}):
        print(f"wrote {path}")


def report(
    output: Annotated[Path, Option(help="HTML file to write.")],
    rows: Rows = None,
    tables: Annotated[
        list[Path] | None, Option("--table", metavar="TABLE.html", help="Made by `groupsc table`.")
    ] = None,
    figures: Annotated[
        list[Path] | None, Option("--figure", metavar="FIGURE.png", help="Made by `groupsc figure`.")
    ] = None,
    captions: Annotated[
        list[str] | None, Option("--caption", metavar="NAME=FILE", help="Text that stands below a figure.")
    ] = None,
    pictures: Annotated[Path | None, Option(help="Folder of <experiment>/<data set>/<image>-restored.png.")] = None,
    weights: Annotated[list[Path] | None, Option(help="Weights that were evaluated.")] = None,
) -> None:
    """Put tables, figures and restored images on one page that opens without a network."""
    from groupsc.benchmark.rows import read_rows
    from groupsc.paper.report import write_report

    texts = dict(text.partition("=")[::2] for text in captions or [])
    sources = {"tables": tables or (), "figures": figures or (), "pictures": pictures, "weights": weights or ()}
    print(f"wrote {write_report(output, read_rows(rows or []), captions=texts, **sources)}")


def metrics(
    output: Annotated[Path, Option(help="JSON file to write.")],
    rows: Rows = None,
) -> None:
    """Write the headline numbers, at most 20, to one small file, for `dvc metrics show`."""
    from groupsc.benchmark.averages import metrics_json
    from groupsc.benchmark.rows import read_rows

    write_text(output, json.dumps(metrics_json(read_rows(rows or [])), indent=1) + "\n")


def summary(
    rows: Rows = None,
    tables: Annotated[list[Path] | None, Option("--table", help="A table that was made from them.")] = None,
    figures: Annotated[list[Path] | None, Option("--figure", help="A figure that was made.")] = None,
    remarks: Annotated[list[str] | None, Option("--remark", help="A line to add.")] = None,
    output: Annotated[Path | None, Option(help="Text file to write; the screen when left out.")] = None,
) -> None:
    """Say where tables and figures are, and how many images stand behind each number."""
    from groupsc.benchmark import averages
    from groupsc.benchmark.rows import read_rows

    text = averages.summary(read_rows(rows or []), tables or (), figures or (), remarks=remarks or ())
    if output is None:
        print(text)
    else:
        write_text(output, text + "\n")


COMMANDS = (table, reproducibility, figure, report, metrics, summary)
"""Functions that are commands."""
