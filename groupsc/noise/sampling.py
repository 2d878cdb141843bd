"""Choose a part of a large image, spread over all of it, for statistics such as the noise level."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

LARGEST = 2**20
"""Number of pixels above which only a part of an image is used."""
SIDE = 128
"""Side of the squares that are used of a larger image, in pixels."""


def sample(image: NDArray[np.floating], where: NDArray[np.bool_]) -> tuple[NDArray[np.floating], NDArray[np.bool_]]:
    """Return an image of at most about a megapixel, which consists of squares of a larger image.

    The squares are at regular intervals among those of which at least half of the pixels count. Lines of one pixel
    that do not count separate them, so that no patch contains pixels of two squares.

    Parameters
    ----------
    image : array (c, H, W)
    where : array (H, W) of bool
        True for pixels that count.

    Returns
    -------
    image : array (c, H', W')
        The image itself if it has at most `LARGEST` pixels.
    where : array (H', W') of bool
        True for pixels that count.

    Examples
    --------
    >>> part, counted = sample(np.zeros((3, 3000, 4000)), np.ones((3000, 4000), bool))
    >>> part.shape, int(counted.sum()) == LARGEST
    ((3, 1032, 1032), True)
    """
    channels, height, width = image.shape
    if height * width <= LARGEST:
        return image, where
    tall, wide = min(SIDE, height), min(SIDE, width)
    rows, columns = height // tall, width // wide
    squares = where[: rows * tall, : columns * wide].reshape(rows, tall, columns, wide).mean((1, 3)).ravel()
    candidates = np.flatnonzero(squares >= min(0.5, squares.max()))
    number = min(len(candidates), LARGEST // (tall * wide))
    chosen = candidates[np.linspace(0, len(candidates) - 1, number).round().astype(int)]
    across = math.ceil(math.sqrt(number))
    down = math.ceil(number / across)
    part = np.zeros((channels, down * (tall + 1), across * (wide + 1)), image.dtype)
    counted = np.zeros(part.shape[1:], bool)
    for place, square in enumerate(chosen):
        source = _square(divmod(int(square), columns), tall, wide, 0)
        target = _square(divmod(place, across), tall, wide, 1)
        part[:, *target], counted[target] = image[:, *source], where[source]
    return part, counted


def _square(at: tuple[int, int], tall: int, wide: int, gap: int) -> tuple[slice, slice]:
    top, left = at[0] * (tall + gap), at[1] * (wide + gap)
    return slice(top, top + tall), slice(left, left + wide)
