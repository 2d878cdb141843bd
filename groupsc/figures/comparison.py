"""Figures 5 to 9: compare degraded, restored and clean images, each with a magnified detail and its PSNR."""

from __future__ import annotations

import matplotlib
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from groupsc.config.labels import METHOD_LABELS
from groupsc.figures.style import FRAME, STYLE, WIDTH, show_picture
from groupsc.paper.pictures import RATIO, Panels, read_panels, with_pictures
from groupsc.utils.errors import MissingFileError

GAP, HEADING, CAPTION = 0.05, 0.2, 0.2
"""Sizes in inches: gap between pictures, height of the titles, height of the PSNR."""


def restorations(
    *,
    rows: pd.DataFrame,
    pictures,
    task: str = "gray",
    level: float | None = None,
    dataset: str | None = None,
    images: list[str] | None = None,
    boxes: dict[str, tuple[int, int, int]] | None = None,
) -> Figure:
    """Compare the restored images of all methods that have pictures.

    Parameters
    ----------
    rows : pandas.DataFrame
        Per-image results of `groupsc.benchmark.evaluation.evaluate`, which contain the PSNR.
    pictures : path
        Folder of `<experiment>/<dataset>/<image>-clean.png`, `-degraded.png` and `-restored.png`.
    task, level, dataset : str, float, str, optional
        Task, level and data set of the results; by default the most frequent level and data set.
    images : list of str, optional
        Names of the images, one line of pictures per image; by default the first two.
    boxes : dict, optional
        Row, column and width of the detail in pixels, by image; by default the detail is where the first and the last
        method differ most.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GroupSCError
        If there is no picture of such an image.

    Examples
    --------
    >>> figure = restorations(rows=results, pictures="results/pictures", level=25)  # doctest: +SKIP
    """
    shown = rows[(rows["task"] == task) & (rows["repetition"] == 0) & rows["method"].isin(METHOD_LABELS)]
    shown = with_pictures(shown, pictures)
    for column, value in (("level", level), ("dataset", dataset)):
        if len(shown) and shown[column].notna().any():
            shown = shown[shown[column] == (shown[column].mode()[0] if value is None else value)]
    names = sorted(set(shown["image"]))[:2] if images is None else images
    if not names or not set(names) <= set(shown["image"]):
        wanted = ", ".join(names) or f"the task {task!r}"
        raise MissingFileError(f"{pictures} has no pictures of {wanted}; make them with `groupsc evaluate --pictures`")
    lines = [read_panels(pictures, shown[shown["image"] == name], (boxes or {}).get(name)) for name in names]
    with matplotlib.rc_context(STYLE):
        return _arrange(lines)


def _arrange(lines: list[Panels]) -> Figure:
    """Place all pictures, with their sizes in inches, from the upper left corner."""
    columns = max(len(line.pictures) for line in lines)
    width = (WIDTH - GAP * (columns - 1)) / columns
    heights = [width * line.shape[0] / line.shape[1] for line in lines]
    total = HEADING + sum(height + GAP + RATIO * width + CAPTION for height in heights)
    figure = Figure(figsize=(WIDTH, total))

    def place(left: float, top: float, height: float):
        ax = figure.add_axes((left / WIDTH, 1 - (top + height) / total, width / WIDTH, height / total))
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
        return ax

    top = HEADING
    for number, (line, height) in enumerate(zip(lines, heights, strict=True)):
        y, x, box_width, box_height = line.box
        for column, (title, image) in enumerate(line.pictures.items()):
            left = column * (width + GAP)
            ax = place(left, top, height)
            show_picture(ax, image)
            ax.add_patch(
                Rectangle((x - 0.5, y - 0.5), box_width, box_height, fill=False, edgecolor=FRAME, linewidth=0.8)
            )
            ax.spines[:].set_visible(False)
            if number == 0:
                ax.set_title(title, pad=4)
            ax = place(left, top + height + GAP, RATIO * width)
            show_picture(ax, image[:, y : y + box_height, x : x + box_width])
            ax.spines[:].set(visible=True, edgecolor=FRAME, linewidth=0.8)
            value = line.psnr[title]
            label = "PSNR (dB)" if value is None else f"{value:.2f}"
            ax.set_xlabel(label, labelpad=3, weight="bold" if _is_best(value, line.psnr.values()) else "normal")
        top += height + GAP + RATIO * width + CAPTION
    return figure


def _is_best(value: float | None, values) -> bool:
    """Return whether a value is larger than all others at the two decimals that are printed."""
    printed = sorted((round(v, 2) for v in values if v is not None), reverse=True)
    return value is not None and round(value, 2) == printed[0] and printed[:1] != printed[1:2]
