"""Similarities in a sliding window, for images of any size: every patch sees the full window around it. For CPUs;
`groupsc.ops.gathered` is the same for other devices.

The grid of patches is cut into vertical strips, and a strip into square tiles of targets. The sources of a strip, the
columns that its windows reach, are copied out once; those of a tile are then some rows of the copy, one piece of
memory. So a weighted sum over similar patches is one matrix product with nothing gathered, and Σ is small and dense.

Symbols: F features of patches (n, m), already weighted by κ; Sigma Σᵀ of a tile (targets, sources), which products read
along its rows; mass = Σ_s Σ[s, t] (N, 1); n side of the window. A source s reaches a target t when
−⌊n/2⌋ ≤ s − t ≤ n − 1 − ⌊n/2⌋ on both axes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from groupsc.ops.pointwise import wide
from groupsc.ops.workers import Scratch, chunks

TILE, NARROW_TILE = 16, 8
"""Side of a tile in patches: wide enough for efficient products, narrow enough to have few pairs outside the window.
Products of float32 take so long that the narrow tile pays on CPUs, by 14 % for a window of 48."""

ALIGNED = 32
"""Terms that a matrix product sums over come in multiples of this, the depth of a CPU's matrix units."""


def tile_side(matmul_dtype: torch.dtype) -> int:
    """Side of a tile on a CPU, for matrix products in a type."""
    return TILE if matmul_dtype == torch.bfloat16 else NARROW_TILE


@dataclass
class Tile:
    """A square of targets, some rows of a strip, and its sources, in the strip's from position `start`.

    `bound` (targets, sources), the largest exponent of a similarity, is 0 within the window and −∞ outside.
    """

    rows: slice
    start: int
    bound: Tensor
    Sigma: Tensor = field(init=False)

    def seen(self, x: Tensor) -> Tensor:
        """The sources of the tile (sources, k) among those of the strip, x (positions, k)."""
        return x[self.start : self.start + self.bound.shape[1]]


@dataclass
class Strip:
    """Columns of targets, the columns of sources that they see, and the tiles."""

    columns: slice
    near: slice
    tiles: list[Tile] = field(default_factory=list)

    def sources(self, x: Tensor, scratch: Scratch) -> Tensor:
        """What the strip sees of a grid x (R, C, k), row by row, (positions, k), in the memory of the thread."""
        seen = x[:, self.near]
        return scratch.empty("sources", seen.shape, x).copy_(seen).flatten(0, 1)


class SlidingWindow:
    """Σ of a grid of patches, kept tile by tile in the type of the matrix products, and its `mass`.

    Parameters
    ----------
    rows, columns : int
        The grid of patches.
    window : int
        Side n of the window.
    matmul_dtype : torch.dtype
        Type of the matrix products with Σ.
    tile : int, optional
        Side of a tile; left out, `tile_side`.
    """

    def __init__(self, rows: int, columns: int, window: int, matmul_dtype: torch.dtype, *, tile: int | None = None):
        tile = tile or tile_side(matmul_dtype)
        self.rows, self.columns, self.window, self.matmul_dtype = rows, columns, window, matmul_dtype
        self.scratch, self.factors, self.parts = Scratch(), [], chunks(rows, torch.device("cpu"), columns)
        bounds = {}
        self.strips = [self._strip(across, tile, bounds) for across in range(0, columns, tile)]
        tiles = [one for strip in self.strips for one in strip.tiles]
        # One piece of memory; small ones would be asked for again and again.
        memory = torch.empty(sum(one.bound.numel() for one in tiles), dtype=matmul_dtype)
        for one, part in zip(tiles, memory.split([one.bound.numel() for one in tiles]), strict=True):
            one.Sigma = part.view(one.bound.shape)
        self.mass = torch.empty(rows * columns, 1, dtype=wide(memory))

    def _strip(self, across: int, tile: int, bounds: dict) -> Strip:
        """The strip of targets from column `across`; away from the borders all tiles see their sources alike and share
        one of the `bounds`."""
        targets, near = _reach(across, tile, self.columns, self.window)
        strip, width = Strip(targets, near), near.stop - near.start
        for down in range(0, self.rows, tile):
            high, sources = _reach(down, tile, self.rows, self.window)
            start, number = sources.start * width, (sources.stop - sources.start) * width
            # Where the strip has more sources, those past the window are taken along, at similarity 0.
            number = min(number + -number % ALIGNED, self.rows * width)
            start = min(start, self.rows * width - number)
            key = high.stop - down, start - down * width, number, targets.stop - across, near.start - across, width
            if key not in bounds:
                bounds[key] = self._bound(*key)
            strip.tiles.append(Tile(high, start, bounds[key]))
        return strip

    def _bound(self, height: int, start: int, number: int, across: int, left: int, width: int) -> Tensor:
        """`bound` of a tile of `height` × `across` targets for sources from position `start` on, in rows of `width`
        that begin `left` of the tile."""
        position = torch.arange(start, start + number)
        down = position.div(width, rounding_mode="floor") - torch.arange(height)[:, None]
        along = position.remainder(width) + left - torch.arange(across)[:, None]
        return bound_of(within(down, self.window)[:, None] & within(along, self.window), self.matmul_dtype).flatten(
            0, 1
        )

    def refresh(self, features, nu: float | None, each) -> None:
        """Σ ← (1 − ν) Σ + ν exp(−max(0, ‖F_s − F_t‖²)); with ν = None the exponential alone.

        `features(part)` gives F of some rows of patches, (n, m); `each(function, items)` applies a function to all
        items (`groupsc.ops.workers`).
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

        def refresh(strip: Strip) -> None:
            sources = strip.sources(right, self.scratch)
            for tile in strip.tiles:
                targets, Sigma = left[tile.rows, strip.columns].flatten(0, 1), tile.Sigma
                fresh = self.scratch.empty("fresh", Sigma.shape, Sigma)
                torch.mm(targets, tile.seen(sources).T, out=fresh)
                torch.minimum(fresh, tile.bound, out=fresh).exp_()
                if nu is not None:
                    # Copies from memory and back are several times faster than arithmetic on what is not in the cache.
                    kept = self.scratch.empty("kept", Sigma.shape, Sigma).copy_(Sigma)
                    fresh = kept.lerp_(fresh, nu)
                Sigma.copy_(fresh)
                mass = all_mass[tile.rows, strip.columns]
                mass.copy_(fresh.sum(1).view(mass.shape))

        each(factorise, self.parts)
        each(refresh, self.strips)

    def sum(self, x: Tensor, out: Tensor, each) -> None:
        """Σᵀ x for x (N, p), into `out` (N, p)."""
        x, out = (one.unflatten(0, (self.rows, self.columns)) for one in (x, out))

        def add(strip: Strip) -> None:
            sources = strip.sources(x, self.scratch)
            for tile in strip.tiles:
                own = out[tile.rows, strip.columns]
                own.copy_(torch.mm(tile.Sigma, tile.seen(sources)).view(own.shape))

        each(add, self.strips)


def within(offset: Tensor, window: int) -> Tensor:
    """Whether a source so far after a target on one axis reaches it."""
    return (offset >= -(window // 2)) & (offset <= window - 1 - window // 2)


def bound_of(inside: Tensor, matmul_dtype: torch.dtype) -> Tensor:
    """The largest exponent of a similarity, 0 for pairs inside the window and −∞ for others."""
    return torch.zeros(inside.shape, dtype=matmul_dtype, device=inside.device).masked_fill_(~inside, -math.inf)


def distance_factors(F: Tensor, matmul_dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Rows l and r (N, k) for features F (N, m) with l_t · r_s = −‖F_s − F_t‖².

    In bfloat16 every number is split into parts that add up to it, features into two and norms into three, so that
    their products keep about 16 bits; the distance that they add up to has the 8 bits of its exponential.
    """
    norms = F.square().sum(-1, keepdim=True)
    if matmul_dtype != torch.bfloat16:
        ones = torch.ones_like(norms)
        return torch.cat([2 * F, -norms, ones], 1), torch.cat([F, ones, -norms], 1)
    high, low = _split(F, 2)
    norms = torch.cat(_split(-norms, 3), 1)
    ones = torch.ones_like(norms)
    left, right = [2 * high, 2 * high, 2 * low, norms, ones], [high, low, high, ones, norms]
    zeros = norms.new_zeros(len(F), -sum(x.shape[1] for x in left) % ALIGNED)
    return torch.cat([*left, zeros], 1), torch.cat([*right, zeros], 1)


def _split(x: Tensor, number: int) -> list[Tensor]:
    """bfloat16 tensors that add up to x, each what the ones before leave."""
    parts = []
    for _ in range(number):
        parts.append(x.to(torch.bfloat16))
        x = x - parts[-1].to(x.dtype)
    return parts


def _reach(start: int, tile: int, length: int, window: int) -> tuple[slice, slice]:
    """On one axis, the targets of the tile from `start` and the sources that they reach."""
    stop = min(start + tile, length)
    return slice(start, stop), slice(max(0, start - window // 2), min(length, stop + window - 1 - window // 2))
