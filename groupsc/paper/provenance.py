"""Describe how the values of a table were measured."""

from __future__ import annotations

import pandas as pd

from groupsc.benchmark.averages import distinct, mode_name, plain
from groupsc.data.manifests import data_digest


def provenance(runs: pd.DataFrame, task: str, *, modes: bool = True) -> str:
    """Describe the images, noise, mode, device, code and data of the values of a table.

    Parameters
    ----------
    runs : pandas.DataFrame
        Averages as of `groupsc.benchmark.averages.average`, all of the task.
    task : {"gray", "color", "mosaic", "jpeg"}
    modes : bool
        Name the modes of restoration; False if the columns of the table name them.

    Returns
    -------
    str
        One sentence or several.

    Examples
    --------
    >>> provenance(pd.DataFrame(), "gray")
    'No value of this table was measured.'
    """
    if runs.empty:
        return "No value of this table was measured."
    sentences = [f"This run: {'; '.join(_shares(runs))}."]
    if task in ("gray", "color"):
        low, high = min(runs["repetitions"]), max(runs["repetitions"])
        noise = f"{low if low == high else f'{low} to {high}'} noise realisation{'s' if high > 1 else ''} per image"
        sentences.append(f"{noise}; ± is the standard deviation of their means." if high > 1 else f"{noise}.")
    restored = runs[runs["mode"].notna()]
    if len(restored):
        if modes:
            names = {mode_name(line.mode, line.stride) for line in restored.itertuples(index=False)}
            sentences.append(f"Mode: {', '.join(sorted(names))}.")
        sentences.append(f"Device: {'; '.join(distinct(restored['device']))}.")
    sentences.append(f"Code {', '.join(distinct(runs['code_version']))}.")
    digests = {dataset: data_digest(dataset) for dataset in runs["dataset"].unique()}
    known = [f"{dataset} {digest[:8]}" for dataset, digest in digests.items() if digest]
    return " ".join([*sentences, *([f"Digests of the data: {', '.join(known)}."] if known else [])])


def _shares(runs: pd.DataFrame) -> list[str]:
    """Return the number of restored images of each data set, as one phrase per data set."""
    shares = []
    for dataset, own in runs.groupby("dataset", sort=False):
        low, high, full = min(own["images"]), max(own["images"]), plain(own["images_of"].iloc[0])
        count = f"{low}" if low == high else f"{low} to {high}"
        if low == full:
            count = f"all {low}"
        elif full is not None:
            count += f" of {full}"
        shares.append(f"{dataset}, {count} image{'' if high == 1 else 's'}")
    return shares
