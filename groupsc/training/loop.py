"""Train one experiment: the loop, its time limit, and the learning rate.

The file `state.safetensors` contains everything on which the next step depends, and every batch is a function of (seed,
step). A run that is stopped at any time and called again therefore ends with the same weights as a run without a stop.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as distributed
from tqdm import tqdm

from groupsc.benchmark.validation import VALIDATION_SIDE, facts, measure
from groupsc.config.definitions import BLOCK, Experiment, TrainingConfig
from groupsc.data.manifests import data_digest
from groupsc.models.coder import SparseCoder
from groupsc.training.batches import Batches, training_images
from groupsc.training.initialization import first_model
from groupsc.training.state import Run
from groupsc.training.validation_blocks import Validation, validation
from groupsc.utils.device import pick_own_device
from groupsc.utils.digests import file_digest
from groupsc.utils.errors import GroupSCError
from groupsc.utils.lock import alone
from groupsc.utils.typing import PathLike
from groupsc.weights.cards import read_metadata
from groupsc.weights.files import load_weights, save_weights

STEPS_IN_FLIGHT = 10
"""Number of steps that the CPU may be ahead of a GPU; small enough to check the time limit in time."""


def train(
    experiment: Experiment,
    *,
    data_dir: PathLike,
    output: PathLike,
    dictionary: PathLike | None = None,
    init: PathLike | None = None,
    max_minutes: float | None = None,
    device: str = "auto",
    progress: bool = True,
) -> Path | None:
    """Train one experiment, or continue where an earlier call stopped.

    Parameters
    ----------
    experiment : Experiment
    data_dir : path
        Folder of the data sets.
    output : path
        Folder for `weights.safetensors`, `log.csv` and `state.safetensors`.
    dictionary, init : path, optional
        Initial dictionary, or weights to start from; parameters that `init` lacks keep their initial values.
    max_minutes : float, optional
        Time limit. After it, the state is saved and the function returns; the next call continues.
    device : {"auto", "cpu", "cuda"}, optional
    progress : bool, optional
        Show a progress bar.

    Returns
    -------
    Path or None
        The weights file; None when the time limit was reached before the last step.

    Raises
    ------
    GroupSCError
        When data are missing, the state belongs to another configuration or another start, another process trains in
        the folder, the memory is too small, or the loss still diverges after the learning rate was reduced.

    Examples
    --------
    >>> train(experiment, data_dir="data/raw", output="results/training/gray-sc-sigma25")  # doctest: +SKIP
    """
    clock = _Clock(max_minutes)
    config, output = experiment.training, Path(output)
    weights = output / "weights.safetensors"
    rank, processes = _process_group()
    batches = Batches(training_images(experiment, data_dir), experiment)
    spread = batches.spread()
    model = first_model(experiment, dictionary, init, spread=spread)
    given = {"initial dictionary": dictionary, "initial model": init}
    source = {name: None if path is None else file_digest(path) for name, path in given.items()}
    source["training set"] = data_digest(config.dataset, data_dir)
    run = Run(experiment, model, pick_own_device(device), output, spread=spread, source=source)
    with alone(output) if rank == 0 else contextlib.nullcontext():
        resumed = run.resume()
        if resumed and run.step == config.max_steps and _readable(weights):
            return weights
        if not resumed and rank == 0:
            run.log_path.unlink(missing_ok=True)
        blocks = validation(experiment, data_dir, block=min(BLOCK, config.crop_size))
        if not resumed:
            run.begin(blocks, write=rank == 0)
        shown = {"desc": experiment.name, "unit": "step", "disable": not progress or rank > 0}
        with tqdm(total=config.max_steps, initial=run.step, **shown) as bar:
            finished = _advance(run, batches, blocks, (rank, processes), clock, bar)
        if not finished:
            return None
        if rank == 0:
            best = run.best_model()
            earlier = {"earlier": earlier_trainings(init)}
            data = {"data_digest": source["training set"]}
            save_weights(weights, best, run.card() | data | earlier | _final_scores(best, experiment, data_dir))
    return weights


class _Clock:
    """Minutes since the start of a call, and its time limit in minutes."""

    def __init__(self, limit: float | None):
        self.began, self.limit = time.monotonic(), limit

    def minutes(self) -> float:
        return (time.monotonic() - self.began) / 60

    def over(self, processes: int) -> bool:
        """Whether the time limit is reached in any process."""
        return self.limit is not None and _agreed(self.minutes() > self.limit, processes)


def _advance(run: Run, batches: Batches, blocks: Validation, group: tuple[int, int], clock: _Clock, bar: tqdm) -> bool:
    """Make the remaining steps; return False if the time limit was reached before. `group` is (rank, processes)."""
    rank, processes = group
    config, earlier_minutes = run.experiment.training, run.minutes
    while run.step < config.max_steps:
        lr = learning_rate(config, run.step) * run.lr_factor
        shard = batches.at(run.step).part(slice(rank, None, processes))
        loss = run.advance(shard, lr, processes)
        bar.update()
        if run.step % STEPS_IN_FLIGHT == 0:
            numbers = {"loss": f"{float(loss):.3f}", "lr": f"{lr:.1e}", "psnr": f"{run.psnr:.2f} dB"}
            bar.set_postfix(numbers, refresh=False)
        over = clock.over(processes)
        run.minutes = earlier_minutes + clock.minutes()
        if run.step % config.validate_every == 0 or run.step == config.max_steps:
            run.validate(blocks, lr, write=rank == 0)
        elif over and rank == 0:
            run.save()
        if over and run.step < config.max_steps:
            return False
    return True


def earlier_trainings(init: PathLike | None) -> list[dict[str, Any]]:
    """The trainings that led to the weights `init`, the oldest first.

    Parameters
    ----------
    init : path or None
        Weights file.

    Returns
    -------
    list of dict
        Name, steps, minutes and device of each training; empty for None.

    Examples
    --------
    >>> earlier_trainings(None)
    []
    """
    if init is None:
        return []
    card = read_metadata(init)
    own = {key: card.get(key) for key in ("name", "steps", "best_step", "minutes", "device")}
    return [*card.get("earlier", []), own]


def _final_scores(model: SparseCoder, experiment: Experiment, data_dir: PathLike) -> dict[str, Any]:
    """Validation metrics for the card of a model, measured in the same way for all crop sizes."""
    config = experiment.training
    dataset, images = config.validation, config.validation_images
    found = facts(model, measure(model, dataclasses.asdict(experiment), data_dir, dataset=dataset, images=images))
    return {"validation_psnr": found["psnr"], "validation": {"side": VALIDATION_SIDE, **found}}


def learning_rate(config: TrainingConfig, step: int) -> float:
    """Learning rate of Adam at a step.

    It decreases in steps, as in the authors' code, or follows a linear warm-up and a cosine to zero.

    Parameters
    ----------
    config : TrainingConfig
    step : int
        Number of steps before this one.

    Returns
    -------
    float

    Examples
    --------
    >>> config = TrainingConfig(lr=1e-3, lr_schedule="one-cycle", max_steps=100, warmup=0.1)
    >>> [learning_rate(config, step) for step in (0, 9, 55)]
    [0.0001, 0.001, 0.0005]
    """
    if config.lr_schedule == "steps":
        return config.lr * config.lr_decay ** (step // config.lr_decay_every)
    warm = max(1, round(config.warmup * config.max_steps))
    if step < warm:
        return config.lr * (step + 1) / warm
    return config.lr * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, config.max_steps - warm)))


def _readable(weights: Path) -> bool:
    """Whether the file contains complete weights."""
    try:
        load_weights(weights)
    except GroupSCError:
        return False
    return True


def _process_group() -> tuple[int, int]:
    """Rank and number of processes; joins the process group in a run started by torchrun."""
    if distributed.is_torchelastic_launched() and not distributed.is_initialized():
        distributed.init_process_group()
    return (distributed.get_rank(), distributed.get_world_size()) if distributed.is_initialized() else (0, 1)


def _agreed(over: bool, processes: int) -> bool:
    """Whether `over` is true in any process."""
    if processes == 1:
        return over
    flag = torch.tensor([float(over)])
    distributed.all_reduce(flag)
    return bool(flag)
