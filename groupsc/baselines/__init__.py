"""The methods that the benchmark compares with, one file a method; a new file is found by itself.

A module lists its methods as `METHODS`, classes that fulfil `groupsc.baselines.base.Baseline`; CONTRIBUTING.md shows
one of twenty lines. Names are those of the column `method` of `data/published.csv`, by which rows meet the paper's.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil

from groupsc.baselines.base import Baseline
from groupsc.errors import GroupSCError


@functools.cache
def _classes() -> dict[str, type[Baseline]]:
    found = {}
    for module in sorted(module.name for module in pkgutil.iter_modules(__path__)):
        for one in getattr(importlib.import_module(f"{__name__}.{module}"), "METHODS", ()):
            if one.name in found:
                raise GroupSCError(
                    f"{one.__module__} and {found[one.name].__module__} both call a method {one.name!r}; rename one"
                )
            found[one.name] = one
    return found


def names() -> list[str]:
    """Names of all methods."""
    return list(_classes())


def methods(raw="data/raw") -> dict[str, Baseline]:
    """All methods by name; `raw` is the folder of the data sets, where the files of trained ones lie."""
    return {name: found(raw) for name, found in _classes().items()}


def method(name: str, raw="data/raw") -> Baseline:
    """One method; `raw` as for `methods`.

    Raises
    ------
    GroupSCError
        When there is none of that name.
    """
    if name not in _classes():
        raise GroupSCError(f"there is no baseline {name!r}; choose one of {', '.join(names())}, or give a weights file")
    return _classes()[name](raw)
