"""Similarities in a sliding window on a GPU: those of `groupsc.ops.window`, in few large operations.

All tiles are squares of the same size, those at the borders too, and have the same number of sources; a source outside
the image stands for patch 0, at similarity 0. So one operation gathers the sources of many tiles, and one batched
product sums over them.

Symbols as in `groupsc.ops.window`; T tiles of t targets and s sources.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from groupsc.ops.pointwise import wide
from groupsc.ops.window import ALIGNED, TILE, bound_of, distance_factors, within
from groupsc.ops.workers import chunks

TOGETHER = 32
"""Tiles that go through an operation together: enough to fill a GPU, with sources that its cache holds."""


class GatheredWindow:
    """Σ of a grid of patches (T, t, s) in the type of the matrix products, and its `mass` (N, 1).

    Parameters as for `groupsc.ops.window.SlidingWindow`, and

    together : int
        Tiles that go through an operation together.
    device : torch.device
    """

    def __init__(self, rows, columns, window, matmul_dtype, *, tile: int = TILE, together: int = TOGETHER, device):
        self.rows, self.columns, self.matmul_dtype = rows, columns, matmul_dtype
        self.parts = chunks(rows, device, columns)
        side, before = tile + window - 1, window // 2
        own, near = torch.arange(tile, device=device), torch.arange(side, device=device) - before
        corners = torch.arange(0, rows, tile, device=device), torch.arange(0, columns, tile, device=device)
        self.targets, _ = self._positions(*(corner[:, None] + own for corner in corners))
        self.sources, there = self._positions(*(corner[:, None] + near for corner in corners))
        reached = within(near - own[:, None], window)  # (tile, side)
        inside = (reached[:, None, :, None] & reached[None, :, None, :]).flatten(2).flatten(0, 1)
        missing = -side * side % ALIGNED
        self.sources = pad(self.sources, (0, missing))
        self.bound = bound_of(pad(inside, (0, missing)), matmul_dtype)  # (t, s)
        self.border = bound_of(pad(there, (0, missing)), matmul_dtype)[:, None]  # (T, 1, s)
        # Where each patch stands among the targets of all tiles.
        row, column = torch.arange(rows, device=device)[:, None], torch.arange(columns, device=device)
        number = row // tile * len(corners[1]) + column // tile
        self.places = (number * tile**2 + row % tile * tile + column % tile).flatten()
        self.batches = [slice(start, start + together) for start in range(0, len(self.sources), together)]
        self.Sigma = torch.empty(len(self.sources), *self.bound.shape, dtype=matmul_dtype, device=device)
        self.mass = self.summed = None

    def _positions(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Patches at rows (a, k) and columns (b, l) of all a·b tiles, (T, k·l), 0 for those outside the image, and
        whether they are in it."""
        rows, columns = rows[:, None, :, None], columns[None, :, None, :]
        inside = (rows >= 0) & (rows < self.rows) & (columns >= 0) & (columns < self.columns)
        positions = torch.where(inside, rows * self.columns + columns, 0)
        return tuple(x.flatten(2).flatten(0, 1) for x in (positions, inside))

    def refresh(self, features, nu: float | None, each) -> None:
        """As `SlidingWindow.refresh`."""
        left, right = (
            torch.cat(factors)
            for factors in zip(
                *(distance_factors(features(part), self.matmul_dtype) for part in self.parts), strict=True
            )
        )
        mass = []
        for batch in self.batches:
            fresh = torch.bmm(_rows(left, self.targets[batch]), _rows(right, self.sources[batch]).transpose(1, 2))
            torch.minimum(fresh, self.bound, out=fresh)
            torch.minimum(fresh, self.border[batch], out=fresh).exp_()
            if nu is None:
                self.Sigma[batch] = fresh
            else:
                self.Sigma[batch].lerp_(fresh, nu)
            mass.append(self.Sigma[batch].sum(2, dtype=wide(self.Sigma)))
        self.mass = torch.cat(mass).view(-1, 1)[self.places]

    def sum(self, x: Tensor, out: Tensor, each) -> None:
        """As `SlidingWindow.sum`."""
        if self.summed is None:
            self.summed = x.new_empty(*self.Sigma.shape[:2], x.shape[1])
        for batch in self.batches:
            torch.bmm(self.Sigma[batch], _rows(x, self.sources[batch]), out=self.summed[batch])
        torch.index_select(self.summed.flatten(0, 1), 0, self.places, out=out)


def _rows(x: Tensor, positions: Tensor) -> Tensor:
    """The rows of x (N, k) at positions (b, s), (b, s, k)."""
    return x.index_select(0, positions.flatten()).unflatten(0, positions.shape)
