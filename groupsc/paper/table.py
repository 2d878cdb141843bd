"""Hold a table in the paper's layout, describe how its values were measured, and write it in all formats."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from groupsc.benchmark.averages import distinct, mode_name, plain
from groupsc.data.manifests import registered_digest
from groupsc.paper import latex, typesetting
from groupsc.paper.typesetting import Cell
from groupsc.utils.atomic import write_text
from groupsc.utils.errors import GroupSCError

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
    body : list of list of Cell
        Cells in the paper's layout.
    values : pandas.DataFrame
        One row per method, position, metric and mode, columns `CELL_COLUMNS`: published, ours, difference, status ("all
        images", "subset", "other images", "not run", "quoted"), images, repetitions, spread and others.
    provenance : str
        Images, noise, mode, device, code and data of the values of this run.
    page : bool
        The Markdown file is a page of the documentation; its title is a heading.

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
    body: list[list[Cell]]
    values: pd.DataFrame
    provenance: str = ""
    page: bool = False

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
        """Write `values` as CSV."""
        return self.values.to_csv(index=False, lineterminator="\n")

    def write(self, stem) -> list[Path]:
        """Write `<stem>.md`, `.csv`, `.tex` and `.html`, and return their paths."""
        stem = Path(stem)
        if not stem.name or stem.name == "..":
            raise GroupSCError(f"{stem} is a folder; name a file in it, without its ending")
        formats = {"md": self.to_markdown, "csv": self.to_csv, "tex": self.to_latex, "html": self.to_html}
        paths = []
        for ending, text in formats.items():
            paths.append(stem.with_name(f"{stem.name}.{ending}"))
            write_text(paths[-1], text())
        return paths


def provenance(runs: pd.DataFrame, task: str, *, modes: bool = True) -> str:
    """Describe the images, noise, mode, device, code and data of the values of a table.

    Parameters
    ----------
    runs : pandas.DataFrame
        Averages as of `groupsc.benchmark.averages.average`, all of the task.
    task : {"gray", "color", "mosaic", "jpeg"}
    modes : bool
        Name the modes of restoration; False if the columns of the table name them.

    Returns
    -------
    str
        One sentence or several.

    Examples
    --------
    >>> provenance(pd.DataFrame(), "gray")
    'No value of this table was measured.'
    """
    if runs.empty:
        return "No value of this table was measured."
    sentences = [f"This run: {'; '.join(_shares(runs))}."]
    if task in ("gray", "color"):
        low, high = min(runs["repetitions"]), max(runs["repetitions"])
        noise = f"{low if low == high else f'{low} to {high}'} noise realisation{'s' if high > 1 else ''} per image"
        sentences.append(f"{noise}; ± is the standard deviation of their means." if high > 1 else f"{noise}.")
    restored = runs[runs["mode"].notna()]
    if len(restored):
        if modes:
            names = {mode_name(line.mode, line.stride) for line in restored.itertuples(index=False)}
            sentences.append(f"Mode: {', '.join(sorted(names))}.")
        sentences.append(f"Device: {'; '.join(distinct(restored['device']))}.")
    sentences.append(f"Code {', '.join(distinct(runs['code_version']))}.")
    digests = {dataset: registered_digest(dataset) for dataset in runs["dataset"].unique()}
    known = [f"{dataset} {digest[:8]}" for dataset, digest in digests.items() if digest]
    return " ".join([*sentences, *([f"Digests of the data: {', '.join(known)}."] if known else [])])


def _shares(runs: pd.DataFrame) -> list[str]:
    """Return the number of restored images of each data set, as one phrase per data set."""
    shares = []
    for dataset, own in runs.groupby("dataset", sort=False):
        low, high, full = min(own["images"]), max(own["images"]), plain(own["images_of"].iloc[0])
        count = f"{low}" if low == high else f"{low} to {high}"
        if low == full:
            count = f"all {low}"
        elif full is not None:
            count += f" of {full}"
        shares.append(f"{dataset}, {count} image{'' if high == 1 else 's'}")
    return shares
