"""Find the compiled functions that this machine can run.

The installation compiles the C files of this folder on Linux and x86-64, once for each set of instructions
(`hatch_build.py`); wheels contain the result. The functions have plain C arguments, so one build serves all versions of
Python and torch. Without a compiler, or on another machine, `library` finds nothing and the products of torch are used.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
from ctypes import POINTER, Structure, c_char_p, c_float, c_int, c_int64, c_void_p
from pathlib import Path

import torch

from groupsc.utils.device import has_instructions

FOLDER = Path(__file__).parent
PADDING = 64
"""Numbers after the last one of an array, because the functions read whole vectors."""


class Grid(Structure):
    """Size of the grid of patches and side of the window, in patch positions."""

    _fields_ = [("rows", c_int64), ("columns", c_int64), ("window", c_int64)]


class Sizes(Structure):
    """Sizes of a model and of an image."""

    _fields_ = [(name, c_int64) for name in ("channels", "patch_size", "atoms", "iterations", "height", "width")]


class Bounds(Structure):
    """Rows and columns of the patches of a tile; `bottom` and `right` are not in it."""

    _fields_ = [(name, c_int64) for name in ("top", "bottom", "left", "right")]


ARGUMENTS = {
    "window_sizes": (POINTER(Grid), c_int64, POINTER(c_int64)),
    "window_offsets": (POINTER(Grid), POINTER(c_int64)),
    "window_update": (POINTER(Grid), c_int64, c_void_p, c_void_p, c_int64, c_float, c_float, *[c_void_p] * 4),
    "window_pack": (c_void_p, c_int64, c_int64, c_int64, c_int64, c_int, c_void_p),
    "window_sum": (POINTER(Grid), c_int64, *[c_void_p] * 3, c_int64, *[c_void_p] * 4, *[c_float] * 3),
    "coding_sizes": (POINTER(Sizes), POINTER(c_int64)),
    "coding_tile": (POINTER(Sizes), POINTER(Bounds), *[c_void_p] * 8),
}
"""Types of the arguments of the functions in `window.c` and `coding.c`."""


def library(matmul_dtype: torch.dtype) -> ctypes.CDLL | None:
    """The compiled functions for the best instructions of this machine.

    Parameters
    ----------
    matmul_dtype : torch.dtype
        Type of the codes and similarities.

    Returns
    -------
    ctypes.CDLL or None
        None for other types than float32 and bfloat16, and where nothing is compiled for this machine.

    Examples
    --------
    >>> print(library(torch.float64))
    None
    """
    names = {torch.bfloat16: ["avx512_bf16"], torch.float32: ["avx512_vl", "avx2"]}.get(matmul_dtype, [])
    return next(filter(None, (load(name) for name in names if has_instructions(name))), None)


@functools.cache
def load(instructions: str, folder: Path = FOLDER) -> ctypes.CDLL | None:
    """Load the functions compiled for a set of instructions; None where they are missing or older than their source.

    Examples
    --------
    >>> print(load("none"))
    None
    """
    path = folder / f"functions_{instructions}.so"
    if not path.exists():
        return None
    found = ctypes.CDLL(str(path))
    found.sources_digest.restype = c_char_p
    sources = b"".join(source.read_bytes() for source in sorted(folder.glob("*.[ch]")))
    if found.sources_digest().decode() != hashlib.sha256(sources).hexdigest():
        return None
    for name, arguments in ARGUMENTS.items():
        getattr(found, name).argtypes = arguments
        getattr(found, name).restype = None
    return found
