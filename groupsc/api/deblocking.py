"""Remove the artefacts of JPEG compression from arrays."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groupsc.api.loading import model_for
from groupsc.inference.batches import restore_images
from groupsc.inference.regions import halo
from groupsc.inference.restorer import Restorer
from groupsc.io.arrays import unpack
from groupsc.utils.errors import GroupSCError
from groupsc.utils.typing import PathLike
from groupsc.weights.selection import choose

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in the luma Y of YCbCr (ITU-R BT.601), which JPEG files use."""


def deblock(
    image: Any,
    quality: float,
    *,
    method: str = "best",
    weights: PathLike | None = None,
    channel_axis: int | None = None,
    device: str = "auto",
    mode: str = "whole",
    stride: int | None = None,
    memory: float | None = None,
    progress: bool = False,
) -> Any:
    """Remove the artefacts of JPEG compression.

    Parameters
    ----------
    image : array (..., H, W), or with 1 or 3 channels along `channel_axis`
        Decoded image. For colour images the luma is restored and the chroma is unchanged.
    quality : float
        Quality factor of libjpeg, 1 to 100; required. The model of the nearest trained quality is used. Above the
        trained quality of the model, its correction is reduced linearly, to zero at 100. An array does not contain its
        quality; `groupsc.io.photographs.read_photograph` reads it from a JPEG file.
    method, weights, channel_axis, device, mode, stride, memory, progress
        As for `denoise`.

    Returns
    -------
    array
        Restored image with the shape and the type of the input, clipped to its range.

    Raises
    ------
    GroupSCError
        If the image, the quality, the method or the weights can't be used; the message contains a hint.

    Examples
    --------
    >>> restored = deblock(np.full((64, 64), 0.5), quality=10)  # doctest: +SKIP
    """
    if not isinstance(quality, Real) or not 1 <= quality <= 100:
        raise GroupSCError(f"quality is {quality}; give the JPEG quality factor of the image, 1 to 100")

    def model() -> Restorer:
        return model_for("jpeg", weights or choose("jpeg", method, quality), image, device)

    def restore(one: NDArray[Any], axis: int | None, where: NDArray[np.bool_] | None) -> NDArray[Any]:
        pixels, back = unpack(one, axis)
        luma = pixels if len(pixels) == 1 else np.tensordot(LUMA.astype(pixels.dtype), pixels, 1)[None]
        restored = model().restore(luma, mode=mode, stride=stride, memory=memory, progress=progress)
        trained = model().card["level"]
        weight = 1.0 if quality <= trained else (100 - quality) / (100 - trained)
        # The change of Y is added to red, green and blue equally, which leaves Cb and Cr unchanged.
        return back(pixels + weight * (restored - luma))

    return restore_images(restore, image, channel_axis, margin=lambda: halo(model().coder))
