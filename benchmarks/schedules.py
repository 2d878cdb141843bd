"""Compare learning rates, batch sizes and Adam's ε by short trainings with a fixed seed.

    python benchmarks/schedules.py [--device cuda] [--only sc-rate-2e-3 ...] [--output results/bench/schedules.csv]

The budgets `fast` and `cpu` were chosen by these trainings. Every variant runs a complete cycle on BSD400 and is
validated on the central blocks of BSDval32, never on a test set. Call `groupsc fetch BSD400 BSDval32` first. GroupSC
variants start from the SC variant `START`, which is trained first. `benchmarks/README.md` shows the results.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import pandas as pd

from groupsc.config.definitions import Experiment
from groupsc.config.experiments import experiments
from groupsc.training.loop import train
from groupsc.training.queue import make_dictionary
from groupsc.weights.files import load_weights

SHORT = {"lr_schedule": "one-cycle", "adam_eps": 1e-3, "max_steps": 1200, "validate_every": 300}
START = "sc-rate-2e-3"
VARIANTS = {
    "sc-rate-1e-3": ("sc", {"lr": 1e-3}),
    "sc-rate-2e-3": ("sc", {"lr": 2e-3}),
    "sc-rate-4e-3": ("sc", {"lr": 4e-3}),
    "sc-half-batch-twice-the-steps": ("sc", {"lr": 2e-3, "batch_size": 16, "max_steps": 2400, "validate_every": 600}),
    "sc-epsilon-1e-8": ("sc", {"lr": 2e-3, "adam_eps": 1e-8}),
    "groupsc-rate-6e-4": ("groupsc", {"lr": 6e-4, "max_steps": 300, "validate_every": 100}),
    "groupsc-rate-1.5e-3": ("groupsc", {"lr": 1.5e-3, "max_steps": 300, "validate_every": 100}),
    "groupsc-rate-3e-3": ("groupsc", {"lr": 3e-3, "max_steps": 300, "validate_every": 100}),
}


def variant(method: str, settings: dict) -> Experiment:
    """Return the gray experiment at σ = 25 with these settings of its training."""
    grid = {
        "budget": "fast",
        "training": {**SHORT, **settings},
        "tasks": {"gray": {"methods": [method], "levels": [25]}},
    }
    return next(iter(experiments(grid).values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--data-dir", default="data/raw")
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS), help="variants to train")
    parser.add_argument("--output", type=Path, default=Path("results/bench/schedules.csv"))
    options = parser.parse_args()
    folder = options.output.with_suffix("")
    wanted = [name for name in VARIANTS if name in options.only]
    if any(VARIANTS[name][0] != "sc" for name in wanted) and START not in wanted:
        wanted.insert(0, START)
    rows = []
    for name in wanted:
        method, settings = VARIANTS[name]
        experiment = variant(method, settings)
        first = {"init": folder / START / "weights.safetensors"}
        if method == "sc":
            dictionary = folder / f"{experiment.dictionary}.safetensors"
            first = {
                "dictionary": dictionary
                if dictionary.exists()
                else make_dictionary(experiment, options.data_dir, dictionary)
            }
        weights = train(experiment, data_dir=options.data_dir, output=folder / name, device=options.device, **first)
        assert weights is not None  # Without a time limit, a training ends with its weights.
        card = load_weights(weights)[1]
        kept = {key: card[key] for key in ("steps", "minutes", "validation_psnr", "device", "code_version")}
        rows.append(
            {
                "variant": name,
                **kept,
                **{key: dataclasses.asdict(experiment.training)[key] for key in ("lr", "batch_size", "adam_eps")},
            }
        )
        print(
            f"{name:32} {card['steps']:6} steps {card['minutes']:7.2f} min {card['validation_psnr']:7.3f} dB",
            flush=True,
        )
        pd.DataFrame(rows).to_csv(options.output, index=False)


if __name__ == "__main__":
    main()
