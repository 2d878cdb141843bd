"""Remove the artefacts of JPEG compression from arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from groupsc.api.array_kinds import restore_images
from groupsc.api.loading import model_for
from groupsc.guards.jpeg import AROUND, SIDE, Grid, decoded_chroma, find_grid, full_contrast, guard_jpeg
from groupsc.inference.regions import halo
from groupsc.inference.restorer import Restorer
from groupsc.io.arrays import one_if_equal, unpack
from groupsc.io.codecs.pillow_images import SUBSAMPLINGS, TURNED, chrominance_tables, luminance_tables
from groupsc.io.jpeg_history import LUMA
from groupsc.utils.errors import GroupSCError
from groupsc.utils.progress import Progress
from groupsc.utils.typing import PathLike
from groupsc.weights.selection import choose

BLUE, RED = 1.772, 1.402
"""B − Y and R − Y are these multiples of Cb and Cr (ITU-R BT.601)."""
FACTORS = dict(zip((*SUBSAMPLINGS, TURNED), ((1, 1), (1, 2), (2, 2), (2, 1)), strict=True))
"""Rows and columns of luma per row and column of chroma."""

WHITE = 255
"""White of a decoded JPEG picture. Pictures of 16 bits have multiples of 257."""

Steps = Sequence[NDArray[Any]]
"""Quantisation tables (64,) of luma and chroma."""


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
    guard: bool = True,
) -> Any:
    """Remove the artefacts of JPEG compression.

    Parameters
    ----------
    image : array (..., H, W)
        Decoded gray images, or images with 1 or 3 channels along `channel_axis`: uint8, uint16 or floats in
        [0, 1]. The luma and the chroma of colour images are restored one by one.
    quality : float
        Quality factor of libjpeg, 1 to 100; required. The model of the nearest trained quality is used for luma and
        chroma. Above the trained quality of the model, its correction is reduced linearly, to zero at 100. An array
        does not contain its quality; `groupsc.io.photographs.read_photograph` reads it from a JPEG file.
    subsampling : {"4:4:4", "4:2:2", "4:2:0", "4:4:0"}
        Resolution of the chroma in the file, at which it is restored; "4:2:0" is that of most files, "4:4:0" that of a
        "4:2:2" image that was turned by a quarter. Chroma of fewer pixels than a patch is not changed.
    method, weights, channel_axis, device, mode, stride, memory, progress
        As for `denoise`.
    guard : bool
        Move the restoration into the intervals that the quantisation of the file allows, and replace it by the input
        where it is far outside them or the image is a drawing or a text in black and white; see
        `groupsc.guards.jpeg`. The tables of the paper are made without a guard.

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
    _check(quality, subsampling)
    deep = isinstance(image, np.ndarray) and image.dtype.kind == "u" and image.itemsize > 1 and image.size > 0
    if deep and 0 < image.max() <= WHITE:
        raise GroupSCError(f"the values of the uint16 image are at most {image.max()}; convert 8-bit values to uint8")

    def model() -> Restorer:
        return model_for("jpeg", weights or choose("jpeg", method, quality), image, device)

    def restore(one: NDArray[Any], axis: int | None, where: NDArray[np.bool_] | None) -> NDArray[Any]:
        options: dict[str, Any] = {"mode": mode, "stride": stride, "memory": memory, "progress": progress}
        return _deblocked(one, axis, model(), quality, subsampling, guard=guard, **options)[0]

    def margin() -> int:
        return max(FACTORS[subsampling]) * (halo(model().coder) + (AROUND if guard else 0))

    return restore_images(
        restore, image, channel_axis, margin=margin, grid=max(FACTORS[subsampling]) * (SIDE if guard else 1)
    )


def deblock_with_facts(
    image: NDArray[Any],
    quality: float,
    *,
    subsampling: str = "4:2:0",
    steps: Steps | None = None,
    method: str = "best",
    weights: PathLike | None = None,
    channel_axis: int | None = None,
    device: str = "auto",
    guard: bool = True,
    **options: Any,
) -> tuple[NDArray[Any], dict[str, Any]]:
    """Remove the artefacts of one image, and return what was done.

    The parameters and errors are those of `deblock`, for one numpy array without batch axes. `steps` are the
    quantisation tables of luma and chroma, by default those of libjpeg at this quality.

    Returns
    -------
    restored : array
        As `deblock` returns it.
    facts : dict
        Largest share of a plane that the guard replaced; whether luma was projected onto the quantisation intervals,
        which is impossible if the pixels do not show the grid of the compression.

    Examples
    --------
    >>> decoded = np.full((40, 40), 128, np.uint8)
    >>> restored, facts = deblock_with_facts(decoded, 10, method="sc", device="cpu")
    >>> facts
    {'share': 0.0, 'projected': True}
    """
    _check(quality, subsampling)
    model = model_for("jpeg", weights or choose("jpeg", method, quality), image, device)
    return _deblocked(image, channel_axis, model, quality, subsampling, steps, guard=guard, **options)


def _check(quality: float, subsampling: str) -> None:
    if not isinstance(quality, Real) or not 1 <= quality <= 100:
        raise GroupSCError(f"quality is {quality}; give the JPEG quality factor of the image, 1 to 100")
    if subsampling not in FACTORS:
        raise GroupSCError(f"subsampling is {subsampling!r}; choose one of {', '.join(FACTORS)}")


def _deblocked(
    image: NDArray[Any],
    channel_axis: int | None,
    model: Restorer,
    quality: float,
    subsampling: str,
    steps: Steps | None = None,
    *,
    guard: bool,
    **options: Any,
) -> tuple[NDArray[Any], dict[str, Any]]:
    """Restore one image; result as for `deblock_with_facts`."""
    pixels, back = unpack(image, channel_axis)
    guarding = _Guard(pixels, quality, steps) if guard else None

    def change(plane: NDArray[Any], factors: tuple[int, int] | None = None) -> NDArray[Any]:
        """Return what is added to a plane (H, W) in [0, 1]; `factors` are those of chroma."""
        if factors is not None and min(plane.shape) < model.coder.config.patch_size:
            return np.zeros_like(plane)
        restored = model.restore(plane[None], **options)[0]
        trained = model.card["level"]
        added = (1.0 if quality <= trained else (100 - quality) / (100 - trained)) * (restored - plane)
        return added if guarding is None else guarding.change(plane, added, factors)

    if len(one_if_equal(pixels)) == 1:
        restored = pixels + change(pixels[0])
    else:
        luma = np.tensordot(LUMA.astype(pixels.dtype), pixels, 1)
        added = change(luma)
        factors = FACTORS[subsampling]
        red, blue = (
            scale * _at_resolution(0.5 + (pixels[channel] - luma) / scale, factors, lambda x: change(x, factors))
            for channel, scale in ((0, RED), (2, BLUE))
        )
        green = -(LUMA[0] * red + LUMA[2] * blue) / LUMA[1]
        restored = (pixels + added + np.stack([red, green, blue])).astype(pixels.dtype)
    facts = {} if guarding is None else {"share": guarding.share, "projected": guarding.grid is not None}
    return back(restored), facts


class _Guard:
    """The guard of the planes of one image; luma comes first, because it shows where the blocks begin."""

    def __init__(self, pixels: NDArray[Any], quality: float, steps: Steps | None):
        tables = (luminance_tables, chrominance_tables)
        self.steps = steps or [table()[max(1, round(quality)) - 1] for table in tables]
        self.contrast = full_contrast(pixels)
        self.grid: Grid | None = None
        self.share = 0.0

    def change(self, plane: NDArray[Any], added: NDArray[Any], factors: tuple[int, int] | None) -> NDArray[Any]:
        """Return what is added to a plane in place of `added`."""
        steps = np.reshape(self.steps[factors is not None], (SIDE, SIDE)).astype(float)
        contrast, decoded = self.contrast, 255 * plane.astype(np.float64)
        if factors is None:
            found = self.grid = find_grid(decoded, steps)
        else:
            decoded = decoded_chroma(decoded, tuple(axis for axis in (0, 1) if factors[axis] > 1))
            contrast = _reduced(contrast, factors)
            found = None if self.grid is None else find_grid(decoded, steps)
        grid = found or Grid(0, 0, steps)
        guarded, weights = guard_jpeg(
            decoded, decoded + 255 * added, grid, projected=found is not None, contrast=contrast
        )
        self.share = max(self.share, float(weights.mean()))
        return np.asarray((guarded - decoded) / 255).astype(plane.dtype)


def _at_resolution(
    plane: NDArray[Any], factors: tuple[int, int], function: Callable[[NDArray[Any]], NDArray[Any]]
) -> NDArray[Any]:
    """Apply a function to a plane (H, W) at the resolution of its chroma, and enlarge the result."""
    height, width = plane.shape
    small = _reduced(plane, factors)
    changed = torch.from_numpy(function(small))[None, None]
    size = [factor * length for factor, length in zip(factors, small.shape, strict=True)]
    enlarged = functional.interpolate(changed, size, mode="bilinear", align_corners=False)
    return np.asarray(enlarged[0, 0, :height, :width])


def _reduced(plane: NDArray[Any], factors: tuple[int, int]) -> NDArray[Any]:
    """Return the means of the pixels that share a value of chroma."""
    rows, columns = factors
    height, width = plane.shape
    whole = torch.from_numpy(np.pad(plane, ((0, -height % rows), (0, -width % columns)), mode="edge"))[None, None]
    return np.asarray(functional.avg_pool2d(whole, factors)[0, 0])
