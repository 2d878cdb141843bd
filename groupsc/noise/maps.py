"""Remove noise whose σ differs between the channels or places of an image.

Models take one σ for an image. The image is restored for up to three values of σ from the smallest to the largest,
and every pixel is interpolated between the two restorations whose σ are next to its own, linearly in log σ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from groupsc.utils.errors import GroupSCError

SAME, NEAR, FAR = 1.05, 2.0, 16.0
"""Ratio of the largest to the smallest σ up to which one restoration is enough; up to which two are enough; and above
which the smallest σ are not restored by themselves."""


def sigma_array(sigma: ArrayLike, shape: tuple[int, ...], channel_axis: int | None) -> NDArray[np.float64]:
    """Return σ of every channel and pixel.

    Parameters
    ----------
    sigma : array_like
        One σ per channel (c,), a map (H, W), or a map of the shape of the image.
    shape : tuple of int
        Shape of the image.
    channel_axis : int or None
        Axis of the channels.

    Returns
    -------
    array (c, H, W)

    Raises
    ------
    GroupSCError
        If the shape does not agree, or a value is negative, not finite, or all are 0.

    Examples
    --------
    >>> sigma_array([1, 2, 3], (8, 9, 3), -1).shape
    (3, 8, 9)
    """
    try:
        values = np.asarray(sigma, np.float64)
    except (TypeError, ValueError) as error:
        raise GroupSCError("sigma contains values that are no numbers; give standard deviations") from error
    channels = 1 if channel_axis is None else shape[channel_axis]
    plane = shape if channel_axis is None else tuple(map(int, np.delete(shape, channel_axis)))
    if values.shape == (channels,) and values.shape != shape:
        values = values[:, None, None]
    elif values.shape == plane:
        values = values[None]
    elif values.shape == shape and channel_axis is not None:
        values = np.moveaxis(values, channel_axis, 0)
    else:
        raise GroupSCError(
            f"sigma has the shape {values.shape} and the image {shape}; give a number, one per channel, or a map of "
            f"the shape {plane} or {shape}"
        )
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() > 0):
        raise GroupSCError("sigma contains values that are negative, not finite, or all 0; give standard deviations")
    return np.broadcast_to(values, (channels, *plane))


def levels(sigma: NDArray[np.float64]) -> list[float]:
    """Return the values of σ for which an image is restored, in ascending order.

    Parameters
    ----------
    sigma : array
        σ of every value, at least 0.

    Returns
    -------
    list of float
        One to three values.

    Examples
    --------
    >>> [round(x, 6) for x in levels(np.array([5.0, 10.0, 20.0]))]
    [5.0, 10.0, 20.0]
    """
    high = float(sigma.max())
    low = max(float(sigma.min()), high / FAR)
    ratio = high / low
    number = 1 if ratio <= SAME else 2 if ratio <= NEAR else 3
    return [high] if number == 1 else [float(x) for x in np.geomspace(low, high, number)]


def denoise_by_levels(
    image: NDArray[Any], sigma: NDArray[np.float64], white: Callable[[NDArray[Any], float], NDArray[Any]]
) -> tuple[NDArray[Any], list[float]]:
    """Remove noise whose σ differs between the values of an image.

    The cost is that of one to three restorations of the whole image.

    Parameters
    ----------
    image : array (c, H, W), floating
    sigma : array (c, H, W)
        σ of every value. Values below a sixteenth of the largest are restored less, those of σ = 0 not at all.
    white : callable
        `white(image, sigma)` removes white noise of one σ.

    Returns
    -------
    restored : array (c, H, W)
    parts : list of float
        Mean weight of each call of `white` in the result.

    Examples
    --------
    >>> image = np.ones((1, 2, 2))
    >>> denoise_by_levels(image, np.array([[[0, 1], [2, 4]]]), lambda x, sigma: x * sigma)[0].round(2)
    array([[[1. , 1. ],
            [2.5, 4. ]]])
    """
    steps, parts = levels(sigma), []
    restored: NDArray[Any] = image.astype(np.float64)
    for level, weight in zip(steps, weights_of_levels(sigma, steps), strict=True):
        restored = restored + weight * (white(image, level) - image)
        parts.append(float(weight.mean()))
    return restored, parts


def weights_of_levels(sigma: NDArray[np.float64], steps: list[float]) -> Iterator[NDArray[np.float64]]:
    """Yield the weight of the restoration of each level, for every value of an image.

    The sum of the weights of a value is 1. Below the lowest level it decreases to 0, since less is removed.

    Parameters
    ----------
    sigma : array (c, H, W)
        σ of every value.
    steps : list of float
        `levels` of sigma.

    Yields
    ------
    array (c, H, W)

    Examples
    --------
    >>> [weight.round(1).tolist() for weight in weights_of_levels(np.array([0.0, 1.0, 2.0, 4.0]), [1.0, 4.0])]
    [[0.0, 1.0, 0.5, 0.0], [0.0, 0.0, 0.5, 1.0]]
    """
    at = np.log(np.maximum(sigma, steps[0]))
    for number in range(len(steps)):
        weight = np.interp(at, np.log(steps), np.eye(len(steps))[number])
        yield weight * np.minimum(SAME * sigma / steps[0], 1)
