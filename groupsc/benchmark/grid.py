"""Derive evaluations and their test sets from a configuration, for the workflow and for the plan of its cost.

A configuration is a mapping that `groupsc.config.files.complete_grid` returns: it has every key, with its default.
`found` is the result of `groupsc.config.experiments.experiments`: the experiments of the configuration, by name.
"""

from __future__ import annotations

import re

from groupsc.config.definitions import Experiment, experiment_name
from groupsc.data.configured import images_of


def evaluations(config: dict, found: dict[str, Experiment]) -> dict[str, tuple[Experiment, str, float | None]]:
    """List the evaluations of a configuration; a blind model is evaluated at several levels.

    Parameters
    ----------
    config : dict
    found : dict of str to Experiment

    Returns
    -------
    dict
        `{name: (experiment, task, level)}`.

    Examples
    --------
    >>> from groupsc.config.experiments import experiments
    >>> config = {"budget": "cpu", "tasks": {"gray": {"methods": ["sc"], "levels": [15, 25], "datasets": ["Set12"]}}}
    >>> list(evaluations(config, experiments(config)))
    ['gray-sc-sigma15', 'gray-sc-sigma25']
    """
    return {
        name: (e, e.task, level)
        for e in found.values()
        for name, level in (
            {e.name: e.level}
            if e.model.levels is None
            else {f"{e.name}-sigma{level:g}": level for level in _blind_levels(config["tasks"][e.task], e.variant)}
        ).items()
    }


def sets_of(config: dict, task: str, variant: str | None = None) -> list[str]:
    """Return the test sets of a variant if it has its own, otherwise those of its task.

    Parameters
    ----------
    config : dict
    task : str
    variant : str, optional

    Examples
    --------
    >>> grid = {"datasets": ["Set12"], "variants": {"v": {"datasets": ["BSD68"]}}}
    >>> sets_of({"tasks": {"gray": grid}}, "gray", "v")
    ['BSD68']
    """
    grid = config["tasks"][task]
    own = _variant(grid, variant) or {}
    return own.get("datasets") or grid["datasets"]


def _blind_levels(grid: dict, variant: str | None) -> list[float]:
    """Return the levels at which a blind model of a task is evaluated: those of its variant, or of `blind`."""
    return (_variant(grid, variant) or grid["blind"])["levels"]


def _variant(grid: dict, name: str | None) -> dict | None:
    """Return the entry of a task's `variants` for a variant or for its blind models (`<variant>-blind`)."""
    variants = grid["variants"]
    return variants.get(name) or variants.get((name or "").removesuffix("-blind"))


def baselines_of(config: dict) -> dict[str, tuple[str, str, float | None]]:
    """Return (baseline, task, level) of every baseline to measure, by the name of its evaluation.

    Parameters
    ----------
    config : dict

    Examples
    --------
    >>> baselines_of({"tasks": {"gray": {"baselines": ["tv"], "levels": [25]}}})
    {'gray-tv-sigma25': ('tv', 'gray', 25)}
    """
    return {
        experiment_name(task, baseline, level): (baseline, task, level)
        for task, given in config["tasks"].items()
        for baseline in given["baselines"]
        for level in given["levels"] or [None]
    }


def test_sets(config: dict, found: dict[str, Experiment]) -> set[str]:
    """Return all test sets, including those of variants and of blocks.

    Parameters
    ----------
    config : dict
    found : dict of str to Experiment

    Examples
    --------
    >>> from groupsc.config.files import complete_grid
    >>> test_sets(complete_grid({"tasks": {"gray": {"datasets": ["Set12"]}}}), {})
    {'Set12'}
    """
    used = {dataset for _, dataset, _ in block_places(config, found)}
    for task, grid in config["tasks"].items():
        for variant in (None, *grid["variants"]):
            used |= set(sets_of(config, task, variant))
    return used


def images_to_fetch(config: dict, found: dict[str, Experiment], dataset: str) -> int | None:
    """Return the number of images of a data set to fetch, the largest that a training or test uses; None for all.

    Parameters
    ----------
    config : dict
    found : dict of str to Experiment
    dataset : str

    Examples
    --------
    >>> from groupsc.config.files import complete_grid
    >>> config = complete_grid({"images": 2, "tasks": {"gray": {"datasets": ["Set12"]}}})
    >>> images_to_fetch(config, {}, "Set12")
    2
    """
    trainings = [e.training for e in found.values()] if config["weights"] == "trained" else []
    uses: list[int | None] = [None for training in trainings if training.dataset == dataset]
    uses += [training.validation_images for training in trainings if training.validation == dataset]
    uses += [images_of(config, dataset)] if dataset in test_sets(config, found) else []
    known = [number for number in uses if number is not None]
    return max(known) if known and len(known) == len(uses) else None


def block_places(config: dict, found: dict[str, Experiment]) -> list[tuple[str, str, int]]:
    """List the additional block-wise evaluations, without those that the mode of the configuration already includes.

    Parameters
    ----------
    config : dict
    found : dict of str to Experiment

    Returns
    -------
    list of (str, str, int)
        Experiment, data set and stride in pixels.

    Examples
    --------
    >>> from groupsc.config.experiments import experiments
    >>> from groupsc.config.files import complete_grid
    >>> tasks = {"gray": {"methods": ["sc"], "levels": [15], "datasets": ["Set12"]}}
    >>> blocks = {"experiments": ["gray-sc-sigma15"], "strides": [24]}
    >>> config = complete_grid({"tasks": tasks, "blocks": blocks})
    >>> block_places(config, experiments(config))
    [('gray-sc-sigma15', 'BSD68', 24)]
    """
    given = config["blocks"]
    return [
        (name, dataset, stride)
        for name in given["experiments"]
        for dataset in given["datasets"]
        for stride in given["strides"]
        if stride != own_stride(config, found[name])
        or dataset not in sets_of(config, found[name].task, found[name].variant)
    ]


def dataset_and_stride(stem: str) -> tuple[str, int | None]:
    """Split the name of a file of per-image results into the data set and the stride of its blocks.

    Parameters
    ----------
    stem : str
        Data set, with `-stride<stride>` for the additional block-wise evaluations.

    Examples
    --------
    >>> dataset_and_stride("BSD68-stride24"), dataset_and_stride("BSD68")
    (('BSD68', 24), ('BSD68', None))
    """
    found = re.fullmatch(r"(.+)-stride(\d+)", stem)
    return (stem, None) if found is None else (found[1], int(found[2]))


def own_stride(config: dict, experiment: Experiment) -> int | None:
    """Return the step in pixels between the blocks in which an experiment restores images; None for whole images.

    Parameters
    ----------
    config : dict
    experiment : Experiment

    Examples
    --------
    >>> own_stride({"mode": "whole"}, None) is None
    True
    """
    return (config["stride"] or experiment.model.window) if config["mode"] == "block" else None
