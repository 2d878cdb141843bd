"""Select the device for computations and the data type of its fast matrix products."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from groupsc.utils.errors import GroupSCError, GroupSCWarning
from groupsc.utils.lock import alone

_LOCKS = contextlib.ExitStack()
"""Locks of GPUs. This process releases them when it ends."""

INSTRUCTIONS = {"amx_bf16": "AMX", "avx512_bf16": "AVX-512 bf16", "avx512_f": "AVX-512", "avx2": "AVX2"}
"""Names of instructions for matrix products in `device_name`, the fastest first."""


def pick_device(name: torch.device | str = "auto") -> torch.device:
    """Return a device after a test computation on it.

    Parameters
    ----------
    name : str
        Name of a torch device. "auto" selects the GPU if torch can compute on it, otherwise the CPU.

    Returns
    -------
    torch.device

    Raises
    ------
    GroupSCError
        When this machine can't compute on the device.

    Examples
    --------
    >>> pick_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        return _gpu() or torch.device("cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).add(1).item()  # torch lists a GPU that is too old for its kernels.
    except (RuntimeError, AssertionError, TypeError) as error:
        raise GroupSCError(f"this machine can't compute on the device {name!r}; choose auto or cpu") from error
    return device


def _gpu() -> torch.device | None:
    if not torch.cuda.is_available():
        return None
    try:
        return pick_device("cuda")
    except GroupSCError as error:
        warnings.warn(f"The CPU is used because the GPU can't be used: {error.__cause__}", GroupSCWarning, stacklevel=3)
        return None


def pick_own_device(name: str = "auto") -> torch.device:
    """Return a device as `pick_device`; with several GPUs, one that no other process selected with this function.

    A process that torchrun started uses the GPU of its local rank. If all GPUs are in use, the first GPU is shared.

    Parameters
    ----------
    name : str
        As for `pick_device`. A name with an index, such as "cuda:1", selects that GPU.

    Returns
    -------
    torch.device

    Raises
    ------
    GroupSCError
        As `pick_device`, or when torchrun started more processes than there are GPUs.

    Examples
    --------
    >>> pick_own_device("cpu")
    device(type='cpu')
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name in ("auto", "cuda") and count and torch.distributed.is_torchelastic_launched():
        if int(os.environ["LOCAL_WORLD_SIZE"]) > count:
            raise GroupSCError(
                f"torchrun started more processes than there are GPUs ({count}); start {count}, or choose cpu"
            )
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    elif name in ("auto", "cuda") and count > 1:
        name = f"cuda:{_own_gpu()}"
    device = pick_device(name)
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)  # CUDA graphs and kernels are launched on the current device.
    return device


@functools.cache
def _own_gpu() -> int:
    names = [str(torch.cuda.get_device_properties(number).uuid) for number in range(torch.cuda.device_count())]
    return claim(names) or 0


def claim(names: list[str]) -> int | None:
    """Claim the first free name of a list for this process, until the process ends.

    Parameters
    ----------
    names : list of str
        Names of resources, here GPUs.

    Returns
    -------
    int or None
        Index of the claimed name; None if other processes of this user have claimed all names.

    Examples
    --------
    >>> claim([])
    """
    folder = Path(tempfile.gettempdir()) / (f"groupsc-{os.getuid()}" if hasattr(os, "getuid") else "groupsc")
    for number, name in enumerate(names):
        with contextlib.suppress(GroupSCError):
            _LOCKS.enter_context(alone(folder / name))
            return number
    return None


def fast_matmul_dtype(device: torch.device, precision: str = "auto") -> torch.dtype:
    """Return the data type of matrix products.

    Parameters
    ----------
    device : torch.device
    precision : {"auto", "float32", "bfloat16"}
        "auto" selects bfloat16 if the hardware of the device supports it, otherwise float32.

    Returns
    -------
    torch.dtype

    Examples
    --------
    >>> fast_matmul_dtype(torch.device("cpu"), "float32")
    torch.float32
    """
    if precision != "auto":
        known = {"float32": torch.float32, "bfloat16": torch.bfloat16}
        if precision not in known:
            raise GroupSCError(f"precision is {precision!r}; choose auto, float32 or bfloat16")
        return known[precision]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    return torch.bfloat16 if _processor_has_bfloat16() else torch.float32


def device_name(device: torch.device) -> str:
    """Return the name of a GPU or CPU for per-image results and model cards.

    Parameters
    ----------
    device : torch.device

    Returns
    -------
    str
        For the CPU, with its best instructions for matrix products and the number of threads. Processors of several
        generations have the same name, especially in virtual machines.

    Examples
    --------
    >>> device_name(torch.device("cpu")).endswith(" threads")
    True
    """
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    best = next((f" ({text})" for name, text in INSTRUCTIONS.items() if has_instructions(name)), "")
    return f"{_processor_name()}{best}, {torch.get_num_threads()} threads"


@functools.cache
def _processor_has_bfloat16() -> bool:
    return has_instructions("avx512_bf16") or has_matrix_tiles()


def has_matrix_tiles() -> bool:
    """Check whether the CPU has matrix units for bfloat16 (AMX).

    Returns
    -------
    bool

    Examples
    --------
    >>> isinstance(has_matrix_tiles(), bool)
    True
    """
    return has_instructions("amx_bf16")


def has_instructions(name: str) -> bool:
    """Check whether the CPU has a set of instructions, by its name in `torch.cpu.get_capabilities`.

    Examples
    --------
    >>> has_instructions("none")
    False
    """
    return bool(_capabilities().get(name))


def _capabilities() -> Mapping[str, Any]:
    return torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}


@functools.cache
def _processor_name() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
