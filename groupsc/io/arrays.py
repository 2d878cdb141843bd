"""Convert users' numpy images of any supported layout and type to float channels, and results back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from groupsc.utils.errors import GroupSCError

MAX_NONNEGATIVE, MAX_ABSOLUTE = 2.0, 8.0
"""Bounds on the values of a float image that is in [0, 1] apart from noise. The first bounds the values of an image
without negative values, the second bounds the absolute values of every image."""


def unpack(
    image: ArrayLike, channel_axis: int | None, *, scaled: bool = True
) -> tuple[NDArray[Any], Callable[[NDArray[Any]], NDArray[Any]]]:
    """Convert a user's image to channels, and return a function that converts results back.

    Parameters
    ----------
    image : array_like
        (H, W), or 1 or 3 channels along `channel_axis`; integers, or floats; with `scaled`, uint8, uint16 or floats.
    channel_axis : int or None
        Axis of the channels. None means that the image is (H, W).
    scaled : bool
        Scale the values to [0, 1]; floats must be in [0, 1] apart from noise. Otherwise keep values and type.

    Returns
    -------
    pixels : ndarray (c, H, W)
        With `scaled`, values divided by the maximum of an integer type; float64 for a float64 image, float32 for the
        others.
    back : callable
        Converts a result (c, H, W) in the units of `pixels` to the layout, range and type of `image`. It clips the
        result to the range of the type, which is [0, 1] for floats if all values of `image` are in it, and rounds it
        for integer types. If `channel_axis` is None, the channel axis of a three-channel result is the last axis.

    Raises
    ------
    GroupSCError
        When the type or the shape is not supported, or a value is NaN or infinite; with `scaled` also when the range of
        floats is not [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> pixels, back = unpack(np.array([[0, 255]], dtype=np.uint8), None)
    >>> pixels
    array([[[0., 1.]]], dtype=float32)
    >>> back(pixels)
    array([[  0, 255]], dtype=uint8)
    """
    image = np.asarray(image)
    _check_array(image, channel_axis)
    floats = image.dtype.kind == "f"
    if scaled:
        _check_unit_range(image)
    pixels = np.ascontiguousarray(image[None] if channel_axis is None else np.moveaxis(image, channel_axis, 0))
    factor = float(np.iinfo(image.dtype).max) if scaled and not floats else 1.0
    if scaled:
        work = working_type(image.dtype)
        pixels = pixels.astype(work) / work(factor)
    lowest, highest = (np.iinfo(image.dtype).min, np.iinfo(image.dtype).max) if not floats else (-np.inf, np.inf)
    if floats and image.min() >= 0 and image.max() <= 1:
        lowest, highest = 0, 1

    def back(result: NDArray[Any]) -> NDArray[Any]:
        if channel_axis is None and len(result) == 1:
            result = result[0]
        elif channel_axis is None:
            result = np.moveaxis(result, 0, -1)
        else:
            result = np.moveaxis(np.broadcast_to(result, pixels.shape), 0, channel_axis)
        if not floats:
            result = np.round(result * factor)
        return np.ascontiguousarray(result.clip(lowest, highest).astype(image.dtype))

    return pixels, back


def working_type(dtype: np.dtype) -> type[np.floating[Any]]:
    """Return the floating type in which images of a type are restored.

    Examples
    --------
    >>> import numpy as np
    >>> working_type(np.dtype(np.uint16)), working_type(np.dtype(np.int32))
    (<class 'numpy.float32'>, <class 'numpy.float64'>)
    """
    return np.float64 if dtype == np.float64 or (dtype.kind != "f" and dtype.itemsize > 2) else np.float32


def _check_array(image: NDArray[Any], channel_axis: int | None) -> None:
    """Raise an error unless the array is an image with a supported type and shape, and finite values."""
    if image.dtype.kind not in "iuf" or not image.size:
        raise GroupSCError(
            f"an image of type {image.dtype} and shape {image.shape} can't be restored; give integers or floats"
        )
    if channel_axis is None and image.ndim != 2:
        raise GroupSCError(f"the image has shape {image.shape}; give (H, W), or name the colour axis with channel_axis")
    if channel_axis is not None and (
        image.ndim != 3 or channel_axis not in range(-3, 3) or image.shape[channel_axis] not in (1, 3)
    ):
        raise GroupSCError(
            f"the image has shape {image.shape}; give 1 or 3 channels along channel_axis {channel_axis}, "
            "without transparency"
        )
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        raise GroupSCError("the image contains NaN or infinite values; replace them with numbers")


def _check_unit_range(image: NDArray[Any]) -> None:
    """Raise an error unless the type gives the value of white, or floats are in [0, 1] apart from noise."""
    if image.dtype.kind != "f":
        if image.dtype.kind != "u" or image.dtype.itemsize > 2:
            raise GroupSCError(
                f"the image has the type {image.dtype}, whose value of white is not known; give uint8, uint16, or "
                "floats in [0, 1]"
            )
        return
    if np.abs(image).max() > MAX_ABSOLUTE or (image.min() >= 0 and image.max() > MAX_NONNEGATIVE):
        raise GroupSCError(
            f"the image contains values from {image.min():g} to {image.max():g}; scale floats to [0, 1] (divide 8-bit "
            "values by 255)"
        )


def one_if_equal(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return one channel if all channels are equal, otherwise all channels.

    Parameters
    ----------
    pixels : ndarray (c, H, W)

    Returns
    -------
    ndarray (1, H, W) or (c, H, W)

    Examples
    --------
    >>> import numpy as np
    >>> one_if_equal(np.ones((3, 4, 4))).shape
    (1, 4, 4)
    """
    return pixels[:1] if (pixels[1:] == pixels[0]).all() else pixels
