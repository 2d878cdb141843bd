"""Many small pieces of work side by side: one piece a thread, instead of several threads for each small operation."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

CHUNK = 2048
"""Rows that go through an operation together on a CPU, whose cache holds them."""

LARGE_CHUNK = 2**15
"""The same on other devices, where temporary memory is the limit."""


def chunks(number: int, device: torch.device, rows: int = 1) -> list[slice]:
    """Slices that cover so many things of some rows, each of as many as go through an operation together, at least
    one."""
    step = max(1, (CHUNK if device.type == "cpu" else LARGE_CHUNK) // rows)
    return [slice(start, min(start + step, number)) for start in range(0, number, step)]


@contextlib.contextmanager
def workers(device: torch.device) -> Iterator[Callable[[Callable, Iterable], list]]:
    """A function `each(function, items)` that gives the list of results, computed by as many threads as torch has.

    Within such a function an operation of torch uses one thread. On a GPU, or with one thread, items are simply taken
    one after the other.
    """
    number = torch.get_num_threads()
    if device.type != "cpu" or number == 1:
        yield lambda function, items: [function(item) for item in items]
        return
    inference = torch.is_inference_mode_enabled()

    def without_gradients(function):
        def call(item):
            # Modes belong to a thread.
            with torch.inference_mode(inference), torch.no_grad():
                return function(item)

        return call

    def each(function, items):
        # A thread of the pool takes the caller's number at its first operation, whatever it was set to before.
        torch.set_num_threads(1)
        try:
            return list(pool.map(without_gradients(function), items))
        finally:
            torch.set_num_threads(number)

    try:
        with ThreadPoolExecutor(number, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield each
    finally:
        torch.set_num_threads(number)


class Scratch(threading.local):
    """Memory that each thread writes to again and again, since new memory costs more than what is done in it."""

    def __init__(self):
        self.kept: dict[tuple[str, torch.dtype], Tensor] = {}

    def empty(self, name: str, shape, like: Tensor) -> Tensor:
        """An uninitialised tensor of that shape, and of the type and the device of `like`; the next call of the same
        name may give the same memory."""
        size, key = math.prod(shape), (name, like.dtype)
        if key not in self.kept or self.kept[key].numel() < size:
            self.kept[key] = like.new_empty(size)
        return self.kept[key][:size].view(shape)
