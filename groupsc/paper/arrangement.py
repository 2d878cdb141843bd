"""Arrange values in the layout of a table of the paper.

Each method has up to three lines (rows or columns): the paper's values, the values of this run, and the difference. The
other axis of a table has the positions, each a data set and a level. A cell without a measurement contains "not run". A
value over fewer images than in the paper has the number of images beside it, and no difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from groupsc.benchmark.averages import DECIMALS, image_count, mode_name, plain
from groupsc.benchmark.metrics import measure_of
from groupsc.paper.ablations import STRIDE_TABLES
from groupsc.paper.layouts import Layout
from groupsc.paper.table import CELL_COLUMNS, Table, provenance
from groupsc.paper.typesetting import Cell, Part

RANKS = "Values that the paper marks as best and second best are in bold and underlined."
LEGEND = (
    "Values of this run are in separate rows. The difference from the paper is given only if the same "
    "images were restored."
)


@dataclass(frozen=True)
class _Line:
    """A row or column of one method; `run` is (mode, stride), `dataset` is set if the positions have no data set."""

    kind: str
    method: str
    title: str
    run: tuple | None = None
    dataset: str | None = None


@dataclass(frozen=True)
class _Position:
    label: str
    dataset: str | None
    level: float | None


class Arrangement:
    """Arrange the values of one table.

    Parameters
    ----------
    name : str
        Name of the table, such as "table4".
    layout : Layout
    printed : pandas.DataFrame
        The paper's values, as in `data/published.csv`.
    runs : pandas.DataFrame
        The averages of this run, from `groupsc.benchmark.averages.average`.

    Examples
    --------
    >>> Arrangement("table4", TABLES["table4"], printed, runs).table()  # doctest: +SKIP
    """

    def __init__(self, name: str, layout: Layout, printed: pd.DataFrame, runs: pd.DataFrame):
        self.name, self.layout, self.printed, self.runs = name, layout, printed, runs
        self.task = printed["task"].iloc[0]
        values = printed[printed["metric"].isin(layout.metrics)]
        self.values = values
        self.quoted = {
            (line.method, line.dataset, plain(line.level), line.metric): line for line in values.itertuples(index=False)
        }
        self.ours: dict[tuple, Any] = {
            (line.method, line.dataset, line.level, (line.mode, line.stride)): line
            for line in runs.itertuples(index=False)
        }
        # In rows, also methods without a value of these metrics, such as one with a number of parameters alone.
        named, axis = (printed, "row") if layout.methods == "rows" else (values, "column")
        self.titles = named.drop_duplicates("method").set_index("method")[axis].to_dict()
        self.titles |= {method: method for method in sorted(set(runs["method"]) - set(self.titles))}
        self.sources = printed.drop_duplicates("method").set_index("method")["source"].to_dict()
        self.datasets = list(values["dataset"].unique())
        self.other_datasets = sorted(set(runs["dataset"]) - set(self.datasets))

    def table(self) -> Table:
        """Make the table."""
        if self.layout.methods == "rows":
            positions, blocks = self._columns()
            lines = self._lines(blocks)
            header, body = self._methods_as_rows(lines, positions)
        else:
            positions, lines = self._rows(), self._lines([None])
            header, body = self._methods_as_columns(lines, positions)
        ranks = [RANKS] if self.values["rank"].any() else []
        remark = [] if self.runs.empty else [self.layout.remark]
        caption = " ".join(filter(None, [self.layout.title, *ranks, LEGEND, *remark]))
        records = [record for line in lines for position in positions for record in self._records(line, position)]
        values = pd.DataFrame(records, columns=CELL_COLUMNS)
        title = f"Table {self.layout.number}"
        measured = provenance(self.runs, self.task, modes=self.layout.number not in STRIDE_TABLES)
        return Table(self.name, title, caption, header, body, values, measured)

    def _methods_as_rows(self, lines: list[_Line], positions: list[_Position]):
        layout = self.layout
        header = [*layout.head, *(["Trainable"] if layout.trainable else []), "Params", *(p.label for p in positions)]
        body = []
        for line in lines:
            cells = [self._cell(line, position) for position in positions]
            if line.kind == "difference" and not any(cell.parts for cell in cells):
                continue
            trainable = [self._trainable(line)] if layout.trainable else []
            body.append([Cell("label", (Part(line.title),)), *trainable, self._parameters(line), *cells])
        return header, body

    def _methods_as_columns(self, lines: list[_Line], positions: list[_Position]):
        """Arrange positions as rows: the printed values, below them those of this run, and the differences."""
        blank = [""] * (len(self.layout.head) - 1)
        columns: dict[str, dict] = {}
        for line in lines:
            cells = [self._parameters(line), *(self._cell(line, position) for position in positions)]
            columns.setdefault(line.method, {})[line.kind, line.title if line.kind != "paper" else ""] = cells
        body = []
        for number, shown in enumerate([["Params", *blank], *_row_labels(positions)]):
            if number == 0 and not _sized(columns):
                continue
            for kind, title, cells in _rows_at(columns, number):
                words = shown if kind == "paper" else [*blank, title]
                body.append([*(Cell("label", (Part(word),) if word else ()) for word in words), *cells])
        return [*self.layout.head, *(self.titles[method] for method in columns)], body

    def _columns(self) -> tuple[list[_Position], list[str | None]]:
        """Return the positions of the columns, and the data set of each group of rows (None if columns name them)."""
        layout = self.layout
        if layout.across == "level":
            levels = [float(column) for column in layout.columns]
            levels += sorted({level for _, _, level, _ in self.ours} - set(levels))
            positions = [_Position(layout.position.format(level=level), None, level) for level in levels]
            return positions, [*self.datasets, *self.other_datasets]
        named = dict(zip(self.values["column"], self.values["dataset"], strict=True))
        positions = [_Position(column, named[column], None) for column in layout.columns]
        positions += [_Position(layout.position.format(dataset=name), name, None) for name in self.other_datasets]
        return positions, [None]

    def _rows(self) -> list[_Position]:
        printed = self.values.drop_duplicates(["dataset", "level"])
        positions = [_Position(line.row, line.dataset, plain(line.level)) for line in printed.itertuples(index=False)]
        known = {(position.dataset, position.level) for position in positions}
        more = sorted({(dataset, level) for _, dataset, level, _ in self.ours} - known)
        for dataset, level in more:
            label = self.layout.position.format(dataset=dataset, level=level)
            positions.append(
                _Position(
                    label if dataset in label or dataset in self.datasets else f"{dataset}, {label}", dataset, level
                )
            )
        return positions

    def _lines(self, blocks: list[str | None]) -> list[_Line]:
        """Return the lines of the paper's methods and of further baselines, then those of other data sets."""
        return [
            line
            for number, dataset in enumerate(blocks)
            for method in self.titles
            for line in self._lines_of(method, dataset, first=number == 0)
        ]

    def _lines_of(self, method: str, dataset: str | None, *, first: bool) -> list[_Line]:
        """Return the lines of a method in one group: in the first group the paper's line, and two lines per run."""
        lines, title = [], self.titles[method]
        runs: list[tuple | None] = list(
            dict.fromkeys(r for m, d, _, r in self.ours if m == method and dataset in (None, d))
        )
        quoted = method in self.sources
        if first and quoted:
            lines.append(_Line("paper", method, title, None, dataset))
            runs = runs or ([None] if self.sources[method] == "ours" else [])
        words = f"{title}, this run" if first else f"{title} on {dataset}, this run"
        if first and (quoted or self.layout.methods == "columns"):
            words = "↳ this run"
        for run in runs:
            mode = self._mode_suffix(run)
            lines.append(_Line("run", method, words + mode, run, dataset))
            lines.append(_Line("difference", method, "↳ difference" + mode, run, dataset))
        return lines

    def _mode_suffix(self, run: tuple | None) -> str:
        """Return the mode of a run for the title of its line; empty if all runs have one mode."""
        modes = {run for *_, run in self.ours if run[0]}
        return f", {mode_name(*run)}" if run is not None and run in modes and len(modes) > 1 else ""

    def _found(self, line: _Line, position: _Position) -> tuple[list[Any], Any]:
        """Return the paper's value of each metric (None where it has none) and the average of this run, or None."""
        key = (line.method, line.dataset or position.dataset, position.level)
        return [self.quoted.get((*key, metric)) for metric in self.layout.metrics], self.ours.get((*key, line.run))

    def _cell(self, line: _Line, position: _Position) -> Cell:
        quoted, ran = self._found(line, position)
        if line.kind == "paper":
            return Cell("paper", tuple(Part(q.printed, q.rank) for q in quoted if q) or (Part("–"),))
        if line.kind == "run":
            return Cell("missing", (Part("not run"),)) if ran is None else self._measured(ran)
        return self._difference(ran, quoted)

    def _difference(self, ran, quoted: list) -> Cell:
        """Return the differences from the paper; empty unless all images of the paper were restored."""
        if ran is None or ran.images != ran.images_of or not all(quoted):
            return Cell("difference")
        gaps = [
            _signed(getattr(ran, self._measure(metric)) - q.value, DECIMALS[metric])
            for metric, q in zip(self.layout.metrics, quoted, strict=True)
            if q is not None
        ]
        return Cell("difference", tuple(Part(gap) for gap in gaps))

    def _has_run(self, method: str) -> bool:
        """Whether a method has a line for this run, perhaps without values."""
        return self.sources.get(method) == "ours" or any(m == method for m, *_ in self.ours)

    def _measured(self, ran) -> Cell:
        parts = []
        for metric in self.layout.metrics:
            column = self._measure(metric)
            text = f"{getattr(ran, column):.{DECIMALS[metric]}f}"
            spread = getattr(ran, f"{column}_spread")
            parts.append(Part(text if spread is None else f"{text}±{spread:.{DECIMALS[metric]}f}"))
        return Cell("run", tuple(parts), image_count(ran) if ran.images != ran.images_of else "")

    def _measure(self, metric: str) -> str:
        return measure_of(self.task) if metric == "psnr" else metric

    def _trainable(self, line: _Line) -> Cell:
        if line.kind != "paper":
            return Cell("paper")
        marked = self.printed[(self.printed["metric"] == "trainable") & (self.printed["method"] == line.method)]
        return Cell("paper", (Part("✗" if len(marked) else "✓"),))

    def _parameters(self, line: _Line) -> Cell:
        """Return the number of parameters: the paper's printed value, or the count of this run."""
        if line.kind == "paper":
            printed = self.printed[(self.printed["metric"] == "parameters") & (self.printed["method"] == line.method)]
            return Cell("paper", (Part(printed["printed"].iloc[0] if len(printed) else "–"),))
        if line.kind == "run":
            counted = {
                r.parameters for (method, *_, run), r in self.ours.items() if method == line.method and run == line.run
            }
            if any(counted):
                sizes = dict.fromkeys(f"{size / 1000:.1f}k" for size in (min(counted), max(counted)))
                return Cell("run", (Part("–".join(sizes)),))
        return Cell("paper")

    def _records(self, line: _Line, position: _Position) -> Iterator[dict[str, Any]]:
        """Yield the values of a cell in long form; those of the paper are in the records of the run if there is one."""
        if line.kind == "difference" or (line.kind == "paper" and self._has_run(line.method)):
            return
        quoted, ran = self._found(line, position)
        for metric, q in zip(self.layout.metrics, quoted, strict=True):
            if q is None and ran is None:
                continue
            axes = (self.titles[line.method], position.label)
            row, column = axes if self.layout.methods == "rows" else axes[::-1]
            record = {
                "table": self.layout.number, "row": row, "column": column, "task": self.task, "method": line.method,
                "dataset": line.dataset or position.dataset, "level": position.level, "metric": metric,
                "status": "not run",
            }  # fmt: skip
            if q is not None:
                record |= {"published": q.value, "printed": q.printed, "rank": q.rank, "source": q.source}
            if ran is not None:
                record |= {name: getattr(ran, name) for name in CELL_COLUMNS if hasattr(ran, name)}
                ours = getattr(ran, self._measure(metric))
                record |= {"ours": round(ours, 10), "spread": getattr(ran, f"{self._measure(metric)}_spread")}
                record["status"] = _status(ran)
                if q is not None and record["status"] == "all images":
                    record["difference"] = round(ours - q.value, 10)
            elif line.kind == "paper":
                record["status"] = "quoted"
            yield record


def _row_labels(positions: list[_Position]) -> list[list[str]]:
    """Return the labels of each row; a first label that is that of the row above is empty."""
    found, before = [], None
    for position in positions:
        first, *others = position.label.split(" | ")
        found.append(["" if others and first == before else first, *others])
        before = first
    return found


def _sized(columns: dict[str, dict]) -> bool:
    """Whether any method with a column has a number of parameters; it is in the first cell of each list."""
    cells = [cells[0] for found in columns.values() for cells in found.values()]
    return any(part.text != "–" for cell in cells for part in cell.parts)


def _rows_at(columns: dict[str, dict], number: int) -> Iterator[tuple[str, str, list[Cell]]]:
    """Yield the kind, the title and the cells of each row of a position that has a value."""
    for kind, title in dict.fromkeys(key for found in columns.values() for key in found):
        cells = [found[kind, title][number] if (kind, title) in found else Cell(kind) for found in columns.values()]
        if any(cell.parts for cell in cells):
            yield kind, title, cells


def _status(ran) -> str:
    """Compare the images of a row of `groupsc.benchmark.averages.average` with those of the paper."""
    if ran.images == ran.images_of:
        return "all images"
    return "subset" if ran.images_of else "other images"


def _signed(value: float, digits: int) -> str:
    text = f"{abs(value):.{digits}f}"
    return text if float(text) == 0 else f"{'+' if value > 0 else '−'}{text}"
