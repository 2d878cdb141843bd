"""Short trainings from given weights that differ in the learning rate and its units, with several seeds each.

    python benchmarks/learning_rates.py WEIGHTS.safetensors --steps 100 --batch 4 --rates 7e-4 2e-3 --units no yes

Each is trained in full, its cycle included, and validated on the central blocks of BSDval32. A line a training says how
the validation PSNR changed, how often the best snapshot came back, how many steps were skipped, and ρ(I − D Cᵀ).
`benchmarks/README.md` keeps what was found.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from pathlib import Path

import torch

from groupsc.config.definitions import Experiment
from groupsc.config.experiments import experiments
from groupsc.training.batches import Batches, training_images, validation
from groupsc.training.initialization import first_model
from groupsc.training.loop import learning_rate
from groupsc.training.state import Run
from groupsc.weights.files import load_weights


def experiment(card: dict, options, rate: float, units: bool, seed: int) -> Experiment:
    """The experiment of a weights file with another training."""
    task, method, level = card["task"], card["method"], card["level"]
    training = {
        "steps": options.steps, "batch": options.batch, "crop": options.crop, "rate": rate, "units": units,
        "gain_share": options.gains, "clip": options.clip or None, "seed": seed, "validate_every": options.steps // 4,
    }  # fmt: skip
    cell = {"methods": [method]} if level is None else {"methods": [method], "levels": [level]}
    found = experiments({"budget": "cpu", "tasks": {task: cell}, "training": training})
    return found[card["name"]]


def train(wanted: Experiment, init: Path, raw: Path) -> None:
    """Train, and print a line."""
    began, config = time.perf_counter(), wanted.training
    batches = Batches(training_images(wanted, raw), wanted)
    model = first_model(wanted, None, init, spread=batches.spread())
    blocks = validation(wanted, raw, block=config.crop)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(wanted, model, torch.device("cpu"), Path(folder), spread=batches.spread())
        run.begin(blocks, write=True)
        first = run.psnr
        while run.step < config.steps:
            rate = learning_rate(config, run.step) * run.slowdown
            run.advance(batches.at(run.step), rate, 1)
            if run.step % config.validate_every == 0 or run.step == config.steps:
                run.validate(blocks, rate, write=True)
        with open(run.log, newline="") as file:
            log = list(csv.DictReader(file))
    back = sum(bool(row["event"]) for row in log)
    print(
        f"{wanted.name} rate {config.rate:g} units {config.units} seed {config.seed}: {first:.3f} -> "
        f"{run.best_psnr:.3f} dB, {back} back, {int(run.optimizer.skipped)} skipped, "
        f"rho {log[0]['rho']} -> {log[-1]['rho']}, {(time.perf_counter() - began) / config.steps:.2f} s a step",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("--raw", type=Path, default=Path("data/raw"))
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--crop", type=int, default=40)
    parser.add_argument("--rates", type=float, nargs="+", default=[7e-4])
    parser.add_argument("--units", choices=["no", "yes"], nargs="+", default=["yes"])
    parser.add_argument("--gains", type=float, default=0.5, help="Share of the crops with gains.")
    parser.add_argument("--clip", type=float, default=2.0, help="Multiple of the median norm; 0 for none.")
    parser.add_argument("--seeds", type=int, default=1)
    options = parser.parse_args()
    card = load_weights(options.weights)[1]
    for units in options.units:
        for rate in options.rates:
            for seed in range(options.seeds):
                wanted = experiment(card, options, rate, units == "yes", seed)
                train(wanted, options.weights, options.raw)


if __name__ == "__main__":
    main()
