"""All overlapping patches of an image, and the image of averaged patches.

Patches are rows: an image (b, c, H, W) has N = (H − k + 1)(W − k + 1) patches of m = c·k² entries, (b, N, m), in raster
order, entries ordered channel, row, column. Stride 1, no padding.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

from groupsc.utils.errors import GroupSCError


def extract(image: Tensor, patch_size: int) -> Tensor:
    """All patches of side `patch` of `image` (b, c, H, W), as rows (b, N, m).

    Raises
    ------
    GroupSCError
        When the image is smaller than one patch.
    """
    height, width = image.shape[-2:]
    if min(height, width) < patch_size:
        raise GroupSCError(
            f"the image is {height}×{width} pixels, smaller than a {patch_size}×{patch_size} patch; use a larger image"
        )
    return Extract.apply(image, patch_size)


def accumulate(patches: Tensor, height: int, width: int, patch_size: int) -> Tensor:
    """Sum of patches (b, N, m) at their places in an image (b, c, height, width): the adjoint of `extract`."""
    return Accumulate.apply(patches, height, width, patch_size)


class Extract(Function):
    """Patches as one strided copy; its derivative is the adjoint."""

    @staticmethod
    def forward(ctx, image, patch_size):
        ctx.size = (*image.shape[-2:], patch_size)
        return _strided(image, patch_size)

    @staticmethod
    def backward(ctx, dpatches):
        return _folded(dpatches, *ctx.size), None


class Accumulate(Function):
    """The adjoint of `Extract`, whose derivative is `Extract`."""

    @staticmethod
    def forward(ctx, patches, height, width, patch_size):
        ctx.patch_size = patch_size
        return _folded(patches, height, width, patch_size)

    @staticmethod
    def backward(ctx, dimage):
        return _strided(dimage, ctx.patch_size), None, None, None


def _strided(image: Tensor, patch_size: int) -> Tensor:
    views = image.unfold(2, patch_size, 1).unfold(3, patch_size, 1)  # (b, c, rows, columns, patch_size, patch_size)
    return views.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)


def _folded(patches: Tensor, height: int, width: int, patch_size: int) -> Tensor:
    return functional.fold(patches.transpose(1, 2), (height, width), patch_size)


def counts(height: int, width: int, patch_size: int, *, dtype=torch.float32, device=None) -> Tensor:
    """Number of patches that hold each pixel, (height, width)."""

    def along(length: int) -> Tensor:
        position = torch.arange(length, device=device)
        first = (position - patch_size + 1).clamp(min=0)
        last = position.clamp(max=length - patch_size)
        return (last - first + 1).to(dtype)

    return along(height)[:, None] * along(width)[None, :]


def average(patches: Tensor, height: int, width: int, patch_size: int) -> Tensor:
    """Image (b, c, height, width) in which each pixel is the mean of its estimates (equation 6)."""
    total = accumulate(patches, height, width, patch_size)
    return total / counts(height, width, patch_size, dtype=patches.dtype, device=patches.device)
