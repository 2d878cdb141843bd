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


def extract(image: Tensor, patch: int) -> Tensor:
    """All patches of side `patch` of `image` (b, c, H, W), as rows (b, N, m).

    Raises
    ------
    GroupSCError
        When the image is smaller than one patch.
    """
    height, width = image.shape[-2:]
    if min(height, width) < patch:
        raise GroupSCError(
            f"the image is {height}×{width} pixels, smaller than a {patch}×{patch} patch; use a larger image"
        )
    return Extract.apply(image, patch)


def accumulate(patches: Tensor, height: int, width: int, patch: int) -> Tensor:
    """Sum of patches (b, N, m) at their places in an image (b, c, height, width): the adjoint of `extract`."""
    return Accumulate.apply(patches, height, width, patch)


class Extract(Function):
    """Patches as one strided copy; its derivative is the adjoint."""

    @staticmethod
    def forward(ctx, image, patch):
        ctx.size = (*image.shape[-2:], patch)
        return _strided(image, patch)

    @staticmethod
    def backward(ctx, dpatches):
        return _folded(dpatches, *ctx.size), None


class Accumulate(Function):
    """The adjoint of `Extract`, whose derivative is `Extract`."""

    @staticmethod
    def forward(ctx, patches, height, width, patch):
        ctx.patch = patch
        return _folded(patches, height, width, patch)

    @staticmethod
    def backward(ctx, dimage):
        return _strided(dimage, ctx.patch), None, None, None


def _strided(image: Tensor, patch: int) -> Tensor:
    views = image.unfold(2, patch, 1).unfold(3, patch, 1)  # (b, c, rows, columns, patch, patch)
    return views.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)


def _folded(patches: Tensor, height: int, width: int, patch: int) -> Tensor:
    return functional.fold(patches.transpose(1, 2), (height, width), patch)


def counts(height: int, width: int, patch: int, *, dtype=torch.float32, device=None) -> Tensor:
    """Number of patches that hold each pixel, (height, width)."""

    def along(length: int) -> Tensor:
        position = torch.arange(length, device=device)
        first = (position - patch + 1).clamp(min=0)
        last = position.clamp(max=length - patch)
        return (last - first + 1).to(dtype)

    return along(height)[:, None] * along(width)[None, :]


def average(patches: Tensor, height: int, width: int, patch: int) -> Tensor:
    """Image (b, c, height, width) in which each pixel is the mean of its estimates (equation 6)."""
    total = accumulate(patches, height, width, patch)
    return total / counts(height, width, patch, dtype=patches.dtype, device=patches.device)
