"""Rows that were measured before: taken over without images, without torch, and baselines without packages and weights.

A row belongs to weights by their digest. `data/registry.csv` has the digests of baselines, so that their files can be
missing.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from groupsc import baselines
from groupsc.benchmark.grid import cached_results_of, dataset_and_stride, image_names
from groupsc.benchmark.rows import complete, earlier_rows, measured_places, table_of
from groupsc.config.definitions import experiment_name, method_name, repetitions
from groupsc.models.sizes import number_of_parameters
from groupsc.utils.digests import file_digest
from groupsc.weights.cards import model_of, read_card

INPUT = "input"
"""Stands for weights where the degraded image itself is measured, such as the JPEG baseline of Table 5."""


def cached_rows(
    measured,
    weights,
    dataset: str,
    task: str,
    level: float | None,
    *,
    images: int | None = None,
    times: int = 1,
    mode: str = "whole",
    stride: int | None = None,
) -> pd.DataFrame | None:
    """Return the rows of an evaluation from those of an earlier one, if they are complete.

    Parameters
    ----------
    measured : path
        File of rows of an earlier evaluation.
    weights : str or path
        A weights file, a baseline's name, or "input".
    dataset, task, level, images, mode, stride : str, str, float, int, str, int
        As for `groupsc.benchmark.evaluation.Evaluation`.
    times : int
        Noise realisations per image.

    Returns
    -------
    pandas.DataFrame or None
        The rows of the first `images` images, in the order of the data set, and of all others that were measured; None
        where one of the first is missing, or where `weights` is neither an existing file nor a baseline of the task.

    Raises
    ------
    GroupSCError
        When `measured` is no file of rows, or `weights` no file of weights.

    Examples
    --------
    >>> path = "data/measured/gray-dncnn-sigma25/BSD68.csv"
    >>> len(cached_rows(path, "dncnn", "BSD68", "gray", 25, images=5))  # doctest: +SKIP
    68
    """
    settings = _settings(weights, dataset, task, level, mode, stride)
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


def taken_over(config: dict, weights, place: str, task: str, level: float | None) -> bool:
    """Return whether all that a configuration asks of an evaluation is in its folder of earlier rows.

    Parameters
    ----------
    config : dict
    weights, task, level : str or path, str, float
        As for `cached_rows`.
    place : str
        Data set, with `-stride<stride>` for blocks.

    Returns
    -------
    bool

    Raises
    ------
    GroupSCError
        As `cached_rows`.

    Examples
    --------
    >>> taken_over({"cached_results": "data/measured"}, "dncnn", "BSD68", "gray", 25)  # doctest: +SKIP
    True
    """
    if config["cached_results"] is None:
        return False
    dataset, stride = dataset_and_stride(place)
    mode, step = ("block", stride) if stride else (config["mode"], config["stride"])
    settings = _settings(weights, dataset, task, level, mode, step)
    path = settings and cached_results_of(config, settings["experiment"], place)
    if not path:
        return False
    wanted, times = image_names(config, dataset), repetitions(task, config["repetitions"])
    return bool(wanted) and {*wanted} <= complete(measured_places(path, settings), times)


def _settings(weights, dataset: str, task: str, level: float | None, mode: str, stride: int | None) -> dict | None:
    """Return the columns of `SETTINGS` in which rows must agree; None for what is unknown, or not for this task."""
    level = None if level is None else float(level)
    found = {"task": task, "level": level, "dataset": dataset}
    method, path = str(weights), Path(weights)
    if method == INPUT:
        found |= {"mode": None, "stride": None, "parameters": 0, "weights_sha256": None}
    elif path.suffix == ".safetensors" or path.is_file():
        card = read_card(path) if path.is_file() else {}
        if card.get("task") != task or card["level"] not in (None, level):
            return None
        model = model_of(path, card)
        method = method_name(card["method"], card.get("variant"))
        found |= {"mode": mode, "stride": (stride or model.window) if mode == "block" else None}
        found |= {"parameters": number_of_parameters(model), "weights_sha256": file_digest(path)}
    else:
        peer = baselines.methods().get(method)
        if peer is None or peer.unfit(task, level):
            return None
        found |= {"mode": "whole", "stride": None, "parameters": peer.number_of_parameters(task)}
        found |= {"weights_sha256": peer.digest(task, level)}
    return {**found, "method": method, "experiment": experiment_name(task, method, level)}
