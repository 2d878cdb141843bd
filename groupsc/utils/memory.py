"""What memory a process may take, took at most, and keeps."""

from __future__ import annotations

import ctypes
import functools
import math
import os
import platform
from pathlib import Path

import torch

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3
"""Parameters of mallopt(3), from malloc.h."""

UNKNOWN = 4e9
"""Bytes that are taken to be free where the system does not tell."""


def memory_share(device: torch.device, least: float = 0) -> float:
    """Bytes of what is free that fall to this process: of a GPU half, on CPUs as large a part as it has of the
    CPUs, at most half. So many that run side by side, each with a thread or two, get by with what there is.
    Where that is less than `least`, as much as half of what is free is granted up to it."""
    part = 0.5
    if device.type != "cuda":
        cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        part = min(part, torch.get_num_threads() / cpus)
    free = free_memory(device)
    return max(free * part, min(least, free / 2))


def free_memory(device: torch.device) -> float:
    """Bytes that are free on the device: for the CPU, what system and control groups (containers, jobs of a
    cluster) still give."""
    if device.type == "cuda":
        kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + kept
    return min(_free_on_system(), room_in_groups())


def _free_on_system() -> float:
    try:
        with open("/proc/meminfo") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) * 1024
    except (OSError, StopIteration):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2
    except (AttributeError, ValueError):
        return UNKNOWN


def room_in_groups(root: Path = Path("/sys/fs/cgroup"), process: Path = Path("/proc/self/cgroup")) -> float:
    """Bytes until the next limit of the control groups of a process; infinite where there is none."""
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
            room = min(room, _room(folder, limit, used, cache))
    return room


def _room(folder: Path, limit: str, used: str, cache: str) -> float:
    """Bytes until one group's limit; what it caches of files counts as free."""
    try:
        allowed = int((folder / limit).read_text())
        cached = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines()).get(cache, 0)
        return max(0, allowed - int((folder / used).read_text()) + int(cached))
    except (OSError, ValueError):  # No limit, "max", or no such files.
        return math.inf


@functools.cache
def keep_freed_memory() -> None:
    """Let this process keep memory that it frees for what it allocates next; no effect where the C library isn't glibc.

    A training step on a CPU allocates the same tensors again and again. By default glibc gives large ones back to
    the system at once, which then has to fault every page in anew.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if platform.libc_ver()[0] == "glibc" else None
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, 2**25)  # Older versions take no more.
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
        mallopt(M_TOP_PAD, 2**28)


class PeakMemory:
    """Peak memory from its making on: what torch allocated on a GPU, the whole process on Linux CPUs."""

    def __init__(self, where: torch.device):
        self.where, self.known = where, True
        if where.type == "cuda":
            torch.cuda.reset_peak_memory_stats(where)
            return
        try:
            Path("/proc/self/clear_refs").write_text("5")
        except OSError:
            self.known = False

    def peak(self) -> float:
        """Mebibytes; NaN where the system does not tell."""
        if self.where.type == "cuda":
            return round(torch.cuda.max_memory_allocated(self.where) / 2**20, 1)
        if not self.known:
            return float("nan")
        lines = Path("/proc/self/status").read_text().splitlines()
        return round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024, 1)
