"""Means of rows: what a table, a metric file and the last lines of a run say about many images."""

from __future__ import annotations

import pandas as pd

from groupsc.data.datasets import registry
from groupsc.utils.errors import GroupSCError

DECIMALS = {"psnr": 2, "psnr_channels": 2, "ssim": 4, "seconds": 2}
KEYS = ["task", "method", "level", "dataset", "mode", "stride"]


def average(rows: pd.DataFrame, sizes: dict | None = None) -> pd.DataFrame:
    """Means over images, then over noise repetitions: one line per experiment, data set and mode.

    Parameters
    ----------
    rows : pandas.DataFrame
        As `groupsc.benchmark.evaluation.evaluate` returns them.
    sizes : dict, optional
        Images in each data set; counted in the registry when left out.

    Returns
    -------
    pandas.DataFrame
        `KEYS`; psnr, psnr_channels, ssim, each with `<metric>_spread`, the standard deviation over repetitions (missing
        for a single one); seconds; images, images_of (missing for a data set outside the registry), repetitions;
        experiment, parameters, weights_sha256, device, code_version.

    Raises
    ------
    GroupSCError
        When an image was measured twice under one heading, or with two weights.
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
        raise GroupSCError(f"the rows of {name} come from different weights; pass those of one weights file")
    if group.duplicated(["image", "repetition"]).any():
        raise GroupSCError(f"the rows of {name} hold an image twice; pass each file of rows once")
    counts = group.groupby("repetition").size()
    group = group[group["repetition"].isin(counts.index[counts == counts.max()])]
    line = {"images": group["image"].nunique(), "repetitions": group["repetition"].nunique()}
    for metric in DECIMALS:
        means = group.groupby("repetition")[metric].mean()
        line |= {metric: means.mean(), f"{metric}_spread": means.std() if len(means) > 1 else None}
    line |= {column: group[column].iloc[0] for column in ("experiment", "parameters", "weights_sha256")}
    return line | {column: "; ".join(sorted(set(group[column].dropna()))) for column in ("device", "code_version")}


def metrics_json(rows: pd.DataFrame, sizes: dict | None = None) -> dict:
    """Means for `dvc metrics`: `{experiment: {data set: {mode: {psnr, ssim, seconds, images, …}}}}`.

    Raises
    ------
    GroupSCError
        As `average`.
    """
    found = {}
    for ran in average(rows, sizes).itertuples(index=False):
        figures = {metric: round(float(getattr(ran, metric)), digits) for metric, digits in DECIMALS.items()}
        figures |= {
            "seconds": round(float(ran.seconds), 3),
            "images": int(ran.images),
            "repetitions": int(ran.repetitions),
        }
        mode = f"{ran.mode}{'' if ran.stride is None else f'-{ran.stride:g}'}" if ran.mode else "input"
        found.setdefault(ran.experiment, {}).setdefault(ran.dataset, {})[mode] = figures
    return found


def summary(rows: pd.DataFrame, tables=(), figures=(), sizes: dict | None = None, remarks=()) -> str:
    """Where tables and figures are, how many images stand behind each number, and `remarks`, as lines of text.

    Raises
    ------
    GroupSCError
        As `average`.
    """
    lines = [f"Tables:  {path}" for path in tables] + [f"Figures: {path}" for path in figures]
    lines.append("Average PSNR over all pixels and channels, and what stands behind it:")
    for ran in average(rows, sizes).itertuples(index=False):
        noise = f", {ran.repetitions} noise realisations" if ran.repetitions > 1 else ""
        mode = f", {mode_name(ran.mode, ran.stride)}" if ran.mode else ""
        lines.append(f"  {ran.experiment:<26} {ran.dataset:<10} {ran.psnr:6.2f} dB   {share(ran)}{noise}{mode}")
    return "\n".join([*lines, *remarks])


def share(ran) -> str:
    """How many images stand behind a line of `average`: "3 of 68 images"."""
    count = f"{ran.images} image{'s' if ran.images != 1 else ''}"
    return f"{ran.images} of {ran.images_of} images" if ran.images_of and ran.images != ran.images_of else count


def mode_name(mode: str | None, stride: float | None) -> str:
    """How images were restored, in words."""
    if mode is None:
        return "input as it is"
    return "whole image" if mode == "whole" else "blocks" + (f" at stride {stride:g}" if stride is not None else "")


def distinct(joined) -> list[str]:
    """Each device or version once, from values that `average` joined."""
    return sorted({one for value in joined.dropna() for one in value.split("; ")})


def plain(value):
    """None for what pandas holds as missing."""
    return None if pd.isna(value) else value
