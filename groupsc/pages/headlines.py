"""Summarise a run for the top of the page: what is reproduced, the best models, and the points of the plot of cost."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from groupsc.benchmark.averages import HEADLINES, image_count, plain
from groupsc.benchmark.metrics import measure_of
from groupsc.config.definitions import METHODS, is_model
from groupsc.config.labels import METHOD_LABELS, task_label
from groupsc.paper.reproducibility import NEAR, verdicts


@dataclass(frozen=True)
class Tile:
    """A headline of the page: what it is about, the number, and a remark."""

    title: str
    value: str
    remark: str


def reproduced(cells: pd.DataFrame) -> list[Tile]:
    """Count the PSNR values of the paper's models that this run reproduces.

    Parameters
    ----------
    cells : pandas.DataFrame
        As `groupsc.paper.reproducibility.read_cells` returns them.

    Returns
    -------
    list of Tile
        One tile, or none if the cells contain no value of the paper's models.

    Examples
    --------
    >>> cell = {"table": 4, "row": "SC", "column": "σ = 25", "level": 25, "metric": "psnr", "published": 28.9,
    ...         "source": "ours", "ours": 28.86, "difference": -0.04, "status": "all images"}
    >>> reproduced(pd.DataFrame([cell]))[0].value
    '1 of 1'
    """
    found = verdicts(cells)
    own = found[found["own"].astype(bool) & (found["metric"] == "psnr")]
    if own.empty:
        return []
    near = int(own["verdict"].isin(["reproduced", "nearly"]).sum())
    above = int((own["verdict"] == "above the paper").sum())
    whole = int((~own["verdict"].isin(["part of the images", "not run"])).sum())
    remark = (
        f"PSNR values of the paper's models within {NEAR['psnr']} dB; {whole} of {len(own)} are measured on all images"
    )
    return [Tile("Reproduced", f"{near} of {len(own)}", remark + (f", {above} are above the paper" if above else ""))]


def best(means: pd.DataFrame) -> list[Tile]:
    """Find the best model of each task at its first measured headline level, on the first data set.

    Models that restored fewer images than another are left out. All models with the same two decimals are named.

    Parameters
    ----------
    means : pandas.DataFrame
        As `groupsc.benchmark.averages.average` returns them.

    Returns
    -------
    list of Tile

    Examples
    --------
    >>> from groupsc.benchmark.averages import average
    >>> from groupsc.benchmark.rows import table_of
    >>> best(average(table_of([])))
    []
    """
    tiles = []
    for task, levels in HEADLINES.items():
        ran = means[(means["task"] == task) & means["method"].isin(METHODS)]
        measured = (ran[ran["level"].isna() if level is None else ran["level"] == level] for level in levels or [None])
        first = next((runs for runs in measured if len(runs)), None)
        if first is not None:
            tiles.append(_best_of(first[first["dataset"] == first["dataset"].iloc[0]]))
    return tiles


def _best_of(runs: pd.DataFrame) -> Tile:
    """Compare the models of one task, level and data set."""
    runs = runs[runs["images"] == runs["images"].max()]
    first = next(runs.itertuples())
    values = runs.groupby("method")[measure_of(first.task)].max().astype(float).round(2)
    known = [method for method in METHODS if method in values]
    names = [METHOD_LABELS[method] for method in known if values[method] == values.max()]
    others = [f"{METHOD_LABELS[method]} {values[method]:.2f}" for method in known if values[method] < values.max()]
    title = f"{task_label(first.task, first.level)}, {first.dataset}"
    return Tile(title, f"{' and '.join(names)} {values.max():.2f} dB", ", ".join([*others, image_count(first)]))


def points(means: pd.DataFrame) -> list[dict]:
    """Return the methods of the plot of PSNR against cost without the inputs, headline levels first.

    Parameters
    ----------
    means : pandas.DataFrame
        As `groupsc.benchmark.averages.average` returns them.

    Returns
    -------
    list of dict
        Name, whether it is a model of this library, setting, PSNR in dB, parameters, seconds, images, device and mode.

    Examples
    --------
    >>> from groupsc.benchmark.averages import average
    >>> from groupsc.benchmark.rows import table_of
    >>> points(average(table_of([])))
    []
    """
    order = {
        (task, level): number for task, levels in HEADLINES.items() for number, level in enumerate(levels or [None])
    }
    tasks = list(HEADLINES)
    runs = sorted(
        means.itertuples(index=False),
        key=lambda run: (tasks.index(run.task), order.get((run.task, plain(run.level)), len(order)), run.level or 0),
    )
    return [
        {
            "name": METHOD_LABELS.get(run.method, run.method), "own": is_model(run.method),
            "setting": f"{task_label(run.task, run.level)}, {run.dataset}",
            "psnr": float(getattr(run, measure_of(run.task))),
            "parameters": None if pd.isna(run.parameters) else int(run.parameters),
            "seconds": None if pd.isna(run.seconds) else float(run.seconds), "images": image_count(run),
            "device": run.device,
            "mode": " ".join(str(part) for part in (plain(run.mode), plain(run.stride)) if part is not None),
        }
        for run in runs
        if run.method != "input"
    ]  # fmt: skip
