"""Figure 1: compare SC with GroupSC, with a magnified detail of each image."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from groupsc.benchmark.metrics import measure_of
from groupsc.config.definitions import LEVEL_NAMES
from groupsc.config.labels import METHOD_LABELS, TASK_LABELS
from groupsc.figures.style import FRAME, STYLE, WIDTH, show_picture
from groupsc.io.images import read_image
from groupsc.paper.pictures import picture, worst_detail
from groupsc.utils.errors import GroupSCError

PAIR = ("sc", "groupsc")
MAGNIFIED = 0.48
"""Side of the magnified detail, as a share of the side of the picture."""
GAP, LEFT, TOP, CAPTION = 0.05, 0.2, 0.36, 0.2
"""Sizes in inches: gap between pictures, margin for the names of methods, height of the titles, height of the PSNR."""


@dataclass(frozen=True)
class Panel:
    """Image that one column of the figure shows.

    Parameters
    ----------
    task : {"gray", "color", "mosaic", "jpeg"}
    level : float or None
        Noise σ in gray levels of 255, or JPEG quality; None for mosaics.
    dataset, image : str
        Names of the data set and of the image.
    """

    task: str
    level: float | None
    dataset: str
    image: str

    @classmethod
    def parse(cls, text: str) -> Panel:
        """Parse a panel.

        Parameters
        ----------
        text : str
            `task,level,dataset,image`, with an empty level for mosaics.

        Returns
        -------
        Panel

        Raises
        ------
        GroupSCError
            If the text has another form.

        Examples
        --------
        >>> Panel.parse("gray,25,BSD68,test001")
        Panel(task='gray', level=25.0, dataset='BSD68', image='test001')
        """
        try:
            task, level, dataset, image = text.split(",")
            return cls(task, float(level) if level else None, dataset, image)
        except ValueError:
            raise GroupSCError(f"the panel is {text!r}; write it as task,level,dataset,image") from None

    @property
    def title(self) -> str:
        """Title of the column: task and level."""
        name = LEVEL_NAMES[self.task]
        return TASK_LABELS[self.task] + (f"\n{'σ' if name == 'sigma' else name} = {self.level:g}" if name else "\nRGGB")


def artefacts(*, rows: pd.DataFrame, pictures, panels: list[Panel]) -> Figure:
    """Draw reconstructions with the sparse prior only and, below, with both priors (Figure 1), one column per image.

    Parameters
    ----------
    rows : pandas.DataFrame
        Per-image results of `groupsc.benchmark.evaluation.evaluate`, which contain the PSNR.
    pictures : path
        Folder of `<experiment>/<dataset>/<image>-clean.png` and `-restored.png`.
    panels : list of Panel

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    GroupSCError
        If results of one of the two methods are missing for a panel.

    Examples
    --------
    >>> figure = artefacts(rows=results, pictures="results/pictures", panels=panels)  # doctest: +SKIP
    """
    side = (WIDTH - LEFT - GAP * (len(panels) - 1)) / max(len(panels), 3)
    width, height = LEFT + len(panels) * (side + GAP) - GAP, TOP + 2 * (side + CAPTION)
    with matplotlib.rc_context({**STYLE, "axes.grid": False}):
        figure = Figure(figsize=(width, height))
        for column, panel in enumerate(panels):
            pair = [_row(rows, panel, method) for method in PAIR]
            clean = read_image(picture(pictures, pair[0], "clean"))
            shown = [read_image(picture(pictures, row, "restored")) for row in pair]
            box = worst_detail(clean, *shown)
            values = [f"{getattr(row, measure_of(panel.task)):.2f}" for row in pair]
            for line, (row, image, psnr) in enumerate(zip(pair, shown, values, strict=True)):
                top = TOP + line * (side + CAPTION)
                place = ((LEFT + column * (side + GAP)) / width, 1 - (top + side) / height, side / width, side / height)
                ax = figure.add_axes(place)
                _with_detail(ax, image, box, clean)
                blind = ", blind" if "-blind" in row.method else ""
                best = psnr == max(values, key=float) and len(set(values)) > 1
                ax.set_xlabel(f"{psnr} dB{blind}", labelpad=2, weight="bold" if best else "normal")
                if line == 0:
                    ax.set_title(panel.title, pad=3)
                if column == 0:
                    ax.set_ylabel(METHOD_LABELS[PAIR[line]], labelpad=3)
    return figure


def _row(rows: pd.DataFrame, panel: Panel, method: str):
    """Select the result of a panel by SC or GroupSC, of the model trained for the level or else of the blind model."""
    level = rows["level"].isna() if panel.level is None else rows["level"] == panel.level
    found = rows[(rows["task"] == panel.task) & level & (rows["dataset"] == panel.dataset)]
    found = found[(found["image"] == panel.image) & (found["repetition"] == 0)]
    for name in (method, f"{method}-blind"):
        for row in found[found["method"] == name].itertuples():
            return row
    raise GroupSCError(
        f"there are no results of {METHOD_LABELS[method]} for {panel}; make them with `groupsc evaluate --pictures`"
    )


def _with_detail(ax, image: np.ndarray, box: tuple[int, int, int], clean: np.ndarray) -> None:
    """Draw the square of the image around a detail, and the magnified detail in a corner of it."""
    top, left, small = box
    side = min(image.shape[-2:])
    y, x = (
        min(max(0, start + small // 2 - side // 2), length - side)
        for start, length in zip((top, left), image.shape[-2:], strict=True)
    )
    square = np.s_[:, y : y + side, x : x + side]
    show_picture(ax, image[square])
    ax.add_patch(Rectangle((left - x - 0.5, top - y - 0.5), small, small, fill=False, edgecolor=FRAME, linewidth=0.8))
    low, right = free_corner(clean[square], (top - y, left - x, small))
    inset = ax.inset_axes(((1 - MAGNIFIED) * right, (1 - MAGNIFIED) * (not low), MAGNIFIED, MAGNIFIED))
    show_picture(inset, image[:, top : top + small, left : left + small])
    for axes, color in ((ax, "none"), (inset, FRAME)):
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(visible=True, edgecolor=color, linewidth=1)


def free_corner(clean: np.ndarray, box: tuple[int, int, int]) -> tuple[bool, bool]:
    """Find the corner of a square image where the magnified detail hides least: that of the smallest gradients.

    Faces and other contents have larger gradients than sky or water. A corner that overlaps the detail is not used,
    unless all of them do.

    Parameters
    ----------
    clean : array (c, n, n)
    box : (int, int, int)
        Top, left and side of the detail.

    Returns
    -------
    (bool, bool)
        Whether the corner is at the bottom, and whether it is at the right.

    Examples
    --------
    >>> clean = np.zeros((1, 20, 20))
    >>> clean[0, :9, :9] = np.eye(9)
    >>> free_corner(clean, (14, 1, 4))
    (False, True)
    """
    side = clean.shape[-1]
    covered = round(MAGNIFIED * side)
    structure = sum(np.square(np.gradient(clean.mean(0), axis=axis)) for axis in (0, 1))
    hidden = {}
    for low in (False, True):
        for right in (False, True):
            starts = [(side - covered) * end for end in (low, right)]
            rows, columns = (slice(start, start + covered) for start in starts)
            apart = any(
                start >= begin + box[2] or begin >= start + covered
                for start, begin in zip(starts, box[:2], strict=True)
            )
            hidden[low, right] = (not apart, structure[rows, columns].mean())
    return min(hidden, key=lambda corner: hidden[corner])
