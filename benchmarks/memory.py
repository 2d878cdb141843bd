"""Measure how fast one thread copies memory and computes on data outside the cache.

python benchmarks/memory.py
"""

from __future__ import annotations

import argparse
import time

import torch

BYTES = 2**28


def rate(function, moved: int, repetitions: int = 3) -> float:
    """Return GB/s of the fastest repetition; `moved` is in bytes."""
    seconds = []
    for _ in range(repetitions):
        began = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - began)
    return moved / min(seconds) / 1e9


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    torch.set_num_threads(1)
    one, other = torch.zeros(BYTES, dtype=torch.uint8), torch.ones(BYTES, dtype=torch.uint8)
    single, half = torch.ones(BYTES // 4), torch.ones(BYTES // 2, dtype=torch.bfloat16)
    print(f"copy, bytes read and written            {rate(lambda: other.copy_(one), 2 * BYTES):6.1f} GB/s")
    print(f"float32 times a number, in place        {rate(lambda: single.mul_(1.0), 2 * BYTES):6.1f} GB/s")
    print(f"bfloat16 times a number, in place       {rate(lambda: half.mul_(1.0), 2 * BYTES):6.1f} GB/s")
    # Zeros may be pages that the system has not allocated yet; ones are always written.
    print(f"memory that is written the first time   {rate(lambda: torch.ones(BYTES // 4), BYTES):6.1f} GB/s")


if __name__ == "__main__":
    main()
