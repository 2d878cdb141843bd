"""Select restored images for the sliders of the page, and encode their versions and errors."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass

import numpy as np
import pandas as pd
from PIL import Image

from groupsc.benchmark import metrics
from groupsc.config.labels import DEGRADED_LABELS, METHOD_LABELS, TASK_LABELS, task_label
from groupsc.io.images import read_image
from groupsc.paper.pictures import picture

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
    drawn = [picture(pictures, row, "restored").is_file() for row in rows.itertuples()]
    rows = rows[np.array(drawn, dtype=bool)]
    turns = []
    for _, own in rows.groupby("task", sort=False):
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
    order = list(METHOD_LABELS)
    lines = sorted(rows.drop_duplicates("method").itertuples(), key=lambda row: order.index(row.method))
    first = lines[0]
    clean, degraded = (read_image(picture(pictures, first, kind)) for kind in ("clean", "degraded"))
    measure = metrics.measure_of(first.task)
    versions = [(f"{DEGRADED_LABELS[first.task]}, {getattr(metrics, measure)(degraded, clean):.2f} dB", degraded)]
    for row in lines:
        title = f"{METHOD_LABELS[row.method]}, {getattr(row, measure):.2f} dB"
        versions.append((title, read_image(picture(pictures, row, "restored"))))
    versions.append(("Clean", clean))
    views = [View(name, webp(_pil(image)), _error(image, clean)) for name, image in versions]
    size = (clean.shape[2], clean.shape[1])
    return Comparison(f"{task_label(first.task, first.level)}: {first.image} of {first.dataset}", size, views)


def _error(image: np.ndarray, clean: np.ndarray) -> str:
    """Return a picture of the absolute error, averaged over the channels: black is no error."""
    error = np.abs(image.clip(0, 1) - clean).mean(0, keepdims=True)
    return webp(_pil(GAIN * error), ERROR_QUALITY)


def _pil(image: np.ndarray) -> Image.Image:
    pixels = (image.clip(0, 1) * 255).round().astype(np.uint8)
    return Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).convert("RGB")
