"""Extract overlapping patches of an image, and average patches to an image.

Patches are rows: an image (b, c, H, W) has N = R·S patches of side k with m = c·k² entries each, (b, N, m). Patches are
in raster order, their entries in the order channel, row, column. R = ⌊(H − k) / stride⌋ + 1 and S = ⌊(W − k) / stride⌋
+ 1; the stride is 1 unless another one is given.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional

from groupsc.utils.errors import GroupSCError


@dataclass(frozen=True)
class PatchGrid:
    """Positions of the patches of an image, every `stride`-th in each direction.

    If the stride does not divide the range of positions, the image is extended by reflection at the bottom and on the
    right, so that every pixel is part of a patch. Reflection without the border pixel keeps the phase of a Bayer
    mosaic.

    Parameters
    ----------
    height, width : int
        Size of the image in pixels.
    patch_size : int
        Side k of a patch in pixels.
    stride : int
        Distance between neighbouring patches in pixels, at most `patch_size`.

    Raises
    ------
    GroupSCError
        When the image is smaller than one patch.

    Examples
    --------
    >>> grid = PatchGrid(8, 9, patch_size=3, stride=2)
    >>> grid.rows, grid.columns
    (4, 4)
    >>> image = torch.arange(72.0).view(1, 1, 8, 9)
    >>> torch.equal(grid.average(grid.extract(image)), image)
    True
    """

    height: int
    width: int
    patch_size: int
    stride: int = 1

    def __post_init__(self) -> None:
        require_patch(self.height, self.width, self.patch_size)

    @property
    def rows(self) -> int:
        """Number of patches along the height."""
        return -(-(self.height - self.patch_size) // self.stride) + 1

    @property
    def columns(self) -> int:
        """Number of patches along the width."""
        return -(-(self.width - self.patch_size) // self.stride) + 1

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the extended image."""
        return (self.rows - 1) * self.stride + self.patch_size, (self.columns - 1) * self.stride + self.patch_size

    def number(self, top: int, left: int) -> int:
        """Position in the list of patches of the patch whose upper left corner is in row `top` and column `left`."""
        return top // self.stride * self.columns + left // self.stride

    def pixels(self, patches: slice) -> slice:
        """Rows of the extended image that some rows of patches cover, or columns that columns of patches cover."""
        return slice(patches.start * self.stride, (patches.stop - 1) * self.stride + self.patch_size)

    def extended(self, image: Tensor) -> Tensor:
        """Extend an image (b, c, height, width) by reflection to the size that the patches cover."""
        below, right = self.size[0] - self.height, self.size[1] - self.width
        return functional.pad(image, (0, right, 0, below), mode="reflect") if below or right else image

    def extract(self, image: Tensor, rows: slice | None = None) -> Tensor:
        """Patches (b, N, m) of an image (b, c, height, width); see `extract`.

        With `rows`, only the patches in these rows of the grid.
        """
        image = self.extended(image)
        if rows is not None:
            image = image[:, :, self.pixels(rows)]
        return extract(image, self.patch_size, self.stride)

    def average(self, patches: Tensor) -> Tensor:
        """Image (b, c, height, width) in which each pixel is the mean of its estimates (equation 6); see `average`."""
        return average(patches, *self.size, self.patch_size, self.stride)[..., : self.height, : self.width]

    def counts(self, *, dtype: torch.dtype = torch.float32, device: torch.device | None = None) -> Tensor:
        """Number of patches that contain each pixel, (height, width); see `counts`."""
        found = counts(*self.size, self.patch_size, self.stride, dtype=dtype, device=device)
        return found[: self.height, : self.width]


def require_patch(height: int, width: int, patch_size: int) -> None:
    """Raise an error if an image is smaller than one patch."""
    if min(height, width) < patch_size:
        raise GroupSCError(
            f"the image is {height}×{width} pixels, smaller than a {patch_size}×{patch_size} patch; use a larger image"
        )


def extract(image: Tensor, patch_size: int, stride: int = 1) -> Tensor:
    """Extract the patches of an image.

    Parameters
    ----------
    image : Tensor (b, c, H, W)
    patch_size : int
        Side k of a patch in pixels.
    stride : int, optional
        Distance between neighbouring patches in pixels.

    Returns
    -------
    Tensor (b, N, m)
        Patches as rows.

    Raises
    ------
    GroupSCError
        When the image is smaller than one patch.

    Examples
    --------
    >>> extract(torch.arange(6).view(1, 1, 2, 3), 2)
    tensor([[[0, 1, 3, 4],
             [1, 2, 4, 5]]])
    """
    require_patch(image.shape[-2], image.shape[-1], patch_size)
    if torch.compiler.is_compiling():  # The compiler does not take functions with derivatives in forward mode.
        return _strided(image, patch_size, stride)
    apply: Callable[..., Tensor] = Extract.apply
    return apply(image, patch_size, stride)


def accumulate(patches: Tensor, height: int, width: int, patch_size: int, stride: int = 1) -> Tensor:
    """Sum patches at their positions in an image; the adjoint of `extract`.

    Parameters
    ----------
    patches : Tensor (b, N, m)
    height, width : int
        Size of the image in pixels.
    patch_size, stride : int
        As for `extract`.

    Returns
    -------
    Tensor (b, c, height, width)

    Examples
    --------
    >>> accumulate(torch.ones(1, 2, 4), 2, 3, 2)
    tensor([[[[1., 2., 1.],
              [1., 2., 1.]]]])
    """
    if torch.compiler.is_compiling():
        return _folded(patches, height, width, patch_size, stride)
    apply: Callable[..., Tensor] = Accumulate.apply
    return apply(patches, height, width, patch_size, stride)


class Extract(Function):
    """Extract patches as one strided copy; the derivative is the adjoint."""

    generate_vmap_rule = True

    @staticmethod
    def forward(image: Tensor, patch_size: int, stride: int) -> Tensor:
        return _strided(image, patch_size, stride)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        image, ctx.patch_size, ctx.stride = inputs
        ctx.size = (*image.shape[-2:], ctx.patch_size, ctx.stride)

    @staticmethod
    def jvp(ctx: Any, dimage: Tensor, *constants: None) -> Tensor:
        return _strided(dimage, ctx.patch_size, ctx.stride)

    @staticmethod
    def backward(ctx: Any, dpatches: Tensor) -> tuple[Tensor | None, ...]:
        return _folded(dpatches, *ctx.size), None, None


class Accumulate(Function):
    """The adjoint of `Extract`; its derivative is `Extract`."""

    generate_vmap_rule = True

    @staticmethod
    def forward(patches: Tensor, height: int, width: int, patch_size: int, stride: int) -> Tensor:
        return _folded(patches, height, width, patch_size, stride)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        _, *ctx.size = inputs
        ctx.patch_size, ctx.stride = ctx.size[2:]

    @staticmethod
    def jvp(ctx: Any, dpatches: Tensor, *constants: None) -> Tensor:
        return _folded(dpatches, *ctx.size)

    @staticmethod
    def backward(ctx: Any, dimage: Tensor) -> tuple[Tensor | None, ...]:
        return _strided(dimage, ctx.patch_size, ctx.stride), None, None, None, None


def _strided(image: Tensor, patch_size: int, stride: int) -> Tensor:
    """Copy the patches of an image (b, c, H, W) to rows (b, N, m)."""
    views = image.unfold(2, patch_size, stride).unfold(3, patch_size, stride)  # (b, c, R, S, patch_size, patch_size)
    return views.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)


def _folded(patches: Tensor, height: int, width: int, patch_size: int, stride: int) -> Tensor:
    """Sum patches (b, N, m) at their positions in an image (b, c, height, width)."""
    return functional.fold(patches.transpose(1, 2), (height, width), patch_size, stride=stride)


def counts(
    height: int,
    width: int,
    patch_size: int,
    stride: int = 1,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | None = None,
) -> Tensor:
    """Count the patches that contain each pixel.

    Parameters
    ----------
    height, width : int
        Size of the image in pixels.
    patch_size, stride : int
        As for `extract`.
    dtype : torch.dtype, optional
    device : torch.device, optional

    Returns
    -------
    Tensor (height, width)
        Counts up to k²; 0 for pixels that no patch contains.

    Examples
    --------
    >>> counts(3, 4, 2)
    tensor([[1., 2., 2., 1.],
            [2., 4., 4., 2.],
            [1., 2., 2., 1.]])
    """

    def along(length: int) -> Tensor:
        position, last = torch.arange(length, device=device), (length - patch_size) // stride
        # Patch i covers the pixels from i·stride to i·stride + patch_size − 1.
        lowest = torch.div(position - patch_size + stride, stride, rounding_mode="floor").clamp(min=0)
        highest = torch.div(position, stride, rounding_mode="floor").clamp(max=last)
        return (highest - lowest + 1).to(dtype)

    return along(height)[:, None] * along(width)[None, :]


def average(patches: Tensor, height: int, width: int, patch_size: int, stride: int = 1) -> Tensor:
    """Average overlapping patches to an image (equation 6, with the true number of patches at every pixel).

    Parameters
    ----------
    patches : Tensor (b, N, m)
        Estimates of all patches, with their means.
    height, width : int
        Size of the image in pixels; every pixel must be part of a patch.
    patch_size, stride : int
        As for `extract`.

    Returns
    -------
    Tensor (b, c, height, width)
        Each pixel is the mean of the patch entries at its position.

    Examples
    --------
    >>> image = torch.arange(90.0).view(1, 3, 6, 5)
    >>> torch.allclose(average(extract(image, 4), 6, 5, 4), image)
    True
    """
    total = accumulate(patches, height, width, patch_size, stride)
    return total / counts(height, width, patch_size, stride, dtype=patches.dtype, device=patches.device)
