"""Hold a table in the paper's layout and write it in all formats."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from groupsc.paper import latex, typesetting
from groupsc.paper.typesetting import Cell
from groupsc.utils.atomic import write_text

CELL_COLUMNS = [
    "table", "row", "column", "task", "method", "dataset", "level", "metric",
    "published", "printed", "rank", "source", "ours", "difference", "status",
    "images", "images_of", "repetitions", "spread", "mode", "stride",
    "experiment", "parameters", "device", "weights_sha256", "code_version",
]  # fmt: skip
"""Columns of the values of a table of the paper, in long form."""


@dataclass(frozen=True)
class Table:
    """A table in the paper's layout, with all values in long form.

    Attributes
    ----------
    name, title, caption : str
        The caption says what the table shows.
    header : list of str
        Headings of the columns.
    grid : list of list of Cell
        Cells in the paper's layout.
    cells : pandas.DataFrame
        One row per method, position, metric and mode, columns `CELL_COLUMNS`: published, ours, difference, status ("all
        images", "subset", "other images", "not run", "quoted"), images, repetitions, spread and others.
    provenance : str
        Images, noise, mode, device, code and data of the values of this run.

    Examples
    --------
    >>> from groupsc.paper.typesetting import Part
    >>> Table("a", "A", "A caption.", ["Method"], [[Cell("label", (Part("SC"),))]], pd.DataFrame()).name
    'a'
    """

    name: str
    title: str
    caption: str
    header: list[str]
    grid: list[list[Cell]]
    cells: pd.DataFrame
    provenance: str = ""

    def to_markdown(self) -> str:
        """Typeset the table as Markdown."""
        return typesetting.to_markdown(self)

    def to_latex(self) -> str:
        """Typeset the table as LaTeX."""
        return latex.to_latex(self)

    def to_html(self) -> str:
        """Typeset the table as an HTML page."""
        return typesetting.to_html(self)

    def to_csv(self) -> str:
        """Write `cells` as CSV."""
        return self.cells.to_csv(index=False, lineterminator="\n")

    def write(self, stem) -> list[Path]:
        """Write `<stem>.md`, `.csv`, `.tex` and `.html`, and return their paths."""
        stem = Path(stem)
        formats = {"md": self.to_markdown, "csv": self.to_csv, "tex": self.to_latex, "html": self.to_html}
        paths = []
        for ending, text in formats.items():
            paths.append(stem.with_name(f"{stem.name}.{ending}"))
            write_text(paths[-1], text())
        return paths
