"""Compute the bytes of images that a configuration downloads and keeps in memory, and how often a training sees them.

`size_factor` is a factor on the size of the training sets.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from groupsc import baselines
from groupsc.benchmark import grid
from groupsc.benchmark.cached_results import cache_is_complete, unsuited
from groupsc.benchmark.cost import operation_counts
from groupsc.benchmark.subjects import INPUT
from groupsc.config.definitions import Experiment
from groupsc.data.configured import data_dir_of
from groupsc.data.datasets import own_set
from groupsc.data.folders import images_in
from groupsc.data.registry import listed_files


def missing_bytes(config: dict, found: dict, data_dir: Path, size_factor: int) -> dict[str, int]:
    """Return the missing bytes of each data set; with `size_factor` above 1 the training sets are missing entirely."""
    trainings = [e.training for e in found.values()] if config["weights"] == "trained" else []
    trained_on = {training.dataset for training in trainings}
    used = trained_on | {training.validation for training in trainings}
    used |= set(_weight_sets(config)) | grid.test_sets(config, found)
    sizes = {}
    for dataset in sorted(used):
        files = _files(dataset, config)[: grid.images_to_fetch(config, found, dataset)]
        if size_factor > 1 and dataset in trained_on:
            sizes[dataset] = size_factor * sum(size for _, size in files)
        elif dataset in config["datasets"]:
            sizes[dataset] = 0
        else:
            sizes[dataset] = sum(size for file, size in files if not _has(data_dir / dataset / file, size))
    return sizes


def _weight_sets(config: dict) -> Iterator[str]:
    """Yield the data sets that contain the weights of baselines which have yet to restore something."""
    shown = {name for given in config["figures"].values() for name in given.get("baselines") or ()}
    for name, task, level in grid.baselines_of(config).values():
        weights = None if name == INPUT else baselines.method(name).dataset.get(task)
        if weights is None or unsuited(name, task, level):
            continue
        sets = grid.sets_of(config, task)
        if name in shown or not all(cache_is_complete(config, name, dataset, task, level) for dataset in sets):
            yield weights


def decoded_bytes(experiment: Experiment, size_factor: int, config: dict) -> int:
    """Return the bytes of the training images as float32."""
    pixels = operation_counts.PIXELS.get(experiment.training.dataset, operation_counts.PIXELS["CBSD400"])
    return 4 * experiment.model.channels * pixels * _count(experiment, size_factor, config)


def passes(experiment: Experiment, size_factor: int, config: dict) -> float:
    """Return the number of passes of a training over its images."""
    training = experiment.training
    return training.max_steps * training.batch_size / _count(experiment, size_factor, config)


def _count(experiment: Experiment, size_factor: int, config: dict) -> int:
    return size_factor * max(1, len(_files(experiment.training.dataset, config)))


def _files(dataset: str, config: dict) -> list[tuple[str, int]]:
    own = own_set(dataset, data_dir_of(config))
    if own is not None:
        return [(name, path.stat().st_size) for name, path in images_in(own[1]).items()]
    return list(listed_files(dataset))


def _has(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size
