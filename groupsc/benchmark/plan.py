"""Estimate the cost of a configuration before it runs: trainings, evaluations, hours, disk and download.

Hours are the number of operations divided by the rate of `groupsc.benchmark.machine`. Baselines and dictionaries have
fixed costs, measured on two cores, on every machine. Tables and figures are not counted.
"""

from __future__ import annotations

import dataclasses
import heapq
from dataclasses import dataclass
from pathlib import Path

from groupsc import baselines
from groupsc.benchmark import grid, names, operation_counts
from groupsc.benchmark.earlier import INPUT, taken_over, unsuited
from groupsc.benchmark.rows import measured_places
from groupsc.config.definitions import Experiment, repetitions
from groupsc.config.experiments import experiments
from groupsc.config.files import complete_grid
from groupsc.data.datasets import own_set
from groupsc.data.folders import images_in
from groupsc.data.registry import listed_files
from groupsc.models.sizes import number_of_parameters
from groupsc.utils.errors import GroupSCError
from groupsc.weights.cards import newest_state, read_metadata
from groupsc.weights.released import releases

OTHERS = {
    "bm3d": 45, "cbm3d": 117, "dncnn": 11, "cdncnn": 13, "dncnn-3": 11, "ffdnet": 3, "nlm": 1, "menon": 0.2,
}  # fmt: skip
"""CPU seconds per megapixel of baselines on one thread, measured by `benchmarks/methods.py`. DRUNet was not measured.
The time of the other baselines is negligible."""

START = 5
"""Seconds to start a job: loading the libraries takes 3 of them, loading the images the rest."""

DICTIONARY = 30
"""CPU seconds of `groupsc dictionary` with 256 atoms: 15 for gray patches of 9×9, 31 for colour patches of 7×7."""

COPIES_IN_STATE = 5
"""Copies of the parameters in a training state: current, averaged and best parameters, and Adam's two moments. Two
states are kept, and the weights."""

BYTES_OF_ROW = 220


@dataclass(frozen=True)
class Job:
    """One training or evaluation.

    Attributes
    ----------
    name : str
    penalty : str
        Determines the rate of the operations.
    operations : float
        Number of floating-point operations.
    after : str or None
        Name of the job that must end first.

    Examples
    --------
    >>> Job("gray-sc-sigma25", "l1", 1e15).after is None
    True
    """

    name: str
    penalty: str
    operations: float
    after: str | None = None


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The remaining work of a configuration.

    Attributes
    ----------
    trainings, evaluations : tuple of Job
        Jobs of the models.
    finished : int
        Number of models that are trained or released.
    images : int
        Number of images to restore, including noise realisations.
    others : int
        Number of evaluations of baselines.
    other_seconds : float
        CPU seconds of baselines and dictionaries.
    download, disk : int
        Bytes to download; bytes on disk, including the download.
    memory : int
        Bytes of the largest decoded training set.
    passes : float
        Largest number of training crops divided by the number of images of the training set.

    Examples
    --------
    >>> job = Job("gray-sc-sigma25", "l1", 1e15)
    >>> Plan(trainings=(job,), evaluations=(), finished=0, images=0, others=0, other_seconds=0.0, download=0, disk=0,
    ...      memory=0, passes=1.0).seconds({"l1": 1e12}, start=5)
    (1005.0, 1005.0)
    """

    trainings: tuple[Job, ...]
    evaluations: tuple[Job, ...]
    finished: int
    images: int
    others: int
    other_seconds: float
    download: int
    disk: int
    memory: int
    passes: float

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All jobs, trainings first."""
        return self.trainings + self.evaluations

    def seconds(self, rates: dict[str, float], workers: int = 1, start: float = START) -> tuple[float, float]:
        """Estimate the run time of all jobs.

        Parameters
        ----------
        rates : dict of str to float
            Operations per second, by penalty.
        workers : int
            Number of jobs that run at the same time.
        start : float
            Seconds to start a job.

        Returns
        -------
        (float, float)
            Sum of the seconds of all jobs, and seconds until the last job ends.
        """
        slowest = min(rates.values())  # Used for penalties that were not timed.
        lengths = {job.name: start + job.operations / rates.get(job.penalty, slowest) for job in self.jobs}
        return sum(lengths.values()), _makespan(self.jobs, lengths, workers)


def plan(config: dict, *, times: int = 1, data_dir=None, output=None) -> Plan:
    """Count the trainings, evaluations and downloads that a configuration still needs.

    Parameters
    ----------
    config : dict
        Keys of `groupsc.config.grid.Grid`, as read from a file of config/.
    times : int
        Factor on the size of the training sets, at the same number of steps.
    data_dir, output : path, optional
        Data directory and folder of results; the defaults are those of the configuration.

    Returns
    -------
    Plan

    Raises
    ------
    GroupSCError
        For an invalid configuration, an unknown data set, or a training state that can't be read.

    Examples
    --------
    >>> plan(read_grid("config/ci.yaml"))  # doctest: +SKIP
    """
    if times < 1:
        raise GroupSCError(f"times, the factor on the size of the training sets, is {times}; give 1 or more")
    config = complete_grid(config)
    data_dir, output = Path(data_dir or config["data_dir"]), Path(output or config["output"])
    found, trained = experiments(config), config["weights"] == "trained"
    names.check(config, found)
    if trained:
        missing, trainings = _missing_trainings(found, output)
    else:
        missing, trainings = [], []
    # Of released models those that there are; blocks may name others of the grid.
    used = found if trained else {name: found[name] for name in releases() if name in found}
    evaluations = list(_evaluations(config, found, used, output, {e.name for e in missing}))
    sizes = _absent(config, found, data_dir, times)
    weights = sum(map(_bytes_of_training, missing))
    images = sum(count for _, count in evaluations)
    others = list(_others(config, output))
    return Plan(
        trainings=tuple(trainings),
        evaluations=tuple(job for job, _ in evaluations),
        finished=len(used) - len(missing),
        images=images,
        others=len(others),
        other_seconds=sum(others) + DICTIONARY * _missing_dictionaries(missing, output),
        download=sum(sizes.values()),
        disk=sum(sizes.values()) + weights + images * BYTES_OF_ROW,
        memory=max((_decoded(e, times, config) for e in missing), default=0),
        passes=max((_passes(e, times, config) for e in missing), default=0.0),
    )


def _bytes_of_training(experiment: Experiment) -> int:
    """Return the bytes of the weights and of the state of a training."""
    return 4 * number_of_parameters(experiment.model) * (2 * COPIES_IN_STATE + 1)


def _missing_dictionaries(missing: list[Experiment], output: Path) -> int:
    """Count the initial dictionaries of the missing models that are not learned yet."""
    names = {e.dictionary for e in missing if e.init_from is None}
    return sum(not (output / f"dictionaries/{name}.safetensors").is_file() for name in names)


def _passes(experiment: Experiment, times: int, config: dict) -> float:
    """Return the number of passes of a training over its images."""
    training = experiment.training
    return training.max_steps * training.batch_size / _count(experiment, times, config)


def _missing_trainings(found: dict[str, Experiment], output: Path) -> tuple[list[Experiment], list[Job]]:
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
    operations = operation_counts.training_operations(model, training.crop_size, training.patch_stride)
    crops = left * training.batch_size * operations
    blocks = (
        left
        // training.validate_every
        * training.validation_images
        * operation_counts.block_operations(model, training.crop_size)
    )
    after = experiment.init_from if experiment.init_from in missing else None
    return Job(experiment.name, model.penalty, crops + blocks, after)


def _evaluations(config: dict, found: dict, used: dict, output: Path, missing: set[str]):
    """Yield the job and the number of images of each missing file of results of the `used` experiments; results of
    untrained models count as missing."""
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
    for name, e, dataset, place, stride in wanted:
        if e.name not in missing and (output / "rows" / name / f"{place}.csv").is_file():
            continue
        images = _images(config, e.task, dataset)
        if e.name not in missing:
            images -= _taken_over(config, e.task, name, dataset, place)
        work_of_one = operation_counts.image_operations(e.model, operation_counts.pixels_of(dataset), stride)
        yield (
            Job(f"{name}/{place}", e.model.penalty, images * work_of_one, e.name if e.name in missing else None),
            images,
        )


def _others(config: dict, output: Path):
    """Yield the CPU seconds of each missing file of results of a baseline."""
    for experiment, (name, task, level) in grid.baselines_of(config).items():
        reason = unsuited(name, task, level)
        for dataset in grid.sets_of(config, task):
            if reason and not taken_over(config, name, dataset, task, level):
                continue
            if not (output / "rows" / experiment / f"{dataset}.csv").is_file():
                images = _images(config, task, dataset) - _taken_over(config, task, experiment, dataset, dataset)
                yield OTHERS.get(name, 0) * images * operation_counts.pixels_of(dataset) / 1e6


def _images(config: dict, task: str, dataset: str) -> int:
    """Count the images of a test set to restore, including noise realisations."""
    return len(grid.image_names(config, dataset)) * _repetitions(config, task)


def _repetitions(config: dict, task: str) -> int:
    return repetitions(task, config["repetitions"])


def _taken_over(config: dict, task: str, name: str, dataset: str, place: str) -> int:
    """Count the images of `_images` that have cached results, of any weights."""
    path = grid.cached_results_of(config, name, place)
    if path is None:
        return 0
    names, times = {*grid.image_names(config, dataset)}, _repetitions(config, task)
    return sum(image in names and repetition < times for image, repetition in measured_places(path))


def _absent(config: dict, found: dict, data_dir: Path, times: int) -> dict[str, int]:
    """Return the missing bytes of each data set; with `times` above 1 the training sets are missing entirely."""
    trainings = [e.training for e in found.values()] if config["weights"] == "trained" else []
    trained_on = {training.dataset for training in trainings}
    used = trained_on | {training.validation for training in trainings}
    used |= set(_peers(config)) | grid.test_sets(config, found)
    sizes = {}
    for dataset in sorted(used):
        files = _files(dataset, config)[: grid.images_to_fetch(config, found, dataset)]
        own = dataset in config["datasets"]
        absent = 0 if own else sum(size for file, size in files if not _has(data_dir / dataset / file, size))
        sizes[dataset] = times * sum(size for _, size in files) if times > 1 and dataset in trained_on else absent
    return sizes


def _peers(config: dict):
    """Yield the data sets that contain the weights of baselines which have yet to restore something."""
    shown = {name for given in config["figures"].values() for name in given.get("baselines") or ()}
    for name, task, level in grid.baselines_of(config).values():
        peer = None if name == INPUT else baselines.method(name).dataset.get(task)
        if peer is None or unsuited(name, task, level):
            continue
        sets = grid.sets_of(config, task)
        if name in shown or not all(taken_over(config, name, dataset, task, level) for dataset in sets):
            yield peer


def _makespan(jobs, lengths: dict[str, float], workers: int) -> float:
    """Return the seconds until the last job ends. A free worker takes the ready job with the longest chain of work."""
    waiting: dict[str | None, list[str]] = {}
    for job in jobs:
        waiting.setdefault(job.after, []).append(job.name)

    def weight(name: str) -> float:
        return lengths[name] + max((weight(later) for later in waiting.get(name, ())), default=0.0)

    ready = [(-weight(name), name) for name in waiting.get(None, ())]
    heapq.heapify(ready)
    running: list[tuple[float, str]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < workers:
            _, name = heapq.heappop(ready)
            heapq.heappush(running, (now + lengths[name], name))
        now, name = heapq.heappop(running)
        for later in waiting.get(name, ()):
            heapq.heappush(ready, (-weight(later), later))
    return now


def _files(dataset: str, config: dict) -> list[tuple[str, int]]:
    own = own_set(dataset, grid.data_dir_of(config))
    if own is not None:
        return [(name, path.stat().st_size) for name, path in images_in(own[1]).items()]
    return list(listed_files(dataset))


def _count(experiment: Experiment, times: int, config: dict) -> int:
    return times * max(1, len(_files(experiment.training.dataset, config)))


def _decoded(experiment: Experiment, times: int, config: dict) -> int:
    """Return the bytes of the training images as float32."""
    pixels = operation_counts.PIXELS.get(experiment.training.dataset, operation_counts.PIXELS["CBSD400"])
    return 4 * experiment.model.channels * pixels * _count(experiment, times, config)


def _has(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _weights(output: Path, name: str) -> Path:
    return output / "training" / name / "weights.safetensors"


def _plain(values: dict) -> dict:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in values.items()}
