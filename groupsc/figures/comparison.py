"""Degraded, restored and clean images side by side, each over a magnified detail and its PSNR, as in Figures 5 to 9."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from groupsc.benchmark import metrics
from groupsc.config.definitions import TITLES
from groupsc.figures.style import STYLE, WIDTH, show_picture
from groupsc.io.images import read_image
from groupsc.utils.errors import GroupSCError

METHODS = {
    "bilinear": "Bilinear",
    "malvar": "Malvar",
    "menon": "Menon",
    "bm3d": "BM3D",
    "cbm3d": "CBM3D",
    "ffdnet": "FFDNet",
    "dncnn": "DnCNN",
    "cdncnn": "CDnCNN",
    "dncnn-3": "DnCNN-3",
    **TITLES,
    **{f"{method}-blind": f"{title}, blind" for method, title in TITLES.items()},
}
"""Methods that pictures are shown of, from left to right."""
DEGRADED = {"gray": "Noisy", "color": "Noisy", "mosaic": "Mosaic", "jpeg": "JPEG"}
DETAIL = 0.22
"""Width of the magnified detail as a share of the image's shorter side."""
RATIO = 0.75
"""Height of the detail over its width."""
FRAME = "#ffcc00"

GAP, HEADING, CAPTION = 0.05, 0.2, 0.2
"""Inches between pictures, for the line above them, and for the line below."""


@dataclass(frozen=True)
class Panels:
    """One image: its pictures from left to right by title, the PSNR of each in dB, and the detail to magnify."""

    pictures: dict[str, np.ndarray]
    psnr: dict[str, float | None]
    box: tuple[int, int, int, int]

    @property
    def shape(self) -> tuple[int, int]:
        return next(iter(self.pictures.values())).shape[-2:]


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
    """Draw the comparison of all methods that have pictures.

    Parameters
    ----------
    rows : pandas.DataFrame
        As `groupsc.benchmark.evaluation.evaluate` returns them; they give the PSNR.
    pictures : path
        Folder of `<experiment>/<dataset>/<image>-clean.png`, `-degraded.png` and `-restored.png`.
    task, level, dataset : str, float, str, optional
        Which rows to show; the level and the data set of most of them when left out.
    images : list of str, optional
        Which images, one a line; the first two when left out.
    boxes : dict, optional
        Top, left and width in pixels of the detail, by image; when left out, where the outer two methods differ most.

    Raises
    ------
    GroupSCError
        When there is no picture of such an image.
    """
    shown = rows[(rows["task"] == task) & (rows["repetition"] == 0) & rows["method"].isin(METHODS)]
    drawn = [picture(pictures, row, "restored").is_file() for row in shown.itertuples()]
    shown = shown[np.array(drawn, dtype=bool)]
    for column, value in (("level", level), ("dataset", dataset)):
        if len(shown) and shown[column].notna().any():
            shown = shown[shown[column] == (shown[column].mode()[0] if value is None else value)]
    names = sorted(set(shown["image"]))[:2] if images is None else images
    if not names or not set(names) <= set(shown["image"]):
        wanted = ", ".join(names) or f"the task {task!r}"
        raise GroupSCError(f"{pictures} has no pictures of {wanted}; make them with `groupsc evaluate --pictures`")
    lines = [_read(pictures, shown[shown["image"] == name], (boxes or {}).get(name)) for name in names]
    with matplotlib.rc_context(STYLE):
        return _arrange(lines)


def picture(pictures, row, kind: str) -> Path:
    """Where the "clean", "degraded" or "restored" picture of a row is kept."""
    return Path(pictures) / row.experiment / row.dataset / f"{row.image}-{kind}.png"


def _read(folder, rows: pd.DataFrame, box) -> Panels:
    order = list(METHODS)
    rows = sorted(rows.drop_duplicates("method").itertuples(), key=lambda row: order.index(row.method))
    clean, degraded = (read_image(picture(folder, rows[0], kind)) for kind in ("clean", "degraded"))
    restored = {METHODS[row.method]: read_image(picture(folder, row, "restored")) for row in rows}
    title, measure = DEGRADED[rows[0].task], metrics.measure_of(rows[0].task)
    figures = {title: getattr(metrics, measure)(degraded, clean), "Clean": None}
    figures |= {METHODS[row.method]: getattr(row, measure) for row in rows}
    if box is None:
        box = telling_detail(clean, *restored.values())
    else:
        box = (*box, round(RATIO * box[2]))
    return Panels({title: degraded, **restored, "Clean": clean}, figures, box)


def telling_detail(clean: np.ndarray, *restored: np.ndarray) -> tuple[int, int, int, int]:
    """Top, left, width and height of the detail where the first and the last restoration differ most.

    With one restoration, where the clean image has most structure. All images are (c, H, W).
    """
    width = max(8, round(DETAIL * min(clean.shape[-2:])))
    height = round(RATIO * width)
    if len(restored) > 1:
        score = np.square(restored[0] - restored[-1]).mean(0)
    else:
        score = sum(np.square(np.gradient(clean.mean(0), axis=axis)) for axis in (0, 1))
    total = np.pad(score.astype(np.float64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    sums = total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    top, left = np.unravel_index(np.argmax(sums), sums.shape)
    return int(top), int(left), width, height


def _arrange(lines: list[Panels]) -> Figure:
    """Place every picture at its size in inches, from the top left."""
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
            best = value is not None and value == max(v for v in line.psnr.values() if v is not None)
            label = "PSNR (dB)" if value is None else f"{value:.2f}"
            ax.set_xlabel(label, labelpad=3, weight="bold" if best else "normal")
        top += height + GAP + RATIO * width + CAPTION
    return figure
