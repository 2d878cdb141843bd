"""Similarities in a sliding window, for images of any size: every patch sees the full window around it.

The grid of patches is cut into vertical strips, and a strip into square tiles of targets. The sources of a strip, the
columns that its windows reach, are copied out once; those of a tile are then some rows of the copy, one piece of
memory. So a weighted sum over similar patches is one matrix product with nothing gathered, and Σ is small and dense.

Symbols: F features (R, C, m), already weighted by κ; Sigma Σᵀ of b tiles (b, targets, sources), which products read
along its rows; n side of the window. A source s reaches a target t when −⌊n/2⌋ ≤ s − t ≤ n − 1 − ⌊n/2⌋ on both axes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional

from groupsc.ops.workers import chunks

TILE = 16
"""Side of a tile in patches: wide enough for efficient products, narrow enough to have few pairs outside the window."""

ALIGNED = 8
"""Entries that rows of bfloat16 are padded to a multiple of, below which matrix units are slow."""


@dataclass
class Tiles:
    """b squares of targets of one strip, one below the other, and the rows of sources that they see.

    `first` is the row of the first target, `above` that of its first source; each square is `height` rows high and sees
    `reach` rows. `bound` (targets, sources), the largest exponent of a similarity, is 0 within the window and −∞
    outside; `mass` is Σ_s Σ[s, t] (b, targets, 1).
    """

    first: int
    above: int
    height: int
    reach: int
    bound: Tensor
    number: int = 1
    Sigma: Tensor | None = None
    mass: Tensor | None = None

    def continues(self, other: Tiles) -> bool:
        """Whether `other` is the next square below that sees its sources alike."""
        return other.bound is self.bound and other.above == self.above + self.number * self.height

    def seen(self, x: Tensor) -> Tensor:
        """The sources of each square, (b, sources, k), a view of those of the strip x (R, columns, k)."""
        row = x.stride(0)
        size = (self.number, self.reach * x.shape[1], x.shape[2])
        return x.as_strided(size, (self.height * row, x.shape[2], 1), x.storage_offset() + self.above * row)

    def own(self, x: Tensor, columns: slice) -> Tensor:
        """The targets of each square, (b, height, width, k), a view of those of the grid x (R, C, k)."""
        return x[self.first : self.first + self.number * self.height, columns].unflatten(0, (self.number, self.height))

    def sum(self, x: Tensor) -> Tensor:
        """Σᵀ x over the sources x (R, columns, p) of the strip, (b, targets, p)."""
        return _multiplied(self.Sigma, self.seen(x))


@dataclass
class Strip:
    """Columns of targets, the columns of sources that they see, and the tiles, from the top down."""

    columns: slice
    near: slice
    tiles: list[Tiles] = field(default_factory=list)

    def sources(self, x: Tensor) -> Tensor:
        """What the strip sees of a grid x (R, C, k), as one piece of memory."""
        return x[:, self.near].contiguous()


class SlidingWindow:
    """Σ of a grid of patches, kept tile by tile in the type of the matrix products.

    Parameters
    ----------
    rows, columns : int
        The grid of patches.
    window : int
        Side n of the window.
    products : torch.dtype
        Type of the matrix products with Σ.
    tile : int
        Side of a tile.
    together : int
        Tiles of a strip that go through an operation together where they are alike.
    """

    def __init__(
        self,
        rows: int,
        columns: int,
        window: int,
        products: torch.dtype,
        *,
        tile: int = TILE,
        together: int = 1,
        device=None,
    ):
        self.rows, self.columns, self.products = rows, columns, products
        down = [_Reach.of(start, tile, rows, window) for start in range(0, rows, tile)]
        across = [_Reach.of(start, tile, columns, window, ALIGNED) for start in range(0, columns, tile)]
        bounds = {}
        self.strips = []
        for wide in across:
            strip = Strip(wide.targets, wide.sources)
            for high in down:
                # Away from the borders all tiles see their sources alike and share one bound.
                key = high.key, wide.key
                if key not in bounds:
                    inside = high.inside[:, None, :, None] & wide.inside[None, :, None, :]
                    inside = inside.flatten(2).flatten(0, 1)
                    bounds[key] = torch.zeros(inside.shape, dtype=products).masked_fill_(~inside, -math.inf).to(device)
                height, reach = high.inside.shape
                tiles = Tiles(high.targets.start, high.sources.start, height, reach, bounds[key])
                if strip.tiles and strip.tiles[-1].continues(tiles) and strip.tiles[-1].number < together:
                    strip.tiles[-1].number += 1
                else:
                    strip.tiles.append(tiles)
            self.strips.append(strip)

    def refresh(self, F: Tensor, nu: float | None, each) -> None:
        """Σ ← (1 − ν) Σ + ν exp(−max(0, ‖F_s − F_t‖²)); with ν = None the exponential alone.

        `each(function, items)` applies a function to all items (`groupsc.ops.workers`).
        """
        F = F.flatten(0, -2)
        factors = [x.new_empty(len(F), x.shape[1]) for x in distance_factors(F[:1], self.products)]
        left, right = (x.unflatten(0, (self.rows, self.columns)) for x in factors)

        def factorise(part: slice) -> None:
            for factor, found in zip(factors, distance_factors(F[part], self.products), strict=True):
                factor[part] = found

        def refresh(strip: Strip) -> None:
            sources = strip.sources(right)
            for tiles in strip.tiles:
                targets = tiles.own(left, strip.columns).flatten(1, 2)
                fresh = _multiplied(targets, tiles.seen(sources).transpose(1, 2))
                torch.minimum(fresh, tiles.bound, out=fresh).exp_()
                if nu is None:
                    tiles.Sigma = fresh
                else:
                    # Copies from memory and back are several times faster than arithmetic on what is not in the cache.
                    tiles.Sigma.copy_(tiles.Sigma.clone().lerp_(fresh, nu))
                tiles.mass = tiles.Sigma.sum(2, keepdim=True).to(F.dtype)

        each(factorise, chunks(len(F)))
        each(refresh, self.strips)


def distance_factors(F: Tensor, products: torch.dtype) -> tuple[Tensor, Tensor]:
    """Rows l and r (N, k) for features F (N, m) with l_t · r_s = −‖F_s − F_t‖².

    In bfloat16 every number is split into parts that add up to it, features into two and norms into three, so that
    their products keep about 16 bits; the distance that they add up to has the 8 bits of its exponential.
    """
    norms = F.square().sum(-1, keepdim=True)
    if products != torch.bfloat16:
        ones = torch.ones_like(norms)
        return torch.cat([2 * F, -norms, ones], 1), torch.cat([F, ones, -norms], 1)
    high, low = _split(F, 2)
    norms = torch.cat(_split(-norms, 3), 1)
    ones = torch.ones_like(norms)
    factors = torch.cat([2 * high, 2 * high, 2 * low, norms, ones], 1), torch.cat([high, low, high, ones, norms], 1)
    return tuple(functional.pad(factor, (0, -factor.shape[1] % ALIGNED)) for factor in factors)


def _multiplied(x: Tensor, y: Tensor) -> Tensor:
    """x y for x (b, n, k) and y (b, k, l), whose matrices may share memory."""
    if x.device.type != "cpu":
        return torch.bmm(x, y)
    # On a processor bmm would first copy matrices that overlap.
    found = x.new_empty(x.shape[0], x.shape[1], y.shape[2])
    for left, right, product in zip(x, y, found, strict=True):
        torch.mm(left, right, out=product)
    return found


def _split(x: Tensor, number: int) -> list[Tensor]:
    """bfloat16 tensors that add up to x, each what the ones before leave."""
    parts = []
    for _ in range(number):
        parts.append(x.to(torch.bfloat16))
        x = x - parts[-1].to(x.dtype)
    return parts


@dataclass(frozen=True)
class _Reach:
    """Targets of a tile on one axis, the sources they reach, and who reaches whom, bool (targets, sources)."""

    targets: slice
    sources: slice
    inside: Tensor

    @classmethod
    def of(cls, start: int, tile: int, length: int, window: int, aligned: int = 1) -> _Reach:
        """The tile from `start`; the number of its sources is a multiple of `aligned` where the axis is long enough."""
        stop = min(start + tile, length)
        first, last = max(0, start - window // 2), min(length, stop + window - 1 - window // 2)
        number = last - first + -(last - first) % aligned
        last = min(length, first + number)
        first = max(0, last - number)
        offset = torch.arange(first, last) - torch.arange(start, stop)[:, None]
        inside = (offset >= -(window // 2)) & (offset <= window - 1 - window // 2)
        return cls(slice(start, stop), slice(first, last), inside)

    @property
    def key(self) -> tuple:
        return self.inside.shape, self.inside.numpy().tobytes()
