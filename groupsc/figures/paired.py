"""Plot the difference of PSNR to a baseline method, with one point per image."""

from __future__ import annotations

import matplotlib
import pandas as pd
from matplotlib.figure import Figure

from groupsc.config.definitions import LEVEL_NAMES
from groupsc.config.labels import METHOD_LABELS
from groupsc.figures.style import COLORS, STYLE, WIDTH
from groupsc.paper.paired import averaged, difference_text, per_image
from groupsc.utils.errors import GroupSCError

MARKERS, STYLES = ("o", "s", "^"), ("--", ":", "-.")
"""Markers, and styles of the line at the mean, of the first six methods, of the next six, and so on."""


def paired(
    *,
    rows: pd.DataFrame,
    task: str = "gray",
    level: float | None = 25.0,
    dataset: str = "BSD68",
    baseline: str = "sc",
) -> Figure:
    """Plot the difference of PSNR to a baseline method against the PSNR of that method, image by image.

    Parameters
    ----------
    rows : pandas.DataFrame
        Per-image results of `groupsc.benchmark.evaluation.evaluate`.
    task, level, dataset : str, float, str
        Task, level and data set of the values; mosaics have no level.
    baseline : str
        A value of the column `method`.

    Returns
    -------
    matplotlib.figure.Figure
        One colour and marker per method, and a line at the mean difference; the legend gives this mean with its 95 %
        confidence interval, and the number of images of a method that was measured on fewer images than others.

    Raises
    ------
    GroupSCError
        If no method has an image in common with the baseline.

    Examples
    --------
    >>> figure = paired(rows=results, task="gray", level=25.0, dataset="BSD68")  # doctest: +SKIP
    """
    same = rows[(rows["task"] == task) & (rows["dataset"] == dataset) & (rows["mode"] == "whole")]
    same = same[same["level"] == level] if LEVEL_NAMES.get(task) else same
    points = per_image(same, baseline)
    if points.empty:
        raise GroupSCError(
            f"no method has an image of {dataset} in common with {baseline!r}; give per-image results of both"
        )
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.2), layout="constrained")
        ax = figure.subplots()
        lines = averaged(points, baseline)
        most = lines["images"].max()
        for number, line in enumerate(lines.itertuples(index=False)):
            own = points[points["method"] == line.method]
            images = f" ({line.images} image{'s' if line.images > 1 else ''})" if line.images < most else ""
            label = f"{METHOD_LABELS.get(line.method, line.method)}: {difference_text(line)} dB{images}"
            color = COLORS[number % len(COLORS)]
            marker = MARKERS[number // len(COLORS) % len(MARKERS)]
            ax.scatter(own["reference"], own["difference"], s=12, color=color, marker=marker, zorder=3, label=label)
            style = STYLES[number // len(COLORS) % len(STYLES)]
            ax.axhline(line.difference, color=color, linewidth=0.8, linestyle=style)
        ax.axhline(0, color="#444444", linewidth=0.8)
        name = METHOD_LABELS.get(baseline, baseline)
        ax.set(xlabel=f"PSNR of {name} (dB), one point per image of {dataset}", ylabel=f"Difference to {name} (dB)")
        figure.legend(loc="outside upper center", ncols=3, handletextpad=0.2)
    return figure
