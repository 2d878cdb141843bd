"""Compile pointwise functions to single kernels, where a compiler works and the kernels are faster."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import sysconfig
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

from groupsc.utils.errors import GroupSCWarning

COMPILED_SIZE = 2**18
"""Number of entries of one sample's tensor from which compilation pays."""
OLDEST_FOR_TRITON = (7, 0)
"""Lowest compute capability of a GPU for which Triton compiles kernels."""

P = ParamSpec("P")
R = TypeVar("R")


def fused(chain: Callable[P, R], tensor: Tensor, *, training: bool) -> Callable[P, R]:
    """Compile a pointwise function to one kernel, where that is faster.

    Compilation takes seconds. A function is therefore compiled only in training, for tensors of at least
    `COMPILED_SIZE` entries per sample, and on machines whose compiler works: the first call compiles a trial. If that
    fails, a warning gives the reason, and all functions stay as they are.

    Parameters
    ----------
    chain : callable
        A pointwise function, such as those of `groupsc.ops.pointwise`.
    tensor : Tensor (b, …)
        A tensor of the size that `chain` reads and writes.
    training : bool
        Whether gradients are needed.

    Returns
    -------
    callable
        The compiled function, or `chain` itself.

    Examples
    --------
    >>> fused(torch.relu, torch.zeros(1, 4, 2), training=True) is torch.relu
    True
    """
    worthwhile = training and tensor[0].numel() >= COMPILED_SIZE
    return _compiled(chain) if worthwhile and _can_compile(tensor.device.type) else chain


@functools.cache
def _compiled(chain: Callable[..., Any]) -> Callable[..., Any]:
    """The compiled function, compiled once per process."""
    # One training calls a function with several shapes: micro-batches, validation blocks, with and without a Σ before.
    torch._dynamo.config.recompile_limit = max(64, torch._dynamo.config.recompile_limit)
    return torch.compile(chain, dynamic=False)


@functools.cache
def _can_compile(kind: str) -> bool:
    """Whether this machine can compile for a type of device."""
    compiler = any(shutil.which(name) for name in (os.environ.get("CXX", "c++"), "c++", "g++", "clang++"))
    if not compiler or not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return False
    if kind != "cpu" and (
        importlib.util.find_spec("triton") is None or torch.cuda.get_device_capability() < OLDEST_FOR_TRITON
    ):
        return False
    try:
        torch.compile(_trial, dynamic=False)(torch.ones(64, device=kind))
    except Exception as error:  # The compiler, its temporary folder or its files can fail in many ways.
        warnings.warn(
            f"The training runs without compiled kernels, which takes longer, because a trial compilation failed "
            f"({_reason(error)}). Check the compiler (CXX) and the folder for temporary files (TMPDIR).",
            GroupSCWarning,
            stacklevel=3,
        )
        return False
    return True


def _trial(x: Tensor) -> Tensor:
    return torch.sign(x) * torch.relu(x.abs() - 0.5)


def _reason(error: Exception) -> str:
    """The first line of an error that contains the word error, otherwise its first line, shortened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"\berror\b", line, re.IGNORECASE)]
    return (telling or lines or [type(error).__name__])[0][:200]
