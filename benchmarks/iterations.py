"""PSNR of SC with fewer iterations, before any training: the last ones, or iterations at equal distances.

    python benchmarks/iterations.py gray-sc-sigma25 color-sc-sigma25 [--images 12]

Central 40×40 blocks of BSDval32, in dB; differences to the model with all iterations. The codes begin at zero in every
case. `config/short.yaml` trains models that start from the last iterations.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import torch

import groupsc
from groupsc.config.definitions import experiment_name
from groupsc.config.experiments import experiments
from groupsc.models.coder import SparseCoder
from groupsc.training.batches import Batch
from groupsc.training.validation_blocks import validation_blocks

NUMBERS = (12, 8, 6, 4)
"""Numbers of iterations; they divide the 24 of the models."""


def psnr(model: SparseCoder, blocks: Batch) -> float:
    """Mean PSNR of the blocks in dB."""
    with torch.no_grad():
        error = (model(blocks.degraded, blocks.mask).clamp(0, 1) - blocks.clean).square().mean((1, 2, 3))
    return float(-10 * error.log10().mean())


def shortened(model: SparseCoder, thresholds: torch.Tensor) -> SparseCoder:
    """Return the model with the given thresholds (k, p) alone."""
    short = SparseCoder(dataclasses.replace(model.config, n_iterations=len(thresholds)))
    short.load_state_dict({**model.state_dict(), "thresholds": thresholds})
    return short


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", help="released SC models of one level")
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--data-dir", type=Path, default=Path("data/raw"))
    options = parser.parse_args()
    print(f"{'iterations':32}", *(f"{number:7}" for number in NUMBERS))
    for name in options.models:
        restorer = groupsc.load(name, device="cpu")
        task, level, model = restorer.card["task"], restorer.card["level"], restorer.coder
        cell = {"methods": ["sc"], "levels": [] if level is None else [level]}
        training = {"validation_images": options.images}
        found = experiments({"tasks": {task: cell}, "budget": "cpu", "training": training})
        blocks = validation_blocks(found[experiment_name(task, "sc", level)], options.data_dir, block=40)
        whole, thresholds = psnr(model, blocks), model.thresholds.detach()
        kinds = {
            "last": [thresholds[-number:] for number in NUMBERS],
            "equally spaced": [thresholds[24 // number - 1 :: 24 // number] for number in NUMBERS],
        }
        for kind, picks in kinds.items():
            losses = [psnr(shortened(model, pick), blocks) - whole for pick in picks]
            print(f"{name + ', ' + kind:32}", *(f"{loss:+7.3f}" for loss in losses), flush=True)


if __name__ == "__main__":
    main()
