"""Restore images in whole-image mode or in block mode.

In whole-image mode every patch is compared with all patches of the window around it, so the result has no block
borders; see `groupsc.inference.regions`. Block mode is the paper's (section 3.6, "Block processing"): blocks have the
side of the training crops, and a patch is compared only with patches of its block. Blocks overlap, and each pixel is
the mean of its estimates, weighted by the number of patches that each estimate is averaged from.
"""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Callable, Iterator
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor

from groupsc.config.checks import is_count, require_blocks
from groupsc.inference.regions import least_memory, region_side, regionwise
from groupsc.inference.sliding_window import restore_whole, restores_whole
from groupsc.models.coder import SparseCoder
from groupsc.ops.patches import require_patch
from groupsc.utils.device import device_name, fast_matmul_dtype
from groupsc.utils.errors import GroupSCError, TooLittleMemoryError
from groupsc.utils.memory import memory_share
from groupsc.utils.progress import Progress, progress_bar

RESTORATION_MODES = ("whole", "block")
BLOCKS_TOGETHER = {"cpu": 1, "cuda": 24}
"""Largest number of blocks that are restored together, by device: one fits the cache of a CPU, a GPU is faster with
many."""


def restore(
    model: SparseCoder,
    image: Tensor,
    mask: Tensor | None = None,
    *,
    level: float | None = None,
    mode: str = "whole",
    stride: int | None = None,
    memory: float | None = None,
    progress: Progress = False,
    precision: str = "auto",
) -> Tensor:
    """Restore one image of any size.

    Parameters
    ----------
    model : SparseCoder
    image : Tensor (1, c, H, W)
        Degraded image in [0, 1], zeros where nothing was measured. A float64 image is restored in float64; a float32
        image is restored with the fastest matrix products of the device.
    mask : Tensor (c, H, W) or (1, c, H, W), optional
        1 where a value was measured.
    level : float, optional
        Noise σ in gray levels of 255, for blind models: 255 times `groupsc.noise.noise_level.estimate_noise`.
    mode : {"whole", "block"}
        Restore the whole image, or overlapping blocks as the paper does.
    stride : int, optional
        Distance between blocks in pixels, for block mode only; by default the side of the window, which is 48 for the
        paper's blocks of 56. Blocks are as large as the crops of the training; if the stride is larger, they are as
        large as the stride, at most 56 pixels.
    memory : float, optional
        Memory in bytes that may be used; by default the share of this process (`groupsc.utils.memory.memory_share`).
        In whole-image mode, an image that needs more is restored in overlapping regions.
    progress : bool or type
        Show a progress bar if the restoration takes more than two seconds. A class, such as `tqdm.notebook.tqdm`, shows
        it in another way: `progress(total=…, unit=…)` has the methods update and close.
    precision : {"auto", "float32", "bfloat16"}
        Matrix products of float32 images: the fastest of the device, or those of this type. Differences below about
        1e-3 between two restorations need "float32" or a float64 image.

    Returns
    -------
    Tensor (1, c, H, W)
        Restored image, not clipped.

    Raises
    ------
    GroupSCError
        If the image has another number of channels than the model or is smaller than a patch; if the mode is unknown;
        if a stride is given without block mode, or is larger than a block; if the memory is too small or the memory of
        the GPU is full; if whole-image mode does not support the penalty.

    Examples
    --------
    >>> from groupsc.config.definitions import ModelConfig
    >>> model = SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, window=5))
    >>> restore(model, torch.full((1, 1, 12, 10), 0.5), mode="block", stride=4).shape
    torch.Size([1, 1, 12, 10])
    """
    if mode not in RESTORATION_MODES:
        raise GroupSCError(f"there is no mode {mode!r}; choose one of {', '.join(RESTORATION_MODES)}")
    require_blocks(mode, stride)
    if stride is not None and not is_count(stride):
        raise GroupSCError(f"the stride between blocks is {stride!r}; choose a whole number of pixels, at least 1")
    _check_shape(model, image)
    height, width = image.shape[-2:]
    if model.D.dtype != image.dtype:
        model = copy.deepcopy(model).to(image.dtype)
    matmul_dtype = image.dtype if image.dtype == torch.float64 else fast_matmul_dtype(image.device, precision)
    if memory is not None and not (isinstance(memory, Real) and memory > 0):
        raise GroupSCError(f"memory is {memory!r}; give a number of bytes above 0")
    mask = None if mask is None else mask.to(image).expand_as(image)
    options: dict[str, Any] = {"level": level, "matmul_dtype": matmul_dtype}
    with torch.no_grad(), torch.autocast(image.device.type, enabled=False), _within_memory(image.device):
        if mode == "whole":
            if memory is None:
                memory = memory_share(image.device, least_memory(model, matmul_dtype, height, width))
            side = region_side(model, matmul_dtype, memory, height, width)
            return regionwise(model, image, mask, **options, side=side, progress=progress)
        return _in_blocks(model, image, mask, options, stride, memory, progress)


def _check_shape(model: SparseCoder, image: Tensor) -> None:
    channels, patch_size = model.config.channels, model.config.patch_size
    if image.ndim != 4 or image.shape[0] != 1 or image.shape[1] != channels:
        raise GroupSCError(f"the image has the shape {tuple(image.shape)}; give an image (1, {channels}, H, W)")
    require_patch(image.shape[-2], image.shape[-1], patch_size)


def _in_blocks(
    model: SparseCoder,
    image: Tensor,
    mask: Tensor | None,
    options: dict[str, Any],
    stride: int | None,
    memory: float | None,
    progress: Progress,
) -> Tensor:
    """Restore an image in block mode."""
    # On a CPU the sum over similar patches is faster tile by tile, even in one block; a GPU needs many blocks.
    tiled = image.device.type == "cpu" and model.kind.nonlocal_ and restores_whole(model)
    each: Callable[..., Tensor] = functools.partial(restore_whole, model) if tiled else model
    side = model.config.block(stride)
    return blockwise(
        functools.partial(each, **options),
        image,
        mask,
        side=side,
        stride=model.config.window if stride is None else stride,
        weight=model.patch_grid(side, side).counts(),
        together=blocks_together(model, image, side, memory_share(image.device) if memory is None else memory),
        progress=progress,
    )


@contextlib.contextmanager
def _within_memory(device: torch.device) -> Iterator[None]:
    """Raise `GroupSCError` if the memory of the device is full."""
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise TooLittleMemoryError(
            f"the memory of {device_name(device)} is too small for the image; give a lower limit by `memory`, "
            "or choose the device cpu"
        ) from error


def blocks_together(model: SparseCoder, image: Tensor, side: int, memory: float) -> int:
    """Compute how many blocks of `side` pixels can be restored together within `memory` bytes; at least one."""
    config, grid = model.config, model.patch_grid(side, side)
    patches = grid.rows * grid.columns
    similarities = 5 * patches if model.kind.nonlocal_ else 0
    bytes_a_block = patches * (similarities + 3 * config.n_atoms + 12 * config.dimension) * image.element_size()
    return max(1, min(BLOCKS_TOGETHER[image.device.type], int(memory / bytes_a_block)))


def blockwise(
    function: Callable[[Tensor, Tensor | None], Tensor],
    image: Tensor,
    mask: Tensor | None,
    *,
    side: int,
    stride: int,
    weight: Tensor,
    together: int,
    progress: Progress = False,
) -> Tensor:
    """Apply a function to all blocks of an image and average the overlaps.

    The image is padded by reflection, by side − 1 pixels on all sides and then at the bottom and at the right until the
    stride divides it. The reflection is about the centre of the border pixel and keeps the parity of rows and columns,
    so a Bayer mask that is padded in the same way is still a Bayer mask.

    Parameters
    ----------
    function : callable
        `function(blocks, masks)` restores blocks (b, c, side, side); `masks` has the same shape or is None.
    image : Tensor (1, c, H, W)
    mask : Tensor (1, c, H, W) or None
        1 where a value was measured.
    side, stride : int
        Side of the blocks and distance between them, in pixels.
    weight : Tensor (side, side)
        Weights of the estimates of a block: the number of its patches that contain the pixel.
    together : int
        Number of blocks per call of the function.
    progress : bool or type
        As for `restore`.

    Returns
    -------
    Tensor (1, c, H, W)

    Raises
    ------
    GroupSCError
        If the stride is not a whole number from 1 to `side`.

    Examples
    --------
    >>> image, weight = torch.arange(35.0).view(1, 1, 5, 7), torch.ones(4, 4)
    >>> same = blockwise(lambda blocks, masks: blocks, image, None, side=4, stride=2, weight=weight, together=8)
    >>> torch.allclose(same, image)
    True
    """
    if not isinstance(stride, Integral) or not 1 <= stride <= side:
        raise GroupSCError(
            f"the stride between blocks is {stride!r}; choose a whole number of pixels from 1 to {side}, the side of a "
            "block"
        )
    height, width = image.shape[-2:]
    rows, columns = (_padded_positions(length, side, stride).to(image.device) for length in (height, width))
    padded = image[..., rows[:, None], columns]
    padded_mask = None if mask is None else mask[..., rows[:, None], columns]
    corners = [
        (top, left)
        for top in range(0, len(rows) - side + 1, stride)
        for left in range(0, len(columns) - side + 1, stride)
    ]
    weight = weight.to(image)
    total, weights = torch.zeros_like(padded), torch.zeros_like(padded[0, 0])
    bar = progress_bar(progress, len(corners), "block")
    for start in range(0, len(corners), together):
        group = corners[start : start + together]
        masks = None if padded_mask is None else _cut(padded_mask, group, side)
        for (top, left), block in zip(group, function(_cut(padded, group, side), masks), strict=True):
            total[0, :, top : top + side, left : left + side] += weight * block
            weights[top : top + side, left : left + side] += weight
        bar.update(len(group))
    bar.close()
    inside = slice(side - 1, side - 1 + height), slice(side - 1, side - 1 + width)
    return total[..., *inside] / weights[inside]


def _cut(image: Tensor, corners: list[tuple[int, int]], side: int) -> Tensor:
    return torch.cat([image[..., top : top + side, left : left + side] for top, left in corners])


def _padded_positions(length: int, side: int, stride: int) -> Tensor:
    """Return the position in the image of every row (or column) of the padded image."""
    once = _reflected(torch.arange(1 - side, length + side - 1), length)
    missing = stride - (len(once) - side) % stride
    return once[_reflected(torch.arange(len(once) + missing), len(once))]


def _reflected(position: Tensor, length: int) -> Tensor:
    """Map positions to 0 … length − 1 by reflection about the first and the last position."""
    if length == 1:
        return torch.zeros_like(position)
    position = position.remainder(2 * (length - 1))
    return torch.minimum(position, 2 * (length - 1) - position)
