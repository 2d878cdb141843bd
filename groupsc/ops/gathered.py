"""Similarities in a sliding window on a GPU, computed in a few large operations.

`GatheredWindow` computes the same as `groupsc.ops.window.SlidingWindow`, which is for CPUs. All tiles are squares of
the same size, also at the borders of the image, and have the same number of sources. A source outside the image is
replaced by patch 0 with similarity 0. One operation can therefore gather the sources of many tiles, and one batched
matrix product computes their weighted sums.

Symbols as in `groupsc.ops.window`; T tiles with t targets and s sources each.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn.functional import pad

from groupsc.ops.distances import ALIGNED, grid_factors
from groupsc.ops.pointwise import wide
from groupsc.ops.window import TILE, Features, log_weight_of, within
from groupsc.ops.workers import Each, chunks

TOGETHER = 32
"""Number of tiles in one operation: enough to fill a GPU, and few enough that their sources fit into its cache."""


class GatheredWindow:
    """Similarity matrix of a grid of patches, stored in tiles, for GPUs.

    Attributes: `Sigma` (T, t, s) in the type of the matrix products; `mass` (N, 1), the column sums of Σ.

    Parameters
    ----------
    rows, columns : int
        Size of the grid of patches.
    window : int
        Side n of the window, in patch positions.
    matmul_dtype : torch.dtype
        Type of the matrix products with Σ.
    weight : float, optional
        Weight of all sources but the target itself; see `groupsc.models.similarity.source_weights`.
    tile : int, optional
        Side of a tile, in patch positions.
    together : int, optional
        Number of tiles in one operation.
    device : torch.device

    Examples
    --------
    Three patches in one row, each compared with its neighbours; features 0, 0 and 1:

    >>> window = GatheredWindow(1, 3, 3, torch.float32, device=torch.device("cpu"))
    >>> window.update(lambda rows: torch.tensor([[0.0], [0.0], [1.0]]), None, None)
    >>> window.mass.flatten()
    tensor([2.0000, 2.3679, 1.3679])
    """

    mass: Tensor
    """Column sums of Σ (N, 1), set by `update`."""

    def __init__(
        self,
        rows: int,
        columns: int,
        window: int,
        matmul_dtype: torch.dtype,
        *,
        weight: float = 1.0,
        tile: int = TILE,
        together: int = TOGETHER,
        device: torch.device,
    ):
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
        same = near == own[:, None]  # (tile, side)
        itself = (same[:, None, :, None] & same[None, :, None, :]).flatten(2).flatten(0, 1)
        self.log_weight = log_weight_of(pad(inside, (0, missing)), pad(itself, (0, missing)), weight, matmul_dtype)
        # Added to the logarithm of the weights: −∞ outside the image, (T, 1, s).
        self.border = torch.zeros(len(there), 1, there.shape[1] + missing, dtype=matmul_dtype, device=device)
        self.border.masked_fill_(~pad(there, (0, missing))[:, None], -math.inf)
        # Index of each patch among the targets of all tiles.
        row, column = torch.arange(rows, device=device)[:, None], torch.arange(columns, device=device)
        number = row // tile * len(corners[1]) + column // tile
        self.places = (number * tile**2 + row % tile * tile + column % tile).flatten()
        self.batches = [slice(start, start + together) for start in range(0, len(self.sources), together)]
        self.Sigma = torch.empty(len(self.sources), *self.log_weight.shape, dtype=matmul_dtype, device=device)
        self.summed: Tensor | None = None

    def _positions(self, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
        """Indices (T, k·l) of the patches at rows (a, k) and columns (b, l) of all T = a·b tiles, 0 for those outside
        the image, and a mask (T, k·l) of those inside it."""
        rows, columns = rows[:, None, :, None], columns[None, :, None, :]
        inside = (rows >= 0) & (rows < self.rows) & (columns >= 0) & (columns < self.columns)
        positions = torch.where(inside, rows * self.columns + columns, 0)
        return positions.flatten(2).flatten(0, 1), inside.flatten(2).flatten(0, 1)

    def update(self, features: Features, nu: Tensor | float | None, each: Each | None) -> None:
        """Update Σ; parameters as for `SlidingWindow.update`. `each` is not used."""
        left, right = grid_factors(features, self.parts, self.matmul_dtype)
        mass = []
        for batch in self.batches:
            fresh = torch.bmm(_rows(left, self.targets[batch]), _rows(right, self.sources[batch]).transpose(1, 2))
            fresh.clamp_(max=0).add_(self.log_weight).add_(self.border[batch]).exp_()
            if nu is None:
                self.Sigma[batch] = fresh
            else:
                self.Sigma[batch].lerp_(fresh, nu)
            mass.append(self.Sigma[batch].sum(2, dtype=wide(self.Sigma)))
        self.mass = torch.cat(mass).view(-1, 1)[self.places]

    def sum(self, x: Tensor, out: Tensor, each: Each | None) -> None:
        """Write Σᵀ x to `out`; parameters as for `SlidingWindow.sum`. `each` is not used."""
        if self.summed is None:
            self.summed = x.new_empty(*self.Sigma.shape[:2], x.shape[1])
        for batch in self.batches:
            torch.bmm(self.Sigma[batch], _rows(x, self.sources[batch]), out=self.summed[batch])
        torch.index_select(self.summed.flatten(0, 1), 0, self.places, out=out)


def _rows(x: Tensor, positions: Tensor) -> Tensor:
    """Rows of x (N, k) at positions (b, s), as (b, s, k)."""
    return x.index_select(0, positions.flatten()).view(*positions.shape, x.shape[1])
