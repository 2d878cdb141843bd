"""PSNR of CSR before the first step, for values of γ and κ, from the weights of an SC model.

    python benchmarks/csr_start.py gray 25 [--images 8]

Central 40×40 blocks of BSDval32, in dB. Rows are values of γ; the thresholds of SC are divided by 1 + γ, or left as
they are. Columns are distances between equal patches with independent noise, from which κ follows.
`groupsc.training.initialization.adapt_to_means` uses one of these starts.
"""

from __future__ import annotations

import argparse

import torch
from torch import Tensor

import groupsc
from groupsc.config.experiments import experiments
from groupsc.models.coder import SparseCoder
from groupsc.training.batches import Batch, validation_blocks
from groupsc.training.initialization import adapt_to_means, first_model
from groupsc.weights.released import find_weights

DISTANCES = (3.0, 6.2, 12.0, 25.0)


def psnr(model: SparseCoder, blocks: Batch) -> float:
    """Mean PSNR of the blocks in dB."""
    with torch.no_grad():
        error = (model(blocks.degraded).clamp(0, 1) - blocks.clean).square().mean((1, 2, 3))
    return float(-10 * error.log10().mean())


def start(model: SparseCoder, thresholds: Tensor, gamma: float, distance: float, sigma: float) -> SparseCoder:
    """Adapt a model with the thresholds of an SC model; the adaptation divides them by 1 + γ."""
    with torch.no_grad():
        model.thresholds.copy_(thresholds)
    adapt_to_means(model, sigma, gamma=gamma, distance=distance)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=["gray", "color"])
    parser.add_argument("level", type=int, help="σ in gray levels.")
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--data-dir", default="data/raw")
    options = parser.parse_args()
    grid = {"tasks": {options.task: {"methods": ["csr"], "levels": [options.level]}}, "budget": "cpu"}
    experiment = experiments(grid | {"training": {"validation_images": options.images}})
    wanted = experiment[f"{options.task}-csr-sigma{options.level}"]
    blocks = validation_blocks(wanted, options.data_dir, block=40)
    name, sigma = f"{options.task}-sc-sigma{options.level}", options.level / 255
    sc = groupsc.load(name, device="cpu").coder
    print(f"{name}: {psnr(sc, blocks):.3f} dB; CSR: γ, thresholds, then distances {DISTANCES}")
    model = first_model(wanted, init=find_weights(name), spread=sigma)
    for gamma in (0.1, 0.2, 0.4, 0.8):
        for words, thresholds in (("as SC", sc.thresholds * (1 + gamma)), ("divided by 1 + γ", sc.thresholds)):
            found = [psnr(start(model, thresholds, gamma, distance, sigma), blocks) for distance in DISTANCES]
            print(f"{gamma:4}  {words:16}", *(f"{value:.3f}" for value in found), flush=True)


if __name__ == "__main__":
    main()
