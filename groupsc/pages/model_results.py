"""Select the results of a released model on test sets, each with the paper's value of the same model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from groupsc.config.definitions import method_name
from groupsc.data.bundled import STRESS


def model_results(
    card: dict[str, Any], runs: pd.DataFrame, published: pd.DataFrame
) -> Iterator[tuple[Any, float | None]]:
    """Yield the average results of a model on whole images, with the paper's PSNR.

    Results on the stress set are left out; they are no test results.

    Parameters
    ----------
    card : dict
        Metadata of the weights file.
    runs : pandas.DataFrame
        Averages of all models (`groupsc.benchmark.averages.average`).
    published : pandas.DataFrame
        Values of the paper (`groupsc.paper.tables.read_published`).

    Yields
    ------
    run : namedtuple
        A row of `runs`.
    paper : float or None
        PSNR in dB, None where the paper has no value of the same model, level and test set.

    Examples
    --------
    >>> card = {"task": "gray", "method": "sc", "level": 25}
    >>> list(model_results(card, pd.DataFrame(), pd.DataFrame()))
    []
    """
    if runs.empty:
        return
    method = method_name(card["method"], card.get("variant"))
    own = runs[(runs["task"] == card["task"]) & (runs["method"] == method) & (runs["mode"] == "whole")]
    own = own[own["dataset"] != STRESS]
    if card["level"] is not None:
        own = own[own["level"] == card["level"]]
    printed = published[
        (published["task"] == card["task"])
        & (published["method"] == method)
        & (published["metric"] == "psnr")
        & (published["variant"] == "")
    ]
    for run in own.itertuples(index=False):
        level = printed["level"].isna() if run.level is None else printed["level"] == run.level
        paper = printed[level & (printed["dataset"] == run.dataset)]["value"]
        yield run, paper.iloc[0] if len(paper) else None
