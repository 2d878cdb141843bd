"""Evaluate a method on a data set, also into a file of per-image results that an interrupted run continues."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd

from groupsc import baselines
from groupsc.baselines.own import OwnMethod
from groupsc.benchmark.measurement import Evaluation
from groupsc.benchmark.rows import complete, earlier_rows, finished_rows, read_rows, table_of, write_rows
from groupsc.data.datasets import named_paths, own_set
from groupsc.inference.restorer import Restorer
from groupsc.utils.atomic import refuse_folder
from groupsc.utils.errors import GroupSCError


def evaluate(weights, dataset, *, sigma=None, name=None, output=None, **options) -> pd.DataFrame:
    """Degrade and restore the images of a data set, and measure the result; `groupsc.evaluate`.

    Parameters
    ----------
    weights : str, path, callable or torch.nn.Module
        Name of released weights, a weights file, a loaded model (`groupsc.load`), a baseline such as "bm3d", "input",
        or an own function or network; `groupsc.baselines.own.OwnMethod` says how the latter is called.
    dataset : str or path
        Name of a data set, or a folder with images.
    sigma : float, optional
        Noise level in gray levels of 255; the same as the option `level`. With `sigma` and no task, methods that are
        not trained by this project restore gray images.
    name : str, optional
        Name of an own method in the results, made of small letters, digits and dashes. A loaded model whose parameters
        were changed needs one.
    output : path, optional
        CSV file for the results, as `evaluate_to_csv` writes it.
    **options
        As for `groupsc.benchmark.measurement.Evaluation`.

    Returns
    -------
    pandas.DataFrame
        One row per image and repetition, columns `groupsc.benchmark.rows.COLUMNS`: PSNR in dB (over all channels
        together, and as the mean over channels), SSIM, seconds of the restoration alone (on a GPU after a warm-up at
        each new size), peak memory in MiB (on a GPU the memory that torch allocated, on Linux CPUs the memory of the
        whole process, otherwise missing), and all settings.

    Raises
    ------
    GroupSCError
        For an unknown task or level, weights that were trained for another task, a result with values that are not
        finite, a data set that was not fetched, a baseline that can't run, too little memory, or a stride without
        blocks. An error about an image names its file.

    Examples
    --------
    >>> rows = evaluate(lambda x: x, "Bundled", sigma=25, name="same", images=1, progress=False)
    >>> rows["method"].item(), rows["image"].item(), round(rows["psnr"].item(), 1)
    ('same', 'astronaut', 20.7)
    """
    if sigma is not None:
        if options.get("level") is not None:
            raise GroupSCError("sigma and level are one setting; give one of them")
        options["level"] = sigma
        if not isinstance(weights, Restorer) and (callable(weights) or str(weights) in baselines.methods()):
            options.setdefault("task", "gray")
    known = {field.name for field in dataclasses.fields(Evaluation)} | {"cached_results"}
    if unknown := sorted(set(options) - known):
        raise GroupSCError(f"evaluate has no option {unknown[0]!r}; choose among {', '.join(sorted(known))}")
    if name is not None:
        if not callable(weights):
            raise GroupSCError(f"{weights} has a name of its own; leave `name` out, which is for own methods")
        if isinstance(weights, Restorer):
            options = {"task": weights.card["task"], "level": weights.card.get("level")} | options
        weights = OwnMethod(weights, name=name, device=options.get("device", "auto"))
    if output is not None:
        return evaluate_to_csv(output, weights, dataset, **options)
    return table_of(Evaluation(weights, dataset, **options).rows())


def evaluate_to_csv(path, weights, dataset: str, *, cached_results=None, **options) -> pd.DataFrame:
    """Evaluate into a CSV file, image by image; an interrupted run continues with the next image.

    Finished rows are written to `<path>.partial`, which becomes `path` when all images are measured. Rows in either
    file are reused when all `SETTINGS` agree, including the digest of the weights and the code version; other rows are
    measured again. So are images of an own folder that changed after the file was written, or after the file of
    `cached_results`.

    Parameters
    ----------
    path : path
        The CSV file.
    weights, dataset, **options
        As for `groupsc.benchmark.measurement.Evaluation`.
    cached_results : path, optional
        Results of an earlier evaluation, possibly on another device or with another code version. Results of the same
        weights and settings are reused and keep their device and code version, also for images beyond the first
        `images`. An image is reused only if all its repetitions are in the file.

    Returns
    -------
    pandas.DataFrame
        As `evaluate`, with the reused rows.

    Raises
    ------
    GroupSCError
        As `evaluate`; also when `cached_results` is not a file of per-image results.

    Examples
    --------
    >>> evaluate_to_csv("rows.csv", "tv", "Bundled", task="gray", level=25)  # doctest: +SKIP
    """
    path = Path(path)
    refuse_folder(path, "CSV file")  # Before the measurement.
    partial = path.with_name(path.name + ".partial")
    evaluation = Evaluation(weights, dataset, **options)
    settings = evaluation.settings()
    earlier = {}
    if cached_results is not None:
        earlier = earlier_rows(cached_results, settings, evaluation.repetitions)
        earlier = _of_unchanged_images(earlier, Path(cached_results), evaluation)
    finished = dict(earlier)
    for file in (path, partial):
        finished |= _of_unchanged_images(finished_rows([file], settings), file, evaluation)
    rows = []
    for row in evaluation.rows(finished):
        rows.append(row)
        if (row["image"], row["repetition"]) not in finished:
            write_rows(partial, table_of(rows))
    beyond = complete(earlier, evaluation.repetitions) - {row["image"] for row in rows}
    rows += [row for (image, _), row in earlier.items() if image in beyond]
    write_rows(path, table_of(rows))
    partial.unlink(missing_ok=True)
    return read_rows([path])


def _of_unchanged_images(rows: dict, file: Path, evaluation: Evaluation) -> dict:
    """Leave out the rows of images of an own folder that are newer than the file of the rows.

    Images of public data sets are checked by their checksums when they are fetched.
    """
    if not rows or own_set(str(evaluation.dataset), evaluation.data_dir) is None:
        return rows
    written = file.stat().st_mtime
    states = {name: path.stat() for name, path in named_paths(str(evaluation.dataset), evaluation.data_dir).items()}
    changed = {name for name, state in states.items() if max(state.st_mtime, state.st_ctime) > written}
    return {place: row for place, row in rows.items() if place[0] not in changed}
