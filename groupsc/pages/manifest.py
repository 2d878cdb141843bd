"""Describe what a run used: code, packages, machine, images and weights, as one JSON file beside the tables."""

from __future__ import annotations

import platform
import re
from importlib import metadata
from typing import Any

import pandas as pd
import torch

from groupsc.data.manifests import registered_digest
from groupsc.utils.device import device_name, pick_device
from groupsc.utils.version import __version__, code_version

REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+")
"""Name of a package at the start of a requirement."""


def manifest(rows: pd.DataFrame, *, commit: str | None = None) -> dict[str, Any]:
    """Collect what the results of a run depend on.

    Parameters
    ----------
    rows : pandas.DataFrame
        Per-image results of the run.
    commit : str, optional
        Commit of the checkout.

    Returns
    -------
    dict
        `groupsc` (version, code, commit); `python`, `system`, and `packages` with the installed versions of the
        declared dependencies; `device`, which makes the tables, and `measured_on` with the devices and `measured_by`
        with the code versions of the results; `datasets` with the sha256 over the checksums of their files (null for
        images outside the registry); `weights` with the sha256 of the file of each experiment.

    Examples
    --------
    >>> from groupsc.benchmark.rows import table_of
    >>> found = manifest(table_of([{"dataset": "Set12", "experiment": "gray-sc-sigma25", "weights_sha256": "ab"}]))
    >>> found["weights"], len(found["datasets"]["Set12"])
    ({'gray-sc-sigma25': 'ab'}, 64)
    """
    weights = rows[rows["weights_sha256"].notna()].drop_duplicates(["experiment", "weights_sha256"])
    return {
        "groupsc": {"version": __version__, "code": code_version(), "commit": commit},
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": device_name(pick_device("auto")),
        "packages": _packages(),
        "measured_on": sorted(rows["device"].dropna().unique()),
        "measured_by": sorted(rows["code_version"].dropna().unique()),
        "datasets": {name: registered_digest(name) for name in sorted(rows["dataset"].unique())},
        "weights": dict(sorted(zip(weights["experiment"], weights["weights_sha256"], strict=True))),
    }


def _packages() -> dict[str, str]:
    """Return the installed versions of all packages that the distribution declares, extras included."""
    try:
        declared = metadata.requires("groupsc") or []
    except metadata.PackageNotFoundError:
        declared = []
    names = sorted({match[0] for line in declared if (match := REQUIREMENT.match(line))})
    found: dict[str, str] = {"torch": str(torch.__version__)}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return dict(sorted(found.items()))
