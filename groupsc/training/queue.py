"""Train one experiment after the other within a given time.

A queue is a YAML list of grids in the form of `config/*.yaml`; its experiments are trained in their order. An
experiment that starts from another one uses the weights that the queue, or the folder of released weights, already has.
"""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any

from groupsc.config.definitions import Experiment
from groupsc.config.experiments import experiments
from groupsc.config.files import read_yaml
from groupsc.training.dictionary_file import write_dictionary
from groupsc.training.loop import train
from groupsc.utils.errors import GroupSCError
from groupsc.utils.typing import PathLike
from groupsc.weights.cards import read_card


def read_queue(path: PathLike) -> list[Experiment]:
    """Read the experiments of a queue file.

    Parameters
    ----------
    path : path
        YAML file.

    Returns
    -------
    list of Experiment
        In the order of the file.

    Raises
    ------
    GroupSCError
        When the file is missing or is not a list of grids.

    Examples
    --------
    >>> read_queue("queue.yaml")  # doctest: +SKIP
    """
    grids = read_yaml(path, "a queue", "write a YAML list of grids like those in config/")
    if not isinstance(grids, list) or not all(isinstance(grid, dict) and "tasks" in grid for grid in grids):
        raise GroupSCError(f"{path} is not a queue; write a YAML list of grids, each with the key `tasks`")
    return [experiment for grid in grids for experiment in experiments(grid).values()]


def run_queue(
    queue: list[Experiment],
    *,
    data_dir: PathLike,
    output: PathLike,
    minutes: float,
    weights: PathLike | None = None,
    device: str = "auto",
    progress: bool = True,
) -> dict[str, str]:
    """Train the experiments of a queue in order until the time limit.

    Finished experiments are not changed; a stopped experiment continues.

    Parameters
    ----------
    queue : list of Experiment
    data_dir : path
        Folder of the data sets.
    output : path
        Folder for one folder per experiment, and for `dictionaries/`.
    minutes : float
        Time limit of the whole queue.
    weights : path, optional
        Folder of released weights, for experiments whose initial weights the queue has not trained.
    device : {"auto", "cpu", "cuda"}, optional
    progress : bool, optional
        Show progress bars.

    Returns
    -------
    dict of str to str
        For every experiment "finished", "stopped" (the next call continues) or "waiting".

    Raises
    ------
    GroupSCError
        As `groupsc.training.loop.train`, and when an experiment starts from one that is not trained.

    Examples
    --------
    >>> run_queue([], data_dir="data/raw", output="results/training", minutes=1)
    {}
    """
    deadline = time.monotonic() + 60 * minutes
    output = Path(output)
    outcome: dict[str, str] = {}
    for experiment in queue:
        left = (deadline - time.monotonic()) / 60
        if left <= 0:
            outcome[experiment.name] = "waiting"
            continue
        folder = output / experiment.name
        if _is_finished(experiment, folder):
            outcome[experiment.name] = "finished"
            continue
        done = train(
            experiment,
            data_dir=data_dir,
            output=folder,
            max_minutes=left,
            device=device,
            progress=progress,
            **_first_parameters(experiment, data_dir, output, weights),
        )
        outcome[experiment.name] = "finished" if done else "stopped"
    return outcome


def _is_finished(experiment: Experiment, folder: Path) -> bool:
    """Whether a folder has the weights of this experiment, also if the model that they started from was replaced."""
    try:
        card = read_card(folder / "weights.safetensors")
    except GroupSCError:
        return False
    wanted = {"training": dataclasses.asdict(experiment.training), "model": dataclasses.asdict(experiment.model)}
    same = {key: card.get(key) for key in wanted} == json.loads(json.dumps(wanted))
    return same and card.get("steps") == experiment.training.max_steps


def make_dictionary(experiment: Experiment, data_dir: PathLike, path: PathLike) -> Path:
    """Learn the initial dictionary of an experiment and write it to a file.

    Parameters
    ----------
    experiment : Experiment
    data_dir : path
        Folder of the data sets.
    path : path
        File to write.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    GroupSCError
        When images are missing, or contain too few patches.

    Examples
    --------
    >>> make_dictionary(experiment, "data/raw", "dictionary.safetensors")  # doctest: +SKIP
    """
    model, config = experiment.model, experiment.training
    size = {"channels": model.channels, "patch_size": model.patch_size, "n_atoms": model.n_atoms}
    write_dictionary(path, config.dataset, data_dir, **size)
    return Path(path)


def _first_parameters(
    experiment: Experiment, data_dir: PathLike, output: Path, weights: PathLike | None
) -> dict[str, Any]:
    """Return the source of the initial parameters: the keyword argument `init` or `dictionary` of `train`."""
    if experiment.init_from is None:
        dictionary = output / "dictionaries" / f"{experiment.dictionary}.safetensors"
        return {"dictionary": dictionary if dictionary.exists() else make_dictionary(experiment, data_dir, dictionary)}
    places = [output / experiment.init_from / "weights.safetensors"]
    if weights is not None:
        places.append(Path(weights) / f"{experiment.init_from}.safetensors")
    for place in places:
        if place.exists():
            return {"init": place}
    raise GroupSCError(
        f"{experiment.name} starts from {experiment.init_from}, which is not trained; put {experiment.init_from} "
        "before it in the queue"
    )
