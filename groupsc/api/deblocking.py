"""Remove the artefacts of JPEG compression from arrays."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from groupsc.api.loading import model_for
from groupsc.inference.batches import restore_images
from groupsc.inference.regions import halo
from groupsc.inference.restorer import Restorer
from groupsc.io.arrays import one_if_equal, unpack
from groupsc.io.codecs.pillow_images import SUBSAMPLINGS
from groupsc.io.jpeg_history import LUMA
from groupsc.utils.errors import GroupSCError
from groupsc.utils.progress import Progress
from groupsc.utils.typing import PathLike
from groupsc.weights.selection import choose

BLUE, RED = 1.772, 1.402
"""B − Y and R − Y are these multiples of Cb and Cr (ITU-R BT.601)."""
FACTORS = dict(zip(SUBSAMPLINGS, ((1, 1), (1, 2), (2, 2)), strict=True))
"""Rows and columns of luma per row and column of chroma."""


def deblock(
    image: Any,
    quality: float,
    *,
    subsampling: str = "4:2:0",
    method: str = "best",
    weights: PathLike | None = None,
    channel_axis: int | None = None,
    device: str = "auto",
    mode: str = "whole",
    stride: int | None = None,
    memory: float | None = None,
    progress: Progress = False,
) -> Any:
    """Remove the artefacts of JPEG compression.

    Parameters
    ----------
    image : array (..., H, W)
        Decoded gray images, or images with 1 or 3 channels along `channel_axis`. The luma and the chroma of colour
        images are restored one by one.
    quality : float
        Quality factor of libjpeg, 1 to 100; required. The model of the nearest trained quality is used for luma and
        chroma. Above the trained quality of the model, its correction is reduced linearly, to zero at 100. An array
        does not contain its quality; `groupsc.io.photographs.read_photograph` reads it from a JPEG file.
    subsampling : {"4:4:4", "4:2:2", "4:2:0"}
        Resolution of the chroma in the file, at which it is restored; the last is that of most files.
    method, weights, channel_axis, device, mode, stride, memory, progress
        As for `denoise`.

    Returns
    -------
    array
        Restored image with the shape and the type of the input, clipped to its range.

    Raises
    ------
    GroupSCError
        If the image, the quality, the subsampling, the method or the weights can't be used; the message contains a
        hint.

    Examples
    --------
    >>> decoded = np.full((40, 40, 3), 128, np.uint8)
    >>> restored = deblock(decoded, quality=10, method="sc", channel_axis=-1, device="cpu")
    >>> restored.shape, restored.dtype, restored[20, 20].tolist()
    ((40, 40, 3), dtype('uint8'), [128, 128, 128])
    """
    if not isinstance(quality, Real) or not 1 <= quality <= 100:
        raise GroupSCError(f"quality is {quality}; give the JPEG quality factor of the image, 1 to 100")
    if subsampling not in FACTORS:
        raise GroupSCError(f"subsampling is {subsampling!r}; choose one of {', '.join(FACTORS)}")

    def model() -> Restorer:
        return model_for("jpeg", weights or choose("jpeg", method, quality), image, device)

    def change(plane: NDArray[Any]) -> NDArray[Any]:
        """Return what is added to a plane (H, W) in [0, 1]."""
        restored = model().restore(plane[None], mode=mode, stride=stride, memory=memory, progress=progress)[0]
        trained = model().card["level"]
        return (1.0 if quality <= trained else (100 - quality) / (100 - trained)) * (restored - plane)

    def restore(one: NDArray[Any], axis: int | None, where: NDArray[np.bool_] | None) -> NDArray[Any]:
        pixels, back = unpack(one, axis)
        if len(one_if_equal(pixels)) == 1:
            return back(pixels + change(pixels[0]))
        luma = np.tensordot(LUMA.astype(pixels.dtype), pixels, 1)
        red, blue = (
            scale * _at_resolution(0.5 + (pixels[channel] - luma) / scale, subsampling, change)
            for channel, scale in ((0, RED), (2, BLUE))
        )
        green = -(LUMA[0] * red + LUMA[2] * blue) / LUMA[1]
        return back((pixels + change(luma) + np.stack([red, green, blue])).astype(pixels.dtype))

    return restore_images(restore, image, channel_axis, margin=lambda: max(FACTORS[subsampling]) * halo(model().coder))


def _at_resolution(
    plane: NDArray[Any], subsampling: str, function: Callable[[NDArray[Any]], NDArray[Any]]
) -> NDArray[Any]:
    """Apply a function to a plane (H, W) at the resolution of its chroma, and enlarge the result."""
    height, width = plane.shape
    rows, columns = FACTORS[subsampling]
    whole = torch.from_numpy(np.pad(plane, ((0, -height % rows), (0, -width % columns)), mode="edge"))[None, None]
    small = functional.avg_pool2d(whole, (rows, columns))
    changed = torch.from_numpy(function(small[0, 0].numpy()))[None, None]
    enlarged = functional.interpolate(changed, whole.shape[2:], mode="bilinear", align_corners=False)
    return np.asarray(enlarged[0, 0, :height, :width])
