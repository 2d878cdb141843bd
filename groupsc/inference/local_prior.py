"""Run Algorithm 1 with a local prior on a whole image, one tile of patches after the other.

A local prior codes each patch alone. All iterations of a tile run before those of the next tile: the codes of a tile
stay in the cache of the processor, and the codes of the whole image are never stored. Symbols as in
`groupsc.models.coder`; the n patches of a tile are rows.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from groupsc.inference.compiled.coding import CompiledCoding
from groupsc.inference.compiled.library import library
from groupsc.models.coder import SparseCoder
from groupsc.models.penalties import L1
from groupsc.ops import pointwise
from groupsc.ops.linear_step import LinearStep, aligned
from groupsc.ops.patches import PatchGrid, accumulate, counts, extract
from groupsc.ops.workers import Each, Scratch, chunks

TILE_COLUMNS = 64
"""Number of columns of patches in a tile, a multiple of those that the compiled functions process together;
`groupsc.ops.workers.chunks` gives the number of rows."""
TILES_TOGETHER = 16
"""Number of tiles per thread between two reports of progress."""

R = TypeVar("R")


@dataclass(frozen=True)
class Tile:
    """Some rows and columns of a grid of patches."""

    rows: slice
    columns: slice


def tiles(grid: PatchGrid, device: torch.device) -> list[Tile]:
    """Divide a grid of patches into tiles, in raster order.

    Parameters
    ----------
    grid : PatchGrid
    device : torch.device

    Returns
    -------
    list of Tile

    Examples
    --------
    >>> tiles(PatchGrid(8, 102, patch_size=3), torch.device("cpu"))  # doctest: +NORMALIZE_WHITESPACE
    [Tile(rows=slice(0, 6, None), columns=slice(0, 64, None)),
     Tile(rows=slice(0, 6, None), columns=slice(64, 100, None))]
    """
    starts = range(0, grid.columns, TILE_COLUMNS)
    columns = [slice(start, min(start + TILE_COLUMNS, grid.columns)) for start in starts]
    width = min(TILE_COLUMNS, grid.columns)
    return [Tile(*part) for part in itertools.product(chunks(grid.rows, device, width), columns)]


def functions_for(model: SparseCoder, image: Tensor, matmul_dtype: torch.dtype) -> ctypes.CDLL | None:
    """The compiled functions that can restore an image with a model: float32 images on a CPU, SC and all patches.

    Examples
    --------
    >>> from groupsc.config.definitions import ModelConfig
    >>> model = SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, penalty="l1"))
    >>> print(functions_for(model, torch.zeros(1, 1, 12, 10, dtype=torch.float64), torch.float64))
    None
    """
    suits = type(model.penalty) is L1 and model.config.patch_stride == 1 and image.dtype == torch.float32
    return library(matmul_dtype) if suits and image.device.type == model.D.device.type == "cpu" else None


class LocalCoding:
    """The iterations of Algorithm 1 on the tiles of one image.

    Parameters
    ----------
    model : SparseCoder
        A model whose penalty is not non-local.
    image, mask, level, matmul_dtype
        As for `groupsc.inference.sliding_window.restore_whole`.
    each : callable
        The function of `groupsc.ops.workers.workers`.
    advance : callable, optional
        `advance(n)` is called after every n tiles.
    functions : ctypes.CDLL, optional
        Compiled functions, as from `functions_for`; by default the operations of torch are used.
    """

    def __init__(
        self,
        model: SparseCoder,
        image: Tensor,
        mask: Tensor | None,
        *,
        level: float | None,
        matmul_dtype: torch.dtype,
        each: Each,
        advance: Callable[[int], object] | None = None,
        functions: ctypes.CDLL | None = None,
    ):
        self.model, self.each, self.advance = model, each, advance
        self.grid = model.patch_grid(image.shape[-2], image.shape[-1])
        self.image = self.grid.extended(image)
        self.mask = None if mask is None else self.grid.extended(mask)
        self.thresholds = list(model.thresholds_at(level))
        self.negative = [pointwise.negative(lam) for lam in self.thresholds]
        self.D, self.C = model.D.to(matmul_dtype), model.C.to(matmul_dtype)
        self.scratch, self.compiled = Scratch(), None
        if functions is not None:
            self.compiled = CompiledCoding(
                model.D, model.C, model.W, model.thresholds_at(level), self.image, self.mask,
                model.config.patch_size, matmul_dtype, functions,
            )  # fmt: skip

    def restored(self) -> Tensor:
        """Restored image (1, c, H, W): each pixel is the mean of all patches A Wᵀ + μ that contain it (equation 6)."""
        grid, W = self.grid, self.model.W
        size = grid.patch_size, grid.stride

        def estimate(tile: Tile) -> Tensor:
            if self.compiled is not None:
                return self.compiled.estimates(tile.rows, tile.columns)
            A, mu = self._codes(tile)
            # Computed transposed, because the sum over overlapping patches reads the entries in this order.
            decoded = torch.addmm(mu.T, W, A.to(mu.dtype).T)
            rows, columns = self._pixels(tile)
            return accumulate(decoded.T[None], rows.stop - rows.start, columns.stop - columns.start, *size)

        total = torch.zeros_like(self.image)

        def add(tile: Tile, part: Tensor) -> None:
            total[..., *self._pixels(tile)] += part

        self._for_all(estimate, add)
        total /= counts(*grid.size, *size, dtype=total.dtype, device=total.device)
        return total[..., : grid.height, : grid.width]

    def codes(self) -> Tensor:
        """Codes (R, C, p) of all patches after the last iteration; R × C is the grid of patches."""
        found = self.D.new_empty(self.grid.rows, self.grid.columns, self.D.shape[1])

        def store(tile: Tile) -> None:
            part = found[tile.rows, tile.columns]
            part.copy_(self._codes(tile)[0].view(part.shape))

        self._for_all(store, lambda tile, nothing: None)
        return found

    def _for_all(self, function: Callable[[Tile], R], use: Callable[[Tile, R], None]) -> None:
        """Call `use(tile, function(tile))` for all tiles: `function` in parallel, `use` in raster order."""
        parts, together = tiles(self.grid, self.image.device), TILES_TOGETHER * torch.get_num_threads()
        for start in range(0, len(parts), together):
            some = parts[start : start + together]
            for tile, result in zip(some, self.each(function, some), strict=True):
                use(tile, result)
            if self.advance is not None:
                self.advance(len(some))

    def _pixels(self, tile: Tile) -> tuple[slice, slice]:
        return self.grid.pixels(tile.rows), self.grid.pixels(tile.columns)

    def _codes(self, tile: Tile) -> tuple[Tensor, Tensor]:
        """Codes A (n, p) of a tile, in memory that the next tile of the thread overwrites, and means μ (n, 1)."""
        patches = self._patches(self.image, tile)
        mu = patches.mean(-1, keepdim=True)
        Y = (patches - mu).to(self.D.dtype)
        M = None if self.mask is None else self._patches(self.mask, tile).to(self.D.dtype)[None]
        penalty = self.model.penalty
        linear = LinearStep(*aligned(Y[None], M, self.D, self.C), first_masked=penalty.first_step_masked)
        A = self.scratch.empty("codes", (len(Y), self.D.shape[1]), self.D)
        for step, lam in enumerate(self.thresholds):
            linear.advance(A, self.scratch, begun=step > 0)
            if type(penalty) is L1:
                pointwise.soft_(A, lam, self.negative[step], self.scratch)
            else:
                A.copy_(penalty.prox(A, None, lam, None))
        return A, mu

    def _patches(self, image: Tensor, tile: Tile) -> Tensor:
        return extract(image[..., *self._pixels(tile)], self.grid.patch_size, self.grid.stride)[0]
