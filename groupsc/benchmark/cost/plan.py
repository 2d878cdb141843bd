"""Estimate the cost of a configuration before it runs: trainings, evaluations, hours, disk and download.

Hours are the number of operations divided by the rate of `groupsc.benchmark.cost.machine`. Baselines and dictionaries
have fixed costs, measured on two cores, on every machine. Tables and figures are not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from groupsc.benchmark import configuration_checks
from groupsc.benchmark.cost.data_needs import decoded_bytes, missing_bytes, passes
from groupsc.benchmark.cost.jobs import Job, makespan
from groupsc.benchmark.cost.remaining import (
    bytes_of_training,
    missing_baselines,
    missing_dictionaries,
    missing_evaluations,
    missing_trainings,
)
from groupsc.config.experiments import experiments
from groupsc.config.files import complete_grid
from groupsc.utils.errors import GroupSCError
from groupsc.weights.released import releases

START = 5
"""Seconds to start a job: loading the libraries takes 3 of them, loading the images the rest."""

DICTIONARY = 30
"""CPU seconds of `groupsc dictionary` with 256 atoms: 15 for gray patches of 9×9, 31 for colour patches of 7×7."""

BYTES_OF_ROW = 220


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
    baseline_evaluations : int
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
    >>> Plan(trainings=(job,), evaluations=(), finished=0, images=0, baseline_evaluations=0, other_seconds=0.0,
    ...      download=0, disk=0, memory=0, passes=1.0).seconds({"l1": 1e12}, start=5)
    (1005.0, 1005.0)
    """

    trainings: tuple[Job, ...]
    evaluations: tuple[Job, ...]
    finished: int
    images: int
    baseline_evaluations: int
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
        return sum(lengths.values()), makespan(self.jobs, lengths, workers)


def plan(config: dict, *, size_factor: int = 1, data_dir=None, output=None) -> Plan:
    """Count the trainings, evaluations and downloads that a configuration still needs.

    Parameters
    ----------
    config : dict
        Keys of `groupsc.config.grid.Grid`, as read from a file of config/.
    size_factor : int
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
    if size_factor < 1:
        raise GroupSCError(f"the factor on the size of the training sets is {size_factor}; give 1 or more")
    config = complete_grid(config)
    data_dir, output = Path(data_dir or config["data_dir"]), Path(output or config["output"])
    found, trained = experiments(config), config["weights"] == "trained"
    configuration_checks.check(config, found)
    if trained:
        missing, trainings = missing_trainings(found, output)
    else:
        missing, trainings = [], []
    # Without trainings, only released models are evaluated; the key `blocks` may name further models of the grid.
    used = found if trained else {name: found[name] for name in releases() if name in found}
    evaluations = list(missing_evaluations(config, found, used, output, {e.name for e in missing}))
    sizes = missing_bytes(config, found, data_dir, size_factor)
    weights = sum(map(bytes_of_training, missing))
    images = sum(count for _, count in evaluations)
    baseline_seconds = list(missing_baselines(config, output))
    return Plan(
        trainings=tuple(trainings),
        evaluations=tuple(job for job, _ in evaluations),
        finished=len(used) - len(missing),
        images=images,
        baseline_evaluations=len(baseline_seconds),
        other_seconds=sum(baseline_seconds) + DICTIONARY * missing_dictionaries(missing, output),
        download=sum(sizes.values()),
        disk=sum(sizes.values()) + weights + images * BYTES_OF_ROW,
        memory=max((decoded_bytes(e, size_factor, config) for e in missing), default=0),
        passes=max((passes(e, size_factor, config) for e in missing), default=0.0),
    )
