"""Similarities in a sliding window on a CPU, by functions in C.

`CompiledWindow` computes the same as `groupsc.ops.window.SlidingWindow`, with the same methods. Its tiles are small, so
that few pairs of patches outside the window are multiplied, its sources are read where they lie, and the shrinkage of
GroupSC follows the sums of each tile.

The functions are in `compiled_window.c`, which the installation compiles on Linux and x86-64, once for each set of
instructions (`hatch_build.py`); wheels contain the result. They have plain C arguments, so one build serves all
versions of Python and torch. Without a compiler, or on another machine, `library` finds nothing and `SlidingWindow` is
used, as it is on processors with matrix units (AMX), which only the products of torch use.

Symbols: F features of patches, already multiplied by κ, (N, m); Sigma similarities; mass their sums, (N, 1); x values
that are summed, (N, p); lam thresholds of one iteration, (p,).
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import mmap
from ctypes import POINTER, Structure, c_char_p, c_float, c_int, c_int64, c_void_p
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import pad

from groupsc.ops.prox import NORM_EPSILON, WEIGHT_EPSILON
from groupsc.ops.window import Features
from groupsc.ops.workers import Each, Scratch, chunks
from groupsc.utils.device import has_instructions, has_matrix_tiles

SOURCE = Path(__file__).with_suffix(".c")
PADDING = 64
"""Numbers after the last one of an array, because the functions read whole vectors."""


class Grid(Structure):
    """Size of the grid of patches and side of the window, in patch positions."""

    _fields_ = [("rows", c_int64), ("columns", c_int64), ("window", c_int64)]


ARGUMENTS = {
    "window_sizes": (POINTER(Grid), c_int64, POINTER(c_int64)),
    "window_offsets": (POINTER(Grid), POINTER(c_int64)),
    "window_update": (POINTER(Grid), c_int64, c_void_p, c_void_p, c_int64, c_float, c_float, *[c_void_p] * 3),
    "window_pack": (c_void_p, c_int64, c_int64, c_int64, c_int64, c_int, c_void_p),
    "window_sum": (POINTER(Grid), c_int64, c_void_p, c_void_p, c_int64, *[c_void_p] * 4, c_float, c_float),
}
"""Types of the arguments of the functions in `compiled_window.c`."""


def library(matmul_dtype: torch.dtype) -> ctypes.CDLL | None:
    """The fastest compiled functions that this machine can run.

    Parameters
    ----------
    matmul_dtype : torch.dtype
        Type of the codes and similarities.

    Returns
    -------
    ctypes.CDLL or None
        None for other types than float32 and bfloat16, where nothing is compiled for this machine, and for bfloat16 on
        processors with matrix units.

    Examples
    --------
    >>> print(library(torch.float64))
    None
    """
    if matmul_dtype == torch.bfloat16:
        names = [] if has_matrix_tiles() else ["avx512_bf16"]
    else:
        names = ["avx512_vl", "avx2"] if matmul_dtype == torch.float32 else []
    return next(filter(None, (load(name) for name in names if has_instructions(name))), None)


@functools.cache
def load(instructions: str, source: Path = SOURCE) -> ctypes.CDLL | None:
    """Load the functions compiled for a set of instructions; None where they are missing or older than their source.

    Examples
    --------
    >>> print(load("none"))
    None
    """
    path = source.with_name(f"{source.stem}_{instructions}.so")
    if not path.exists():
        return None
    found = ctypes.CDLL(str(path))
    found.window_digest.restype = c_char_p
    if found.window_digest().decode() != hashlib.sha256(source.read_bytes()).hexdigest():
        return None
    for name, arguments in ARGUMENTS.items():
        getattr(found, name).argtypes = arguments
        getattr(found, name).restype = None
    return found


def large_zeros(size: int, dtype: torch.dtype) -> Tensor:
    """Zeros (size,) in huge pages where the system has them, which cause fewer page faults.

    Examples
    --------
    >>> large_zeros(3, torch.float32)
    tensor([0., 0., 0.])
    """
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return torch.zeros(size, dtype=dtype)
    memory = mmap.mmap(-1, size * dtype.itemsize)
    memory.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(memory, dtype=dtype)


class CompiledWindow:
    """Similarity matrix of a grid of patches, stored in tiles, for CPUs.

    Attributes: `Sigma`, the similarities of all tiles one after the other; `mass` (N, 1), the column sums of Σ.

    Parameters
    ----------
    rows, columns, window, matmul_dtype, weight
        As for `groupsc.ops.window.SlidingWindow`; in the type of the functions.
    functions : ctypes.CDLL
        As from `library`.
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
        tall, self.stripe, self.lanes, _ = self._sizes(0)
        self.bands = range(-(-rows // tall))
        offsets = (c_int64 * (len(self.bands) + 1))()
        functions.window_offsets(self.grid, offsets)
        self.offsets = list(offsets)
        self.Sigma = large_zeros(self.offsets[-1] + PADDING, matmul_dtype)
        self.mass = torch.empty(rows * columns, 1)
        self.F, self.norm, self.x = torch.empty(0), torch.zeros(rows * columns + PADDING), self.Sigma[:0]

    def _sizes(self, m: int) -> list[int]:
        sizes = (c_int64 * 4)()
        self.functions.window_sizes(self.grid, m, sizes)
        return list(sizes)

    def update(self, features: Features, nu: Tensor | float | None, each: Each) -> None:
        """Update Σ and `mass`; parameters as for `groupsc.ops.window.SlidingWindow.update`."""
        m = features(slice(0, 1)).shape[1]
        missing = -self.columns % self.lanes
        shape = self.rows, (self.columns + missing) // self.lanes, m, self.lanes
        if self.F.shape != shape:
            self.F = torch.empty(shape)

        def transpose(part: slice) -> None:
            F = features(part).float()
            rows = pad(F.unflatten(0, (-1, self.columns)), (0, 0, 0, missing))
            self.F[part] = rows.unflatten(1, (-1, self.lanes)).transpose(2, 3)
            self.norm[part.start * self.columns : part.stop * self.columns] = F.square().sum(1)

        needed = self._sizes(m)[3]

        def update_band(band: int) -> None:
            scratch = self.scratch.empty("scratch", (needed,), self.norm)
            self.functions.window_update(
                self.grid, band, self.F.data_ptr(), self.norm.data_ptr(), m, 1.0 if nu is None else float(nu),
                self.weight, self._of(band), self.mass.data_ptr(), scratch.data_ptr(),
            )  # fmt: skip

        each(transpose, chunks(self.rows, self.mass.device, self.columns))
        each(update_band, self.bands)

    def sum(self, x: Tensor, out: Tensor, each: Each) -> None:
        """Write Σᵀ x to `out`; parameters as for `groupsc.ops.window.SlidingWindow.sum`."""
        self._pack(x, each, squares=False)
        self._sum(x.shape[1], each, out, None, None)

    def shrink(self, codes: Tensor, lam: Tensor, each: Each) -> None:
        """Shrink the codes of GroupSC in place, with the squared group norms Σᵀ B² (equation 11).

        Parameters
        ----------
        codes : Tensor (N, p)
            Contiguous codes B in the type of Σ.
        lam : Tensor (p,)
        each : callable
            As for `sum`.
        """
        self._pack(codes, each, squares=True)
        self._sum(codes.shape[1], each, None, codes, lam.float().contiguous())

    def _pack(self, values: Tensor, each: Each, *, squares: bool) -> None:
        """Copy `values` (N, p) to stripes of atoms, whose sources are read one after the other."""
        number, p = values.shape
        values = values.contiguous()
        size = -(-p // self.stripe) * self.stripe * number + PADDING
        if len(self.x) != size:
            self.x = self.Sigma.new_zeros(size)

        def pack(part: slice) -> None:
            self.functions.window_pack(values.data_ptr(), number, p, part.start, part.stop, squares, self.x.data_ptr())

        each(pack, chunks(number, values.device))

    def _sum(self, p: int, each: Each, out: Tensor | None, codes: Tensor | None, lam: Tensor | None) -> None:
        addresses = [None if one is None else one.data_ptr() for one in (out, codes, lam, self.mass)]

        def sum_band(band: int) -> None:
            self.functions.window_sum(
                self.grid, band, self._of(band), self.x.data_ptr(), p, *addresses, NORM_EPSILON, WEIGHT_EPSILON
            )

        each(sum_band, self.bands)

    def _of(self, band: int) -> int:
        """Address of the similarities of a band."""
        return int(self.Sigma.data_ptr() + self.offsets[band] * self.Sigma.element_size())
