"""Arrays of people: numpy images of several layouts and types to channels of floats and back."""

from __future__ import annotations

import numpy as np

from groupsc.utils.errors import GroupSCError

BRIGHTEST, FARTHEST = 2.0, 8.0
"""Floats above the first without any below zero, or beyond the second, are not in [0, 1] with noise."""


def unpack(image, channel_axis):
    """Pixels (c, H, W) as floats in [0, 1], and the function that gives a result the image's layout, range and type;
    three channels that came from one lie last."""
    image = np.asarray(image)
    _check_array(image, channel_axis)
    highest = 1.0 if image.dtype.kind == "f" else float(np.iinfo(image.dtype).max)
    work = np.float64 if image.dtype == np.float64 else np.float32
    pixels = image[None] if channel_axis is None else np.moveaxis(image, channel_axis, 0)
    pixels = np.ascontiguousarray(pixels, dtype=work) / work(highest)

    def back(result):
        result = np.clip(result, 0, 1)
        if channel_axis is None and len(result) == 1:
            result = result[0]
        elif channel_axis is None:
            result = np.moveaxis(result, 0, -1)
        else:
            result = np.moveaxis(np.broadcast_to(result, pixels.shape), 0, channel_axis)
        if image.dtype.kind != "f":
            result = np.round(result * highest)
        return np.ascontiguousarray(result.astype(image.dtype))

    return pixels, back


def _check_array(image: np.ndarray, channel_axis) -> None:
    """Raise an error unless an array is an image whose range is known."""
    if not (image.dtype.kind == "f" or image.dtype in (np.uint8, np.uint16)) or not image.size:
        raise GroupSCError(
            f"an image of type {image.dtype} and shape {image.shape} can't be restored; give uint8, uint16, or floats "
            "in [0, 1]"
        )
    if channel_axis is None and image.ndim != 2:
        raise GroupSCError(f"the image is {image.shape}; give (H, W), or name the axis of its colours by channel_axis")
    if channel_axis is not None and (
        image.ndim != 3 or channel_axis not in range(-3, 3) or image.shape[channel_axis] not in (1, 3)
    ):
        raise GroupSCError(
            f"the image is {image.shape}; give 1 or 3 channels along channel_axis {channel_axis}, without transparency"
        )
    if image.dtype.kind != "f":
        return
    if not np.isfinite(image).all():
        raise GroupSCError("the image holds NaN or infinite values; replace them by numbers before it is restored")
    if np.abs(image).max() > FARTHEST or (image.min() >= 0 and image.max() > BRIGHTEST):
        raise GroupSCError(
            f"the image holds values from {image.min():g} to {image.max():g}; scale floats to [0, 1], by 255 for those "
            "of 8 bits"
        )


def one_if_equal(pixels: np.ndarray) -> np.ndarray:
    """One channel (1, H, W) of pixels (c, H, W) whose channels are equal, else all."""
    return pixels[:1] if (pixels[1:] == pixels[0]).all() else pixels
