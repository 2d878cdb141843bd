"""Find the pictures of restored images, and choose the detail to magnify."""

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
"""Width of the magnified detail as a fraction of the image's shorter side."""
RATIO = 0.75
"""Ratio of the height of the detail to its width."""
SQUARE = 0.17
"""Side of the square of `worst_detail` as a fraction of the image's shorter side."""


@dataclass(frozen=True)
class Panels:
    """The versions of one image to compare.

    Attributes
    ----------
    pictures : dict of str to array (c, H, W)
        Versions by title, from left to right.
    psnr : dict of str to float or None
        PSNR in dB by title; None for the clean image.
    box : (int, int, int, int)
        Top, left, width and height of the detail to magnify, in pixels.

    Examples
    --------
    >>> Panels({"Clean": np.zeros((1, 4, 6))}, {"Clean": None}, (0, 0, 2, 2)).shape
    (4, 6)
    """

    pictures: dict[str, np.ndarray]
    psnr: dict[str, float | None]
    box: tuple[int, int, int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return next(iter(self.pictures.values())).shape[-2:]


def picture(pictures, row, kind: str) -> Path:
    """Return the path of a picture of a row.

    Parameters
    ----------
    pictures : path
        Folder of the pictures.
    row
        Result of one image, with `experiment`, `dataset` and `image`.
    kind : {"clean", "degraded", "restored"}

    Returns
    -------
    Path

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> row = SimpleNamespace(experiment="gray-sc-sigma25", dataset="Set12", image="01")
    >>> picture("pictures", row, "clean").as_posix()
    'pictures/gray-sc-sigma25/Set12/01-clean.png'
    """
    return Path(pictures) / row.experiment / row.dataset / f"{row.image}-{kind}.png"


def read_panels(folder, rows: pd.DataFrame, box) -> Panels:
    """Read the pictures of one image, restored by each method that has a row.

    Parameters
    ----------
    folder : path
        Folder of the pictures.
    rows : pandas.DataFrame
        Per-image results of one image.
    box : (int, int, int) or None
        Top, left and width of the detail; None chooses it by `most_different_detail`.

    Returns
    -------
    Panels

    Raises
    ------
    GroupSCError
        When a picture can't be read.

    Examples
    --------
    >>> read_panels("pictures", rows, None)  # doctest: +SKIP
    """
    pictures, psnr = read_versions(folder, rows)
    _, *restored, clean = pictures.values()
    if box is None:
        box = most_different_detail(clean, *restored)
    else:
        box = (*box, round(RATIO * box[2]))
    return Panels(pictures, psnr, box)


def read_versions(folder, rows: pd.DataFrame) -> tuple[dict[str, np.ndarray], dict[str, float | None]]:
    """Read the degraded image, the image restored by each method that has a row, and the clean image, in this order.

    Parameters
    ----------
    folder, rows
        As for `read_panels`.

    Returns
    -------
    pictures : dict of str to array (c, H, W)
        Versions by title; restored images in the order of `METHOD_LABELS`.
    psnr : dict of str to float or None
        PSNR in dB by title; None for the clean image.

    Raises
    ------
    GroupSCError
        When a picture can't be read.

    Examples
    --------
    >>> read_versions("pictures", rows)  # doctest: +SKIP
    """
    order = list(METHOD_LABELS)
    lines = sorted(rows.drop_duplicates("method").itertuples(), key=lambda row: order.index(row.method))
    first = lines[0]
    clean, degraded = (read_image(picture(folder, first, kind)) for kind in ("clean", "degraded"))
    title, metric = DEGRADED_LABELS[first.task], metrics.measure_of(first.task)
    pictures, psnr = {title: degraded}, {title: getattr(metrics, metric)(degraded, clean)}
    for row in lines:
        pictures[METHOD_LABELS[row.method]] = read_image(picture(folder, row, "restored"))
        psnr[METHOD_LABELS[row.method]] = getattr(row, metric)
    return pictures | {"Clean": clean}, psnr | {"Clean": None}


def with_pictures(rows: pd.DataFrame, folder) -> pd.DataFrame:
    """Select the results whose restored image is in the folder of the pictures.

    Parameters
    ----------
    rows : pandas.DataFrame
        Per-image results.
    folder : path

    Returns
    -------
    pandas.DataFrame

    Examples
    --------
    >>> from groupsc.benchmark.rows import table_of
    >>> with_pictures(table_of([]), "pictures").empty
    True
    """
    exist = [picture(folder, row, "restored").is_file() for row in rows.itertuples()]
    return rows[np.array(exist, dtype=bool)]


def most_different_detail(clean: np.ndarray, *restored: np.ndarray) -> tuple[int, int, int, int]:
    """Find the detail where the first and the last restored image differ most.

    With one restored image, it is the detail where the clean image has the largest gradients.

    Parameters
    ----------
    clean, *restored : array (c, H, W)

    Returns
    -------
    (int, int, int, int)
        Top, left, width and height in pixels.

    Examples
    --------
    >>> clean, restored = np.zeros((1, 40, 40)), np.zeros((1, 40, 40))
    >>> restored[0, 20:27, 10:19] = 1
    >>> most_different_detail(clean, clean, restored)
    (20, 10, 9, 7)
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
    """Find the square where the first restored image is visibly worse than the second.

    In this square, the squared error of the first exceeds that of the second most, relative to the squared gradients of
    the clean image, which hide errors.

    Parameters
    ----------
    clean, first, second : array (c, H, W)

    Returns
    -------
    (int, int, int)
        Top, left and side in pixels.

    Examples
    --------
    >>> ramp = np.linspace(0, 1, 40) * np.ones((1, 40, 1))
    >>> first = ramp.copy()
    >>> first[0, 20:28, 10:18] += 0.5
    >>> worst_detail(ramp, first, ramp)
    (20, 10, 8)
    """
    side = max(8, round(SQUARE * min(clean.shape[-2:])))
    excess = box_sums((np.square(first - clean) - np.square(second - clean)).mean(0), side, side)
    structure = box_sums(sum(np.square(np.gradient(clean.mean(0), axis=axis)) for axis in (0, 1)), side, side)
    top, left = np.unravel_index(np.argmax(excess / (structure + 3 * structure.mean())), excess.shape)
    return int(top), int(left), side
