"""What a configuration measures and fetches: one answer for the workflow that does it and the plan of its cost.

A configuration is the mapping of a file in config/; keys that it leaves out have the defaults of the workflow's schema.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from groupsc.config.checks import is_count, require, require_count, require_keys
from groupsc.config.definitions import Experiment
from groupsc.data.datasets import BUNDLED, BUNDLED_FILES, datasets, registry
from groupsc.utils.errors import GroupSCError

STRIDES = (56, 48, 24, 12)
BLOCK_SETS = ("BSD68",)


def read_grid(path) -> dict:
    """The configuration in a file of config/, or in one like them.

    Raises
    ------
    GroupSCError
        When the file is no YAML mapping with tasks.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        raise GroupSCError(f"{path} is no YAML file ({error}); see config/README.md") from error
    if not isinstance(values, dict) or not isinstance(values.get("tasks"), dict):
        raise GroupSCError(f"{path} has no grid of tasks; see config/README.md")
    return values


def check(config: dict, found: dict[str, Experiment]) -> None:
    """Raise an error where a key beside the tasks has a value that nothing can be done with.

    Raises
    ------
    GroupSCError
        The sentence names the key and what it may be.
    """
    mode, stride, images = config.get("mode", "whole"), config.get("stride"), config.get("images")
    require(mode in ("whole", "block"), f"mode is {mode!r}; choose whole or block")
    weights = config.get("weights", "released")
    require(weights in ("released", "trained"), f"weights is {weights!r}; choose released or trained")
    require_count("repetitions", config.get("repetitions", 1))
    for name, count in (images if isinstance(images, dict) else {"every set": images}).items():
        require(count is None or is_count(count), f"images of {name} is {count!r}; choose a whole number of at least 1")
    require(
        stride is None or mode == "block",
        f"stride is {stride!r}, a step between blocks; set mode to block, or leave stride out",
    )
    require_keys("blocks", config.get("blocks", {}), {"experiments": list, "strides": list, "datasets": list})
    require_keys("threads", config.get("threads", {}), {"train": None, "evaluate": None})
    check_names(config, found)
    places = [(name, stride) for name, _, stride in block_places(config, found)]
    places += [] if stride is None else [(name, stride) for name in found]
    for name, step in places:
        require_count("the stride between blocks", step)
        side = found[name].model.block(step)
        require(
            step <= side, f"{name} is restored in blocks of {side} pixels; choose no stride above that, as {step} is"
        )
    cached_results_folder(config)


def check_names(config: dict, found: dict[str, Experiment]) -> None:
    """Raise an error where `images` or `blocks` name a data set or an experiment that there isn't."""
    images, given = config.get("images"), config.get("blocks", {})
    for key, sets in (("images", images if isinstance(images, dict) else ()), ("blocks", given.get("datasets", ()))):
        for name in sets:
            require(name in datasets(), f"{key} names the data set {name!r}; choose one of {', '.join(datasets())}")
    for name in given.get("experiments", ()):
        require(name in found, f"blocks names the experiment {name!r}, which the grid lacks; it has {', '.join(found)}")


def evaluations(config: dict, found: dict[str, Experiment]) -> dict[str, tuple[Experiment, str, float | None]]:
    """{name: (experiment, task, level)} of what is evaluated; a blind model at several levels."""
    return {
        name: (e, e.task, level)
        for e in found.values()
        for name, level in (
            {e.name: e.level}
            if e.model.levels is None
            else {f"{e.name}-sigma{level:g}": level for level in config["tasks"][e.task]["blind"]["levels"]}
        ).items()
    }


def sets_of(config: dict, task: str, variant: str | None = None) -> list[str]:
    """The test sets of a variant where it has its own, else of its task."""
    grid = config["tasks"][task]
    own = grid.get("variants", {}).get(variant, {})
    return own.get("datasets", grid.get("datasets", []))


def test_sets(config: dict, found: dict[str, Experiment]) -> set[str]:
    """All test sets, those of variants and of blocks too."""
    used = {dataset for _, dataset, _ in block_places(config, found)}
    for task, grid in config["tasks"].items():
        for variant in (None, *grid.get("variants", {})):
            used |= set(sets_of(config, task, variant))
    return used


def images_of(config: dict, dataset: str) -> int | None:
    """How many images of a test set are used; None for all."""
    images = config.get("images")
    return images.get(dataset) if isinstance(images, dict) else images


def image_names(config: dict, dataset: str) -> list[str]:
    """The images of a test set that are used; all data sets are taken in the order of their files."""
    files = BUNDLED_FILES if dataset == BUNDLED else sorted(registry().query("dataset == @dataset")["file"])
    return [Path(file).stem for file in files[: images_of(config, dataset)]]


def cached_results_folder(config: dict) -> Path | None:
    """The folder of rows of earlier evaluations; None where all is measured anew.

    Raises
    ------
    GroupSCError
        When it is no folder, or the one that this run writes to.
    """
    folder = config.get("cached_results")
    if folder is None:
        return None
    if not Path(folder).is_dir():
        raise GroupSCError(f"cached_results is {folder!r}, which is no folder; leave it out to measure everything here")
    if Path(folder).resolve() == Path(config.get("output", "results"), "rows").resolve():
        raise GroupSCError(f"cached_results is {folder!r}, where this run writes its rows; choose another output")
    return Path(folder)


def cached_results_of(config: dict, name: str, place: str) -> Path | None:
    """The file of rows of an earlier evaluation of `name` on a data set, where there is one."""
    folder = cached_results_folder(config)
    rows = None if folder is None else folder / name / f"{place}.csv"
    return rows if rows and rows.is_file() else None


def images_to_fetch(config: dict, found: dict[str, Experiment], dataset: str) -> int | None:
    """The most that any use of a data set asks for; None for all."""
    trainings = [e.training for e in found.values()] if config["weights"] == "trained" else []
    uses = [None for training in trainings if training.dataset == dataset]
    uses += [training.validation_images for training in trainings if training.validation == dataset]
    uses += [images_of(config, dataset)] if dataset in test_sets(config, found) else []
    return None if None in uses or not uses else max(uses)


def block_places(config: dict, found: dict[str, Experiment]) -> list[tuple[str, str, int]]:
    """(experiment, data set, stride) of what is also evaluated block by block, without what is evaluated at that stride
    anyway."""
    given = config.get("blocks", {})
    return [
        (name, dataset, stride)
        for name in given.get("experiments", ())
        for dataset in given.get("datasets", BLOCK_SETS)
        for stride in given.get("strides", STRIDES)
        if stride != own_stride(config, found[name])
        or dataset not in sets_of(config, found[name].task, found[name].variant)
    ]


def own_stride(config: dict, experiment: Experiment) -> int | None:
    """The step between the blocks in which all of an experiment's images are restored; None for whole images."""
    return (config.get("stride") or experiment.model.window) if config.get("mode") == "block" else None
