"""Pictures of restored images: where they are kept, which are compared, and which detail shows the difference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from groupsc.benchmark import metrics
from groupsc.config.labels import DEGRADED_LABELS, METHOD_LABELS
from groupsc.io.images import read_image
from groupsc.utils.boxes import box_sums

DETAIL = 0.22
"""Width of the magnified detail as a share of the image's shorter side."""
RATIO = 0.75
"""Height of the detail over its width."""
SQUARE = 0.17
"""Side of the square of `worst_detail` as a share of the image's shorter side."""


@dataclass(frozen=True)
class Panels:
    """One image: its pictures from left to right by title, the PSNR of each in dB, and the detail to magnify."""

    pictures: dict[str, np.ndarray]
    psnr: dict[str, float | None]
    box: tuple[int, int, int, int]

    @property
    def shape(self) -> tuple[int, int]:
        return next(iter(self.pictures.values())).shape[-2:]


def picture(pictures, row, kind: str) -> Path:
    """Where the "clean", "degraded" or "restored" picture of a row is kept."""
    return Path(pictures) / row.experiment / row.dataset / f"{row.image}-{kind}.png"


def read_panels(folder, rows: pd.DataFrame, box) -> Panels:
    """The pictures of one image by every method that has a row, with the detail that `box` names or the telling one.

    Parameters
    ----------
    folder : path
        Where the pictures are kept.
    rows : pandas.DataFrame
        Rows of one image.
    box : (int, int, int), optional
        Top, left and width of the detail.
    """
    order = list(METHOD_LABELS)
    rows = sorted(rows.drop_duplicates("method").itertuples(), key=lambda row: order.index(row.method))
    clean, degraded = (read_image(picture(folder, rows[0], kind)) for kind in ("clean", "degraded"))
    restored = {METHOD_LABELS[row.method]: read_image(picture(folder, row, "restored")) for row in rows}
    title, measure = DEGRADED_LABELS[rows[0].task], metrics.measure_of(rows[0].task)
    figures = {title: getattr(metrics, measure)(degraded, clean), "Clean": None}
    figures |= {METHOD_LABELS[row.method]: getattr(row, measure) for row in rows}
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
    sums = box_sums(score, height, width)
    top, left = np.unravel_index(np.argmax(sums), sums.shape)
    return int(top), int(left), width, height


def worst_detail(clean: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[int, int, int]:
    """Top, left and side of the square where the first restoration is visibly worse than the second.

    That is where its squared error exceeds the other's most, relative to the structure of the clean image, which hides
    errors. Images are (c, H, W).
    """
    side = max(8, round(SQUARE * min(clean.shape[-2:])))
    excess = box_sums((np.square(first - clean) - np.square(second - clean)).mean(0), side, side)
    structure = box_sums(sum(np.square(np.gradient(clean.mean(0), axis=axis)) for axis in (0, 1)), side, side)
    top, left = np.unravel_index(np.argmax(excess / (structure + 3 * structure.mean())), excess.shape)
    return int(top), int(left), side
