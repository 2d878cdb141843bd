"""Apply a function to many small items in parallel, one item per thread.

This is faster than several threads for each small operation.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import torch
from torch import Tensor

CHUNK = 2048
"""Number of rows in one operation on a CPU; its cache holds them."""

LARGE_CHUNK = 2**15
"""The same on other devices, where temporary memory is the limit."""

T = TypeVar("T")
R = TypeVar("R")


class Each(Protocol):
    """What `workers` provides: apply a function to all items and return the results as a list."""

    def __call__(self, function: Callable[[T], R], items: Iterable[T], /) -> list[R]: ...


def chunks(number: int, device: torch.device, rows: int = 1) -> list[slice]:
    """Split items into chunks.

    Parameters
    ----------
    number : int
        Number of items.
    device : torch.device
        One operation takes `CHUNK` rows on a CPU and `LARGE_CHUNK` rows elsewhere.
    rows : int, optional
        Number of rows per item.

    Returns
    -------
    list of slice
        Slices of at least one item each.

    Examples
    --------
    >>> chunks(5000, torch.device("cpu"))
    [slice(0, 2048, None), slice(2048, 4096, None), slice(4096, 5000, None)]
    """
    step = max(1, _rows_in_chunk(device) // rows)
    return [slice(start, min(start + step, number)) for start in range(0, number, step)]


def rows_at_once(device: torch.device) -> int:
    """Return the number of rows that are computed at the same time if each thread has one chunk.

    Examples
    --------
    >>> rows_at_once(torch.device("cpu")) == CHUNK * torch.get_num_threads()
    True
    """
    return _rows_in_chunk(device) * (torch.get_num_threads() if device.type == "cpu" else 1)


def _rows_in_chunk(device: torch.device) -> int:
    return CHUNK if device.type == "cpu" else LARGE_CHUNK


@contextlib.contextmanager
def workers(device: torch.device) -> Iterator[Each]:
    """Provide a function `each(function, items)` that returns the results as a list, computed in parallel by threads.

    The number of threads is that of torch. Operations of torch within `function` use one thread and record no
    gradients. On a GPU, or with one thread, the items are processed one after the other.

    Parameters
    ----------
    device : torch.device
        Device of the tensors that `function` uses.

    Examples
    --------
    >>> with workers(torch.device("cpu")) as each:
    ...     print(each(lambda x: x**2, [1, 2, 3]))
    [1, 4, 9]
    """
    number = torch.get_num_threads()
    if device.type != "cpu" or number == 1:
        yield _one_by_one
        return
    inference = torch.is_inference_mode_enabled()

    def without_gradients(function: Callable[[T], R]) -> Callable[[T], R]:
        def call(item: T) -> R:
            # Each thread has its own modes.
            with torch.inference_mode(inference), torch.no_grad():
                return function(item)

        return call

    def each(function: Callable[[T], R], items: Iterable[T], /) -> list[R]:
        # At its first operation, a thread of the pool takes the number of threads of the caller.
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


def _one_by_one(function: Callable[[T], R], items: Iterable[T], /) -> list[R]:
    return [function(item) for item in items]


class Scratch(threading.local):
    """Memory that each thread uses repeatedly, since its allocation takes longer than the computation in it.

    Examples
    --------
    >>> scratch = Scratch()
    >>> scratch.empty("sums", (2, 3), torch.zeros(1)).shape
    torch.Size([2, 3])
    """

    def __init__(self) -> None:
        self.kept: dict[tuple[str, torch.dtype], Tensor] = {}

    def empty(self, name: str, shape: Sequence[int], like: Tensor) -> Tensor:
        """An uninitialised tensor of a shape, with the type and device of `like`.

        The next call with the same `name` may return the same memory.
        """
        size, key = math.prod(shape), (name, like.dtype)
        if key not in self.kept or self.kept[key].numel() < size:
            self.kept[key] = like.new_empty(size)
        return self.kept[key][:size].view(shape)
