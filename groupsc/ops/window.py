"""Similarities in a sliding window on a CPU, for images of any size; every patch is compared with its full window.

`groupsc.ops.gathered` computes the same on other devices. The grid of patches is divided into vertical strips, and each
strip into square tiles of targets. The sources of a strip are the columns that its windows reach; they are copied once.
The sources of a tile are then consecutive rows of that copy, in contiguous memory. A weighted sum over similar patches
is therefore one matrix product without gathering, and Σ is stored as small dense matrices.

Symbols:

    F      features of patches, already multiplied by κ, (N, m)
    Sigma  transposed similarity matrix Σᵀ of a tile, (targets, sources), since products read it along its rows
    mass   column sums of Σ, (N, 1)
    n      side of the window, in patch positions

Slices of the grid: a tile has target rows from `down` and target columns from `across`; `near` are the columns of the
sources of its strip.

A source s reaches a target t when −⌊n/2⌋ ≤ s − t ≤ n − 1 − ⌊n/2⌋ on both axes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from groupsc.ops.distances import ALIGNED, distance_factors
from groupsc.ops.pointwise import wide
from groupsc.ops.workers import Each, Scratch, chunks

TILE, NARROW_TILE = 16, 8
"""Side of a tile in patches, for bfloat16 and for other types. Products of wide tiles are efficient; narrow tiles have
few pairs outside the window. Products in float32 take so long that the narrow tile is faster on CPUs, by 14 % for a
window of 48."""

Features = Callable[[slice], Tensor]
"""Function that returns the features F (n, m) of the patches in a slice of rows of the grid."""


def tile_side(matmul_dtype: torch.dtype) -> int:
    """Side of a tile on a CPU, for matrix products in a given type."""
    return TILE if matmul_dtype == torch.bfloat16 else NARROW_TILE


@dataclass
class Tile:
    """A square of targets in a strip, and its sources.

    `rows` are the rows of the targets. In the copied columns of the strip, the sources are consecutive patches from
    position `start` on. `log_weight` (targets, sources) is the logarithm of the weights of the sources; see
    `log_weight_of`.
    """

    rows: slice
    start: int
    log_weight: Tensor
    Sigma: Tensor = field(init=False)

    def seen(self, x: Tensor) -> Tensor:
        """Sources of the tile (sources, k) among the sources of the strip, x (positions, k)."""
        return x[self.start : self.start + self.log_weight.shape[1]]


@dataclass
class Strip:
    """Columns of targets, the columns `near` of their sources, and the tiles."""

    columns: slice
    near: slice
    tiles: list[Tile] = field(default_factory=list)

    def sources(self, x: Tensor, scratch: Scratch) -> Tensor:
        """Sources of the strip in a grid x (R, C, k), row by row, (positions, k); a copy in memory of this thread."""
        seen = x[:, self.near]
        return scratch.empty("sources", seen.shape, x).copy_(seen).flatten(0, 1)


class SlidingWindow:
    """Similarity matrix of a grid of patches, stored in tiles, for CPUs.

    Attribute `mass` (N, 1): the column sums of Σ.

    Parameters
    ----------
    rows, columns : int
        Size of the grid of patches.
    window : int
        Side n of the window, in patch positions.
    matmul_dtype : torch.dtype
        Type of the matrix products with Σ, and of the stored Σ.
    weight : float, optional
        Weight of all sources but the target itself; see `groupsc.models.similarity.source_weights`.
    tile : int, optional
        Side of a tile, in patch positions; by default `tile_side`.

    Examples
    --------
    Three patches in one row, each compared with its neighbours; features 0, 0 and 1:

    >>> from groupsc.ops.workers import workers
    >>> window = SlidingWindow(1, 3, 3, torch.float32)
    >>> with workers(torch.device("cpu")) as each:
    ...     window.update(lambda rows: torch.tensor([[0.0], [0.0], [1.0]]), None, each)
    >>> window.mass.flatten()
    tensor([2.0000, 2.3679, 1.3679])
    """

    def __init__(
        self,
        rows: int,
        columns: int,
        window: int,
        matmul_dtype: torch.dtype,
        *,
        weight: float = 1.0,
        tile: int | None = None,
    ):
        tile = tile or tile_side(matmul_dtype)
        self.rows, self.columns, self.window, self.matmul_dtype = rows, columns, window, matmul_dtype
        self.weight = weight
        self.scratch, self.parts = Scratch(), chunks(rows, torch.device("cpu"), columns)
        self.factors: list[Tensor] = []
        weights: dict[tuple[int, ...], Tensor] = {}
        self.strips = [self._strip(across, tile, weights) for across in range(0, columns, tile)]
        tiles = [one for strip in self.strips for one in strip.tiles]
        # One allocation for all tiles; many small ones take longer.
        sizes = [one.log_weight.numel() for one in tiles]
        memory = torch.empty(sum(sizes), dtype=matmul_dtype)
        for one, part in zip(tiles, memory.split(sizes), strict=True):
            one.Sigma = part.view(one.log_weight.shape)
        self.mass = torch.empty(rows * columns, 1, dtype=wide(memory))

    def _strip(self, across: int, tile: int, weights: dict[tuple[int, ...], Tensor]) -> Strip:
        """The strip of targets from column `across`; away from the borders, all tiles share one of the `weights`."""
        targets, near = reach(across, tile, self.columns, self.window)
        strip, width = Strip(targets, near), near.stop - near.start
        for down in range(0, self.rows, tile):
            # Both are slices of rows: `high` of the targets, `sources` of their sources.
            high, sources = reach(down, tile, self.rows, self.window)
            start, number = sources.start * width, (sources.stop - sources.start) * width
            # To align the products, further sources of the strip are included, with similarity 0.
            number = min(number + -number % ALIGNED, self.rows * width)
            start = min(start, self.rows * width - number)
            key = high.stop - down, start - down * width, number, targets.stop - across, near.start - across, width
            if key not in weights:
                weights[key] = self._log_weight(*key)
            strip.tiles.append(Tile(high, start, weights[key]))
        return strip

    def _log_weight(self, height: int, start: int, number: int, across: int, left: int, width: int) -> Tensor:
        """`log_weight` of a tile of `height` × `across` targets.

        Its `number` sources begin at position `start`, in rows of `width` columns; the first column is at offset `left`
        from the tile.
        """
        position = torch.arange(start, start + number)
        down = position.div(width, rounding_mode="floor") - torch.arange(height)[:, None]
        along = position.remainder(width) + left - torch.arange(across)[:, None]
        inside = within(down, self.window)[:, None] & within(along, self.window)
        itself = (down == 0)[:, None] & (along == 0)
        return log_weight_of(inside, itself, self.weight, self.matmul_dtype).flatten(0, 1)

    def update(self, features: Features, nu: Tensor | float | None, each: Each) -> None:
        """Update Σ ← (1 − ν) Σ + ν w exp(−max(0, ‖F_s − F_t‖²)), and `mass` (section 3.3, equation 14).

        w is 1 for the target itself and `weight` for the other sources.

        Parameters
        ----------
        features : callable
            `features(part)` returns F (n, m) of the patches in a slice of rows of the grid.
        nu : float or None
            Weight ν of the new similarities, in [0, 1]; None sets Σ to the exponential alone.
        each : callable
            Applies a function to all items; see `groupsc.ops.workers.workers`.
        """
        lengths = [x.shape[1:] for x in distance_factors(features(slice(0, 1)), self.matmul_dtype)]
        if [x.shape[2:] for x in self.factors] != lengths:
            self.factors = [
                torch.empty(self.rows, self.columns, *length, dtype=self.matmul_dtype) for length in lengths
            ]
        left, right = self.factors
        all_mass = self.mass.view(self.rows, self.columns)

        def factorise(part: slice) -> None:
            for factor, found in zip(self.factors, distance_factors(features(part), self.matmul_dtype), strict=True):
                factor[part] = found.view(-1, *factor.shape[1:])

        def update_strip(strip: Strip) -> None:
            sources = strip.sources(right, self.scratch)
            for tile in strip.tiles:
                targets, Sigma = left[tile.rows, strip.columns].flatten(0, 1), tile.Sigma
                fresh = self.scratch.empty("fresh", Sigma.shape, Sigma)
                torch.mm(targets, tile.seen(sources).T, out=fresh)
                fresh.clamp_(max=0).add_(tile.log_weight).exp_()
                if nu is not None:
                    # Two copies are several times faster than arithmetic on data outside the cache.
                    kept = self.scratch.empty("kept", Sigma.shape, Sigma).copy_(Sigma)
                    fresh = kept.lerp_(fresh, nu)
                Sigma.copy_(fresh)
                mass = all_mass[tile.rows, strip.columns]
                mass.copy_(fresh.sum(1).view(mass.shape))

        each(factorise, self.parts)
        each(update_strip, self.strips)

    def sum(self, x: Tensor, out: Tensor, each: Each) -> None:
        """Write Σᵀ x to `out`.

        Parameters
        ----------
        x, out : Tensor (N, p)
        each : callable
            As for `update`.
        """
        x, out = (one.unflatten(0, (self.rows, self.columns)) for one in (x, out))

        def add(strip: Strip) -> None:
            sources = strip.sources(x, self.scratch)
            for tile in strip.tiles:
                own = out[tile.rows, strip.columns]
                own.copy_(torch.mm(tile.Sigma, tile.seen(sources)).view(own.shape))

        each(add, self.strips)


def within(offset: Tensor, window: int) -> Tensor:
    """Whether a source at an offset s − t from the target reaches it, on one axis.

    Parameters
    ----------
    offset : Tensor
        Offsets in patch positions.
    window : int
        Side n of the window.

    Returns
    -------
    Tensor, bool
        In the shape of `offset`.

    Examples
    --------
    >>> within(torch.arange(-3, 3), 4)
    tensor([False,  True,  True,  True,  True, False])
    """
    return (offset >= -(window // 2)) & (offset <= window - 1 - window // 2)


def log_weight_of(inside: Tensor, itself: Tensor, weight: float, matmul_dtype: torch.dtype) -> Tensor:
    """Logarithm of the weights of the sources, which is added to the exponent of a similarity.

    Parameters
    ----------
    inside, itself : Tensor, bool
        Whether a source is within the window, and whether it is the target itself.
    weight : float
        Weight of all sources but the target itself.
    matmul_dtype : torch.dtype

    Returns
    -------
    Tensor
        0 for the target itself, log `weight` for other sources within the window, −∞ outside, in `matmul_dtype`.

    Examples
    --------
    >>> log_weight_of(torch.tensor([True, True, False]), torch.tensor([True, False, False]), 1.0, torch.float32)
    tensor([0., 0., -inf])
    """
    found = torch.full(inside.shape, math.log(weight), dtype=matmul_dtype, device=inside.device)
    return found.masked_fill_(itself, 0).masked_fill_(~inside, -math.inf)


def reach(start: int, tile: int, length: int, window: int) -> tuple[slice, slice]:
    """On one axis, the targets of the tile from `start` and the sources that reach them."""
    stop = min(start + tile, length)
    return slice(start, stop), slice(max(0, start - window // 2), min(length, stop + window - 1 - window // 2))
