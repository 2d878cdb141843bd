"""Restore planned images, one after the other or several at a time in processes of their own.

One image uses all cores well if it is large. Many small images do not, since reading, writing and the estimates around
the model use one core. Processes with one share of the cores each are then faster.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any

from groupsc.cli.batch.operations import Operation
from groupsc.cli.batch.planning import Job, plan_image
from groupsc.cli.batch.prediction import UNCHANGED, store_speed
from groupsc.cli.batch.resuming import origin_of
from groupsc.cli.batch.settings import Settings
from groupsc.utils.errors import GroupSCError

if TYPE_CHECKING:
    import numpy as np

    from groupsc.io.photographs import Photograph

START = 30.0
"""Predicted seconds of all images below which no processes are started, because each takes seconds to load torch."""

MOST_PROCESSES = 61 if sys.platform == "win32" else 1024
"""Largest number of processes; the pools of Windows have a limit."""

Outcome = tuple[Job, dict[str, Any] | str]
"""A job with the facts of its restoration, or with the reason why it failed."""


def number_of_processes(jobs: list[Job], settings: Settings) -> int:
    """Return how many images are restored at the same time: as many as cores and memory allow, one on a GPU."""
    if settings.jobs is not None:
        return max(1, min(settings.jobs, len(jobs), MOST_PROCESSES))
    import torch

    from groupsc.utils.device import pick_device

    if len(jobs) < 2 or sum(job.choice.seconds for job in jobs) < START or pick_device(settings.device).type != "cpu":
        return 1
    fitting = int(min(job.choice.memory / job.choice.needed for job in jobs))
    return max(1, min(len(jobs), torch.get_num_threads(), fitting, MOST_PROCESSES))


def outcomes(jobs: list[Job], operation: Operation, settings: Settings, number: int) -> Iterator[Outcome]:
    """Restore and write all images, `number` at a time, and yield each outcome as soon as it is known.

    If a process is killed, for example because the memory is full, the images without an outcome are restored again one
    by one. An image whose process is killed alone counts as failed.
    """
    if number == 1:
        for job in jobs:
            yield job, attempt(job, operation, settings, job.choice.memory, progress=True)
        return
    killed = []
    for job, outcome in _in_processes(jobs, operation, settings, number):
        if outcome is None:
            killed.append(job)
        else:
            yield job, outcome
    for job in killed:
        for _, outcome in _in_processes([job], operation, settings, 1):
            yield job, outcome or "its process was killed; it may need more memory than is free"


def _in_processes(
    jobs: list[Job], operation: Operation, settings: Settings, number: int
) -> Iterator[tuple[Job, dict[str, Any] | str | None]]:
    """Yield each job with its outcome, or with None if a process was killed before the outcome was known."""
    import torch

    threads = max(1, torch.get_num_threads() // number)
    parts = 1 if settings.jobs else number  # With --jobs, the plan divides the memory.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(number, context, _begin, (threads,))
    waiting = {pool.submit(attempt, job, operation, settings, job.choice.memory / parts): job for job in jobs}
    try:
        for future in as_completed(waiting):
            try:
                yield waiting[future], future.result()
            except BrokenProcessPool:
                yield waiting[future], None
    except BaseException:  # An interrupt ends the processes at once.
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(threads: int) -> None:
    """Prepare a worker process: it leaves interrupts to the main process and ends when that one ends."""
    import torch

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    parent = multiprocessing.parent_process()
    if parent is not None:

        def end_with_parent() -> None:
            parent.join()
            os._exit(1)

        threading.Thread(target=end_with_parent, daemon=True).start()


def attempt(
    job: Job, operation: Operation, settings: Settings, memory: float, progress: bool = False
) -> dict[str, Any] | str:
    """Restore and write one image.

    Returns
    -------
    dict or str
        Facts for the report, or the reason of a failure.
    """
    try:
        return restore(job, operation, settings, memory, progress)
    except (GroupSCError, OSError) as error:
        return str(error)
    except Exception as error:  # Whatever goes wrong with one image, the others are restored.
        return f"{type(error).__name__}: {error}"


def restore(
    job: Job, operation: Operation, settings: Settings, memory: float, progress: bool = False
) -> dict[str, Any]:
    """Restore and write one image within a memory limit; raise the error of a failure."""
    from groupsc.io.restoring import copy_file, restore_file

    start = time.perf_counter()
    if job.choice.alone == UNCHANGED and job.source.suffix.lower() == job.target.suffix.lower():
        copy_file(job.source, job.target, overwrite=settings.overwrite)
        return {**job.facts, "seconds": round(time.perf_counter() - start, 2)}
    options = {
        "device": settings.device, "mode": settings.mode, "stride": settings.stride,
        "memory": memory, "progress": progress,
    }  # fmt: skip
    planned = [(job.level, job.choice.weights)]

    def restored(photo: Photograph) -> tuple[np.ndarray, dict[str, Any]]:
        """Restore an image or a page of a stack; each page but the first of this call is planned here."""
        level, weights = planned.pop() if planned else plan_image(photo, operation, settings)
        begun = time.perf_counter()
        pixels, facts = operation.restore(photo, level, weights, {**options, "method": settings.method_with(weights)})
        if facts.get("weights", weights) == job.facts["weights"] and level.cost == 1:
            size = photo.pixels.shape[1] * photo.pixels.shape[2]
            store_speed(job.choice, level, size, settings, time.perf_counter() - begun)
        return pixels, {**level.facts, "weights": weights, **facts}

    _, facts = restore_file(
        job.source, job.target, restored, photo=job.photo, overwrite=settings.overwrite,
        origin=origin_of(job.source, job.options) if job.pages > 1 else None, resume=job.done > 0,
    )  # fmt: skip
    return {**job.names, **facts, "seconds": round(time.perf_counter() - start, 2)}
