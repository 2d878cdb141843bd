"""Measure seconds, memory and PSNR of one restored image: plain blocks, fast blocks and the whole image.

    python benchmarks/inference.py [--weights gray-groupsc-sigma25] [--output results/bench/inference.json]

All modes run one after the other in one process, on the same image, noise and number of threads. "Plain" is
`SparseCoder.forward` in float32 on the paper's overlapping blocks. Whole images are restored with the window of these
blocks and, if the model was trained on smaller crops, also with the window of the crops, as the library does. Times at
stride 12 are those of stride 48 times the ratio of the numbers of blocks; `--patient` measures them.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from groupsc import load
from groupsc.benchmark.metrics import psnr
from groupsc.config.definitions import BLOCK
from groupsc.data.datasets import image_paths
from groupsc.data.degradations import degrade, noise_generator
from groupsc.inference.restoration import BLOCKS_TOGETHER, blockwise, restore
from groupsc.io.images import read_image
from groupsc.models.coder import SparseCoder
from groupsc.models.sizes import number_of_blocks
from groupsc.utils.device import device_name, pick_device
from groupsc.utils.memory import PeakMemory, keep_freed_memory
from groupsc.utils.version import code_version


def plain_blocks(model, image, mask=None, *, level=None, stride: int):
    """Restore in the paper's block mode by the plain coder in float32."""
    side = model.config.block(stride)
    return blockwise(
        lambda x, M: model(x, M, level=level),
        image,
        mask,
        side=side,
        stride=stride,
        weight=model.patch_grid(side, side).counts(),
        together=BLOCKS_TOGETHER[image.device.type],
        progress=True,
    )


class Measurements:
    """Time, memory and PSNR of restorations of one image; `rows` has one entry for each."""

    def __init__(self, clean: torch.Tensor, device: torch.device):
        self.clean, self.device = clean, device
        self.rows: list[dict] = []

    def add(self, name: str, function: Callable[[], torch.Tensor]) -> float:
        """Restore once, print a line, and return the seconds."""
        memory, began = PeakMemory(self.device), time.perf_counter()
        with torch.inference_mode():
            restored = function()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        seconds = time.perf_counter() - began
        value = psnr(restored[0].float().cpu().numpy(), self.clean[0].numpy())
        self.rows.append({"mode": name, "seconds": seconds, "peak_memory_mb": memory.peak(), "psnr": value})
        print(f"{name:28} {seconds:9.2f} {memory.peak():7.0f} {value:8.4f}", flush=True)
        return seconds


def block_seconds(found: Measurements, model: SparseCoder, noisy, mask, given: dict, *, patient: bool) -> dict:
    """Measure both kinds of blocks; return the seconds by kind and stride, at stride 12 estimated unless `patient`."""
    side, seconds = model.config.block(), {}
    number = {s: math.prod(number_of_blocks(length, side, s) for length in noisy.shape[-2:]) for s in (48, 12)}
    modes = {
        "fast blocks": lambda stride: restore(model, noisy, mask, **given, mode="block", stride=stride),
        "plain float32 blocks": lambda stride: plain_blocks(model, noisy, mask, **given, stride=stride),
    }
    for name, function in modes.items():
        for stride in (48, 12) if patient else (48,):
            seconds[name, stride] = found.add(f"{name}, stride {stride}", functools.partial(function, stride))
        if not patient:
            seconds[name, 12] = seconds[name, 48] * number[12] / number[48]
            print(f"{name + ', stride 12':28} {seconds[name, 12]:9.2f}   estimated from {number[12]} blocks")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="gray-groupsc-sigma25")
    parser.add_argument("--dataset", default="BSD68")
    parser.add_argument("--level", type=float, default=25, help="noise σ for a blind model, in gray levels of 255")
    parser.add_argument("--data-dir", default="data/raw")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--patient", action="store_true", help="also measure the blocks at stride 12")
    parser.add_argument("--output", type=Path, default=Path("results/bench/inference.json"))
    options = parser.parse_args()
    device = pick_device(options.device)
    if device.type == "cpu":
        keep_freed_memory()  # Plain blocks allocate the same tensors repeatedly; whole images take the same time.
    restorer = load(options.weights, device=options.device)
    card = restorer.card
    # The paper's blocks and window, for any crop size of the training.
    trained = restorer.coder.requires_grad_(False)
    model = trained.with_settings(window=BLOCK + 1 - trained.config.patch_size)
    path = image_paths(options.dataset, options.data_dir, images=1)[0]
    clean = torch.from_numpy(read_image(path, channels=model.config.channels))[None]
    level = card["level"] if model.config.levels is None else options.level
    noisy, mask = degrade(clean, card["task"], level, noise_generator(options.dataset, path.stem, level))
    noisy, mask = noisy.to(device), mask if mask is None else mask.to(device)
    given: dict[str, Any] = {"level": level if model.config.levels else None}

    print(f"{path.stem}, {clean.shape[-1]}×{clean.shape[-2]}, {card['name']}, {device_name(device)}")
    print(f"{'mode':28} {'seconds':>9} {'MB':>7} {'PSNR':>8}")
    found = Measurements(clean, device)
    restore(model, noisy[..., :64, :64], mask if mask is None else mask[..., :64, :64], **given)  # Starts threads.
    whole = found.add(f"whole image, window {model.config.window}", lambda: restore(model, noisy, mask, **given))
    if trained.config.window != model.config.window:
        whole = found.add(
            f"whole image, window {trained.config.window}", lambda: restore(trained, noisy, mask, **given)
        )
    seconds = block_seconds(found, model, noisy, mask, given, patient=options.patient)

    at48, at12 = (seconds["plain float32 blocks", stride] for stride in (48, 12))
    print(f"whole image: {at48 / whole:.1f} times as fast as plain blocks at stride 48, {at12 / whole:.0f} times at 12")
    report = {
        "device": device_name(device), "torch": torch.__version__, "code_version": code_version(), "rows": found.rows,
        "plain_stride_12_seconds": at12, "plain_stride_12_estimated": not options.patient,
    }  # fmt: skip
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
