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
"""Rows that go through an operation together on a processor, whose cache holds them."""


def chunks(number: int, device: torch.device, each: int = 1) -> list[slice]:
    """Slices of so many things of `each` rows that cover them all: one slice, or on a processor slices of `CHUNK` rows
    or one thing."""
    step = max(1, CHUNK // each) if device.type == "cpu" else number
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
        torch.set_num_threads(1)
        try:
            return list(pool.map(without_gradients(function), items))
        finally:
            torch.set_num_threads(number)

    with ThreadPoolExecutor(number, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield each


class Scratch(threading.local):
    """Memory that each thread writes to again and again, since new memory costs more than what is done in it."""

    def __init__(self):
        self.kept: dict[str, Tensor] = {}

    def empty(self, name: str, shape, like: Tensor) -> Tensor:
        """An uninitialised tensor of the type of `like`; the next call of the same name may give the same memory."""
        size = math.prod(shape)
        if name not in self.kept or self.kept[name].numel() < size:
            self.kept[name] = like.new_empty(size)
        return self.kept[name][:size].view(shape)
