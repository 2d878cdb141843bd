"""The grid of a configuration, its keys checked and expanded into experiments."""

from __future__ import annotations

import dataclasses
import re

from groupsc.config import aliases
from groupsc.config.checks import is_number, require, require_keys
from groupsc.config.definitions import (
    BLIND,
    BLOCK,
    BUDGETS,
    DEFAULT_BLIND,
    LEVEL_NAMES,
    METHODS,
    PENALTIES,
    TASK_MODELS,
    TASK_TRAINING_SETS,
    TASK_TRAININGS,
    TASKS,
    Experiment,
    ModelConfig,
    TrainingConfig,
    experiment_name,
    method_name,
    strict,
)  # fmt: skip

_CELL_KEYS = {"methods": list, "levels": list, "datasets": list, "model": dict, "training": dict}
TASK_KEYS = {**_CELL_KEYS, "baselines": list, "variants": dict, "blind": dict}
VARIANT_KEYS = _CELL_KEYS
BLIND_KEYS = {"methods": list, "levels": list, "kinds": list}
GRID_KEYS = {
    "tasks": dict, "budget": None, "weights": None, "tables": list, "figures": dict, "blocks": dict, "index": None,
    "images": None, "cached_results": None, "repetitions": None, "mode": None, "stride": None, "model": dict,
    "training": dict, "device": None, "threads": dict, "output": None, "data_dir": None, "mirror": None,
}  # fmt: skip
"""Keys of a grid and of its parts, with the kind of those that hold others; config/README.md explains them."""


def experiments(config: dict) -> dict[str, Experiment]:
    """Expand the grid of a configuration (see config/README.md) into its experiments, by name.

    `config["tasks"][task]` gives `methods`, `levels`, optional `model` and `training` overrides, the `methods` and
    `kinds` of `blind` models, and `variants` by name, each with such keys of its own; `config["budget"]` names one of
    `BUDGETS`; `config["model"]` and `config["training"]` override all tasks.

    Raises
    ------
    GroupSCError
        For an unknown task, method, budget or key, naming the ones that exist; for a missing one, and a value of
        another kind or out of range.
    """
    _check_grid(config)
    budget = config.get("budget", "fast")
    require(budget in list(BUDGETS), f"there is no training budget {budget!r}; choose one of {', '.join(BUDGETS)}")
    found = {}
    for task, grid in config["tasks"].items():
        for cell in (grid, *_variants(task, grid)):
            found |= {e.name: e for e in _cell(config, budget, task, grid, cell)}
    return {name: _with_plain_start(e, found) for name, e in found.items()}


def _check_grid(config: dict) -> None:
    """Raise an error where the grid has a key that none has, or lacks one, or a value of another kind."""
    require_keys("the configuration", config, GRID_KEYS, "tasks", former=aliases.GRID)
    require(
        "levels" not in config.get("model", {}), "model.levels makes blind models; ask for them by `blind` of a task"
    )
    for task, grid in config["tasks"].items():
        where = f"tasks.{task}"
        require(task in TASKS, f"there is no task {task!r}; choose one of {', '.join(TASKS)}")
        require_keys(where, grid, TASK_KEYS)
        _check_levels(where, task, grid)
        for name, variant in grid.get("variants", {}).items():
            require_keys(f"{where}.variants.{name}", variant, VARIANT_KEYS, "methods")
            _check_levels(f"{where}.variants.{name}", task, variant)
        if "blind" in grid:
            require(LEVEL_NAMES[task] == "sigma", f"blind models know noise alone; remove `blind` from the task {task}")
            require_keys(f"{where}.blind", grid["blind"], BLIND_KEYS, "methods", "levels")
            _check_levels(f"{where}.blind", task, grid["blind"])


def _check_levels(where: str, task: str, cell: dict) -> None:
    kind, levels = LEVEL_NAMES[task], cell.get("levels")
    if kind is None:
        require(not levels, f"{where} has no levels, since mosaics know none; remove them")
        return
    require(
        "levels" not in cell.get("model", {}),
        f"{where}.model.levels makes blind models; ask for them by tasks.{task}.blind",
    )
    require(levels or not cell.get("methods"), f"{where} lacks levels ({kind}); give a list such as [15, 25]")
    wrong = [level for level in levels or () if not (is_number(level) and level > 0)]
    require(not wrong, f"{where}.levels has {wrong and wrong[0]!r}; give numbers above 0")


def _with_plain_start(experiment: Experiment, found: dict) -> Experiment:
    """A variant starts from its own kind where the grid has it, else from the paper's model."""
    start = experiment.training.init_from
    if experiment.variant is None or start not in METHODS or experiment.init_from in found:
        return experiment
    plain = experiment_name(experiment.task, start, experiment.level)
    if plain not in found:
        return experiment
    return dataclasses.replace(experiment, training=dataclasses.replace(experiment.training, init_from=plain))


def _variants(task: str, grid: dict):
    """The parts of a task's grid that differ from the paper's model: declared variants, and kinds of blind models."""
    yield from ({"variant": name, **variant} for name, variant in grid.get("variants", {}).items())
    if "blind" not in grid:
        return
    for kind in grid["blind"].get("kinds", [DEFAULT_BLIND]):
        require(kind in list(BLIND), f"there is no kind {kind!r} of blind model; choose one of {', '.join(BLIND)}")
        name = "blind" if kind == DEFAULT_BLIND else f"blind-{kind}"
        yield {"variant": name, "methods": grid["blind"]["methods"], "levels": [None], "model": BLIND[kind]}


def _cell(config: dict, budget: str, task: str, grid: dict, cell: dict):
    """The experiments of a task's grid, or of one of its variants."""
    variant = cell.get("variant")
    require(
        variant is None or re.fullmatch("[a-z0-9]+(-[a-z0-9]+)?", str(variant)),
        f"there is a variant {variant!r}, which names files; call it by small letters and digits",
    )
    for method in cell.get("methods", ()):
        require(method in METHODS, f"there is no method {method!r}; choose one of {', '.join(METHODS)}")
        model = {
            **TASK_MODELS[task],
            **config.get("model", {}),
            **grid.get("model", {}),
            **cell.get("model", {}),
            "penalty": PENALTIES[method],
        }
        training = {
            "dataset": TASK_TRAINING_SETS[task],
            **BUDGETS[budget][method],
            **TASK_TRAININGS.get(task, {}),
            **config.get("training", {}),
            **grid.get("training", {}),
            **cell.get("training", {}),
        }
        recipe, coder = strict(TrainingConfig, training), strict(ModelConfig, model)
        require(
            recipe.crop_size > coder.patch_size,
            f"crop_size is {recipe.crop_size}; choose more than patch_size, {coder.patch_size}",
        )
        # Whole images then show a patch as many others as the crops of its training did.
        if "window" not in model:
            coder = dataclasses.replace(coder, window=min(BLOCK, recipe.crop_size) + 1 - coder.patch_size)
        for level in cell.get("levels") or [None]:
            yield Experiment(
                name=experiment_name(task, method_name(method, variant), level),
                task=task,
                method=method,
                variant=variant,
                level=level,
                model=coder,
                training=recipe,
            )
