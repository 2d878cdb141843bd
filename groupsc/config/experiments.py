"""Expand the grid of a configuration into its experiments."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import Any

from groupsc.config.checks import require
from groupsc.config.definitions import (
    BLOCK,
    LEVEL_NAMES,
    METHODS,
    PENALTIES,
    Experiment,
    ModelConfig,
    TrainingConfig,
    experiment_name,
    method_name,
)
from groupsc.config.files import complete_grid
from groupsc.config.recipes import BLIND, BUDGETS, DEFAULT_BLIND, TASK_MODELS, TASK_TRAINING_SETS, TASK_TRAININGS


def experiments(config: dict[str, Any]) -> dict[str, Experiment]:
    """Return the experiments of the grid of a configuration (see config/README.md), by name.

    `config["tasks"][task]` gives `methods`, `levels`, optional `model` and `training` overrides, the `methods` and
    `kinds` of `blind` models, and `variants` by name, each with its own such keys; `config["budget"]` is a name of
    `BUDGETS`; `config["model"]` and `config["training"]` override all tasks.

    Parameters
    ----------
    config : dict
        Keys of `groupsc.config.grid.Grid`; missing keys have its defaults.

    Raises
    ------
    GroupSCError
        For an unknown task, method, budget or key (the message lists the known ones), for a missing key, and for a
        value of the wrong type or out of range.

    Examples
    --------
    >>> grid = {"tasks": {"gray": {"methods": ["sc"], "levels": [25]}}, "training": {"seed": "3"}}
    >>> {name: experiment.training.seed for name, experiment in experiments(grid).items()}
    {'gray-sc-sigma25': 3}
    """
    config = complete_grid(config)
    found: dict[str, Experiment] = {}
    for task, grid in config["tasks"].items():
        for cell in ({"variant": None, **grid}, *_variants(grid)):
            found |= {e.name: e for e in _cell(config, task, cell)}
    return {name: _with_plain_start(e, found) for name, e in found.items()}


def stress_measurements(
    config: dict[str, Any], found: dict[str, Experiment]
) -> dict[str, tuple[str, str, float, bool]]:
    """List the measurements on the stress set that the key `stress` of a configuration asks for.

    Parameters
    ----------
    config : dict
        As `groupsc.config.files.complete_grid` returns it.
    found : dict of str to Experiment
        Experiments of the configuration. Methods that were not trained for a task and level are left out there.

    Returns
    -------
    dict
        `{name: (experiment or baseline, task, σ, whether the guard is on)}`, in the order of the columns of the table.

    Examples
    --------
    >>> config = {"budget": "cpu", "tasks": {"gray": {"methods": ["sc"], "levels": [15, 25]}}}
    >>> given = {"methods": ["sc"], "baselines": ["input"], "levels": [25]}
    >>> list(stress_measurements({**config, "stress": given}, experiments(config)))
    ['gray-input-sigma25', 'gray-sc-sigma25', 'gray-sc-guarded-sigma25']
    """
    given = config["stress"]
    tasks = [task for task in config["tasks"] if LEVEL_NAMES[task] == "sigma"]
    settings = list(itertools.product(tasks, given["levels"]))
    measured = {
        experiment_name(task, baseline, level): (baseline, task, level, False)
        for baseline in given["baselines"]
        for task, level in settings
    }
    for method, guarded, (task, level) in itertools.product(given["methods"], (False, True), settings):
        name = experiment_name(task, method, level)
        if name in found:
            own = experiment_name(task, f"{method}-guarded" if guarded else method, level)
            measured[own] = (name, task, level, guarded)
    return measured


def _with_plain_start(experiment: Experiment, found: dict[str, Experiment]) -> Experiment:
    """Let a variant start from the paper's model if the grid lacks the same variant of the method in `init_from`."""
    start = experiment.training.init_from
    if experiment.variant is None or start not in METHODS or experiment.init_from in found:
        return experiment
    plain = experiment_name(experiment.task, start, experiment.level)
    if plain not in found:
        return experiment
    return dataclasses.replace(experiment, training=dataclasses.replace(experiment.training, init_from=plain))


def _variants(grid: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the parts of a task's grid that differ from the paper's model: variants and kinds of blind models."""
    for name, variant in grid["variants"].items():
        yield {"variant": name, **variant}
        if variant["blind"]:
            model = {**BLIND[DEFAULT_BLIND], **variant["model"]}
            yield {**variant, "variant": f"{name}-blind", "levels": [], "model": model}
    for kind in grid["blind"]["kinds"] if grid["blind"] else ():
        name = "blind" if kind == DEFAULT_BLIND else f"blind-{kind}"
        methods = grid["blind"]["methods"]
        yield {"variant": name, "methods": methods, "levels": [], "model": BLIND[kind], "training": {}}


def require_fit(task: str, method: str, model: ModelConfig, training: TrainingConfig) -> None:
    """Raise `GroupSCError` unless model and training fit together and suit the task and the method.

    Examples
    --------
    >>> require_fit("gray", "groupsc", ModelConfig(), TrainingConfig())
    """
    penalty = PENALTIES[method]
    require(model.penalty == penalty, f"penalty is {model.penalty!r}; models of the method {method} have {penalty!r}")
    channels = TASK_MODELS[task]["channels"]
    require(model.channels == channels, f"channels is {model.channels}; models of the task {task} have {channels}")
    require(
        training.patch_stride <= model.patch_size,
        f"training.patch_stride is {training.patch_stride}; choose at most {model.patch_size}, the patch_size",
    )
    require(
        training.crop_size > model.patch_size,
        f"crop_size is {training.crop_size}; choose more than patch_size, {model.patch_size}",
    )


def _cell(config: dict[str, Any], task: str, cell: dict[str, Any]) -> Iterator[Experiment]:
    """Yield the experiments of a task's grid, or of one of its variants."""
    grid = config["tasks"][task]
    for method in cell["methods"]:
        model = {
            **TASK_MODELS[task],
            **config["model"],
            **grid["model"],
            **cell["model"],
            "penalty": PENALTIES[method],
        }
        training = {
            "dataset": TASK_TRAINING_SETS[task],
            **BUDGETS[config["budget"]][method],
            **TASK_TRAININGS.get(task, {}),
            **config["training"],
            **grid["training"],
            **cell["training"],
        }
        recipe, coder = TrainingConfig(**training), ModelConfig(**model)
        require_fit(task, method, coder, recipe)
        # A patch is then compared with as many patches in a whole image as in a training crop.
        if "window" not in model:
            coder = dataclasses.replace(coder, window=min(BLOCK, recipe.crop_size) + 1 - coder.patch_size)
        for level in cell["levels"] or [None]:
            yield Experiment(
                name=experiment_name(task, method_name(method, cell["variant"]), level),
                task=task,
                method=method,
                variant=cell["variant"],
                level=level,
                model=coder,
                training=recipe,
            )
