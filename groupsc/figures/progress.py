"""Plot learning curves: validation PSNR against minutes for all tasks and levels, and training logs against steps."""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import LogFormatter, MaxNLocator

from groupsc.config import aliases
from groupsc.config.definitions import METHODS
from groupsc.config.labels import LEVEL_LABELS, MODEL_LABELS, SHORT_TASK_LABELS
from groupsc.figures.style import COLORS, STYLE, WIDTH
from groupsc.utils.durations import duration
from groupsc.utils.errors import GroupSCError, unreadable

NAME = re.compile(rf"({'|'.join(SHORT_TASK_LABELS)})-({'|'.join(METHODS)})(?:-(.+))?")
COLUMNS = 5
SHOWN = 1.0
"""Largest range below the best value that a panel shows, in dB; lower values at the start of a training are cut off."""
LEAST = 0.4
"""Smallest range that a panel shows, in dB, so that small changes look small."""


def progress(*, logs) -> Figure:
    """Plot the validation PSNR against the minutes of training, with one panel per task and level.

    Parameters
    ----------
    logs : list of paths
        Curves, `<experiment>.csv`, or logs, `<experiment>/log.csv`, of `groupsc train`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GroupSCError
        If a file is not a training log, or its name is not the name of an experiment.

    Examples
    --------
    >>> figure = progress(logs=["results/curves/gray-sc-sigma25.csv"])  # doctest: +SKIP
    """
    panels = _panels([logs] if isinstance(logs, (str, Path)) else logs)
    columns = min(COLUMNS, len(panels))
    lines = -(-len(panels) // columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 1.3 * lines + 0.45), layout="constrained")
        axes = list(figure.subplots(lines, columns, squeeze=False).flat)
        drawn = {}
        for ax, (title, curves) in zip(axes, panels.items(), strict=False):
            for method, curve in curves.items():
                color = COLORS[METHODS.index(method)]
                (drawn[method],) = ax.plot(curve["minutes"], curve["validation_psnr"], color=color)
            best = max(curve["validation_psnr"].max() for curve in curves.values())
            low = min(curve["validation_psnr"].min() for curve in curves.values())
            ax.set_ylim(min(max(low, best - SHOWN), best - LEAST) - 0.05, best + 0.08)
            ax.set_title(title, fontsize=8, pad=3)
            ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            ax.yaxis.set_major_locator(MaxNLocator(4))
            ax.tick_params(labelsize=7, length=2)
        for ax in axes[len(panels) :]:
            ax.remove()
        figure.supxlabel("Minutes of training", fontsize=9)
        figure.supylabel("Validation PSNR (dB)", fontsize=9)
        shown = [method for method in METHODS if method in drawn]
        figure.legend(
            [drawn[method] for method in shown],
            [MODEL_LABELS[method] for method in shown],
            loc="outside upper right",
            ncols=len(shown),
        )
    return figure


def training_curves(*, logs) -> Figure:
    """Plot validation PSNR, loss and learning rate against the steps of one or several trainings.

    Triangles mark backtracking to the best snapshot.

    Parameters
    ----------
    logs : list of paths
        `log.csv` files of `groupsc train`; the name of the folder is the label of the training.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GroupSCError
        If a file is not a training log.

    Examples
    --------
    >>> figure = training_curves(logs=["results/training/gray-sc-sigma25/log.csv"])  # doctest: +SKIP
    """
    tables = {Path(log).parent.name: read_log(log) for log in ([logs] if isinstance(logs, (str, Path)) else logs)}
    measures = {"validation_psnr": "Validation PSNR (dB)", "loss": "Loss", "lr": "Learning rate"}
    with matplotlib.rc_context(STYLE):
        columns = min(3, len(tables))
        legend = 0.16 * -(-len(tables) // columns)
        figure = Figure(figsize=(WIDTH, 2.1 + legend), layout="constrained")
        axes = figure.subplots(1, 3)
        for color, (name, table) in zip(COLORS * len(tables), tables.items(), strict=False):
            label = f"{name} ({duration(60 * table['minutes'].max())})"
            for ax, measure in zip(axes, measures, strict=True):
                ax.plot(table["step"], table[measure], color=color, label=label)
            back = table[table["event"] != ""]
            axes[0].plot(back["step"], back["validation_psnr"], "v", color=color, markersize=4)
        for ax, title in zip(axes, measures.values(), strict=True):
            ax.set(xlabel="Step", title=title)
            ax.margins(x=0.02)
            ax.xaxis.set_major_locator(MaxNLocator(5))
        axes[1].set_yscale("log")
        for formatter in (axes[1].yaxis.set_major_formatter, axes[1].yaxis.set_minor_formatter):
            formatter(LogFormatter(minor_thresholds=(2, 0.4)))
        axes[2].ticklabel_format(axis="y", style="sci", scilimits=(0, 0), useMathText=True)
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=columns)
    return figure


def _panels(logs) -> dict[str, dict[str, pd.DataFrame]]:
    """Read the curves as {title: {method: curve}}, sorted by task and level."""
    found: dict[tuple, dict[str, pd.DataFrame]] = {}
    for path in map(Path, logs):
        name = path.parent.name if path.name == "log.csv" else path.stem
        parts = NAME.fullmatch(name)
        if parts is None:
            raise GroupSCError(f"{path} is not named after an experiment; rename it, as in gray-sc-sigma25.csv")
        task, method, rest = parts.groups()
        found.setdefault((list(SHORT_TASK_LABELS).index(task), _order(rest), rest), {})[method] = read_log(path)[
            ["minutes", "validation_psnr"]
        ].dropna()
    tasks = list(SHORT_TASK_LABELS)
    return {_title(tasks[task], rest): curves for (task, _, rest), curves in sorted(found.items(), key=_first)}


def _first(item):
    (task, order, rest), _ = item
    return task, order, rest or ""


def _order(rest: str | None) -> float:
    number = re.search(r"(?:sigma|quality)([\d.]+)$", rest or "")
    return float(number[1]) if number else float("inf")


def _title(task: str, rest: str | None) -> str:
    words = re.sub(r"(sigma|quality)(?=[\d.]+$)", lambda kind: LEVEL_LABELS[kind[1]], rest or "").replace("-", ", ")
    variant, _, level = words.rpartition(", ")
    return ", ".join(filter(None, [SHORT_TASK_LABELS[task], f"{variant},\n{level}" if variant else level]))


def read_log(path) -> pd.DataFrame:
    """Read a training log.

    Parameters
    ----------
    path : path
        `log.csv` of `groupsc train`, with one line per validation.

    Returns
    -------
    pandas.DataFrame
        Columns `step`, `minutes`, `loss`, `lr`, `validation_psnr` (dB) and `event` ("" if there was none).

    Raises
    ------
    GroupSCError
        If the file is missing or is not a training log.

    Examples
    --------
    >>> log = read_log("results/training/gray-sc-sigma25/log.csv")  # doctest: +SKIP
    """
    try:
        table = pd.read_csv(path, dtype={"event": str}).rename(columns=aliases.LOG)
        return table[["step", "minutes", "loss", "lr", "validation_psnr", "event"]].fillna({"event": ""})
    except (OSError, KeyError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise unreadable(error)(
            f"{path} can't be read as a training log ({error}); give one of `groupsc train`"
        ) from error
