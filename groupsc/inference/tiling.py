"""Restoration of images of any size with a trained coder.

Whole-image mode gives every patch the full window around it: no blocks, no seams. Block mode is the paper's: blocks of
the side that the coder was trained on, whose patches see no others; blocks overlap, and each pixel is the mean of its
estimates, weighted by the number of patches behind each (section 3.6, "Block processing").
"""

from __future__ import annotations

import contextlib
import copy
import functools
from numbers import Integral, Real

import torch
from torch import Tensor
from tqdm import tqdm

from groupsc.config.checks import is_count, require_blocks
from groupsc.inference.sliding_window import SUMMED, restore_whole
from groupsc.models.coder import SparseCoder
from groupsc.ops.patches import counts
from groupsc.ops.window import TILE
from groupsc.utils.device import device_name, fast_matmul_dtype
from groupsc.utils.errors import GroupSCError, TooLittleMemoryError
from groupsc.utils.memory import memory_share

RESTORATION_MODES = ("whole", "block")
BLOCKS_TOGETHER = {"cpu": 1, "cuda": 24}
"""Most blocks that go through the coder together: one stays in a CPU's cache, a GPU wants many."""

HALO_WINDOWS = 2
"""Windows of surroundings that a region of a large image is restored with, and that are then cut off."""


def restore(
    model: SparseCoder,
    image: Tensor,
    mask: Tensor | None = None,
    *,
    level: float | None = None,
    mode: str = "whole",
    stride: int | None = None,
    memory: float | None = None,
    progress: bool = False,
) -> Tensor:
    """Restore one image of any size.

    Parameters
    ----------
    model : SparseCoder
    image : Tensor (1, c, H, W)
        Degraded image in [0, 1], zeros where nothing was measured. float64 is restored in float64 throughout; float32
        with the fastest matrix products of the device.
    mask : Tensor (c, H, W) or (1, c, H, W), optional
        1 where a value was measured.
    level : float, optional
        Noise σ in gray levels of 255, for blind models; see `groupsc.inference.noise_level.estimate_noise`.
    mode : {"whole", "block"}
    stride : int, optional
        For block mode alone, the step between blocks in pixels; left out, the side of the window, which is 48 for the
        paper's blocks of 56. Blocks are as large as those of the training, and where the stride is larger as the
        stride, up to 56.
    memory : float, optional
        Bytes that may be used; whole-image mode restores an image that needs more in overlapping regions. Left out, the
        part that falls to this process (`groupsc.utils.memory.memory_share`).
    progress : bool
        Show a bar when it takes more than two seconds.

    Returns
    -------
    Tensor (1, c, H, W)
        Not clipped.

    Raises
    ------
    GroupSCError
        For an image of other channels than the model's, or smaller than a patch; an unknown mode; a stride without
        blocks or wider than them; too little memory, or a GPU's that is full; a prior that whole images don't know.
    """
    channels, height, width = image.shape[-3:]
    patch_size = model.config.patch_size
    if mode not in RESTORATION_MODES:
        raise GroupSCError(f"there is no mode {mode!r}; choose one of {', '.join(RESTORATION_MODES)}")
    require_blocks(mode, stride)
    if stride is not None and not is_count(stride):
        raise GroupSCError(f"the stride between blocks is {stride!r}; choose whole pixels, at least 1")
    if image.ndim != 4 or image.shape[0] != 1 or channels != model.config.channels:
        raise GroupSCError(f"the model wants an image (1, {model.config.channels}, H, W), not {tuple(image.shape)}")
    if min(height, width) < patch_size:
        raise GroupSCError(
            f"the image is {height}×{width} pixels, smaller than a {patch_size}×{patch_size} patch; use a larger one"
        )
    if model.D.dtype != image.dtype:
        model = copy.deepcopy(model).to(image.dtype)
    matmul_dtype = image.dtype if image.dtype == torch.float64 else fast_matmul_dtype(image.device)
    if memory is not None and not (isinstance(memory, Real) and memory > 0):
        raise GroupSCError(f"memory is {memory!r}; give a number of bytes above 0")
    mask = None if mask is None else mask.to(image).expand_as(image)
    options = {"level": level, "matmul_dtype": matmul_dtype}
    with torch.no_grad(), torch.autocast(image.device.type, enabled=False), _within_memory(image.device):
        if mode == "whole":
            if memory is None:
                memory = memory_share(image.device, least_memory(model, matmul_dtype, height, width))
            side = region_side(model, matmul_dtype, memory, height, width)
            return regionwise(model, image, mask, **options, side=side, progress=progress)
        # On a CPU similar patches are summed faster tile by tile, for a block as well; a GPU wants many blocks.
        tiled = image.device.type == "cpu" and model.config.penalty in SUMMED
        each = functools.partial(restore_whole, model) if tiled else model
        side = model.config.block(stride)
        return blockwise(
            functools.partial(each, **options),
            image,
            mask,
            side=side,
            stride=model.config.window if stride is None else stride,
            patch_size=patch_size,
            together=blocks_together(model, image, side, memory_share(image.device) if memory is None else memory),
            progress=progress,
        )


@contextlib.contextmanager
def _within_memory(device: torch.device):
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise TooLittleMemoryError(
            f"the image does not fit the memory of {device_name(device)}; allow less of it by memory, or choose cpu"
        ) from error


def blocks_together(model: SparseCoder, image: Tensor, side: int, memory: float) -> int:
    """How many blocks of a side go through the coder together within `memory` bytes; at least one."""
    config, patches = model.config, (side - model.config.patch_size + 1) ** 2
    similarities = 5 * patches if model.kind.nonlocal_ else 0
    bytes_a_block = patches * (similarities + 3 * config.n_atoms + 12 * config.dimension) * image.element_size()
    return max(1, min(BLOCKS_TOGETHER[image.device.type], int(memory / bytes_a_block)))


def regionwise(
    model: SparseCoder,
    image: Tensor,
    mask: Tensor | None,
    *,
    level: float | None = None,
    matmul_dtype: torch.dtype,
    side: int,
    progress: bool = False,
) -> Tensor:
    """Whole-image mode in regions of at most `side` pixels, surroundings included; one region where the image allows
    it."""
    height, width = image.shape[-2:]
    around = halo(model)
    places = [
        (rows, columns)
        for rows in _regions(height, side, around, model.config.patch_size)
        for columns in _regions(width, side, around, model.config.patch_size)
    ]
    restored = torch.empty_like(image)
    bar = tqdm(total=len(places) * model.config.n_iterations, unit="step", delay=2, leave=False, disable=not progress)
    for (row, near_rows, kept_rows), (column, near_columns, kept_columns) in places:
        region, region_mask = (x if x is None else x[..., near_rows, near_columns] for x in (image, mask))
        found = restore_whole(model, region, region_mask, level=level, matmul_dtype=matmul_dtype, advance=bar.update)
        restored[..., row, column] = found[..., kept_rows, kept_columns]
    bar.close()
    return restored


def halo(model: SparseCoder) -> int:
    """Pixels around a region that its restoration depends on; a patch that knows no other is coded on its own."""
    if not model.kind.nonlocal_:
        return model.config.patch_size - 1
    return HALO_WINDOWS * model.config.window


def region_side(model: SparseCoder, matmul_dtype: torch.dtype, memory: float, height: int, width: int) -> int:
    """Side in pixels of the largest region that whole-image mode restores within `memory` bytes: the whole of an image
    that fits, else a square, or of a narrow image a piece of its length.

    Raises
    ------
    GroupSCError
        When neither the image fits nor the surroundings of a region do.
    """
    pixels = memory / _bytes_a_patch(model, matmul_dtype)
    if height * width <= pixels:
        return max(height, width)
    # Of an image that is narrower than a region, regions are as narrow.
    side = int(pixels / min(height, width, pixels**0.5))
    if side < _least_side(model):
        raise TooLittleMemoryError(
            f"{memory / 1e6:,.6g} MB are too little; this model restores regions of {_least_side(model)} pixels, so "
            f"allow at least {least_memory(model, matmul_dtype, height, width) / 1e6:.0f} MB"
        )
    return side


def least_memory(model: SparseCoder, matmul_dtype: torch.dtype, height: int, width: int) -> float:
    """Bytes without which `region_side` finds no region, in whole megabytes."""
    least = _least_side(model)
    needed = _bytes_a_patch(model, matmul_dtype) * min(least, height) * min(least, width)
    return 1e6 * (int(needed / 1e6) + 1)


def _least_side(model: SparseCoder) -> int:
    return 2 * halo(model) + 2 * model.config.patch_size


def _bytes_a_patch(model: SparseCoder, matmul_dtype: torch.dtype) -> float:
    config, entry = model.config, matmul_dtype.itemsize
    similarities = 0 if not model.kind.nonlocal_ else (TILE + config.window - 1) ** 2 * entry
    return similarities + config.n_atoms * (3 * entry + 8) + 12 * config.dimension * 4


def _regions(length: int, side: int, around: int, patch_size: int) -> list[tuple[slice, slice, slice]]:
    """Cut an axis into parts: where each lies, what it is restored from, and where it lies in that."""
    if length <= side:
        return [(slice(0, length), slice(0, length), slice(0, length))]
    step = side - 2 * around
    parts = []
    for start in range(0, length, step):
        stop = min(start + step, length)
        first, last = max(0, min(start - around, length - patch_size)), min(length, stop + around)
        parts.append((slice(start, stop), slice(first, last), slice(start - first, stop - first)))
    return parts


def blockwise(
    function,
    image: Tensor,
    mask: Tensor | None,
    *,
    side: int,
    stride: int,
    patch_size: int,
    together: int,
    progress: bool = False,
) -> Tensor:
    """Apply `function(blocks, masks)` to all blocks of an image and average the overlaps.

    The image is padded by reflection, side − 1 on all sides and then below and to the right until the stride divides
    it; reflection about a pixel keeps the parity of rows and columns, so a Bayer mask padded alike stays a Bayer mask.

    Raises
    ------
    GroupSCError
        When the stride is no whole number from 1 to `side`.
    """
    if not isinstance(stride, Integral) or not 1 <= stride <= side:
        raise GroupSCError(
            f"the stride between blocks is {stride!r}; choose 1 to {side} whole pixels, the side of a block"
        )
    height, width = image.shape[-2:]
    rows, columns = (_padded_positions(length, side, stride).to(image.device) for length in (height, width))
    padded, padded_mask = (x if x is None else x[..., rows[:, None], columns] for x in (image, mask))
    corners = [
        (top, left)
        for top in range(0, len(rows) - side + 1, stride)
        for left in range(0, len(columns) - side + 1, stride)
    ]
    weight = counts(side, side, patch_size, dtype=image.dtype, device=image.device)
    total, weights = torch.zeros_like(padded), torch.zeros_like(padded[0, 0])
    bar = tqdm(total=len(corners), unit="block", delay=2, leave=False, disable=not progress)
    for start in range(0, len(corners), together):
        group = corners[start : start + together]
        blocks, masks = (None if x is None else _cut(x, group, side) for x in (padded, padded_mask))
        for (top, left), block in zip(group, function(blocks, masks), strict=True):
            total[0, :, top : top + side, left : left + side] += weight * block
            weights[top : top + side, left : left + side] += weight
        bar.update(len(group))
    bar.close()
    inside = slice(side - 1, side - 1 + height), slice(side - 1, side - 1 + width)
    return total[..., *inside] / weights[inside]


def _cut(image: Tensor, corners, side: int) -> Tensor:
    return torch.cat([image[..., top : top + side, left : left + side] for top, left in corners])


def _padded_positions(length: int, side: int, stride: int) -> Tensor:
    """Position in the image of every row (or column) of the padded image."""
    once = _reflected(torch.arange(1 - side, length + side - 1), length)
    missing = stride - (len(once) - side) % stride
    return once[_reflected(torch.arange(len(once) + missing), len(once))]


def _reflected(position: Tensor, length: int) -> Tensor:
    """Positions folded back into 0 … length − 1 by reflection about the first and last."""
    if length == 1:
        return torch.zeros_like(position)
    position = position.remainder(2 * (length - 1))
    return torch.minimum(position, 2 * (length - 1) - position)
