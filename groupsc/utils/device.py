"""What the machine has: the device to compute on and the type of its fast matrix products."""

from __future__ import annotations

import contextlib
import functools
import os
import platform
import tempfile
import warnings
from pathlib import Path

import torch

from groupsc.utils.errors import GroupSCError
from groupsc.utils.lock import alone

_HELD = contextlib.ExitStack()
"""Locks that this process keeps to its end."""


def pick_device(name: str = "auto") -> torch.device:
    """The device called `name`; "auto" takes the GPU when there is one that this torch can compute on.

    Raises
    ------
    GroupSCError
        When this machine can't compute on the device.
    """
    if name == "auto":
        return _gpu() or torch.device("cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).add(1).item()  # A GPU too old for this torch is there, but runs no kernel.
    except (RuntimeError, AssertionError) as error:
        raise GroupSCError(f"this machine can't compute on the device {name!r}; choose auto or cpu") from error
    return device


def _gpu() -> torch.device | None:
    if not torch.cuda.is_available():
        return None
    try:
        return pick_device("cuda")
    except GroupSCError as error:
        warnings.warn(f"The CPU is used, since the GPU can't be: {error.__cause__}", stacklevel=3)
        return None


def pick_own_device(name: str = "auto") -> torch.device:
    """As `pick_device`; on a machine with several GPUs, one that no other process took by this function.

    Processes that torchrun started take the GPU of their rank. When all are taken, the first is shared.

    Raises
    ------
    GroupSCError
        As `pick_device`; when torchrun started more processes than there are GPUs.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name in ("auto", "cuda") and count and torch.distributed.is_torchelastic_launched():
        if int(os.environ["LOCAL_WORLD_SIZE"]) > count:
            raise GroupSCError(f"torchrun started more processes than the {count} GPUs; start {count}, or choose cpu")
        name = f"cuda:{os.environ['LOCAL_RANK']}"
    elif name in ("auto", "cuda") and count > 1:
        name = f"cuda:{_own_gpu()}"
    device = pick_device(name)
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)  # Graphs and kernels are launched where the current device is.
    return device


@functools.cache
def _own_gpu() -> int:
    names = [str(torch.cuda.get_device_properties(number).uuid) for number in range(torch.cuda.device_count())]
    return claim(names) or 0


def claim(names: list[str]) -> int | None:
    """The number of the first of `names` that no other process of this user claimed; None when all are claimed."""
    folder = Path(tempfile.gettempdir()) / (f"groupsc-{os.getuid()}" if hasattr(os, "getuid") else "groupsc")
    for number, name in enumerate(names):
        with contextlib.suppress(GroupSCError):
            _HELD.enter_context(alone(folder / name))
            return number
    return None


def fast_matmul_dtype(device: torch.device, precision: str = "auto") -> torch.dtype:
    """Type of matrix products: bfloat16 where the device multiplies it faster than float32, unless `precision` says
    otherwise."""
    if precision != "auto":
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[precision]
    if device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    return torch.bfloat16 if _processor_has_bfloat16() else torch.float32


def device_name(device: torch.device) -> str:
    """Name of the GPU or CPU, as it is written into rows and model cards."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{_processor_name()}, {torch.get_num_threads()} threads"


@functools.cache
def _processor_has_bfloat16() -> bool:
    return bool(_capabilities().get("avx512_bf16") or has_matrix_tiles())


def has_matrix_tiles() -> bool:
    """Whether the CPU multiplies matrices of bfloat16 in units of their own (AMX)."""
    return bool(_capabilities().get("amx_bf16"))


def _capabilities() -> dict:
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
