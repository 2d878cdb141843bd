"""Count the operations that a device starts for one whole image, with the tiles of CPUs and of GPUs.

    python benchmarks/operations.py [--weights gray-groupsc-sigma25] [--size 481x321]

The operations are counted on the CPU, with the chunk size of a GPU. Views start no operation and are not counted.
"""

from __future__ import annotations

import argparse
import functools
from collections import Counter
from collections.abc import Callable

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from groupsc import load
from groupsc.inference.sliding_window import Window, restore_whole
from groupsc.ops import workers
from groupsc.ops.gathered import GatheredWindow
from groupsc.ops.window import SlidingWindow

UNCOUNTED = {"empty", "empty_strided", "new_empty", "empty_like", "_local_scalar_dense", "_unsafe_view"}


class Counting(TorchDispatchMode):
    """Count the operations that are computed in this context, by name."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        if not operation.is_view and operation.overloadpacket.__name__ not in UNCOUNTED:
            self.counts[operation.overloadpacket.__name__] += 1
        return operation(*args, **(kwargs or {}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="gray-groupsc-sigma25")
    parser.add_argument("--size", default="481x321", help="WIDTHxHEIGHT")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    model = load(options.weights, device="cpu").coder.requires_grad_(False)
    image = torch.rand(1, model.config.channels, height, width, generator=torch.Generator().manual_seed(0))
    torch.set_num_threads(1)  # A dispatch mode counts only in its own thread.
    workers.CHUNK = workers.LARGE_CHUNK
    windows: dict[str, Callable[..., Window]] = {
        "tiles of CPUs": SlidingWindow,
        "tiles of GPUs": functools.partial(GatheredWindow, device=image.device),
    }
    for name, window in windows.items():
        with Counting() as counting:
            restore_whole(model, image, matmul_dtype=torch.bfloat16, window=window)
        most = ", ".join(f"{operation} {count:,}" for operation, count in counting.counts.most_common(5))
        print(f"{name}: {counting.counts.total():,} operations, most often {most}", flush=True)


if __name__ == "__main__":
    main()
