"""Measure the time of one image on a GPU with similarities by gathering and by the kernels in Triton.

    python benchmarks/gpu_windows.py [--weights gray-groupsc-sigma25 color-groupsc-sigma25] [--size 481x321]

One line for each model: milliseconds of both, gigabytes of memory, and the largest difference of a pixel to float32, in
gray levels. The first image with Triton takes seconds longer, since its kernels are compiled; it is not counted.
"""

from __future__ import annotations

import argparse
import functools
import sys

import torch

from groupsc import load
from groupsc.benchmark.cost.operation_counts import seconds
from groupsc.inference.sliding_window import restore_whole
from groupsc.ops.gathered import GatheredWindow
from groupsc.utils.memory import PeakMemory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", nargs="+", default=["gray-groupsc-sigma25", "color-groupsc-sigma25"])
    parser.add_argument("--size", default="481x321", help="WIDTHxHEIGHT")
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("this script needs a GPU; `python benchmarks/inference.py` measures CPUs")
    from groupsc.inference.triton_window import TritonWindow

    device = torch.device("cuda")
    width, height = map(int, options.size.split("x"))
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, image of {width}×{height}, products in bfloat16")
    print(f"{'model':28} {'window':>6} {'kernels':>9} {'ms':>8} {'GB':>6} {'largest difference':>18}")
    for name in options.weights:
        model = load(name, device="cuda").coder.requires_grad_(False)
        image = torch.rand(1, model.config.channels, height, width, generator=torch.Generator().manual_seed(0))
        # Smoothed noise has similar patches, as photographs have.
        image = torch.nn.functional.avg_pool2d(image, 5, stride=1, padding=2).to(device)
        exact = restore_whole(model, image, matmul_dtype=torch.float32)
        for kernels, window in (("gathered", GatheredWindow), ("Triton", TritonWindow)):
            restore = functools.partial(
                restore_whole, model, image, matmul_dtype=torch.bfloat16,
                window=functools.partial(window, device=device),
            )  # fmt: skip
            memory = PeakMemory(device)
            difference = 255 * (restore() - exact).abs().max().item()
            gigabytes = memory.peak() / 1e3
            time = 1e3 * seconds(restore, device, repetitions=options.repetitions)
            print(f"{name:28} {model.config.window:6} {kernels:>9} {time:8.1f} {gigabytes:6.2f} {difference:18.3f}")


if __name__ == "__main__":
    main()
