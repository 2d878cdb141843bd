"""Restore large images in overlapping regions, whose size fits the memory.

A region is restored with a margin, which is then cut off, so that regions leave no visible borders.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from groupsc.inference.sliding_window import number_of_steps, restore_whole, similarities_of_a_patch
from groupsc.models.coder import SparseCoder
from groupsc.ops.workers import rows_at_once
from groupsc.utils.errors import TooLittleMemoryError
from groupsc.utils.progress import Progress, progress_bar

HALO_WINDOWS = 1
"""Width of the margin around a region, in windows; the margin is restored with the region and then cut off. Within 16
pixels of the cut, the root mean square difference to the image restored as a whole is at most 0.1 gray level of 255
(`benchmarks/margins.py`)."""


def regionwise(
    model: SparseCoder,
    image: Tensor,
    mask: Tensor | None,
    *,
    level: float | None = None,
    matmul_dtype: torch.dtype,
    side: int,
    progress: Progress = False,
) -> Tensor:
    """Restore an image in whole-image mode, in overlapping regions of at most `side` pixels.

    An image that is not larger than `side` is one region.

    Parameters
    ----------
    model, image, mask, level, matmul_dtype
        As for `groupsc.inference.sliding_window.restore_whole`.
    side : int
        Side of a region in pixels, with its margin; more than 2 · `halo(model)` for an image that is larger.
    progress : bool or type
        As for `restore`.

    Returns
    -------
    Tensor (1, c, H, W)
        Restored image, not clipped.

    Examples
    --------
    >>> from groupsc.config.definitions import ModelConfig
    >>> model = SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, penalty="l1")).requires_grad_(False)
    >>> regionwise(model, torch.full((1, 1, 12, 10), 0.5), None, matmul_dtype=torch.float32, side=8).shape
    torch.Size([1, 1, 12, 10])
    """
    height, width = image.shape[-2:]
    places = [(rows, columns) for rows in _parts(model, height, side) for columns in _parts(model, width, side)]
    restored = torch.empty_like(image)
    sizes = [(rows[1].stop - rows[1].start, columns[1].stop - columns[1].start) for rows, columns in places]
    total = sum(number_of_steps(model, *size, image.device) for size in sizes)
    bar = progress_bar(progress, total, "iteration" if model.kind.nonlocal_ else "tile")
    for (row, near_rows, kept_rows), (column, near_columns, kept_columns) in places:
        region_mask = None if mask is None else mask[..., near_rows, near_columns]
        region = image[..., near_rows, near_columns]
        found = restore_whole(model, region, region_mask, level=level, matmul_dtype=matmul_dtype, advance=bar.update)
        restored[..., row, column] = found[..., kept_rows, kept_columns]
    bar.close()
    return restored


def halo(model: SparseCoder) -> int:
    """Return the width in pixels of the margin with which a region is restored.

    With a local penalty, no patch depends on another one, and the margin is one pixel less than a patch.

    Examples
    --------
    >>> from groupsc.config.definitions import ModelConfig
    >>> [halo(SparseCoder(ModelConfig(patch_size=9, n_atoms=8, penalty=penalty))) for penalty in ("l1", "group")]
    [8, 48]
    """
    if not model.kind.nonlocal_:
        return model.config.patch_size - 1
    return max(HALO_WINDOWS * model.config.window, model.config.patch_size - 1)


def region_side(model: SparseCoder, matmul_dtype: torch.dtype, memory: float, height: int, width: int) -> int:
    """Compute the side of the largest region that whole-image mode can restore within a memory limit.

    A region is the whole image if the memory allows it, otherwise a square; in a narrow image it has the width of the
    image.

    Parameters
    ----------
    model : SparseCoder
    matmul_dtype : torch.dtype
        Type of the codes and of the matrix products.
    memory : float
        Memory in bytes that may be used.
    height, width : int
        Size of the image in pixels.

    Returns
    -------
    int

    Raises
    ------
    GroupSCError
        If the memory is too small for the image and for the smallest region.

    Examples
    --------
    >>> from groupsc.config.definitions import ModelConfig
    >>> model = SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, window=5))
    >>> region_side(model, torch.float32, 1e9, 500, 400)
    500
    """
    pixels = _pixels_within(model, matmul_dtype, memory)
    if height * width <= pixels:
        return max(height, width)
    # In an image narrower than a region, the regions have the width of the image.
    side = int(pixels / min(height, width, pixels**0.5))
    if side < _least_side(model):
        raise TooLittleMemoryError(
            f"{memory / 1e6:,.6g} MB are too little; the regions of this model have a side of at least "
            f"{_least_side(model)} pixels, so allow at least "
            f"{least_memory(model, matmul_dtype, height, width) / 1e6:.0f} MB"
        )
    return side


def least_memory(model: SparseCoder, matmul_dtype: torch.dtype, height: int, width: int) -> float:
    """Compute the smallest memory limit with which `region_side` finds a region: whole megabytes, in bytes."""
    least = _least_side(model)
    needed = _bytes_for(model, matmul_dtype, min(least, height) * min(least, width))
    return 1e6 * (int(needed / 1e6) + 1)


def repetition(model: SparseCoder, matmul_dtype: torch.dtype, memory: float, height: int, width: int) -> float:
    """Compute how many times whole-image mode restores a pixel on average, because the margins of regions overlap.

    Parameters
    ----------
    model, matmul_dtype, memory, height, width
        As for `region_side`.

    Returns
    -------
    float
        1 for an image that is one region.

    Raises
    ------
    GroupSCError
        As for `region_side`.

    Examples
    --------
    >>> from groupsc.config.definitions import ModelConfig
    >>> model = SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, window=5))
    >>> repetition(model, torch.float32, 1e9, 500, 400)
    1.0
    """
    side = region_side(model, matmul_dtype, memory, height, width)
    factor = 1.0
    for length in (height, width):
        parts = _parts(model, length, side)
        factor *= sum(near.stop - near.start for _, near, _ in parts) / length
    return factor


def memory_for(model: SparseCoder, matmul_dtype: torch.dtype, most: float, height: int, width: int) -> float:
    """Compute the memory limit with which no more than `most` times the pixels of an image are restored.

    Parameters
    ----------
    model, matmul_dtype, height, width
        As for `region_side`.
    most : float
        Largest `repetition`, at least 1.

    Returns
    -------
    float
        Whole megabytes, in bytes.

    Examples
    --------
    >>> from groupsc.config.definitions import ModelConfig
    >>> model = SparseCoder(ModelConfig(patch_size=9, n_atoms=256))
    >>> memory = memory_for(model, torch.float32, 2, 3000, 4000)
    >>> repetition(model, torch.float32, memory, 3000, 4000) <= 2
    True
    """
    low = least_memory(model, matmul_dtype, height, width)
    high = max(low, full_memory(model, matmul_dtype, height, width))
    while high - low > 1e6:
        middle = 1e6 * round((low + high) / 2e6)
        if repetition(model, matmul_dtype, middle, height, width) <= most:
            high = middle
        else:
            low = middle
    return high


def full_memory(model: SparseCoder, matmul_dtype: torch.dtype, height: int, width: int) -> float:
    """Compute the memory with which an image is restored as one region: whole megabytes, in bytes."""
    return 1e6 * (int(_bytes_for(model, matmul_dtype, height * width) / 1e6) + 1)


def _least_side(model: SparseCoder) -> int:
    return 2 * halo(model) + 2 * model.config.patch_size


def _parts(model: SparseCoder, length: int, side: int) -> list[tuple[slice, slice, slice]]:
    """Split an axis into `regions` whose patches are patches of the whole image."""
    return regions(length, side, halo(model), model.config.patch_size, model.config.patch_stride)


def _bytes_for(model: SparseCoder, matmul_dtype: torch.dtype, pixels: float) -> float:
    """Memory that the restoration of a region takes."""
    a_pixel, a_coded_pixel, coded = _costs(model, matmul_dtype)
    return a_pixel * pixels + a_coded_pixel * min(pixels, coded)


def _pixels_within(model: SparseCoder, matmul_dtype: torch.dtype, memory: float) -> float:
    """Size of the region that is restored within a memory limit; the inverse of `_bytes_for`."""
    a_pixel, a_coded_pixel, coded = _costs(model, matmul_dtype)
    pixels = memory / (a_pixel + a_coded_pixel)
    return pixels if pixels <= coded else (memory - a_coded_pixel * coded) / a_pixel


def _costs(model: SparseCoder, matmul_dtype: torch.dtype) -> tuple[float, float, float]:
    """Bytes for a pixel of the image, bytes for a pixel whose patches are coded, and number of the latter at a time.

    With a local prior these are the pixels of one tile per thread, otherwise all.
    """
    config, entry, wide = model.config, matmul_dtype.itemsize, max(4, matmul_dtype.itemsize)
    images = 6 * config.channels * wide
    if not model.kind.nonlocal_:
        # Twice the size of the arrays, because freed memory is not returned at once.
        codes = 2 * (config.n_atoms * (entry + wide) + 8 * config.dimension * wide)
        return images, codes / config.patch_stride**2, rows_at_once(model.D.device) * config.patch_stride**2
    similarities = similarities_of_a_patch(config.grid_window, model.D.device, matmul_dtype) * entry
    if model.D.device.type == "cpu":
        codes = 5 * config.n_atoms * entry + 8 * config.dimension * 4
    else:  # Operations on a GPU take more patches at a time.
        codes = config.n_atoms * (3 * entry + 8) + 12 * config.dimension * 4
    return images, (similarities + codes) / config.patch_stride**2, math.inf


def regions(
    length: int, side: int, around: int, patch_size: int, multiple: int = 1
) -> list[tuple[slice, slice, slice]]:
    """Split an axis into parts with a margin.

    Parameters
    ----------
    length : int
        Length of the axis in pixels.
    side : int
        Largest length of a part with its margins; an axis that is not longer is one part.
    around : int
        Width of a margin, less than half of `side`.
    patch_size : int
        Smallest length of a part with its margins.
    multiple : int
        The parts and their margins begin at multiples of this number.

    Returns
    -------
    list of (slice, slice, slice)
        Per part its slice, its slice with the margins, and its place in the latter.

    Examples
    --------
    >>> for part in regions(10, 8, 1, 3):
    ...     print(*part)
    slice(0, 6, None) slice(0, 7, None) slice(0, 6, None)
    slice(6, 10, None) slice(5, 10, None) slice(1, 5, None)
    """
    if length <= side:
        return [(slice(0, length), slice(0, length), slice(0, length))]
    around = -(-around // multiple) * multiple
    step = (side - 2 * around) // multiple * multiple
    parts = []
    for start in range(0, length, step):
        stop = min(start + step, length)
        first, last = max(0, min(start - around, length - patch_size)), min(length, stop + around)
        first -= first % multiple
        parts.append((slice(start, stop), slice(first, last), slice(start - first, stop - first)))
    return parts
