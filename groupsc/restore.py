"""Restoration of whole images with a trained coder, block by block as the paper does it.

Blocks have the side that the coder was trained on, so that all patches of a block see each other; they overlap, and
each pixel is the mean of its estimates, weighted by the number of patches behind each (section 3.6, "Block
processing").
"""

from __future__ import annotations

import torch
from torch import Tensor
from tqdm import tqdm

from groupsc.device import fast_products
from groupsc.errors import GroupSCError
from groupsc.models.coder import SparseCoder
from groupsc.ops.patches import counts

MODES = ("block",)
BLOCK_ENTRIES = {"cpu": 1, "cuda": 24}
"""Blocks that go through the coder together: one stays in a processor's cache, a GPU wants many."""


def restore(
    model: SparseCoder,
    image: Tensor,
    mask: Tensor | None = None,
    *,
    mode: str = "block",
    stride: int | None = None,
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
    mode : {"block"}
    stride : int, optional
        Step between blocks in pixels; left out, 48 pixels for the paper's blocks of 56: each pixel in one or two
        blocks.
    progress : bool
        Show a bar when it takes more than two seconds.

    Returns
    -------
    Tensor (1, c, H, W)
        Not clipped.

    Raises
    ------
    GroupSCError
        For an image of other channels than the model's, or smaller than a patch, or an unknown mode.
    """
    channels, height, width = image.shape[-3:]
    patch = model.config.patch
    if mode not in MODES:
        raise GroupSCError(f"there is no mode {mode!r}; choose one of {', '.join(MODES)}")
    if image.ndim != 4 or image.shape[0] != 1 or channels != model.config.channels:
        raise GroupSCError(f"the model wants an image (1, {model.config.channels}, H, W), not {tuple(image.shape)}")
    if min(height, width) < patch:
        raise GroupSCError(
            f"the image is {height}×{width} pixels, smaller than a {patch}×{patch} patch; use a larger one"
        )
    products = None if image.dtype == torch.float64 else fast_products(image.device)
    mask = None if mask is None else mask.to(image).expand_as(image)
    together = BLOCK_ENTRIES[image.device.type]

    def restored(blocks: Tensor, masks: Tensor | None) -> Tensor:
        return model(blocks, masks, products=products)

    side = model.config.window + patch - 1
    with torch.no_grad():
        return blockwise(
            restored,
            image,
            mask,
            side=side,
            stride=stride or model.config.window,
            patch=patch,
            together=together,
            progress=progress,
        )


def blockwise(
    function,
    image: Tensor,
    mask: Tensor | None,
    *,
    side: int,
    stride: int,
    patch: int,
    together: int,
    progress: bool = False,
) -> Tensor:
    """Apply `function(blocks, masks)` to all blocks of an image and average the overlaps.

    The image is padded by reflection, side − 1 on all sides and then below and to the right until the stride divides
    it; reflection about a pixel keeps the parity of rows and columns, so a Bayer mask padded alike stays a Bayer mask.
    """
    if not 1 <= stride <= side:
        raise GroupSCError(f"the stride between blocks is {stride}; choose 1 to {side} pixels, the side of a block")
    height, width = image.shape[-2:]
    rows, columns = (_padded_positions(length, side, stride).to(image.device) for length in (height, width))
    padded, padded_mask = (x if x is None else x[..., rows[:, None], columns] for x in (image, mask))
    corners = [
        (top, left)
        for top in range(0, len(rows) - side + 1, stride)
        for left in range(0, len(columns) - side + 1, stride)
    ]
    weight = counts(side, side, patch, dtype=image.dtype, device=image.device)
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
