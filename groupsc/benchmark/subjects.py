"""Describe what an evaluation measures, a model, a baseline or the degraded images, by columns of per-image results.

No torch is loaded and no weights are read; a weights file is described by its card and its digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groupsc.baselines.base import Baseline
from groupsc.config.definitions import experiment_name, method_name
from groupsc.models.sizes import number_of_parameters
from groupsc.utils.digests import file_digest
from groupsc.weights.cards import config_of

INPUT = "input"
"""Stands for weights where the degraded image itself is measured, such as the JPEG baseline of Table 5."""


@dataclass(frozen=True)
class Subject:
    """What an evaluation measures.

    Parameters
    ----------
    method : str
        Its name in results.
    parameters : int
        Number of trained parameters.
    digest : str or None
        sha256 of the weights; None without weights.
    window : int or None
        Side of the window of a model; None for what restores whole images only.
    restores : bool
        False for the degraded images themselves.

    Examples
    --------
    >>> Subject("groupsc", 68434, "ab", window=48).settings("BSD68", "gray", 25.0, "block", None)["stride"]
    48
    """

    method: str
    parameters: int
    digest: str | None = None
    window: int | None = None
    restores: bool = True

    def settings(self, dataset: str, task: str, level: float | None, mode: str, stride: int | None) -> dict[str, Any]:
        """Return the columns `groupsc.benchmark.rows.SETTINGS`, except for those of `MEASURED_BY`.

        Parameters
        ----------
        dataset : str
            Name of the data set in results.
        task : str
        level : float or None
        mode, stride : str, int
            As for `groupsc.benchmark.measurement.Evaluation`.

        Returns
        -------
        dict
        """
        blocks = self.window is not None and mode == "block"
        return {
            "experiment": experiment_name(task, self.method, level),
            "task": task,
            "method": self.method,
            "level": level,
            "dataset": dataset,
            "mode": None if not self.restores else "whole" if self.window is None else mode,
            "stride": (stride or self.window) if blocks else None,
            "parameters": self.parameters,
            "weights_sha256": self.digest,
        }


DEGRADED = Subject(INPUT, parameters=0, restores=False)
"""The degraded images themselves."""


def baseline_subject(baseline: Baseline, task: str, level: float | None) -> Subject:
    """Describe a baseline.

    Parameters
    ----------
    baseline : Baseline
    task, level : str, float
        Task and level that the baseline supports.

    Examples
    --------
    >>> from groupsc.baselines import method
    >>> baseline_subject(method("tv"), "gray", 25.0)
    Subject(method='tv', parameters=0, digest=None, window=None, restores=True)
    """
    return Subject(baseline.name, baseline.number_of_parameters(task), baseline.digest(task, level))


def file_subject(path: Path, card: Mapping[str, Any]) -> Subject:
    """Describe a model by its weights file.

    Parameters
    ----------
    path : path
    card : dict
        Its card, as `groupsc.weights.cards.read_card` returns it.

    Examples
    --------
    >>> file_subject(path, read_card(path))  # doctest: +SKIP
    """
    model = config_of(path, card)
    method = method_name(card["method"], card.get("variant"))
    return Subject(method, number_of_parameters(model), file_digest(path), window=model.window)
