"""Compare learning rates, and their units, by short trainings from given weights, with several seeds each.

    python benchmarks/learning_rates.py WEIGHTS.safetensors --max-steps 100 --batch-size 4 --lrs 7e-4 2e-3
    python benchmarks/learning_rates.py data/weights/gray-sc-sigma25.safetensors --method groupsc --seeds 0 1 2 3 4

Every training runs a complete cycle and is validated on the central blocks of BSDval32. One line per training gives the
validation PSNR before and after, the number of returns to the best snapshot, the number of skipped steps, the spectral
radius ρ of I − D Cᵀ (D dictionary, C encoder) before and after, and the seconds per step.
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
from groupsc.training.batches import Batches, training_images
from groupsc.training.initialization import first_model
from groupsc.training.loop import learning_rate
from groupsc.training.state import Run
from groupsc.training.validation_blocks import validation
from groupsc.weights.files import load_weights


def experiment(card: dict, options, lr: float, units: bool, seed: int) -> Experiment:
    """Return the experiment of a weights file with the training, and perhaps the method, of the options."""
    task, method, level = card["task"], options.method or card["method"], card["level"]
    training = {
        "max_steps": options.max_steps, "batch_size": options.batch_size, "crop_size": options.crop_size,
        "lr": lr, "units": units, "gain_share": options.gains, "grad_clip": options.grad_clip or None, "seed": seed,
        "validate_every": options.max_steps // 4,
    }  # fmt: skip
    cell = {"methods": [method]} if level is None else {"methods": [method], "levels": [level]}
    found = experiments({"budget": "cpu", "tasks": {task: cell}, "training": training})
    return found[card["name"].replace(f"-{card['method']}", f"-{method}", 1)]


def train(wanted: Experiment, init: Path, data_dir: Path) -> None:
    """Train and print one line."""
    began, config = time.perf_counter(), wanted.training
    batches = Batches(training_images(wanted, data_dir), wanted)
    model = first_model(wanted, None, init, spread=batches.spread())
    blocks = validation(wanted, data_dir, block=config.crop_size)
    with tempfile.TemporaryDirectory() as folder:
        run = Run(wanted, model, torch.device("cpu"), Path(folder), spread=batches.spread())
        run.begin(blocks, write=True)
        first = run.psnr
        while run.step < config.max_steps:
            lr = learning_rate(config, run.step) * run.lr_factor
            run.advance(batches.at(run.step), lr, 1)
            if run.step % config.validate_every == 0 or run.step == config.max_steps:
                run.validate(blocks, lr, write=True)
        with open(run.log_path, newline="") as file:
            log = list(csv.DictReader(file))
    returns = sum(bool(row["event"]) for row in log)
    print(
        f"{wanted.name} lr {config.lr:g} units {config.units} seed {config.seed}: {first:.3f} -> "
        f"{run.best_psnr:.3f} dB, {returns} returns to the best snapshot, {int(run.optimizer.skipped)} skipped, "
        f"rho {log[0]['rho']} -> {log[-1]['rho']}, {(time.perf_counter() - began) / config.max_steps:.2f} s per step",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weights", type=Path, help="weights file to start from")
    parser.add_argument("--method", help="method to train, by default that of the weights")
    parser.add_argument("--data-dir", type=Path, default=Path("data/raw"))
    parser.add_argument("--max-steps", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--crop-size", type=int, default=40)
    parser.add_argument("--lrs", type=float, nargs="+", default=[7e-4], help="learning rates to compare")
    parser.add_argument(
        "--units",
        choices=["no", "yes"],
        nargs="+",
        default=["yes"],
        help="whether learning rates are in the units of the parameters",
    )
    parser.add_argument("--gains", type=float, default=0.5, help="share of the crops with gains")
    parser.add_argument("--grad-clip", type=float, default=2.0, help="multiple of the median norm, 0 for none")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="seeds, one training each")
    options = parser.parse_args()
    card = load_weights(options.weights)[1]
    for units in options.units:
        for lr in options.lrs:
            for seed in options.seeds:
                wanted = experiment(card, options, lr, units == "yes", seed)
                train(wanted, options.weights, options.data_dir)


if __name__ == "__main__":
    main()
