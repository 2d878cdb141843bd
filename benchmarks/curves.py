"""Measure PSNR on BSD68 against steps and minutes of training, for SC from a dictionary and GroupSC from this SC.

    python benchmarks/curves.py [--sc-steps 800] [--groupsc-steps 300] [--images 17] [--output results/bench/curves.csv]

Gray, σ = 25, budget `cpu` with one cycle over the given steps. Call `groupsc fetch BSD400 BSDval32 BSD68` first. Each
point restores the centre of every image as a whole; minutes are those of the training alone. A curve within one cycle
shows how fast a training approaches its end; it is not used to choose settings.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import pandas as pd
import torch

from groupsc.benchmark.metrics import psnr
from groupsc.config.definitions import Experiment
from groupsc.config.experiments import experiments
from groupsc.data.datasets import load_images
from groupsc.data.degradations import degrade, noise_generator
from groupsc.inference.restoration import restore
from groupsc.training.batches import Batches, training_images
from groupsc.training.initialization import first_model
from groupsc.training.loop import learning_rate
from groupsc.training.queue import make_dictionary
from groupsc.training.state import Run
from groupsc.utils.device import pick_device
from groupsc.weights.files import save_weights

LEVEL, POINTS = 25.0, 6


def gray(method: str, steps: int) -> Experiment:
    """Return the gray experiment at σ = 25 with the budget `cpu` and one cycle of `steps` steps."""
    grid = {
        "budget": "cpu",
        "training": {"max_steps": steps},
        "tasks": {"gray": {"methods": [method], "levels": [LEVEL]}},
    }
    return next(iter(experiments(grid).values()))


def centres(data_dir: str, images: int, side: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Crop clean and noisy centres (1, 1, side, side) of the first images of BSD68."""
    found = []
    for name, image in load_images("BSD68", data_dir, channels=1, images=images).items():
        clean = torch.from_numpy(image)[None]
        noisy, _ = degrade(clean, "gray", LEVEL, noise_generator("BSD68", name, LEVEL))
        top, left = ((length - side) // 2 for length in clean.shape[-2:])
        cut = (..., slice(top, top + side), slice(left, left + side))
        found.append((clean[cut], noisy[cut]))
    return found


def mean_psnr(run: Run, tests) -> float:
    """Mean PSNR in dB of the averaged model over the centres."""
    model = run.averaged_model().requires_grad_(False)
    restored = [restore(model, noisy.to(run.device)).cpu() for _, noisy in tests]
    values = [psnr(x[0].numpy(), clean[0].numpy()) for x, (clean, _) in zip(restored, tests, strict=True)]
    return sum(values) / len(values)


def curve(experiment: Experiment, tests, options, folder: Path, **beginning) -> list[dict]:
    """Train, measure before the first step and after each of `POINTS` equal parts; write the weights into `folder`."""
    batches = Batches(training_images(experiment, options.data_dir), experiment)
    folder.mkdir(parents=True, exist_ok=True)
    model = first_model(experiment, spread=batches.spread(), **beginning)
    run = Run(experiment, model, pick_device(options.device), folder)
    steps, rows = experiment.training.max_steps, []
    points = {round(steps * i / POINTS) for i in range(POINTS + 1)}
    while True:
        if run.step in points:
            rows.append({"method": experiment.method, "step": run.step, "minutes": run.minutes})
            rows[-1]["psnr"] = mean_psnr(run, tests)
            print(f"{experiment.method:8} {run.step:6} {run.minutes:8.2f} min {rows[-1]['psnr']:8.3f} dB", flush=True)
        if run.step == steps:
            save_weights(folder / "weights.safetensors", run.averaged_model(), run.card())
            return rows
        began = time.monotonic()
        # Reading the loss waits for a GPU.
        run.advance(batches.at(run.step), learning_rate(experiment.training, run.step), 1).item()
        run.minutes += (time.monotonic() - began) / 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sc-steps", type=int, default=800)
    parser.add_argument("--groupsc-steps", type=int, default=300)
    parser.add_argument("--images", type=int, default=17, help="number of images, from the first on")
    parser.add_argument("--side", type=int, default=128, help="side of the restored centre in pixels")
    parser.add_argument("--data-dir", default="data/raw")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--output", type=Path, default=Path("results/bench/curves.csv"))
    options = parser.parse_args()
    folder = options.output.with_suffix("")
    tests = centres(options.data_dir, options.images, options.side)
    sc, groupsc = gray("sc", options.sc_steps), gray("groupsc", options.groupsc_steps)
    dictionary = folder / f"{sc.dictionary}.safetensors"
    if not dictionary.exists():
        make_dictionary(sc, options.data_dir, dictionary)
    rows = curve(sc, tests, options, folder / "sc", dictionary=dictionary)
    rows += curve(groupsc, tests, options, folder / "groupsc", init=folder / "sc" / "weights.safetensors")
    pd.DataFrame(rows).to_csv(options.output, index=False)


if __name__ == "__main__":
    main()
