"""Measure the share of each operation in the time of one restored image, beside the machine's rate of products.

    OMP_NUM_THREADS=1 python benchmarks/parts.py [--weights gray-groupsc-sigma25] [--size 481x321]

One thread restores a whole image of noise on gray without compiled functions, which the profiler of PyTorch does not
see. The last line says how long the products with Σ would take at the rate of one large product, with and without the
pairs of patches outside the window.
"""

from __future__ import annotations

import argparse
import time

import torch
from torch.profiler import ProfilerActivity, profile

from groupsc import load
from groupsc.benchmark.cost.operation_counts import matmul_rate
from groupsc.inference.sliding_window import restore_whole
from groupsc.ops.window import SlidingWindow
from groupsc.utils.device import device_name, fast_matmul_dtype


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="gray-groupsc-sigma25")
    parser.add_argument("--size", default="481x321")
    parser.add_argument("--least", type=float, default=0.02, help="smallest share of an operation that is shown")
    options = parser.parse_args()
    height, width = (int(side) for side in options.size.split("x"))
    model = load(options.weights, device="cpu")
    coder, config = model.coder, model.coder.config
    image = 0.5 + 0.1 * torch.randn(1, config.channels, height, width, generator=torch.Generator().manual_seed(0))
    dtype = fast_matmul_dtype(torch.device("cpu"))
    start = time.perf_counter()
    with profile(activities=[ProfilerActivity.CPU]) as found:
        restore_whole(coder, image, matmul_dtype=dtype, compiled=False)
    seconds = time.perf_counter() - start
    print(f"{options.weights}, {options.size}, {device_name(torch.device('cpu'))}, {dtype}: {seconds:.1f} s")
    for row in sorted(found.key_averages(), key=lambda row: -row.self_cpu_time_total):
        share = row.self_cpu_time_total / 1e6 / seconds
        if share >= options.least:
            print(f"{row.key:24}{share:6.0%}{row.self_cpu_time_total / 1e6:8.2f} s{row.count:9} calls")
    grid, rate = coder.patch_grid(height, width), matmul_rate(torch.device("cpu"), dtype)
    window = SlidingWindow(grid.rows, grid.columns, config.grid_window, dtype)
    pairs = sum(tile.log_weight.numel() for strip in window.strips for tile in strip.tiles)
    inside = sum(int(tile.log_weight.isfinite().sum()) for strip in window.strips for tile in strip.tiles)
    work = [2 * number * config.n_atoms * config.n_iterations / rate for number in (pairs, inside)]
    print(f"sums over the window at {rate / 1e9:.0f} GFLOP/s: {work[0]:.1f} s, {work[1]:.1f} s without other pairs")


if __name__ == "__main__":
    main()
