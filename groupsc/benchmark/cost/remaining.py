"""Count the trainings, evaluations and dictionaries that a configuration still needs.

`output` is the folder of results of a run; what is in it is not counted.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

from groupsc.benchmark import grid
from groupsc.benchmark.cached_results import cache_is_complete, cached_results_of, unsuited
from groupsc.benchmark.cost import operation_counts
from groupsc.benchmark.cost.jobs import Job
from groupsc.benchmark.rows import measured_places
from groupsc.config.definitions import Experiment, repetitions
from groupsc.data.configured import image_names
from groupsc.models.sizes import number_of_parameters
from groupsc.weights.cards import newest_state, read_metadata

BASELINE_SECONDS = {
    "bm3d": 45, "cbm3d": 117, "dncnn": 11, "cdncnn": 13, "dncnn-3": 11, "ffdnet": 3, "nlm": 1, "menon": 0.2,
}  # fmt: skip
"""CPU seconds per megapixel of baselines on one thread, measured by `benchmarks/methods.py`. DRUNet was not measured.
The time of the other baselines is negligible."""

COPIES_IN_STATE = 5
"""Copies of the parameters in a training state: current, averaged and best parameters, and Adam's two moments. Two
states are kept, and the weights."""


def missing_trainings(found: dict[str, Experiment], output: Path) -> tuple[list[Experiment], list[Job]]:
    """Return the experiments without weights, and the job of each."""
    missing = [e for e in found.values() if not _weights(output, e.name).is_file()]
    names = {e.name for e in missing}
    return missing, [_training(e, output, names) for e in missing]


def _training(experiment: Experiment, output: Path, missing: set[str]) -> Job:
    training, model = experiment.training, experiment.model
    saved = newest_state(output / "training" / experiment.name / "state.safetensors", read_metadata)
    done = 0
    if saved and saved.get("experiment", {}).get("model") == _plain(dataclasses.asdict(model)):
        done = saved["step"]
    left = training.max_steps - done
    last = min(left, training.steps_with_all_patches)
    crops = training.batch_size * sum(
        steps * operation_counts.training_operations(model, training.crop_size, stride)
        for steps, stride in ((left - last, training.patch_stride), (last, None))
    )
    blocks = (
        left
        // training.validate_every
        * training.validation_images
        * operation_counts.block_operations(model, training.crop_size)
    )
    after = experiment.init_from if experiment.init_from in missing else None
    return Job(experiment.name, model.penalty, crops + blocks, after)


def bytes_of_training(experiment: Experiment) -> int:
    """Return the bytes of the weights and of the state of a training."""
    return 4 * number_of_parameters(experiment.model) * (2 * COPIES_IN_STATE + 1)


def missing_dictionaries(missing: list[Experiment], output: Path) -> int:
    """Count the initial dictionaries of the missing models that are not learned yet."""
    names = {e.dictionary for e in missing if e.init_from is None}
    return sum(not (output / f"dictionaries/{name}.safetensors").is_file() for name in names)


def missing_evaluations(
    config: dict, found: dict, used: dict, output: Path, missing: set[str]
) -> Iterator[tuple[Job, int]]:
    """Yield the job and the number of images of each missing file of results of the `used` experiments.

    Results of the `missing` experiments, which have no weights, count as missing.
    """
    wanted = [
        (name, e, dataset, dataset, grid.own_stride(config, e))
        for name, (e, task, _) in grid.evaluations(config, used).items()
        for dataset in grid.sets_of(config, task, e.variant)
    ]
    wanted += [
        (name, found[name], dataset, f"{dataset}-stride{stride}", stride)
        for name, dataset, stride in grid.block_places(config, found)
        if name in used
    ]
    for name, e, dataset, stem, stride in wanted:
        if e.name not in missing and (output / "rows" / name / f"{stem}.csv").is_file():
            continue
        images = _images(config, e.task, dataset)
        if e.name not in missing:
            images -= _number_cached(config, e.task, name, dataset, stem)
        work_of_one = operation_counts.image_operations(e.model, operation_counts.pixels_of(dataset), stride)
        yield (
            Job(f"{name}/{stem}", e.model.penalty, images * work_of_one, e.name if e.name in missing else None),
            images,
        )


def missing_baselines(config: dict, output: Path) -> Iterator[float]:
    """Yield the CPU seconds of each missing file of results of a baseline."""
    for experiment, (name, task, level) in grid.baselines_of(config).items():
        reason = unsuited(name, task, level)
        for dataset in grid.sets_of(config, task):
            if reason and not cache_is_complete(config, name, dataset, task, level):
                continue
            if not (output / "rows" / experiment / f"{dataset}.csv").is_file():
                images = _images(config, task, dataset) - _number_cached(config, task, experiment, dataset, dataset)
                yield BASELINE_SECONDS.get(name, 0) * images * operation_counts.pixels_of(dataset) / 1e6


def _images(config: dict, task: str, dataset: str) -> int:
    """Count the images of a test set to restore, including noise realisations."""
    return len(image_names(config, dataset)) * _repetitions(config, task)


def _repetitions(config: dict, task: str) -> int:
    return repetitions(task, config["repetitions"])


def _number_cached(config: dict, task: str, name: str, dataset: str, stem: str) -> int:
    """Count the images of `_images` that have cached results, of any weights."""
    path = cached_results_of(config, name, stem)
    if path is None:
        return 0
    names, times = {*image_names(config, dataset)}, _repetitions(config, task)
    return sum(image in names and repetition < times for image, repetition in measured_places(path))


def _weights(output: Path, name: str) -> Path:
    return output / "training" / name / "weights.safetensors"


def _plain(values: dict) -> dict:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
