"""PSNR of GroupSC or CSR before the first step, from the weights of an SC model.

    python benchmarks/starts.py gray 5 --method groupsc [--images 8]

Central 40×40 blocks of BSDval32, in dB. Columns are distances between equal patches with independent noise, from which
κ follows. Rows are factors of the thresholds of SC for GroupSC, and values of γ for CSR, with the thresholds of SC, or
with these divided by 1 + γ. `adapt_to_groups` and `adapt_to_means` in `groupsc.training.initialization` use one of
these starts each.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from functools import partial

import torch

import groupsc
from groupsc.config.experiments import experiments
from groupsc.models.coder import SparseCoder
from groupsc.training.batches import Batch
from groupsc.training.initialization import adapt_to_groups, adapt_to_means, first_model
from groupsc.training.validation_blocks import validation_blocks
from groupsc.weights.released import find_weights

DISTANCES = (3.0, 6.2, 12.0, 25.0)
FACTORS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
GAMMAS = (0.1, 0.2, 0.4, 0.8)


def psnr(model: SparseCoder, blocks: Batch) -> float:
    """Mean PSNR of the blocks in dB."""
    with torch.no_grad():
        error = (model(blocks.degraded).clamp(0, 1) - blocks.clean).square().mean((1, 2, 3))
    return float(-10 * error.log10().mean())


def rows(method: str, sigma: float) -> Iterator[tuple[str, float, Callable[..., None]]]:
    """Yield the name of a row, a factor for the thresholds of SC, and the adaptation that follows."""
    if method == "groupsc":
        for factor in FACTORS:
            yield f"{factor:4}", 1.0, partial(adapt_to_groups, spread=sigma, factor=factor)
        return
    for gamma in GAMMAS:
        adapt = partial(adapt_to_means, spread=sigma, gamma=gamma)
        yield f"{gamma:4}  as SC           ", 1 + gamma, adapt
        yield f"{gamma:4}  divided by 1 + γ", 1.0, adapt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=["gray", "color"])
    parser.add_argument("level", type=int, help="σ in gray levels.")
    parser.add_argument("--method", choices=["groupsc", "csr"], required=True)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--data-dir", default="data/raw")
    options = parser.parse_args()
    grid = {"tasks": {options.task: {"methods": [options.method], "levels": [options.level]}}, "budget": "cpu"}
    experiment = experiments(grid | {"training": {"validation_images": options.images}})
    wanted = experiment[f"{options.task}-{options.method}-sigma{options.level}"]
    blocks = validation_blocks(wanted, options.data_dir, block=40)
    name, sigma = f"{options.task}-sc-sigma{options.level}", options.level / 255
    sc = groupsc.load(name, device="cpu").coder
    print(f"{name}: {psnr(sc, blocks):.3f} dB; {wanted.name}, by distances {DISTANCES}:")
    model = first_model(wanted, init=find_weights(name), spread=sigma)
    for words, factor, adapt in rows(options.method, sigma):
        found = []
        for distance in DISTANCES:
            with torch.no_grad():
                model.thresholds.copy_(factor * sc.thresholds)
            adapt(model, distance=distance)
            found.append(psnr(model, blocks))
        print(words, *(f"{value:.3f}" for value in found), flush=True)


if __name__ == "__main__":
    main()
