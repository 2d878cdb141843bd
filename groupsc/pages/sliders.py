"""Select restored images for the sliders of the page, and encode their versions and errors."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
import pandas as pd
from PIL import Image

from groupsc.config.labels import METHOD_LABELS, TASK_LABELS, task_label
from groupsc.paper.pictures import read_versions, with_pictures

QUALITY, ERROR_QUALITY = 82, 60
"""Quality of the WebP pictures of images and of their errors."""
GAIN = 5
"""Factor by which the absolute error is multiplied in its picture."""


@dataclass(frozen=True)
class View:
    """One version of an image: its name, and the version and its error as data URLs."""

    name: str
    source: str
    error: str


@dataclass(frozen=True)
class Comparison:
    """The versions of one image; the degraded is first and the clean last. The size is (width, height) in pixels."""

    title: str
    size: tuple[int, int]
    views: list[View]


def comparisons(rows: pd.DataFrame, pictures, shown: int) -> list[Comparison]:
    """Select images for the sliders, alternating between the tasks, so that a short list contains all tasks.

    Parameters
    ----------
    rows : pandas.DataFrame
        Per-image results.
    pictures : path
        Folder of `<experiment>/<data set>/<image>-restored.png`.
    shown : int
        Largest number of images.

    Returns
    -------
    list of Comparison

    Examples
    --------
    >>> from groupsc.benchmark.rows import table_of
    >>> comparisons(table_of([]), "pictures", 4)
    []
    """
    rows = rows[(rows["repetition"] == 0) & rows["method"].isin(METHOD_LABELS)]
    whole = rows["mode"] != "block"
    rows = rows[whole] if whole.any() else rows
    turns = []
    for _, own in with_pictures(rows, pictures).groupby("task", sort=False):
        keys = ["level", "dataset", "image"]
        turns += list(enumerate(group for _, group in own.groupby(keys, dropna=False, sort=False)))
    turns.sort(key=lambda turn: (turn[0], list(TASK_LABELS).index(turn[1]["task"].iloc[0])))
    return [_comparison(pictures, group) for _, group in turns[:shown]]


def webp(image: Image.Image, quality: int = QUALITY) -> str:
    """Return a picture as a data URL.

    Examples
    --------
    >>> webp(Image.new("RGB", (2, 2)))[:23]
    'data:image/webp;base64,'
    """
    stream = io.BytesIO()
    image.save(stream, "WEBP", quality=quality, method=4)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode()


def _comparison(pictures, rows: pd.DataFrame) -> Comparison:
    versions, psnr = read_versions(pictures, rows)
    first, clean = next(rows.itertuples()), versions["Clean"]
    names = {title: title if value is None else f"{title}, {value:.2f} dB" for title, value in psnr.items()}
    views = [View(names[title], webp(_pil(image)), _error(image, clean)) for title, image in versions.items()]
    size = (clean.shape[2], clean.shape[1])
    return Comparison(f"{task_label(first.task, first.level)}: {first.image} of {first.dataset}", size, views)


def _error(image: np.ndarray, clean: np.ndarray) -> str:
    """Return a picture of the absolute error, averaged over the channels: black is no error."""
    error = np.abs(image.clip(0, 1) - clean).mean(0, keepdims=True)
    return webp(_pil(GAIN * error), ERROR_QUALITY)


def _pil(image: np.ndarray) -> Image.Image:
    pixels = (image.clip(0, 1) * 255).round().astype(np.uint8)
    return Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).convert("RGB")
