"""Measure free memory and peak memory, and configure how this process keeps freed memory."""

from __future__ import annotations

import ctypes
import functools
import math
import os
import platform
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
"""Parameters of mallopt(3), from malloc.h."""


def memory_share(device: torch.device, least: float = 0) -> float:
    """Return the share of the free memory that this process can use.

    The share is half of the free memory of a GPU. On a CPU it is the ratio of this process's threads to the available
    CPUs, at most half, so that several processes with one or two threads each can run at the same time.

    Parameters
    ----------
    device : torch.device
    least : float
        Required memory in bytes. If the share is smaller, it is raised to `least`, at most to half of the free memory.

    Returns
    -------
    float
        Bytes.

    Examples
    --------
    >>> import torch
    >>> memory_share(torch.device("cpu")) > 0
    True
    """
    part = 0.5
    if device.type != "cuda":
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        import torch

        part = min(part, torch.get_num_threads() / cpus)
    free = free_memory(device)
    return max(free * part, min(least, free / 2))


def free_memory(device: torch.device) -> float:
    """Return the free memory of a device.

    Parameters
    ----------
    device : torch.device

    Returns
    -------
    float
        Bytes. For the CPU, the smaller of the free memory of the system and that of the control groups (containers,
        cluster jobs). For a GPU, with the memory that torch has reserved but not allocated.

    Examples
    --------
    >>> import torch
    >>> free_memory(torch.device("cpu")) > 0
    True
    """
    if device.type == "cuda":
        import torch

        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept
    return free_on_machine()


def free_on_machine() -> float:
    """Return the free memory of this machine, or of its control groups if they allow less.

    Returns
    -------
    float
        Bytes.

    Examples
    --------
    >>> free_on_machine() > 0
    True
    """
    import psutil

    return min(psutil.virtual_memory().available, room_in_groups())


def room_in_groups(root: Path = Path("/sys/fs/cgroup"), process: Path = Path("/proc/self/cgroup")) -> float:
    """Return the memory that the control groups of a process still allow.

    Parameters
    ----------
    root : Path
        Folder of the control groups.
    process : Path
        File that lists the control groups of the process.

    Returns
    -------
    float
        Bytes until the lowest limit; infinite without a limit.

    Examples
    --------
    >>> room_in_groups(process=Path("absent"))
    inf
    """
    room = math.inf
    try:
        groups = [line.split(":", 2)[1:] for line in process.read_text().splitlines() if line]
    except OSError:
        return room
    for controllers, path in groups:
        if controllers == "":
            top, limit, used, cache = root, "memory.max", "memory.current", "inactive_file"
        elif "memory" in controllers.split(","):
            top, limit, used, cache = (
                root / "memory",
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                "total_inactive_file",
            )
        else:
            continue
        group = top / path.lstrip("/")
        for folder in (group, *group.parents):
            if not folder.is_relative_to(top):
                break
            room = min(room, _free_in_group(folder, limit, used, cache))
    return room


def _free_in_group(folder: Path, limit: str, used: str, cache: str) -> float:
    """Return the bytes until the limit of one group. Its file cache counts as free."""
    try:
        allowed = int((folder / limit).read_text())
        cached = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines()).get(cache, 0)
        return max(0, allowed - int((folder / used).read_text()) + int(cached))
    except (OSError, ValueError):  # The limit is "max", or the files do not exist.
        return math.inf


@functools.cache
def keep_freed_memory() -> None:
    """Keep freed memory in this process for later allocations. Without glibc, this has no effect.

    Each training step on a CPU allocates the same tensors again. By default glibc returns the memory of large tensors
    to the system immediately, and each new allocation then causes page faults.

    Examples
    --------
    >>> keep_freed_memory()  # doctest: +SKIP
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if platform.libc_ver()[0] == "glibc" else None
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 2**25)  # The maximum of older versions.
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(M_TOP_PAD, 2**28)


class PeakMemory:
    """Measure the peak memory since this object was created.

    For a GPU it is the memory that torch allocated; for a CPU, the resident memory of the whole process, on Linux only.

    Parameters
    ----------
    where : torch.device

    Examples
    --------
    >>> import torch
    >>> isinstance(PeakMemory(torch.device("cpu")).peak(), float)
    True
    """

    def __init__(self, where: torch.device):
        self.where, self.known = where, True
        if where.type == "cuda":
            import torch

            torch.cuda.reset_peak_memory_stats(where)
            return
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            self.known = False

    def peak(self) -> float:
        """Return the peak memory in MiB; NaN if the system does not report it."""
        if self.where.type == "cuda":
            import torch

            return round(torch.cuda.max_memory_allocated(self.where) / 2**20, 1)
        if not self.known:
            return float("nan")
        lines = Path("/proc/self/status").read_text().splitlines()
        return round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024, 1)
