"""Many small pieces of work side by side: one piece a thread, instead of several threads for each small operation."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import torch

CHUNK = 4096
"""Rows that go through pointwise operations together: they stay in a processor's cache."""


def chunks(rows: int) -> list[slice]:
    """Slices of at most `CHUNK` that cover so many rows."""
    return [slice(start, start + CHUNK) for start in range(0, rows, CHUNK)]


@contextlib.contextmanager
def workers(device: torch.device) -> Iterator[Callable[[Callable, Iterable], list]]:
    """A function `each(function, items)` that gives the list of results, computed by as many threads as torch has.

    Within the context an operation of torch uses one thread. On a GPU, or with one thread, items are simply taken one
    after the other.
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

    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(number, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield lambda function, items: list(pool.map(without_gradients(function), items))
    finally:
        torch.set_num_threads(number)
