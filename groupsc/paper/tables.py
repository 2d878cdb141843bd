"""The paper's tables from rows and `data/published.csv` alone: the paper's figure, this run's, and the difference.

The methods of a table run along one axis, each as lines of three kinds that are never mixed: what the paper prints,
what was measured here, and their difference. Along the other axis lie the positions, each a data set and a level. Where
nothing was run a cell says so; with fewer images than the paper's it says how many, and no difference is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from groupsc import baselines
from groupsc.benchmark.averages import DECIMALS, average, distinct, mode_name, plain, share
from groupsc.benchmark.metrics import measure_of
from groupsc.data.datasets import data_digest
from groupsc.paper import typesetting
from groupsc.paper.ablations import STRIDES, with_variants_as_methods
from groupsc.paper.layouts import TABLES, Layout
from groupsc.paper.typesetting import Cell, Part
from groupsc.utils.atomic import write_text
from groupsc.utils.errors import GroupSCError
from groupsc.utils.resources import data_file

CELL_COLUMNS = [
    "table", "row", "column", "task", "method", "dataset", "level", "metric",
    "published", "printed", "rank", "source", "ours", "difference", "status",
    "images", "images_of", "repetitions", "spread", "mode", "stride",
    "experiment", "parameters", "device", "weights_sha256", "code_version",
]  # fmt: skip
RANKS = "The paper's figures have its best in bold and its second underlined."
LEGEND = "Figures of this run stand apart, with the difference to the paper's where the same images were restored."


@dataclass(frozen=True)
class Table:
    """A table ready to be written: the grid of cells as the paper arranges it, and every figure in long form.

    `cells` has one line per method, position, metric and mode: published, ours, difference, status ("all images",
    "subset", "other images", "not run", "quoted"), images, repetitions and spread.
    """

    name: str
    title: str
    caption: str
    header: list[str]
    grid: list[list[Cell]]
    cells: pd.DataFrame

    def to_markdown(self) -> str:
        return typesetting.to_markdown(self)

    def to_latex(self) -> str:
        return typesetting.to_latex(self)

    def to_html(self) -> str:
        return typesetting.to_html(self)

    def to_csv(self) -> str:
        return self.cells.to_csv(index=False, lineterminator="\n")

    def write(self, stem) -> list[Path]:
        """Write `<stem>.md`, `.csv`, `.tex` and `.html`."""
        stem = Path(stem)
        formats = {"md": self.to_markdown, "csv": self.to_csv, "tex": self.to_latex, "html": self.to_html}
        paths = []
        for ending, text in formats.items():
            paths.append(stem.with_name(f"{stem.name}.{ending}"))
            write_text(paths[-1], text())
        return paths


def read_published(path=None) -> pd.DataFrame:
    """The paper's figures in long form, from `data/published.csv` unless another file is given."""
    texts = ["row", "column", "printed", "unit", "rank", "method", "dataset", "variant", "source", "notes"]
    table = pd.read_csv(path or data_file("published.csv"), dtype=dict.fromkeys(texts, str))
    return table.fillna(dict.fromkeys(texts, ""))


def build(table: str, rows: pd.DataFrame, published: pd.DataFrame | None = None, *, sizes: dict | None = None) -> Table:
    """Make a table of the paper.

    Parameters
    ----------
    table : str
        A name of `TABLES`.
    rows : pandas.DataFrame
        What was measured, of any tasks and data sets; may be empty.
    published : pandas.DataFrame, optional
        The paper's figures; `read_published()` when left out.
    sizes : dict, optional
        Images in each data set; counted in the registry when left out.

    Raises
    ------
    GroupSCError
        For a table that does not exist, or rows that contradict each other.
    """
    if table not in TABLES:
        raise GroupSCError(f"there is no table {table!r}; choose one of table7, {', '.join(TABLES)}")
    published = read_published() if published is None else published
    layout = TABLES[table]
    printed = published[published["table"] == layout.number]
    runs = average(rows, sizes)
    printed, runs = with_variants_as_methods(layout.number, printed, runs)
    methods = [*printed["method"].unique(), *(baselines.methods() if layout.peers else ())]
    runs = runs[(runs["task"] == printed["task"].iloc[0]) & runs["method"].isin(methods)]
    return _Builder(table, layout, printed, runs).table()


@dataclass(frozen=True)
class _Line:
    """A line along the axis of the methods; `run` is mode and stride, `dataset` is set where positions have none."""

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


class _Builder:
    """Lays the figures of one table out; `printed` are the paper's, `runs` the averages that belong to the table."""

    def __init__(self, name: str, layout: Layout, printed: pd.DataFrame, runs: pd.DataFrame):
        self.name, self.layout, self.printed, self.runs = name, layout, printed, runs
        self.task = printed["task"].iloc[0]
        figures = printed[printed["metric"].isin(layout.metrics)]
        self.figures = figures
        self.quoted = {
            (line.method, line.dataset, plain(line.level), line.metric): line
            for line in figures.itertuples(index=False)
        }
        self.ours = {
            (line.method, line.dataset, line.level, (line.mode, line.stride)): line
            for line in runs.itertuples(index=False)
        }
        axis = "row" if layout.methods == "rows" else "column"
        self.titles = printed.drop_duplicates("method").set_index("method")[axis].to_dict()
        if axis == "column":
            self.titles = figures.drop_duplicates("method").set_index("method")[axis].to_dict()
        self.titles |= {method: method for method in sorted(set(runs["method"]) - set(self.titles))}
        self.sources = printed.drop_duplicates("method").set_index("method")["source"].to_dict()
        self.datasets = list(figures["dataset"].unique())
        self.others = sorted(set(runs["dataset"]) - set(self.datasets))
        self.records = []

    def table(self) -> Table:
        header, grid = self._methods_as_rows() if self.layout.methods == "rows" else self._methods_as_columns()
        ranks = [RANKS] if self.figures["rank"].any() else []
        caption = " ".join([self.layout.title, *ranks, LEGEND, self._conditions()])
        cells = pd.DataFrame(self.records, columns=CELL_COLUMNS)
        return Table(self.name, f"Table {self.layout.number}", caption, header, grid, cells)

    def _methods_as_rows(self):
        layout = self.layout
        positions, blocks = self._columns()
        header = [*layout.head, *(["Trainable"] if layout.trainable else []), "Params", *(p.label for p in positions)]
        grid = []
        for line in self._lines(blocks):
            cells = [self._cell(line, position) for position in positions]
            if line.kind == "difference" and not any(cell.parts for cell in cells):
                continue
            trainable = [self._trainable(line)] if layout.trainable else []
            grid.append([Cell("label", (Part(line.title),)), *trainable, self._parameters(line), *cells])
        return header, grid

    def _methods_as_columns(self):
        positions = self._rows()
        lines = self._lines([None])
        columns = {line: [self._cell(line, position) for position in positions] for line in lines}
        lines = [line for line in lines if line.kind != "difference" or any(cell.parts for cell in columns[line])]
        header = [*self.layout.head]
        for line in lines:
            title = self.titles[line.method]
            if line.kind != "paper":
                title += f": {line.title.removeprefix('↳ ')}"
            size = [part.text for part in self._parameters(line).parts if part.text != "–"]
            header.append(" ".join([title, *size]))
        grid, before = [], None
        for number, position in enumerate(positions):
            labels = position.label.split(" | ")
            shown = ["" if len(labels) > 1 and labels[0] == before else labels[0], *labels[1:]]
            before = labels[0]
            labels = [Cell("label", (Part(label),) if label else ()) for label in shown]
            grid.append([*labels, *(columns[line][number] for line in lines)])
        return header, grid

    def _columns(self) -> tuple[list[_Position], list[str | None]]:
        """Positions along the columns, and the data sets of the blocks of rows (None where columns name them)."""
        layout = self.layout
        if layout.across == "level":
            levels = [float(column) for column in layout.columns]
            levels += sorted({level for _, _, level, _ in self.ours} - set(levels))
            return [_Position(layout.position.format(level=level), None, level) for level in levels], [
                *self.datasets,
                *self.others,
            ]
        named = dict(zip(self.figures["column"], self.figures["dataset"], strict=True))
        printed = [_Position(column, named[column], None) for column in layout.columns]
        return [*printed, *(_Position(layout.position.format(dataset=name), name, None) for name in self.others)], [
            None
        ]

    def _rows(self) -> list[_Position]:
        printed = self.figures.drop_duplicates(["dataset", "level"])
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
        """Lines of the paper's methods and of further baselines, then those that ran on each further data set."""
        modes = {run for *_, run in self.ours if run[0]}
        lines = []
        for number, dataset in enumerate(blocks):
            for method, title in self.titles.items():
                runs = list(dict.fromkeys(r for m, d, _, r in self.ours if m == method and dataset in (None, d)))
                quoted = method in self.sources
                if number == 0 and quoted:
                    lines.append(_Line("paper", method, title, None, dataset))
                    runs = runs or ([None] if self.sources[method] == "ours" else [])
                for run in runs:
                    mode = f", {mode_name(*run)}" if run in modes and len(modes) > 1 else ""
                    words = f"{title}, this run" if number == 0 else f"{title} on {dataset}, this run"
                    if number == 0 and (quoted or self.layout.methods == "columns"):
                        words = "↳ this run"
                    lines.append(_Line("run", method, words + mode, run, dataset))
                    lines.append(_Line("difference", method, "↳ difference" + mode, run, dataset))
        return lines

    def _cell(self, line: _Line, position: _Position) -> Cell:
        dataset = line.dataset or position.dataset
        key = (line.method, dataset, position.level)
        quoted = [self.quoted.get((*key, metric)) for metric in self.layout.metrics]
        ran = self.ours.get((*key, line.run))
        if line.kind == "paper":
            if not any(kind == "run" for kind in self._kinds(line.method)):
                self._record(line, position, dataset, quoted, None)
            return Cell("paper", tuple(Part(q.printed, q.rank) for q in quoted if q) or (Part("–"),))
        if line.kind == "run":
            self._record(line, position, dataset, quoted, ran)
            return Cell("missing", (Part("not run"),)) if ran is None else self._measured(ran)
        if ran is None or ran.images != ran.images_of or not all(quoted):
            return Cell("difference")
        gaps = [
            _signed(getattr(ran, self._measure(metric)) - q.value, DECIMALS[metric])
            for metric, q in zip(self.layout.metrics, quoted, strict=True)
        ]
        return Cell("difference", tuple(Part(gap) for gap in gaps))

    def _kinds(self, method: str) -> set[str]:
        """Kinds of lines that a method has."""
        ran = self.sources.get(method) == "ours" or any(m == method for m, *_ in self.ours)
        return {"paper", "run", "difference"} if ran else {"paper"}

    def _measured(self, ran) -> Cell:
        parts = []
        for metric in self.layout.metrics:
            column = self._measure(metric)
            text = f"{getattr(ran, column):.{DECIMALS[metric]}f}"
            spread = getattr(ran, f"{column}_spread")
            parts.append(Part(text if spread is None else f"{text}±{spread:.{DECIMALS[metric]}f}"))
        return Cell("run", tuple(parts), share(ran) if ran.images != ran.images_of else "")

    def _measure(self, metric: str) -> str:
        return measure_of(self.task) if metric == "psnr" else metric

    def _trainable(self, line: _Line) -> Cell:
        if line.kind != "paper":
            return Cell("paper")
        marked = self.printed[(self.printed["metric"] == "trainable") & (self.printed["method"] == line.method)]
        return Cell("paper", (Part("✗" if len(marked) else "✓"),))

    def _parameters(self, line: _Line) -> Cell:
        """The size of a model: as printed for the paper, counted for a run."""
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

    def _record(self, line, position, dataset, quoted, ran) -> None:
        for metric, q in zip(self.layout.metrics, quoted, strict=True):
            if q is None and ran is None:
                continue
            axes = (self.titles[line.method], position.label)
            row, column = axes if self.layout.methods == "rows" else axes[::-1]
            record = {
                "table": self.layout.number, "row": row, "column": column, "task": self.task, "method": line.method,
                "dataset": dataset, "level": position.level, "metric": metric, "status": "not run",
            }  # fmt: skip
            if q is not None:
                record |= {"published": q.value, "printed": q.printed, "rank": q.rank, "source": q.source}
            if ran is not None:
                record |= {name: getattr(ran, name) for name in CELL_COLUMNS if hasattr(ran, name)}
                ours = getattr(ran, self._measure(metric))
                record |= {"ours": round(ours, 6), "spread": getattr(ran, f"{self._measure(metric)}_spread")}
                record["status"] = (
                    "all images" if ran.images == ran.images_of else "subset" if ran.images_of else "other images"
                )
                if q is not None and record["status"] == "all images":
                    record["difference"] = round(ours - q.value, 6)
            elif line.kind == "paper":
                record["status"] = "quoted"
            self.records.append(record)

    def _conditions(self) -> str:
        """What stands behind the figures of this run, in words."""
        if self.runs.empty:
            return "Nothing of this table was run."
        sentences = [self.layout.remark, f"This run: {'; '.join(self._shares())}."]
        if self.task in ("gray", "color"):
            low, high = min(self.runs["repetitions"]), max(self.runs["repetitions"])
            noise = f"{low if low == high else f'{low} to {high}'} noise realisation{'s' if high > 1 else ''} an image"
            sentences.append(f"{noise}; ± is the standard deviation of their means." if high > 1 else f"{noise}.")
        restored = self.runs[self.runs["mode"].notna()]
        if len(restored):
            if self.layout.number not in STRIDES:  # There the columns name it.
                sentences.append(f"Mode: {', '.join(sorted({mode_name(*run) for *_, run in self.ours if run[0]}))}.")
            sentences.append(f"Device: {'; '.join(distinct(restored['device']))}.")
        sentences.append(f"Code {', '.join(distinct(self.runs['code_version']))}.")
        digests = {dataset: data_digest(dataset) for dataset in self.runs["dataset"].unique()}
        known = [f"{dataset} {digest[:8]}" for dataset, digest in digests.items() if digest]
        return " ".join(filter(None, [*sentences, f"Digests of the data: {', '.join(known)}." if known else ""]))

    def _shares(self) -> list[str]:
        """How many images of each data set were run, one phrase a data set."""
        shares = []
        for dataset, runs in self.runs.groupby("dataset", sort=False):
            low, high, full = min(runs["images"]), max(runs["images"]), plain(runs["images_of"].iloc[0])
            count = f"{low}" if low == high else f"{low} to {high}"
            if low == full:
                count = f"all {low}"
            elif full is not None:
                count += f" of {full}"
            shares.append(f"{dataset}, {count} image{'' if high == 1 else 's'}")
        return shares


def _signed(value: float, digits: int) -> str:
    text = f"{abs(value):.{digits}f}"
    return text if float(text) == 0 else f"{'+' if value > 0 else '−'}{text}"
