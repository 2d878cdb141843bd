"""Rows of baselines that were measured before: taken over without their packages, weights and images.

A row belongs to weights by their digest, which `data/registry.csv` has of every file, so nothing has to be there.
"""

from __future__ import annotations

import pandas as pd

from groupsc import baselines
from groupsc.benchmark.grid import cached_results_of, image_names, images_of
from groupsc.benchmark.rows import complete, earlier_rows, table_of
from groupsc.config.definitions import experiment_name, repetitions

INPUT = "input"
"""Stands for weights where the degraded image itself is measured, such as the JPEG baseline of Table 5."""


def rows_of_method(
    measured, method: str, dataset: str, task: str, level: float | None, *, images: int | None = None, times: int = 1
) -> pd.DataFrame | None:
    """What an evaluation of a baseline would take over, where that is all that it asks for.

    Parameters
    ----------
    measured : path
        File of rows of an earlier evaluation.
    method : str
        A baseline's name, or "input".
    dataset, task, level, images : str, str, float, int
        As for `groupsc.benchmark.evaluation.Evaluation`.
    times : int
        Noise realisations per image.

    Returns
    -------
    pandas.DataFrame or None
        The rows of the first `images` images, in the order of the data set, and of all others that were measured; None
        where one of the first is missing, or `method` is no baseline.

    Raises
    ------
    GroupSCError
        When `measured` is no file of rows.

    Examples
    --------
    >>> path = "data/measured/gray-dncnn-sigma25/BSD68.csv"
    >>> len(rows_of_method(path, "dncnn", "BSD68", "gray", 25, images=5))  # doctest: +SKIP
    68
    """
    settings = _settings(method, dataset, task, level)
    if settings is None:
        return None
    times = repetitions(task, times)
    earlier = earlier_rows(measured, settings, times)
    whole, wanted = complete(earlier, times), image_names({"images": images}, dataset)
    if not wanted or not {*wanted} <= whole:
        return None
    names = dict.fromkeys([*wanted, *(image for image, _ in earlier if image in whole)])
    return table_of(earlier[image, number] for image in names for number in range(times))


def unsuited(method: str, task: str, level: float | None) -> str | None:
    """Return the reason why a baseline can't run for a task and level on this machine; None if it can.

    Parameters
    ----------
    method : str
        Name of a baseline, or "input".
    task, level : str, float
        As for `groupsc.benchmark.evaluation.Evaluation`.

    Examples
    --------
    >>> unsuited("input", "gray", 25) is None
    True
    """
    return None if method == INPUT else baselines.method(method).unsuited(task, level)


def taken_over(config: dict, method: str, dataset: str, task: str, level: float | None) -> bool:
    """Return whether all that a configuration asks of a baseline on a data set is in its folder of earlier rows.

    Parameters
    ----------
    config : dict
    method, dataset, task, level : str, str, str, float
        As for `rows_of_method`.

    Returns
    -------
    bool

    Raises
    ------
    GroupSCError
        As `rows_of_method`.

    Examples
    --------
    >>> taken_over({"cached_results": "data/measured"}, "dncnn", "BSD68", "gray", 25)  # doctest: +SKIP
    True
    """
    path = cached_results_of(config, experiment_name(task, method, level), dataset)
    asked = {"images": images_of(config, dataset), "times": config["repetitions"]}
    return path is not None and rows_of_method(path, method, dataset, task, level, **asked) is not None


def _settings(method: str, dataset: str, task: str, level: float | None) -> dict | None:
    """The columns of `SETTINGS` that rows of a baseline must agree in; None for what is none, or not for this task."""
    level = None if level is None else float(level)
    name = experiment_name(task, method, level)
    found = {"experiment": name, "task": task, "method": method, "level": level, "dataset": dataset, "stride": None}
    if method == INPUT:
        return {**found, "mode": None, "parameters": 0, "weights_sha256": None}
    peer = baselines.methods().get(method)
    if peer is None or peer.unfit(task, level):
        return None
    return {
        **found,
        "mode": "whole",
        "parameters": peer.number_of_parameters(task),
        "weights_sha256": peer.digest(task, level),
    }
