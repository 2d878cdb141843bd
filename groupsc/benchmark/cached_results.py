"""Use per-image results of an earlier evaluation (cached results) instead of a new measurement.

This needs neither the images nor torch, and for a baseline neither its package nor its weights. A row of cached results
is used if the digest of its weights and all settings of the protocol agree with those of the evaluation.
`data/registry.csv` has the digests of the weights of baselines, so that these files can be missing. A row is the result
of one image and one noise realisation.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from groupsc import baselines
from groupsc.benchmark.grid import dataset_and_stride
from groupsc.benchmark.rows import complete, earlier_rows, measured_places, table_of
from groupsc.benchmark.subjects import DEGRADED, INPUT, Subject, baseline_subject, file_subject
from groupsc.config.definitions import repetitions
from groupsc.data.configured import data_dir_of, image_names
from groupsc.data.datasets import own_set
from groupsc.utils.errors import GroupSCError
from groupsc.utils.typing import PathLike
from groupsc.weights.cards import read_card


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
    data_dir: PathLike = "data/raw",
) -> pd.DataFrame | None:
    """Return the rows of an evaluation from cached results, if these are complete.

    Parameters
    ----------
    measured : path
        File of cached results, with the columns `groupsc.benchmark.rows.COLUMNS`.
    weights : str or path
        A weights file, a baseline's name, or "input".
    dataset, task, level, images, mode, stride, data_dir
        As for `groupsc.benchmark.measurement.Evaluation`.
    times : int
        Noise realisations per image.

    Returns
    -------
    pandas.DataFrame or None
        The rows of the first `images` images, in the order of the data set, and of all others that were measured; None
        where one of the first is missing, where `weights` is neither an existing file nor a baseline of the task, or
        for a folder of own images, which can have changed.

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
    if settings is None or own_set(dataset, data_dir) is not None:
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
        As for `groupsc.benchmark.measurement.Evaluation`.

    Examples
    --------
    >>> unsuited("input", "gray", 25) is None
    True
    """
    return None if method == INPUT else baselines.method(method).unsuited(task, level)


def cache_is_complete(config: dict, weights, stem: str, task: str, level: float | None) -> bool:
    """Return whether the cached results of a configuration contain all images and repetitions of an evaluation.

    For a folder of own images, which can have changed, this is never so.

    Parameters
    ----------
    config : dict
    weights, task, level : str or path, str, float
        As for `cached_rows`.
    stem : str
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
    >>> cache_is_complete({"cached_results": "data/measured"}, "dncnn", "BSD68", "gray", 25)  # doctest: +SKIP
    True
    """
    if config["cached_results"] is None:
        return False
    dataset, stride = dataset_and_stride(stem)
    if own_set(dataset, data_dir_of(config)) is not None:
        return False
    mode, step = ("block", stride) if stride else (config["mode"], config["stride"])
    settings = _settings(weights, dataset, task, level, mode, step)
    path = settings and cached_results_of(config, settings["experiment"], stem)
    if not path:
        return False
    wanted, times = image_names(config, dataset), repetitions(task, config["repetitions"])
    return bool(wanted) and {*wanted} <= complete(measured_places(path, settings), times)


def cached_results_folder(config: dict) -> Path | None:
    """Return the folder of cached results; None if everything is measured again.

    Parameters
    ----------
    config : dict

    Raises
    ------
    GroupSCError
        When it is not a folder, or this run writes its results there.

    Examples
    --------
    >>> cached_results_folder({"cached_results": None}) is None
    True
    """
    folder = config["cached_results"]
    if folder is None:
        return None
    if not Path(folder).is_dir():
        raise GroupSCError(
            f"cached_results is {folder!r}, which is not a folder; leave it out to measure everything in this run"
        )
    if Path(folder).resolve() == Path(config["output"], "rows").resolve():
        raise GroupSCError(f"cached_results is {folder!r}, where this run writes its results; choose another output")
    return Path(folder)


def cached_results_of(config: dict, name: str, stem: str) -> Path | None:
    """Return the file of cached results of an evaluation, or None if the file does not exist.

    Parameters
    ----------
    config : dict
    name : str
        Name of the evaluation.
    stem : str
        Name of its data set, with `-stride<stride>` for blocks.

    Raises
    ------
    GroupSCError
        As `cached_results_folder`.

    Examples
    --------
    >>> cached_results_of({"cached_results": None}, "gray-sc-sigma25", "BSD68") is None
    True
    """
    folder = cached_results_folder(config)
    rows = None if folder is None else folder / name / f"{stem}.csv"
    return rows if rows and rows.is_file() else None


def _settings(weights, dataset: str, task: str, level: float | None, mode: str, stride: int | None) -> dict | None:
    """Return the values of `SETTINGS` in which rows must agree; None if `weights` are unknown or of another task."""
    level = None if level is None else float(level)
    subject = _subject(weights, task, level)
    return None if subject is None else subject.settings(dataset, task, level, mode, stride)


def _subject(weights, task: str, level: float | None) -> Subject | None:
    """Return what an evaluation of `weights` measures, without loading them; None if unknown or of another task."""
    method, path = str(weights), Path(weights)
    if method == INPUT:
        return DEGRADED
    if path.suffix == ".safetensors" or path.is_file():
        card = read_card(path) if path.is_file() else {}
        return file_subject(path, card) if card.get("task") == task and card["level"] in (None, level) else None
    peer = baselines.methods().get(method)
    return None if peer is None or peer.unfit(task, level) else baseline_subject(peer, task, level)
