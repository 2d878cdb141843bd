"""Average per-image results for tables, metric files and the summary of a run."""

from __future__ import annotations

import math

import pandas as pd

from groupsc.benchmark.metrics import measure_of
from groupsc.config.definitions import METHODS
from groupsc.data.registry import registry
from groupsc.utils.errors import GroupSCError

DECIMALS = {"psnr": 2, "psnr_channels": 2, "ssim": 4, "seconds": 2}
HEADLINES = {"gray": (25, 5, 15, 50), "color": (25, 5, 15, 50), "mosaic": (), "jpeg": (10, 20, 30, 40)}
"""Levels of each task at which headline numbers are given, the most important first."""
HEADLINES_PER_TASK = 4
"""Largest number of levels of one task that have a headline number."""
KEYS = ["task", "method", "level", "dataset", "mode", "stride"]


def average(rows: pd.DataFrame, sizes: dict | None = None) -> pd.DataFrame:
    """Average per-image results over images, then over noise repetitions; seconds are medians over images.

    A median changes little when other programs slow a part of the images down.

    Repetitions with other images than the first of the most complete ones are left out, so that all means are over the
    same images.

    Parameters
    ----------
    rows : pandas.DataFrame
        Per-image results, as `groupsc.benchmark.evaluation.evaluate` returns them.
    sizes : dict, optional
        Number of images of each data set. The default counts them in the registry.

    Returns
    -------
    pandas.DataFrame
        One row per experiment, data set and mode. The columns are `KEYS`; psnr and psnr_channels in dB, ssim, seconds
        per image, each with `<metric>_spread`, the standard deviation over repetitions (missing for one repetition);
        images, images_of (missing for a data set outside the registry), repetitions; experiment, parameters,
        weights_sha256, device, code_version.

    Raises
    ------
    GroupSCError
        When the results of one experiment contain an image twice or come from different weights.

    Examples
    --------
    >>> from groupsc.benchmark.rows import table_of
    >>> first = {"experiment": "gray-sc-sigma25", "task": "gray", "method": "sc", "level": 25.0, "dataset": "BSD68",
    ...          "mode": "whole", "image": "test001", "repetition": 0, "psnr": 28.0}
    >>> means = average(table_of([first, {**first, "image": "test002", "psnr": 29.0}]), {"BSD68": 68})
    >>> means[["dataset", "psnr", "images", "images_of"]].to_dict("records")
    [{'dataset': 'BSD68', 'psnr': 28.5, 'images': 2, 'images_of': 68}]
    """
    sizes = registry().groupby("dataset").size().to_dict() if sizes is None else sizes
    columns = [*KEYS, "images_of", "repetitions", "images", "experiment", "parameters", "device", "code_version"]
    lines = [
        {**dict(zip(KEYS, map(plain, key), strict=True)), "images_of": sizes.get(key[3]), **_average(group)}
        for key, group in rows.groupby(KEYS, dropna=False, sort=False)
    ]
    return pd.DataFrame(lines, columns=None if lines else columns, dtype=object)


def _average(group: pd.DataFrame) -> dict:
    name = f"{group['experiment'].iloc[0]} on {group['dataset'].iloc[0]}"
    if group["weights_sha256"].nunique(dropna=False) > 1:
        raise GroupSCError(f"the results of {name} come from different weights; pass those of one weights file")
    if group.duplicated(["image", "repetition"]).any():
        raise GroupSCError(f"the results of {name} contain an image twice; pass each file of results once")
    images = group.groupby("repetition")["image"].agg(frozenset)
    group = group[group["repetition"].map(images) == max(images, key=len)]
    line = {"images": group["image"].nunique(), "repetitions": group["repetition"].nunique()}
    for metric in DECIMALS:
        values = group.groupby("repetition")[metric]
        means = values.median() if metric == "seconds" else values.mean()
        line |= {metric: means.mean(), f"{metric}_spread": means.std() if len(means) > 1 else None}
    line |= {column: group[column].iloc[0] for column in ("experiment", "parameters", "weights_sha256")}
    return line | {column: "; ".join(sorted(set(group[column].dropna()))) for column in ("device", "code_version")}


def metrics_json(rows: pd.DataFrame, sizes: dict | None = None) -> dict[str, float]:
    """Choose the headline numbers for `dvc metrics`, at most 20.

    Each task has numbers on the first of its data sets: GroupSC at the levels of `HEADLINES`, or at others if those
    were not measured, CSR and SC at the first level. Whole images come before blocks.

    Parameters
    ----------
    rows, sizes
        As for `average`.

    Returns
    -------
    dict
        Mean PSNR in dB by name, as in `{"gray-groupsc-sigma25 on BSD68": 28.93}`, and `on 7 of Kodak24` for a part of
        the images; for mosaics the mean over channels.

    Raises
    ------
    GroupSCError
        As `average`.

    Examples
    --------
    >>> from groupsc.benchmark.rows import table_of
    >>> row = {"experiment": "gray-sc-sigma25", "task": "gray", "method": "sc", "level": 25.0, "dataset": "BSD68",
    ...        "mode": "block", "stride": 12, "image": "test001", "repetition": 0, "psnr": 28.0}
    >>> metrics_json(table_of([row]))
    {'gray-sc-sigma25 on 1 of BSD68': 28.0}
    """
    runs = average(rows, sizes)
    runs = runs[runs["method"].isin(METHODS)]
    found: dict[str, float] = {}
    for task, headlines in HEADLINES.items():
        ours = runs[runs["task"] == task]
        if ours.empty:
            continue
        ours = list(ours[ours["dataset"] == ours["dataset"].iloc[0]].itertuples(index=False))
        levels = sorted(
            {run.level for run in ours}, key=lambda level: (*(level != headline for headline in headlines), level)
        )
        for method in reversed(METHODS):
            for level in levels[: HEADLINES_PER_TASK if method == "groupsc" else 1]:
                same = [run for run in ours if (run.method, run.level) == (method, level)]
                if same:
                    run = min(same, key=lambda run: run.mode != "whole")
                    part = f"{run.images} of " if run.images_of and run.images < run.images_of else ""
                    found[f"{run.experiment} on {part}{run.dataset}"] = _headline(run)
    return {name: value for name, value in found.items() if math.isfinite(value)}  # JSON has no infinite numbers.


def _headline(run) -> float:
    """Round the PSNR of a row of `average`."""
    return round(float(getattr(run, measure_of(run.task))), DECIMALS["psnr"])


def summary(rows: pd.DataFrame, tables=(), figures=(), sizes: dict | None = None, remarks=()) -> str:
    """Summarise a run as text: paths of tables and figures, average PSNR with the number of images, and remarks.

    Parameters
    ----------
    rows, sizes
        As for `average`.
    tables, figures : list of str
        Paths of the files that were made.
    remarks : list of str
        Lines to append.

    Raises
    ------
    GroupSCError
        As `average`.

    Examples
    --------
    >>> from groupsc.benchmark.rows import table_of
    >>> print(summary(table_of([]), ["results/tables/table4.md"]))
    Tables:  results/tables/table4.md
    Average PSNR over all pixels and channels (Tables 6, 11: over channels), with the number of images:
    """
    lines = [f"Tables:  {path}" for path in tables] + [f"Figures: {path}" for path in figures]
    lines.append("Average PSNR over all pixels and channels (Tables 6, 11: over channels), with the number of images:")
    for run in average(rows, sizes).itertuples(index=False):
        noise = f", {run.repetitions} noise realisations" if run.repetitions > 1 else ""
        mode = f", {mode_name(run.mode, run.stride)}" if run.mode else ""
        lines.append(f"  {run.experiment:<26} {run.dataset:<10} {run.psnr:6.2f} dB   {image_count(run)}{noise}{mode}")
    return "\n".join([*lines, *remarks])


def image_count(run) -> str:
    """Format the number of images of a row of `average`.

    Parameters
    ----------
    run
        A row with `images`, and with `images_of` or None there.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> image_count(SimpleNamespace(images=3, images_of=68)), image_count(SimpleNamespace(images=68, images_of=68))
    ('3 of 68 images', '68 images')
    """
    count = f"{run.images} image{'s' if run.images != 1 else ''}"
    return f"{run.images} of {run.images_of} images" if run.images_of and run.images != run.images_of else count


def mode_name(mode: str | None, stride: float | None) -> str:
    """Describe how images were restored.

    Parameters
    ----------
    mode : {"whole", "block"} or None
        None for the degraded input without restoration.
    stride : float or None
        Step between blocks in pixels.

    Examples
    --------
    >>> mode_name("whole", None), mode_name("block", 12.0)
    ('whole image', 'blocks at stride 12')
    """
    if mode is None:
        return "input without restoration"
    return "whole image" if mode == "whole" else "blocks" + (f" at stride {stride:g}" if stride is not None else "")


def distinct(joined) -> list[str]:
    """List each device or code version once, from values that `average` joined by "; ".

    Parameters
    ----------
    joined : pandas.Series of str

    Examples
    --------
    >>> distinct(pd.Series(["A CPU; B GPU", "A CPU", None]))
    ['A CPU', 'B GPU']
    """
    return sorted({one for value in joined.dropna() for one in value.split("; ")})


def plain(value):
    """Convert a missing value of pandas to None; return other values unchanged.

    Examples
    --------
    >>> plain(float("nan")), plain(25.0)
    (None, 25.0)
    """
    return None if pd.isna(value) else value
