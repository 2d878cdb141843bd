"""The jobs of a run, and the time until the last of them ends."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """One training or evaluation.

    Attributes
    ----------
    name : str
    penalty : str
        Determines the rate of the operations.
    operations : float
        Number of floating-point operations.
    after : str or None
        Name of the job that must end first.

    Examples
    --------
    >>> Job("gray-sc-sigma25", "l1", 1e15).after is None
    True
    """

    name: str
    penalty: str
    operations: float
    after: str | None = None


def makespan(jobs: Iterable[Job], lengths: dict[str, float], workers: int) -> float:
    """Return the seconds until the last job ends. A free worker takes the ready job with the longest chain of work."""
    waiting: dict[str | None, list[str]] = {}
    for job in jobs:
        waiting.setdefault(job.after, []).append(job.name)

    def weight(name: str) -> float:
        return lengths[name] + max((weight(later) for later in waiting.get(name, ())), default=0.0)

    ready = [(-weight(name), name) for name in waiting.get(None, ())]
    heapq.heapify(ready)
    running: list[tuple[float, str]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < workers:
            _, name = heapq.heappop(ready)
            heapq.heappush(running, (now + lengths[name], name))
        now, name = heapq.heappop(running)
        for later in waiting.get(name, ()):
            heapq.heappush(ready, (-weight(later), later))
    return now
