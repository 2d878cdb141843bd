"""Similarities in a sliding window, for images of any size: every patch sees the full window around it.

The grid of patches is cut into square tiles of targets; a tile's sources are the rectangle of patches that its windows
reach. Per tile, Σ is one small dense matrix, so that no matrix over all pairs of patches exists, and a weighted sum
over similar patches is one matrix product. Sources that no target of a tile resembles are left out of its products.

Symbols: F features (R, C, m), already weighted by κ; Sigma Σᵀ of a tile (targets, sources), which products read along
its rows; n side of the window. A source s reaches a target t when −⌊n/2⌋ ≤ s − t ≤ n − 1 − ⌊n/2⌋ on both axes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

TILE = 16
"""Side of a tile in patches: wide enough for efficient products, narrow enough to have few pairs outside the window."""

NEGLIGIBLE = {torch.bfloat16: 2e-3, torch.float32: 1e-7, torch.float64: 0.0}
"""A source whose similarity to all targets of a tile is no larger is left out of the tile's products. For bfloat16 that
changes single pixels by up to 0.3 gray levels, of the order of its rounding, and PSNR by less than 0.003 dB
(`benchmarks/README.md`)."""


@dataclass
class Tile:
    """A square of targets and what they see.

    `targets`, `reachable` and `sources` are numbers of patches in raster order: the tile's own, those in reach of its
    windows, and those of them that are kept, the columns of `Sigma`. `inside` (targets, reachable) tells whose window
    reaches whom; `mass` is Σ_s Σ[s, t] (targets,).
    """

    targets: Tensor
    reachable: Tensor
    inside: Tensor
    sources: Tensor | None = None
    Sigma: Tensor | None = None
    mass: Tensor | None = None

    def sum(self, x: Tensor) -> Tensor:
        """Σᵀ x over the tile's sources, (targets, p); `x` is (R·C, p) in the type of the products."""
        return self.Sigma @ x[self.sources]


class SlidingWindow:
    """Σ of a grid of patches, kept tile by tile in the type of the matrix products.

    Parameters
    ----------
    rows, columns : int
        The grid of patches.
    window : int
        Side n of the window.
    products : torch.dtype
        Type of the matrix products with Σ; distances are computed in the type of the features.
    """

    def __init__(self, rows: int, columns: int, window: int, products: torch.dtype, *, tile: int = TILE, device=None):
        self.products = products
        grid = torch.arange(rows * columns, device=device).view(rows, columns)
        down = [_reach(start, min(start + tile, rows), rows, window, device) for start in range(0, rows, tile)]
        across = [
            _reach(start, min(start + tile, columns), columns, window, device) for start in range(0, columns, tile)
        ]
        masks = {}
        self.tiles = []
        for r, near_rows, inside_rows in down:
            for c, near_columns, inside_columns in across:
                targets, reachable = grid[r, c].flatten(), grid[near_rows, near_columns].flatten()
                # Away from the borders all tiles see their sources alike and share one mask.
                key = inside_rows.numpy(force=True).tobytes(), inside_columns.numpy(force=True).tobytes()
                if key not in masks:
                    inside = inside_rows[:, None, :, None] & inside_columns[None, :, None, :]
                    masks[key] = inside.view(len(reachable), len(targets)).T.to(products).contiguous()
                self.tiles.append(Tile(targets, reachable, masks[key]))

    def refresh(self, F: Tensor, nu: Tensor | None, each=map) -> None:
        """Σ ← (1 − ν) Σ + ν exp(−max(0, ‖F_s − F_t‖²)); with ν = None the exponential alone.

        `each(function, tiles)` applies a function to all tiles (`groupsc.ops.workers`).
        """
        F = F.flatten(0, -2)
        norms = F.square().sum(-1, keepdim=True)
        ones = torch.ones_like(norms)
        left, right = torch.cat([2 * F, -norms, ones], 1), torch.cat([F, ones, -norms], 1)

        def refresh(tile: Tile) -> None:
            nearness = left[tile.targets] @ right[tile.reachable].T
            fresh = nearness.clamp_(max=0).exp_().to(self.products).mul_(tile.inside)
            if nu is not None:
                blended = fresh.mul_(nu.to(fresh))
                kept = torch.searchsorted(tile.reachable, tile.sources)
                fresh = blended.index_add_(1, kept, (1 - nu).to(fresh) * tile.Sigma)
            kept = (fresh.amax(0) > NEGLIGIBLE[self.products]).nonzero().squeeze(1)
            tile.sources, tile.Sigma = tile.reachable[kept], fresh[:, kept]
            tile.mass = tile.Sigma.sum(1, dtype=F.dtype)

        list(each(refresh, self.tiles))


def _reach(start: int, stop: int, length: int, window: int, device) -> tuple[slice, slice, Tensor]:
    """Targets start … stop on one axis, the sources they reach, and who reaches whom, bool (sources, targets)."""
    first, last = max(0, start - window // 2), min(length, stop + window - 1 - window // 2)
    offset = torch.arange(first, last, device=device)[:, None] - torch.arange(start, stop, device=device)
    inside = (offset >= -(window // 2)) & (offset <= window - 1 - window // 2)
    return slice(start, stop), slice(first, last), inside
