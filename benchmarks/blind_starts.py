"""PSNR of blind GroupSC before the first step, with constant κ and with κ divided by the noise level.

    python benchmarks/blind_starts.py gray [--images 24]

Central 48×48 blocks of BSDval32, whose noise rises evenly from 0 to 55, in dB: the mean of all blocks, then those of
four ranges of σ. The models start from released GroupSC of σ = 25, with thresholds in proportion to σ. The released
blind models of SC and GroupSC follow, and the released models for one σ, each on the blocks whose σ is nearest to its
own, which are scaled to this σ.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

import groupsc
from groupsc.config.definitions import Experiment
from groupsc.config.experiments import experiments
from groupsc.models.coder import SparseCoder
from groupsc.training.batches import Batch
from groupsc.training.initialization import first_model
from groupsc.training.validation_blocks import validation_blocks
from groupsc.weights.released import find_weights

LEVELS = {"gray": (5, 15, 25, 50), "color": (5, 10, 15, 25, 30, 50)}
RANGES = 4
Model = Callable[[Tensor, float], Tensor]


def print_row(name: str, model: Model, blocks: Batch) -> None:
    """Print the PSNR of all blocks, and of each range of noise levels."""
    assert blocks.level is not None
    found = []
    with torch.no_grad():
        for clean, degraded, level in zip(blocks.clean, blocks.degraded, blocks.level.tolist(), strict=True):
            error = (model(degraded[None], level).clamp(0, 1) - clean).square().mean()
            found.append(float(-10 * error.log10()))
    parts = torch.tensor(found).chunk(RANGES)
    print(f"{name:32}", *(f"{part.mean():7.3f}" for part in (torch.tensor(found), *parts)), flush=True)


def told_the_level(coder: SparseCoder) -> Model:
    """A blind model as a function of the noisy image and its σ."""

    def restored(image: Tensor, level: float) -> Tensor:
        found: Tensor = coder(image, level=level)
        return found

    return restored


def models(task: str, experiment: Experiment) -> Iterator[tuple[str, Model]]:
    """Yield the name of each model, and a function of the noisy image and its σ."""
    start = find_weights(f"{task}-groupsc-sigma25")
    for name, relative in (("start, constant κ", False), ("start, κ divided by σ", True)):
        config = dataclasses.replace(experiment.model, relative_distance=relative)
        coder = first_model(dataclasses.replace(experiment, model=config), init=start, spread=25 / 255)
        yield name, told_the_level(coder)
    for method in ("sc", "groupsc"):
        yield f"{task}-{method}-blind", told_the_level(groupsc.load(f"{task}-{method}-blind", device="cpu").coder)
    own = {level: groupsc.load(f"{task}-groupsc-sigma{level}", device="cpu").coder for level in LEVELS[task]}

    def nearest(image: Tensor, level: float) -> Tensor:
        sigma = min(own, key=lambda one: abs(one - level))
        restored: Tensor = own[sigma](image * sigma / level) * level / sigma
        return restored

    yield "models for one σ, scaled images", nearest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=list(LEVELS))
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--data-dir", default="data/raw")
    options = parser.parse_args()
    cell = {"methods": [], "blind": {"methods": ["groupsc"], "levels": [25]}}
    grid = {"budget": "cpu", "tasks": {options.task: cell}, "training": {"validation_images": options.images}}
    experiment = experiments(grid)[f"{options.task}-groupsc-blind"]
    blocks = validation_blocks(experiment, options.data_dir, block=48)
    assert blocks.level is not None
    ends = [f"≤{float(part[-1]):.0f}" for part in blocks.level.chunk(RANGES)]
    print(f"{'':32}", *(f"{text:>7}" for text in ("mean", *ends)))
    for name, model in models(options.task, experiment):
        print_row(name, model, blocks)


if __name__ == "__main__":
    main()
