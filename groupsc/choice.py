"""Which of the released models restores an image best."""

from __future__ import annotations

import math

from groupsc.checkpoint import read_tensors
from groupsc.config import LEVEL_NAMES, METHODS, experiment_name
from groupsc.errors import GroupSCError
from groupsc.released import releases


def choose(task: str, method: str, level: float | None, known=None) -> str:
    """Name of the model for a task, method and level: trained there, or blind, or the nearest.

    Parameters
    ----------
    known : dict, optional
        The names to choose among, each with its validation PSNR; all releases when left out. The method "best" takes,
        of the first kind that any method has, the one of the highest.

    Raises
    ------
    GroupSCError
        When no model of the method is released for the task, or the level is no positive number.
    """
    if level is not None and not 0 < level < math.inf:
        raise GroupSCError(f"the level is {level}; give a number above 0")
    validated = _validation_psnr if known is None else known.get
    known = releases() if known is None else known
    if method not in ("best", *METHODS):
        raise GroupSCError(f"there is no method {method!r}; choose one of best, {', '.join(METHODS)}")
    candidates = METHODS[::-1] if method == "best" else (method,)
    kinds = [[experiment_name(task, candidate, level) for candidate in candidates]]
    if level is not None:
        kinds.append([f"{task}-{candidate}-blind" for candidate in candidates])
        kinds.append(_nearest(task, candidates, level, known))
    found = next((kind for names in kinds if (kind := [name for name in names if name in known])), None)
    if found is not None:
        return found[0] if len(found) == 1 else max(found, key=validated)
    there = sorted(name for name in known if name.startswith(f"{task}-"))
    raise GroupSCError(
        f"no {method} model is released for {task} images; choose among {', '.join(there) or 'other tasks'}"
    )


def _nearest(task: str, methods, level: float, known) -> list[str]:
    """The models of the trained level that is nearest in the logarithm."""
    levels = {}
    for method in methods:
        start = f"{task}-{method}-{LEVEL_NAMES[task]}"
        levels |= {name: float(name.removeprefix(start)) for name in known if name.startswith(start)}
    distances = {name: abs(math.log(trained / level)) for name, trained in levels.items()}
    return [name for name, distance in distances.items() if distance == min(distances.values())]


def _validation_psnr(name: str) -> float:
    """Of a release, by its card."""
    return read_tensors(releases()[name].find())[1]["validation_psnr"]
