"""Similarities in a sliding window on a CPU, by functions in C.

`CompiledWindow` computes the same as `groupsc.ops.window.SlidingWindow`, with the same methods. Its tiles are small, so
that few pairs of patches outside the window are multiplied, its sources are read where they lie, and the shrinkage
follows the sums of each tile. Sums leave out similarities that are far below the mean; `window.c` says which.

The functions are in `window.c`; see `groupsc.inference.compiled.library`.

Symbols: F features of patches, already multiplied by κ, (N, m); Sigma similarities; mass their sums, (N, 1); x values
that are summed, (N, p); lam thresholds of one iteration, (p,).
"""

from __future__ import annotations

import ctypes
import mmap
from ctypes import c_int64

import torch
from torch import Tensor
from torch.nn.functional import pad

from groupsc.inference.compiled.library import PADDING, Grid
from groupsc.ops.prox import NORM_EPSILON, WEIGHT_EPSILON
from groupsc.ops.window import Features
from groupsc.ops.workers import Each, Scratch, chunks


def large_zeros(size: int, dtype: torch.dtype) -> Tensor:
    """Zeros (size,) in huge pages where the system has them, which cause fewer page faults.

    Examples
    --------
    >>> large_zeros(3, torch.float32)
    tensor([0., 0., 0.])
    """
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return torch.zeros(size, dtype=dtype, device="cpu")
    memory = mmap.mmap(-1, size * dtype.itemsize)
    memory.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(memory, dtype=dtype)


def window_sizes(functions: ctypes.CDLL, grid: Grid, m: int = 0) -> list[int]:
    """The sizes that the function of this name in `window.c` returns."""
    sizes = (c_int64 * 6)()
    functions.window_sizes(grid, m, sizes)
    return list(sizes)


class CompiledWindow:
    """Similarity matrix of a grid of patches, stored in tiles, for CPUs.

    Attributes: `Sigma`, the similarities of all tiles one after the other; `mass` (N, 1), the column sums of Σ;
    `active`, bits that say which similarities are summed.

    Parameters
    ----------
    rows, columns, window, matmul_dtype, weight
        As for `groupsc.ops.window.SlidingWindow`; in the type of the functions.
    functions : ctypes.CDLL
        As from `groupsc.inference.compiled.library.library`.
    """

    def __init__(
        self,
        rows: int,
        columns: int,
        window: int,
        matmul_dtype: torch.dtype,
        *,
        weight: float = 1.0,
        functions: ctypes.CDLL,
    ):
        self.rows, self.columns, self.matmul_dtype, self.weight = rows, columns, matmul_dtype, weight
        self.functions, self.grid, self.scratch = functions, Grid(rows, columns, window), Scratch()
        tall, self.stripe, self.lanes, _, _, words = window_sizes(functions, self.grid)
        self.bands = range(-(-rows // tall))
        offsets = (c_int64 * (len(self.bands) + 1))()
        functions.window_offsets(self.grid, offsets)
        self.offsets = list(offsets)
        self.Sigma = large_zeros(self.offsets[-1] + PADDING, matmul_dtype)
        self.active = self.Sigma.new_zeros(len(self.bands), words, dtype=torch.int64)
        # The functions need float32 here, also where another type is the default of torch.
        self.mass = self.Sigma.new_empty(rows * columns, 1, dtype=torch.float32)
        self.F, self.norm, self.x = self.mass[:0], self.mass.new_zeros(rows * columns + PADDING), self.Sigma[:0]

    def update(self, features: Features, nu: Tensor | float | None, each: Each) -> None:
        """Update Σ and `mass`; parameters as for `groupsc.ops.window.SlidingWindow.update`."""
        m = features(slice(0, 1)).shape[1]
        missing = -self.columns % self.lanes
        shape = self.rows, (self.columns + missing) // self.lanes, m, self.lanes
        if self.F.shape != shape:
            self.F = self.mass.new_empty(shape)

        def transpose(part: slice) -> None:
            F = features(part).float()
            rows = pad(F.unflatten(0, (-1, self.columns)), (0, 0, 0, missing))
            self.F[part] = rows.unflatten(1, (-1, self.lanes)).transpose(2, 3)
            self.norm[part.start * self.columns : part.stop * self.columns] = F.square().sum(1)

        needed = window_sizes(self.functions, self.grid, m)[3]

        def update_band(band: int) -> None:
            scratch = self.scratch.empty("scratch", (needed,), self.norm)
            self.functions.window_update(
                self.grid, band, self.F.data_ptr(), self.norm.data_ptr(), m, 1.0 if nu is None else float(nu),
                self.weight, self._of(band), self.mass.data_ptr(), self.active[band].data_ptr(), scratch.data_ptr(),
            )  # fmt: skip

        each(transpose, chunks(self.rows, self.mass.device, self.columns))
        each(update_band, self.bands)

    def sum(self, x: Tensor, out: Tensor, each: Each) -> None:
        """Write Σᵀ x to `out`; parameters as for `groupsc.ops.window.SlidingWindow.sum`."""
        self.take(x, each, squares=False)
        self._sum(x.shape[1], each, out=out)

    def take(self, values: Tensor, each: Each, *, squares: bool) -> None:
        """Copy values that the next call of `shrink` sums, or their squares.

        Parameters
        ----------
        values : Tensor (N, p)
            In the type of Σ.
        each : callable
            As for `sum`.
        squares : bool
            Sum the squares of the values.
        """
        number, p = values.shape
        values = values.contiguous()
        # Stripes of atoms, whose sources are read one after the other.
        size = -(-p // self.stripe) * self.stripe * number + PADDING
        if len(self.x) != size:
            self.x = self.Sigma.new_zeros(size)

        def pack(part: slice) -> None:
            self.functions.window_pack(values.data_ptr(), number, p, part.start, part.stop, squares, self.x.data_ptr())

        each(pack, chunks(number, values.device))

    def shrink(self, codes: Tensor, lam: Tensor, each: Each, *, gamma: float | None = None) -> None:
        """Shrink codes in place with the sums of the values of `take`.

        These are squares of the codes for GroupSC (equation 11), and the codes of the iteration before for CSR
        (Proposition 1).

        Parameters
        ----------
        codes : Tensor (N, p)
            Contiguous codes B in the type of Σ.
        lam : Tensor (p,)
        each : callable
            As for `sum`.
        gamma : float, optional
            Weight γ ≥ 0 of CSR; None for GroupSC.
        """
        self._sum(codes.shape[1], each, codes=codes, lam=lam.float().contiguous(), gamma=gamma)

    def _sum(
        self,
        p: int,
        each: Each,
        *,
        out: Tensor | None = None,
        codes: Tensor | None = None,
        lam: Tensor | None = None,
        gamma: float | None = None,
    ) -> None:
        addresses = [None if one is None else one.data_ptr() for one in (out, codes, lam, self.mass)]
        constants = -1.0 if gamma is None else gamma, NORM_EPSILON, WEIGHT_EPSILON

        def sum_band(band: int) -> None:
            similarities = self._of(band), self.active[band].data_ptr()
            self.functions.window_sum(self.grid, band, *similarities, self.x.data_ptr(), p, *addresses, *constants)

        each(sum_band, self.bands)

    def _of(self, band: int) -> int:
        """Address of the similarities of a band."""
        return int(self.Sigma.data_ptr() + self.offsets[band] * self.Sigma.element_size())
