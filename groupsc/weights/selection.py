"""Which of the released models restores an image best."""

from __future__ import annotations

import math

from groupsc.config.definitions import LEVEL_NAMES, METHODS, experiment_name
from groupsc.utils.errors import GroupSCError
from groupsc.weights.files import read_tensors
from groupsc.weights.released import releases
from groupsc.weights.scores import scores_of

NEAR = 1.6
"""Ratio of two noise levels up to which a trained model, on a scaled image, is preferred to a blind one: it is ahead at
every level of BSDval32 (`benchmarks/between_levels.py`). Estimated levels never meet a trained one exactly."""


def choose(task: str, method: str, level: float | None, known=None) -> str:
    """Name of the model for a task, method and level: trained near it, or blind, or the nearest.

    Parameters
    ----------
    known : dict, optional
        The names to choose among, each with its validation PSNR; left out, all releases. The method "best" takes, of
        the first kind that any method has, the one of the highest, by `validation_psnr`.

    Raises
    ------
    GroupSCError
        When no model of the method is released for the task, or the level is no positive number.
    """
    if level is not None and not 0 < level < math.inf:
        raise GroupSCError(f"the level is {level}; give a number above 0")
    measured, known = known, releases() if known is None else known
    if method not in ("best", *METHODS):
        raise GroupSCError(f"there is no method {method!r}; choose one of best, {', '.join(METHODS)}")
    candidates = METHODS[::-1] if method == "best" else (method,)
    kinds = [[experiment_name(task, candidate, level) for candidate in candidates]]
    if level is not None:
        names, ratio = nearest(task, candidates, level, known)
        blind = [f"{task}-{candidate}-blind" for candidate in candidates]
        kinds += [names, blind] if ratio <= NEAR else [blind, names]
    found = next((kind for names in kinds if (kind := [name for name in names if name in known])), None)
    if found is not None:
        if len(found) == 1:
            return found[0]
        psnr = validation_psnr(found) if measured is None else measured
        return max(found, key=psnr.get)
    there = sorted(name for name in known if name.startswith(f"{task}-"))
    raise GroupSCError(
        f"no {method} model is released for {task} images; choose among {', '.join(there) or 'other tasks'}"
    )


def nearest(task: str, methods, level: float, known) -> tuple[list[str], float]:
    """The models among `known` of the trained level that is nearest in the logarithm, of two the higher, and the ratio
    to it, at least 1."""
    trained = {}
    for method in methods:
        start = f"{task}-{method}-{LEVEL_NAMES[task]}"
        trained |= {name: float(name.removeprefix(start)) for name in known if name.startswith(start)}
    ratios = {at: max(level, at) / min(level, at) for at in sorted(trained.values(), reverse=True)}
    found = min(ratios, key=ratios.get, default=None)
    return [name for name, at in trained.items() if at == found], ratios.get(found, math.inf)


def validation_psnr(names) -> dict[str, float]:
    """Validation PSNR in dB of releases that are to be compared.

    It is that of `groupsc.weights.scores` where all of them have one, else that of their cards, which was measured on
    blocks of the size of their crops.
    """
    known = releases()
    scores = scores_of(known)
    if all(name in scores for name in names):
        return {name: scores[name].psnr for name in names}
    return {name: read_tensors(known[name].find())[1]["validation_psnr"] for name in names}
