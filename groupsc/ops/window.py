"""Similarities in a sliding window, for images of any size: every patch sees the full window around it.

The grid of patches is cut into vertical strips, and a strip into square tiles of targets. The sources of a strip, the
columns that its windows reach, are copied out once; those of a tile are then some rows of the copy, one piece of
memory. So a weighted sum over similar patches is one matrix product with nothing gathered, and Σ is small and dense.

Symbols: F features of patches (n, m), already weighted by κ; Sigma Σᵀ of b tiles (b, targets, sources), which products
read along its rows; mass = Σ_s Σ[s, t] (R, C, 1); n side of the window. A source s reaches a target t when
−⌊n/2⌋ ≤ s − t ≤ n − 1 − ⌊n/2⌋ on both axes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
from torch import Tensor

from groupsc.ops.workers import Scratch, chunks

TILE = 16
"""Side of a tile in patches: wide enough for efficient products, narrow enough to have few pairs outside the window."""

ALIGNED = 32
"""Terms that a matrix product sums over come in multiples of this, the depth of a processor's matrix units."""


@dataclass
class Tiles:
    """b squares of targets of one strip, one below the other, and the sources that they see.

    `first` is the row of the first target and `height` that of a square, `start` the position of its first source in
    the strip's and `step` how many further down the next square begins. `bound` (targets, sources), the largest
    exponent of a similarity, is 0 within the window and −∞ outside.
    """

    first: int
    height: int
    start: int
    step: int
    bound: Tensor
    number: int = 1
    Sigma: Tensor = field(init=False)

    def continues(self, other: Tiles) -> bool:
        """Whether `other` is the next square below that sees its sources alike."""
        return other.bound is self.bound and other.start == self.start + self.number * self.step

    def seen(self, x: Tensor) -> Tensor:
        """The sources of each square, (b, sources, k), a view of those of the strip x (positions, k)."""
        length = x.shape[1]
        size = (self.number, self.bound.shape[1], length)
        return x.as_strided(size, (self.step * length, length, 1), x.storage_offset() + self.start * length)

    def own(self, x: Tensor, columns: slice) -> Tensor:
        """The targets of each square, (b, height, width, k), a view of those of the grid x (R, C, k)."""
        return x[self.first : self.first + self.number * self.height, columns].unflatten(0, (self.number, self.height))


@dataclass
class Strip:
    """Columns of targets, the columns of sources that they see, and the tiles, from the top down."""

    columns: slice
    near: slice
    tiles: list[Tiles] = field(default_factory=list)

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
    products : torch.dtype
        Type of the matrix products with Σ.
    tile : int
        Side of a tile.
    together : int
        Tiles of a strip of which one operation takes the sums where they are alike.
    device : torch.device
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
        device: torch.device,
    ):
        self.rows, self.columns, self.window, self.products = rows, columns, window, products
        self.device, self.scratch = device, Scratch()
        self.factors, self.parts = [], chunks(rows, device, columns)
        bounds = {}
        self.strips = [self._strip(across, tile, together, bounds) for across in range(0, columns, tile)]
        self._allocate()

    def _strip(self, across: int, tile: int, together: int, bounds: dict) -> Strip:
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
            height = high.stop - high.start
            key = height, start - down * width, number, targets.stop - across, near.start - across, width
            if key not in bounds:
                bounds[key] = self._bound(*key).to(self.device)
            tiles = Tiles(down, height, start, tile * width, bounds[key])
            if strip.tiles and strip.tiles[-1].continues(tiles) and strip.tiles[-1].number < together:
                strip.tiles[-1].number += 1
            else:
                strip.tiles.append(tiles)
        return strip

    def _bound(self, height: int, start: int, number: int, across: int, left: int, width: int) -> Tensor:
        """`bound` of a tile of `height` × `across` targets for sources from position `start` on, in rows of `width`
        that begin `left` of the tile."""
        below, above = self.window // 2, self.window - 1 - self.window // 2
        position = torch.arange(start, start + number)
        down = position.div(width, rounding_mode="floor") - torch.arange(height)[:, None]
        along = position.remainder(width) + left - torch.arange(across)[:, None]
        inside_down, inside_along = ((x >= -below) & (x <= above) for x in (down, along))
        inside = (inside_down[:, None] & inside_along).flatten(0, 1)
        return torch.zeros(inside.shape, dtype=self.products).masked_fill_(~inside, -math.inf)

    def _allocate(self) -> None:
        """Memory for Σ of all tiles, as one piece, and for its mass."""
        every = [tiles for strip in self.strips for tiles in strip.tiles]
        sizes = [(tiles.number, *tiles.bound.shape) for tiles in every]
        entries = [math.prod(size) for size in sizes]
        memory = torch.empty(sum(entries), dtype=self.products, device=self.device)
        for tiles, size, part in zip(every, sizes, memory.split(entries), strict=True):
            tiles.Sigma = part.view(size)
        wide = torch.promote_types(self.products, torch.float32)
        self.mass = memory.new_empty((self.rows, self.columns, 1), dtype=wide)

    def refresh(self, features, nu: float | None, each) -> None:
        """Σ ← (1 − ν) Σ + ν exp(−max(0, ‖F_s − F_t‖²)); with ν = None the exponential alone.

        `features(part)` gives F of some rows of patches, (n, m); `each(function, items)` applies a function to all
        items (`groupsc.ops.workers`).
        """
        lengths = [x.shape[1:] for x in distance_factors(features(slice(0, 1)), self.products)]
        if [x.shape[2:] for x in self.factors] != lengths:
            self.factors = [
                torch.empty(self.rows, self.columns, *length, dtype=self.products, device=self.device)
                for length in lengths
            ]
        left, right = self.factors

        def factorise(part: slice) -> None:
            for factor, found in zip(self.factors, distance_factors(features(part), self.products), strict=True):
                factor[part] = found.view(-1, *factor.shape[1:])

        def refresh(strip: Strip) -> None:
            sources = strip.sources(right, self.scratch)
            for tiles in strip.tiles:
                targets = tiles.own(left, strip.columns).flatten(1, 2)
                seen = tiles.seen(sources).transpose(1, 2)
                for one in self._separately(tiles):
                    Sigma = tiles.Sigma[one]
                    fresh = _multiplied(targets[one], seen[one], out=self.scratch.empty("fresh", Sigma.shape, Sigma))
                    torch.minimum(fresh, tiles.bound, out=fresh).exp_()
                    if nu is not None:
                        # Copies from memory and back are several times faster than arithmetic on what is not in the
                        # cache.
                        kept = self.scratch.empty("kept", Sigma.shape, Sigma).copy_(Sigma)
                        fresh = kept.lerp_(fresh, nu)
                    Sigma.copy_(fresh)
                    mass = tiles.own(self.mass, strip.columns)[one]
                    mass.copy_(fresh.sum(2, keepdim=True).view(mass.shape))

        each(factorise, self.parts)
        each(refresh, self.strips)

    def _separately(self, tiles: Tiles) -> list[slice]:
        """The squares one by one where a cache is to hold each, else all at once."""
        if self.device.type != "cpu":
            return [slice(None)]
        return [slice(number, number + 1) for number in range(tiles.number)]

    def sum(self, strip: Strip, x: Tensor, out: Tensor) -> None:
        """Σᵀ x (R, C, p) at the targets of a strip, into the same places of `out`."""
        sources = strip.sources(x, self.scratch)
        for tiles in strip.tiles:
            own = tiles.own(out, strip.columns)
            own.copy_(_multiplied(tiles.Sigma, tiles.seen(sources)).view(own.shape))


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
    left, right = [2 * high, 2 * high, 2 * low, norms, ones], [high, low, high, ones, norms]
    zeros = norms.new_zeros(len(F), -sum(x.shape[1] for x in left) % ALIGNED)
    return torch.cat([*left, zeros], 1), torch.cat([*right, zeros], 1)


def _multiplied(x: Tensor, y: Tensor, out: Tensor | None = None) -> Tensor:
    """x y for x (b, n, k) and y (b, k, l), whose matrices may share memory."""
    out = x.new_empty(x.shape[0], x.shape[1], y.shape[2]) if out is None else out
    if x.device.type != "cpu":
        return torch.bmm(x, y, out=out)
    # On a processor bmm would first copy matrices that overlap.
    for left, right, product in zip(x, y, out, strict=True):
        torch.mm(left, right, out=product)
    return out


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
