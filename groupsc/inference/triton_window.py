"""Similarities in a sliding window on a GPU, as two kernels in Triton.

`TritonWindow` computes the same as `groupsc.ops.gathered.GatheredWindow`, with the same methods. Its kernels read the
sources of a tile where they lie, instead of gathering them, and the shrinkage of GroupSC follows in the same kernel as
the sums. It needs the package `triton`, which GPU versions of torch contain. With the environment variable
TRITON_INTERPRET=1 the kernels run on a CPU, for tests.

A tile has `HEIGHT` × `WIDTH` targets. Its sources are read in `steps`; a step reads `SOURCES` neighbours in a row of
the grid, and `across` steps read all sources in a row. A source outside the grid has similarity 0.

Symbols:

    F            features of patches, already multiplied by κ, (N, m)
    left, right  factors of the negative distances, (N, k); see `groupsc.ops.distances.distance_factors`
    Sigma        similarities, (tiles, steps, targets of a tile, SOURCES)
    mass         sums of the similarities of each target, (N, 1)
    x            values that are summed over similar patches, (N, p)
    lam          thresholds of one iteration, (p,)
    n            side of the window, in patch positions; `before` = ⌊n/2⌋
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from groupsc.ops.distances import grid_factors
from groupsc.ops.prox import NORM_EPSILON, WEIGHT_EPSILON
from groupsc.ops.window import Features
from groupsc.ops.workers import Each, chunks

HEIGHT, WIDTH = 8, 16
"""Rows and columns of a tile of targets; powers of two."""
SOURCES = 32
"""Number of sources in one step; a power of two and at least 16, for the matrix units."""
FEATURES, ATOMS = 64, 128
"""Largest numbers of features and of atoms in one product; powers of two."""


@triton.jit
def _target(tile, tiles_across, HEIGHT: tl.constexpr, WIDTH: tl.constexpr):
    """Row and column of all targets of a tile, each (HEIGHT · WIDTH,)."""
    number = tl.arange(0, HEIGHT * WIDTH)
    return tile // tiles_across * HEIGHT + number // WIDTH, tile % tiles_across * WIDTH + number % WIDTH


@triton.jit
def _source(tile, step, before, across, tiles_across, HEIGHT: tl.constexpr, WIDTH: tl.constexpr, SOURCES: tl.constexpr):
    """Row (a number) and columns (SOURCES,) of the sources of a step."""
    row = tile // tiles_across * HEIGHT - before + step // across
    return row, tile % tiles_across * WIDTH - before + step % across * SOURCES + tl.arange(0, SOURCES)


@triton.jit
def _exists(row, column, rows, columns):
    """Whether patches are inside the grid, in the shape of `column`."""
    # Triton's interpreter does not combine masks of different shapes.
    row += column * 0
    return (row >= 0) & (row < rows) & (column >= 0) & (column < columns)


@triton.jit
def _update(
    left, right, Sigma, mass, nu, weight, rows, columns, n, before, steps, across, tiles_across, length,
    BLEND: tl.constexpr, IEEE: tl.constexpr, HEIGHT: tl.constexpr, WIDTH: tl.constexpr, SOURCES: tl.constexpr,
    FEATURES: tl.constexpr,
):  # fmt: skip
    """Σ ← (1 − ν) Σ + ν w exp(−max(0, ‖F_s − F_t‖²)) of one tile, and its sums."""
    tile = tl.program_id(0)
    down, along = _target(tile, tiles_across, HEIGHT, WIDTH)
    inside = _exists(down, along, rows, columns)
    place = down * columns + along
    total = tl.zeros([HEIGHT * WIDTH], tl.float32)
    entry = tl.arange(0, HEIGHT * WIDTH)[:, None] * SOURCES + tl.arange(0, SOURCES)[None, :]
    for step in range(steps):
        row, column = _source(tile, step, before, across, tiles_across, HEIGHT, WIDTH, SOURCES)
        there = _exists(row, column, rows, columns)
        exponent = tl.zeros([HEIGHT * WIDTH, SOURCES], tl.float32)
        for first in range(0, length, FEATURES):
            feature = first + tl.arange(0, FEATURES)
            some = feature < length
            offset = place.to(tl.int64)[:, None] * length + feature[None, :]
            own = tl.load(left + offset, inside[:, None] & some[None, :], 0.0)
            other = tl.load(
                right + row.to(tl.int64) * columns * length + column[None, :] * length + feature[:, None],
                there[None, :] & some[:, None],
                0.0,
            )
            exponent = tl.dot(own, other, exponent, input_precision="ieee" if IEEE else "tf32")
        below, beside = (row - down)[:, None] + column[None, :] * 0, column[None, :] - along[:, None]
        reached = (below >= -before) & (below < n - before) & (beside >= -before) & (beside < n - before)
        itself = (below == 0) & (beside == 0)
        found = tl.exp(tl.minimum(exponent, 0.0)) * tl.where(itself, 1.0, weight)
        found = tl.where(reached & there[None, :], found, 0.0)
        at = Sigma + (tile.to(tl.int64) * steps + step) * (HEIGHT * WIDTH * SOURCES) + entry
        if BLEND:
            kept = tl.load(at).to(tl.float32)
            found = kept + nu * (found - kept)
        stored = found.to(Sigma.dtype.element_ty)
        tl.store(at, stored)
        total += tl.sum(stored.to(tl.float32), 1)
    tl.store(mass + place, total, inside)


@triton.jit
def _sum(
    Sigma, x, out, codes, lam, mass, rows, columns, before, steps, across, tiles_across, atoms,
    norm_epsilon, weight_epsilon,
    SHRINK: tl.constexpr, IEEE: tl.constexpr, HEIGHT: tl.constexpr, WIDTH: tl.constexpr, SOURCES: tl.constexpr,
    ATOMS: tl.constexpr,
):  # fmt: skip
    """Σᵀ x of one tile and some atoms: written to `out`, or with SHRINK used to shrink the `codes` (equation 11)."""
    # Programs that read the same part of Σ run at the same time and share it in the cache.
    parts = tl.cdiv(atoms, ATOMS)
    tile = tl.program_id(0) // parts
    down, along = _target(tile, tiles_across, HEIGHT, WIDTH)
    atom = tl.program_id(0) % parts * ATOMS + tl.arange(0, ATOMS)
    some = atom < atoms
    entry = tl.arange(0, HEIGHT * WIDTH)[:, None] * SOURCES + tl.arange(0, SOURCES)[None, :]
    G = tl.zeros([HEIGHT * WIDTH, ATOMS], tl.float32)
    for step in range(steps):
        row, column = _source(tile, step, before, across, tiles_across, HEIGHT, WIDTH, SOURCES)
        there = _exists(row, column, rows, columns)
        at = column[:, None] * atoms + atom[None, :]
        values = tl.load(x + row.to(tl.int64) * columns * atoms + at, there[:, None] & some[None, :], 0.0)
        similar = tl.load(Sigma + (tile.to(tl.int64) * steps + step) * (HEIGHT * WIDTH * SOURCES) + entry)
        G = tl.dot(similar, values, G, input_precision="ieee" if IEEE else "tf32")
    inside = _exists(down, along, rows, columns)
    place = down * columns + along
    at = place.to(tl.int64)[:, None] * atoms + atom[None, :]
    use = inside[:, None] & some[None, :]
    if SHRINK:
        threshold = tl.sqrt(tl.load(mass + place, inside, 1.0) + weight_epsilon)[:, None]
        threshold *= tl.load(lam + atom, some, 0.0)[None, :]
        scale = tl.maximum(1.0 - threshold * tl.rsqrt(G + norm_epsilon), 0.0)
        B = tl.load(codes + at, use, 0.0).to(tl.float32)
        tl.store(codes + at, (scale * B).to(codes.dtype.element_ty), use)
    else:
        tl.store(out + at, G.to(out.dtype.element_ty), use)


class TritonWindow:
    """Similarity matrix of a grid of patches, for GPUs with Triton.

    It is not the default, because its time was not measured on a GPU: `benchmarks/gpu_windows.py` prints it beside that
    of `GatheredWindow`. `groupsc.inference.sliding_window.restore_whole` takes it as its argument `window`.

    Attributes: `Sigma` (tiles, steps, targets, `SOURCES`) in the type of the matrix products; `mass` (N, 1).

    Parameters
    ----------
    rows, columns, window, matmul_dtype, weight, device
        As for `groupsc.ops.gathered.GatheredWindow`; in float32 and bfloat16.
    """

    def __init__(
        self,
        rows: int,
        columns: int,
        window: int,
        matmul_dtype: torch.dtype,
        *,
        weight: float = 1.0,
        device: torch.device,
    ):
        self.rows, self.columns, self.window = rows, columns, window
        self.matmul_dtype, self.weight = matmul_dtype, weight
        self.parts = chunks(rows, device, columns)
        self.tiles_across = -(-columns // WIDTH)
        self.across = -(-(WIDTH + window - 1) // SOURCES)
        self.steps = self.across * (HEIGHT + window - 1)
        tiles = -(-rows // HEIGHT) * self.tiles_across
        self.Sigma = torch.empty(tiles, self.steps, HEIGHT * WIDTH, SOURCES, dtype=matmul_dtype, device=device)
        self.mass = torch.empty(rows * columns, 1, device=device)
        self.shape = {"HEIGHT": HEIGHT, "WIDTH": WIDTH, "SOURCES": SOURCES, "IEEE": matmul_dtype == torch.float32}

    def update(self, features: Features, nu: Tensor | float | None, each: Each | None) -> None:
        """Update Σ and `mass`; parameters as for `groupsc.ops.window.SlidingWindow.update`. `each` is not used."""
        left, right = grid_factors(features, self.parts, self.matmul_dtype)
        _update[(len(self.Sigma),)](
            left, right, self.Sigma, self.mass, 1.0 if nu is None else float(nu), self.weight, self.rows, self.columns,
            self.window, self.window // 2, self.steps, self.across, self.tiles_across, left.shape[1],
            BLEND=nu is not None, FEATURES=FEATURES, **self.shape,
        )  # fmt: skip

    def sum(self, x: Tensor, out: Tensor, each: Each | None) -> None:
        """Write Σᵀ x to `out`; parameters as for `groupsc.ops.window.SlidingWindow.sum`. `each` is not used."""
        self._launch(x, out, out, self.mass, shrink=False)

    def shrink(self, codes: Tensor, lam: Tensor, each: Each | None) -> None:
        """Shrink the codes of GroupSC in place, with the squared group norms Σᵀ B² (equation 11).

        Parameters
        ----------
        codes : Tensor (N, p)
            Codes B.
        lam : Tensor (p,)
        each : callable
            Not used.
        """
        self._launch(codes.square(), codes, codes, lam, shrink=True)

    def _launch(self, x: Tensor, out: Tensor, codes: Tensor, lam: Tensor, *, shrink: bool) -> None:
        atoms = x.shape[1]
        together = min(ATOMS, max(16, triton.next_power_of_2(atoms)))
        _sum[(len(self.Sigma) * triton.cdiv(atoms, together),)](
            self.Sigma, x, out, codes, lam, self.mass, self.rows, self.columns, self.window // 2, self.steps,
            self.across, self.tiles_across, atoms, NORM_EPSILON, WEIGHT_EPSILON,
            SHRINK=shrink, ATOMS=together, num_warps=8, **self.shape,
        )  # fmt: skip
