"""Make one table of all measurements of a grid: own variants, own training sets and own methods included."""

from __future__ import annotations

import pandas as pd

from groupsc.benchmark.averages import average, mode_name, plain
from groupsc.benchmark.metrics import measure_of
from groupsc.config.definitions import TASKS
from groupsc.paper.table import CELL_COLUMNS, Table, provenance
from groupsc.paper.typesetting import Cell, Part

TITLE = "All measurements: average PSNR in dB and SSIM, one line for each task, data set, level and method."
HEADER = ["Task", "Dataset", "Level", "Method", "Params", "Images", "PSNR", "SSIM", "s"]


def build_overview(rows: pd.DataFrame, *, sizes: dict | None = None) -> Table:
    """Make the table `overview`.

    Parameters
    ----------
    rows : pandas.DataFrame
        Per-image results of any tasks and data sets; may be empty.
    sizes : dict, optional
        Number of images of each data set. The default counts them in the registry.

    Returns
    -------
    Table
        Within each task, data set and level, the lines are sorted by PSNR. `s` are seconds per image.

    Raises
    ------
    GroupSCError
        When the results contain an image twice or come from different weights.

    Examples
    --------
    >>> from groupsc.benchmark.rows import table_of
    >>> build_overview(table_of([])).header[:4]
    ['Task', 'Dataset', 'Level', 'Method']
    """
    runs = average(rows, sizes)
    lines = sorted(runs.itertuples(index=False), key=_order)
    modes = {(line.mode, plain(line.stride)) for line in lines if line.mode} if lines else set()
    grid = [_cells(line, named_modes=len(modes) > 1) for line in lines]
    records = [_record(line) for line in lines]
    tasks = [task for task in TASKS if (runs["task"] == task).any()]
    sentences = dict.fromkeys(provenance(runs[runs["task"] == task], task) for task in tasks)
    cells = pd.DataFrame(records, columns=CELL_COLUMNS)
    return Table("overview", "Overview", TITLE, HEADER, grid, cells, " ".join(sentences) or provenance(runs, "gray"))


def _order(line) -> tuple:
    level = plain(line.level)
    return TASKS.index(line.task), line.dataset, -1.0 if level is None else level, -_psnr(line)


def _psnr(line) -> float:
    return getattr(line, measure_of(line.task))


def _cells(line, *, named_modes: bool) -> list[Cell]:
    level, parameters = plain(line.level), plain(line.parameters)
    method = line.method
    if named_modes and line.mode:
        method += f", {mode_name(line.mode, line.stride)}"
    spread = getattr(line, f"{measure_of(line.task)}_spread")
    texts = [
        line.task, line.dataset, "–" if level is None else f"{level:g}", method,
        f"{parameters / 1000:.1f}k" if parameters else "–",
        str(line.images) if line.images_of in (None, line.images) else f"{line.images} of {line.images_of}",
        f"{_psnr(line):.2f}" + ("" if spread is None else f"±{spread:.2f}"), f"{line.ssim:.4f}", f"{line.seconds:.2f}",
    ]  # fmt: skip
    return [*(Cell("label", (Part(text),)) for text in texts[:4]), *(Cell("run", (Part(text),)) for text in texts[4:])]


def _record(line) -> dict:
    record = {name: getattr(line, name) for name in CELL_COLUMNS if hasattr(line, name)}
    own = {"table": "overview", "row": line.method, "column": line.dataset, "metric": "psnr", "ours": _psnr(line)}
    return record | own | {"spread": getattr(line, f"{measure_of(line.task)}_spread"), "status": "measured"}
