"""Training one experiment: a loop to read from top to bottom.

Everything the next step depends on is in `state.safetensors` and every batch is a function of (seed, step), so a run
that is stopped at any moment and called again ends with the same weights as one that was not.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from pathlib import Path

import torch
import torch.distributed as distributed
from tqdm import tqdm

from groupsc.benchmark.validation import VALIDATION_SIDE, facts, measure
from groupsc.config.definitions import BLOCK, Experiment, TrainingConfig
from groupsc.models.coder import SparseCoder
from groupsc.training.batches import Batches, training_images, validation
from groupsc.training.initialization import first_model
from groupsc.training.state import Run
from groupsc.utils.device import pick_own_device
from groupsc.utils.errors import GroupSCError
from groupsc.utils.lock import alone
from groupsc.weights.files import load_weights, read_tensors, save_weights

STEPS_IN_FLIGHT = 10
"""Steps that the CPU may be ahead of a GPU, so that the clock is read in time."""


def train(
    experiment: Experiment,
    *,
    data_dir,
    output,
    dictionary=None,
    init=None,
    max_minutes: float | None = None,
    device: str = "auto",
    progress: bool = True,
) -> Path | None:
    """Train one experiment, or go on where an earlier call stopped.

    Parameters
    ----------
    experiment : Experiment
    data_dir : path
        Folder of the data sets.
    output : path
        Folder for `weights.safetensors`, `log.csv` and `state.safetensors`.
    dictionary, init : path, optional
        Initial dictionary, or weights to start from; parameters that `init` lacks keep their first values.
    max_minutes : float, optional
        Save and return after this time; the next call goes on.

    Returns
    -------
    Path or None
        The weights file; None when the time was over before the last step.

    Raises
    ------
    GroupSCError
        For missing data, a state of another configuration, a folder in which another process trains, memory that does
        not suffice, or a loss that stays divergent.
    """
    began = time.monotonic()
    config, output = experiment.training, Path(output)
    weights = output / "weights.safetensors"
    rank, processes = _process_group()
    batches = Batches(training_images(experiment, data_dir), experiment)
    spread = batches.spread()
    model = first_model(experiment, dictionary, init, spread=spread)
    run = Run(experiment, model, pick_own_device(device), output, spread=spread)
    with alone(output) if rank == 0 else contextlib.nullcontext():
        resumed = run.resume()
        if resumed and run.step == config.max_steps and _readable(weights):
            return weights
        if not resumed and rank == 0:
            run.log.unlink(missing_ok=True)
        blocks = validation(experiment, data_dir, block=min(BLOCK, config.crop_size))
        if not resumed:
            run.begin(blocks, write=rank == 0)
        earlier_minutes = run.minutes
        shown = {"desc": experiment.name, "unit": "step", "disable": not progress or rank > 0}
        with tqdm(total=config.max_steps, initial=run.step, **shown) as bar:
            while run.step < config.max_steps:
                lr = learning_rate(config, run.step) * run.lr_factor
                shard = (None if x is None else x[rank::processes] for x in batches.at(run.step))
                loss = run.advance(shard, lr, processes)
                bar.update()
                if run.step % STEPS_IN_FLIGHT == 0:
                    numbers = {"loss": f"{float(loss):.3f}", "lr": f"{lr:.1e}", "psnr": f"{run.psnr:.2f} dB"}
                    bar.set_postfix(numbers, refresh=False)
                over = max_minutes is not None and _agreed(time.monotonic() - began > 60 * max_minutes, processes)
                run.minutes = earlier_minutes + (time.monotonic() - began) / 60
                if run.step % config.validate_every == 0 or run.step == config.max_steps:
                    run.validate(blocks, lr, write=rank == 0)
                elif over and rank == 0:
                    run.save()
                if over and run.step < config.max_steps:
                    return None
        if rank == 0:
            best = run.best_model()
            earlier = {"earlier": earlier_trainings(init)}
            save_weights(weights, best, run.card() | earlier | _validation(best, experiment, data_dir))
    return weights


def earlier_trainings(init) -> list[dict]:
    """Name, steps, minutes and device of the trainings that led to the weights `init`, the oldest first; none without
    such weights."""
    if init is None:
        return []
    _, card = read_tensors(init)
    own = {key: card.get(key) for key in ("name", "steps", "minutes", "device")}
    return [*card.get("earlier", []), own]


def _validation(model: SparseCoder, experiment: Experiment, data_dir) -> dict:
    """What the card of a model says of its validation, measured in the same way whatever the crops of its training."""
    config = experiment.training
    settings = {"dataset": config.validation, "images": config.validation_images}
    found = facts(model, measure(model, dataclasses.asdict(experiment), data_dir, **settings))
    return {"validation_psnr": found["psnr"], "validation": {"side": VALIDATION_SIDE, **found}}


def learning_rate(config: TrainingConfig, step: int) -> float:
    """Rate of Adam at a step: the authors' decaying steps, or a linear warm-up and a cosine to zero."""
    if config.lr_schedule == "steps":
        return config.lr * config.lr_decay ** (step // config.lr_decay_every)
    warm = max(1, round(config.warmup * config.max_steps))
    if step < warm:
        return config.lr * (step + 1) / warm
    return config.lr * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, config.max_steps - warm)))


def _readable(weights: Path) -> bool:
    try:
        load_weights(weights)
    except GroupSCError:
        return False
    return True


def _process_group() -> tuple[int, int]:
    """Rank and number of processes; joins the group when started by torchrun."""
    if distributed.is_torchelastic_launched() and not distributed.is_initialized():
        distributed.init_process_group()
    return (distributed.get_rank(), distributed.get_world_size()) if distributed.is_initialized() else (0, 1)


def _agreed(over: bool, processes: int) -> bool:
    """Whether any process finds the time over."""
    if processes == 1:
        return over
    flag = torch.tensor([float(over)])
    distributed.all_reduce(flag)
    return bool(flag)
