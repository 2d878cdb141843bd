"""Measure CPU seconds per megapixel of the baselines on one thread, which `groupsc plan` uses.

    python benchmarks/methods.py [--side 192] [--data-dir data/raw]

Other work on the machine changes CPU time little. A baseline that lacks weights or packages is printed with the reason.
"""

from __future__ import annotations

import argparse
import time

import torch

from groupsc import baselines
from groupsc.config.definitions import LEVEL_NAMES
from groupsc.data.datasets import load_images
from groupsc.data.degradations import degrade, noise_generator

LEVELS = {"sigma": 25, "quality": 10, None: None}


def seconds(method, task: str, side: int) -> float:
    """Return the CPU seconds to restore a square of one photograph, after a smaller square that is not counted."""
    level = LEVELS[LEVEL_NAMES[task]]
    channels = 3 if task in ("color", "mosaic") else 1
    clean = torch.from_numpy(load_images("Bundled", channels=channels, images=1)["astronaut"])[None, :, :side, :side]
    degraded = degrade(clean, task, level, noise_generator("Bundled", "astronaut", level))[0][0].numpy()
    method.prepare(task, level)
    method.restore(degraded[:, :64, :64], task, level)
    began = time.process_time()
    method.restore(degraded, task, level)
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--side", type=int, default=192, help="side of the square in pixels")
    parser.add_argument("--data-dir", default="data/raw")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for name, method in baselines.methods(options.data_dir).items():
        for task in method.tasks:
            missing = method.skip(task, LEVELS[LEVEL_NAMES[task]])
            shown = missing or f"{seconds(method, task, options.side) / options.side**2 * 1e6:.1f}"
            print(f"{name:12} {task:7} {shown}", flush=True)


if __name__ == "__main__":
    main()
