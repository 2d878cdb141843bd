"""Count the reproduced values of the paper's models for each table, and state reasons for the differences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from groupsc.benchmark.averages import DECIMALS
from groupsc.paper.table import CELL_COLUMNS, Table
from groupsc.paper.typesetting import Cell, Part
from groupsc.utils.digests import file_digest
from groupsc.utils.errors import GroupSCError, unreadable
from groupsc.weights.cards import read_card, steps_text, total_steps

BOUNDS = {"psnr": 0.05, "ssim": 0.002}
"""Largest absolute differences of reproduced values: PSNR in dB, and SSIM."""
NEAR = {"psnr": 0.1, "ssim": 0.002}
"""Largest absolute differences of nearly reproduced values."""
PAPER_STEPS = 120_000
"""Steps of the paper's trainings: 300 epochs of 400 steps."""
TOLERANCE = 1e-6
"""Tolerance for rounding errors when rounded differences are compared."""

VERDICTS = ("reproduced", "nearly", "above the paper", "below the paper", "part of the images", "not run")
"""Classes of the paper's values."""
WHO = {True: "paper's models", False: "baselines"}
METRICS = {"psnr": "PSNR", "ssim": "SSIM"}
"""Labels of the metrics that are counted."""
TITLE = "Number of the paper's values that this run reproduces."
LEGEND = (
    f"A value is reproduced if it differs by at most {BOUNDS['psnr']} dB of PSNR or {BOUNDS['ssim']} of SSIM, and "
    f"nearly reproduced if it differs by at most {NEAR['psnr']} dB. Other values are above or below the paper. Values "
    "are compared only if the same images were restored. Differences are rounded to 2 decimals (SSIM: 4). If a value "
    "was measured in several modes, the nearest counts. Seconds are not counted. Baselines include the degraded input."
)
ALL = "All tables"
"""Label of the rows that count all tables together; in the CSV file, their `table` is "all"."""
SUMS = f'The rows "{ALL}" count the values of all tables together; a value that two tables print counts twice.'


TEXTS = ("row", "column", "printed", "rank", "source", "task", "method", "dataset", "experiment", "mode", "device")
"""Columns that are read as texts, because names can look like numbers."""


def read_cells(paths) -> pd.DataFrame:
    """Read the cells of tables from the CSV files that `groupsc table` writes.

    Parameters
    ----------
    paths : list of paths

    Returns
    -------
    pandas.DataFrame
        Columns `groupsc.paper.table.CELL_COLUMNS`.

    Raises
    ------
    GroupSCError
        When a file is missing or is not such a table.

    Examples
    --------
    >>> read_cells([]).columns.to_list() == CELL_COLUMNS
    True
    """
    found = []
    for path in paths:
        try:
            cells = pd.read_csv(path, dtype=dict.fromkeys(TEXTS, str), keep_default_na=False, na_values=[""])
        except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise unreadable(error)(
                f"{path} can't be read as a table ({error}); make it with `groupsc table`"
            ) from error
        if missing := sorted(set(CELL_COLUMNS) - set(cells.columns)):
            raise GroupSCError(f"{path} has no column {', '.join(missing)}; make it again with `groupsc table`")
        found.append(cells[CELL_COLUMNS].astype(object))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=CELL_COLUMNS)


def verdicts(cells: pd.DataFrame) -> pd.DataFrame:
    """Classify each PSNR and SSIM value of the paper that this library can measure.

    If a value was measured several times, on whole images and in blocks, a measurement over all images is preferred,
    then the one with the smallest difference.

    Parameters
    ----------
    cells : pandas.DataFrame
        As `read_cells` returns them.

    Returns
    -------
    pandas.DataFrame
        One row per value, with the additional columns `verdict`, one of `VERDICTS`, and `own`, whether it is a value
        of the paper's own models.

    Examples
    --------
    >>> cell = {"table": 4, "row": "SC", "column": "σ = 25", "level": 25, "metric": "psnr", "published": 28.9,
    ...         "source": "ours", "ours": 28.86, "difference": -0.04, "status": "all images"}
    >>> verdicts(pd.DataFrame([cell]))["verdict"].to_list()
    ['reproduced']
    """
    found = cells[cells["metric"].isin(METRICS) & cells["published"].notna()]
    found = found[(found["source"] == "ours") | found["ours"].notna()]
    verdict = [_verdict(*values) for values in found[["metric", "status", "difference"]].to_numpy()]
    found = found.assign(own=found["source"] == "ours", verdict=verdict)
    whole = ~found["verdict"].isin(["part of the images", "not run"])
    found = found.assign(_rank=~whole, _gap=found["difference"].astype(float).abs())
    keys = ["table", "row", "column", "level", "metric"]
    found = found.sort_values(["_rank", "_gap"], kind="stable").drop_duplicates(keys)
    return found.drop(columns=["_rank", "_gap"]).sort_index()


def _verdict(metric: str, status: str, difference: float) -> str:
    if status == "not run":
        return "not run"
    if status != "all images":
        return "part of the images"
    gap = round(float(difference), DECIMALS[metric])
    if abs(gap) - TOLERANCE <= BOUNDS[metric]:
        return "reproduced"
    if abs(gap) - TOLERANCE <= NEAR[metric]:
        return "nearly"
    return "above the paper" if gap > 0 else "below the paper"


def build_reproducibility(cells: pd.DataFrame, cards: dict[str, dict] | None = None) -> Table:
    """Make the table of counts, with the known reasons for differences, and with sums if there are several tables.

    Parameters
    ----------
    cells : pandas.DataFrame
        As `read_cells` returns them.
    cards : dict, optional
        Metadata of weights by the sha256 of their file, for the reasons.

    Returns
    -------
    Table

    Examples
    --------
    >>> build_reproducibility(read_cells([])).name
    'reproducibility'
    """
    order = ["table", "own", "metric"]
    found, cards = verdicts(cells).sort_values(order, ascending=[True, False, True]), cards or {}
    header = ["Table", "of", "metric", "values", *VERDICTS, "median difference", "known reasons"]
    several = found["table"].nunique() > 1
    lines = [
        _line(number, own, metric, values, "; ".join(_reasons(values, cards)) if own else "")
        for (number, own, metric), values in found.groupby(order, sort=False)
    ]
    if several:
        sums = found.sort_values(order[1:], ascending=[False, True], kind="stable").groupby(order[1:], sort=False)
        lines += [_line("all", own, metric, values, "") for (own, metric), values in sums]
    columns = ["table", "of", "metric", "figures", *VERDICTS, "median difference", "reasons"]
    return Table(
        "reproducibility", "Reproducibility", f"{TITLE} {LEGEND} {SUMS}" if several else f"{TITLE} {LEGEND}", header,
        [_cells(line) for line in lines], pd.DataFrame(lines, columns=columns), page=True,
    )  # fmt: skip


def _line(table: int | str, own: bool, metric: str, values: pd.DataFrame, reasons: str) -> dict[str, Any]:
    """Count the verdicts on the values of one line."""
    counts = values["verdict"].value_counts().reindex(list(VERDICTS), fill_value=0)
    gaps = values["difference"].dropna().astype(float)
    median = None if gaps.empty else round(gaps.median(), DECIMALS[metric])
    return {
        "table": table, "of": WHO[own], "metric": metric, "figures": len(values), **counts,
        "median difference": median, "reasons": reasons,
    }  # fmt: skip


def _cells(line: dict[str, Any]) -> list[Cell]:
    """Typeset a line of counts."""
    median, metric = line["median difference"], line["metric"]
    shown = "–" if median is None else f"{median:+.{DECIMALS[metric]}f}".replace("-", "−")
    table = ALL if line["table"] == "all" else f"Table {line['table']}"
    return [
        *[Cell("label", (Part(text),)) for text in (table, line["of"], METRICS[metric])],
        *[Cell("run", (Part(str(line[count] or "–")),)) for count in ("figures", *VERDICTS)],
        Cell("difference", (Part(shown),)),
        Cell("note", (Part(line["reasons"]),)),
    ]


def _reasons(lines: pd.DataFrame, cards: dict[str, dict]) -> list[str]:
    """List reasons for differences from the paper that follow from the results and the cards of the weights."""
    reasons = []
    part = lines[lines["verdict"] == "part of the images"].drop_duplicates(["dataset", "images"])
    if len(part):
        shares = [f"{line.images:.0f} of {line.images_of:.0f} of {line.dataset}" for line in part.itertuples()]
        reasons.append(f"images: {', '.join(shares)}")
    ran = lines[lines["ours"].notna()]
    known = sorted((cards[digest] for digest in set(ran["weights_sha256"]) & set(cards)), key=total_steps)
    if known and total_steps(known[0]) < PAPER_STEPS:
        counts = " to ".join(dict.fromkeys([steps_text(known[0]), steps_text(known[-1])]))
        reasons.append(f"schedule: {counts} steps, in the paper {PAPER_STEPS:,}")
    if (ran["mode"] == "whole").any():
        reasons.append("protocol: whole images, in the paper blocks")
    missing = int((lines["verdict"] == "not run").sum())
    if missing:
        reasons.append(f"{missing} not trained or not evaluated")
    return reasons


def cards_of(weights) -> dict[str, dict]:
    """Read the cards of weights files.

    Parameters
    ----------
    weights : list of paths

    Returns
    -------
    dict
        Cards by the sha256 of their file.

    Raises
    ------
    GroupSCError
        When a file is missing or damaged.

    Examples
    --------
    >>> cards_of([])
    {}
    """
    return {file_digest(path): read_card(path) for path in map(Path, weights)}
