"""Select the released model for a task and level."""

from __future__ import annotations

import math
from collections.abc import Iterator

from groupsc.config.definitions import LEVEL_NAMES, METHODS, experiment_name
from groupsc.utils.errors import GroupSCError
from groupsc.weights.cards import read_metadata
from groupsc.weights.released import releases
from groupsc.weights.scores import scores_of

NEAR = 1.6
"""Largest ratio of two noise levels for which a model of one level, on a scaled image, is preferred to a blind model:
its PSNR is higher at every level on BSDval32 (`benchmarks/between_levels.py`). An estimated level is never exactly the
level of a model."""


GROUPSC_FAST, SC_SHORT = FASTER = ("groupsc-fast", "sc-short")
"""Methods of faster models, released for few levels. GroupSC-fast restores with one of four patches: it is about ten
times faster than GroupSC, with a PSNR between those of SC and GroupSC. SC-short has a third or half of the iterations
of SC, and takes a half to a third of its time."""

CHOICES = ("best", *METHODS, *FASTER)
"""Methods that a user can choose."""

LEAST_GAIN = 0.02
"""Gain of the validation PSNR in dB for which a slower model is preferred. Smaller gains are not visible, and GroupSC
takes several times the seconds of SC."""

LEAST_BLIND = 5.0
"""Lowest noise σ in gray levels of 255 at which a blind model is used without scaling, since its training has few crops
of less noise. A model of one level up to this one is preferred to it on images of less noise."""


def choose(task: str, method: str, level: float | None, known=None) -> str:
    """Choose the model for a task, method and level.

    The order of preference is: a model of exactly this level, a model whose level is within the ratio `NEAR`, a blind
    model, the model of the nearest level. Below `LEAST_BLIND`, a model of a higher level up to `LEAST_BLIND` precedes a
    blind model.

    Parameters
    ----------
    task : {"gray", "color", "mosaic", "jpeg"}
    method : {"best", "sc", "csr", "groupsc", "groupsc-fast", "sc-short"}
        "best" compares the models of SC, CSR and GroupSC within the first preference that has any. It takes the fastest
        of those whose validation PSNR is within `LEAST_GAIN` of the highest one.
    level : float or None
        Noise σ in gray levels of 255 or JPEG quality, at least 0; None for mosaics.
    known : dict, optional
        Validation PSNR in dB of the models to choose from, by name. The default is all releases with `validation_psnr`.

    Returns
    -------
    str
        Name of the model.

    Raises
    ------
    GroupSCError
        When the method is unknown, no model of it is released for the task, or the level is negative or not finite.

    Examples
    --------
    >>> known = {"gray-sc-sigma25": 28.9, "gray-groupsc-sigma25": 29.2, "gray-groupsc-blind": 29.1}
    >>> choose("gray", "best", 25, known), choose("gray", "groupsc", 50, known)
    ('gray-groupsc-sigma25', 'gray-groupsc-blind')
    """
    if level is not None and not 0 <= level < math.inf:
        raise GroupSCError(f"the level is {level}; give a number of at least 0")
    measured, known = known, releases() if known is None else known  # PSNR by name, and the names to choose from.
    if method not in CHOICES:
        raise GroupSCError(f"there is no method {method!r}; choose one of {', '.join(CHOICES)}")
    candidates = METHODS[::-1] if method == "best" else (method,)
    found = next(filter(None, _preferences(task, candidates, level, known)), None)
    if found is None:
        there = sorted(name for name in known if name.startswith(f"{task}-"))
        raise GroupSCError(
            f"no {method} model is released for {task} images; choose among {', '.join(there) or 'other tasks'}"
        )
    if len(found) == 1:
        return found[0]
    psnr = validation_psnr(found) if measured is None else measured
    highest = max(psnr[name] for name in found)
    return [name for name in found if psnr[name] >= highest - LEAST_GAIN][-1]  # The methods begin with the slowest.


def faster(task: str, level: float | None, known=None) -> list[str]:
    """Return the models that are faster than the best one, the best of them first.

    Parameters
    ----------
    task, level, known
        As for `choose`.

    Returns
    -------
    list of str
        The model of GroupSC-fast, of SC and of SC-short. The first and the last are left out if no such model has the
        level of SC, or a level near `level` as `choose` defines it.

    Raises
    ------
    GroupSCError
        As for `choose`.

    Examples
    --------
    >>> known = dict.fromkeys(["gray-sc-sigma25", "gray-groupsc-fast-sigma25", "gray-sc-short-sigma25"], 29.0)
    >>> faster("gray", 20, known)
    ['gray-groupsc-fast-sigma25', 'gray-sc-sigma25', 'gray-sc-short-sigma25']
    >>> faster("gray", 50, {**known, "gray-sc-blind": 28.0})
    ['gray-sc-blind']
    """
    sc = choose(task, "sc", level, known)
    if level is None:
        return [sc]
    wanted = max(level, 1e-6)  # A ratio to zero has no value.
    others: dict[str, list[str]] = {}
    for method in FASTER:
        names, ratio = nearest(task, [method], wanted, releases() if known is None else known)
        same = names == [sc.replace("-sc-", f"-{method}-")]
        others[method] = names if same or _is_near(wanted, ratio) else []
    return [*others[GROUPSC_FAST], sc, *others[SC_SHORT]]


def _is_near(level: float, ratio: float) -> bool:
    """Whether a model whose level has this ratio to `level` is preferred to a blind model."""
    return ratio <= NEAR or (level < LEAST_BLIND and level * ratio < 1.001 * LEAST_BLIND)


def _preferences(task: str, methods, level: float | None, known) -> Iterator[list[str]]:
    """Yield the known models of each preference of `choose`, in order."""
    kinds = [[experiment_name(task, method, level) for method in methods]]
    if level is not None:
        level = max(level, 1e-6)  # A ratio to zero has no value.
        names, ratio = nearest(task, methods, level, known)
        blind = [f"{task}-{method}-blind" for method in methods]
        kinds += [names, blind] if _is_near(level, ratio) else [blind, names]
    for names in kinds:
        yield [name for name in names if name in known]


def nearest(task: str, methods, level: float, known) -> tuple[list[str], float]:
    """Find the models whose level is nearest on a logarithmic scale.

    Parameters
    ----------
    task : str
    methods : iterable of str
    level : float
    known : iterable of str
        Names of the models to choose from.

    Returns
    -------
    names : list of str
        Models of the nearest level; of two equally near levels, the higher one.
    ratio : float
        Ratio of the larger to the smaller of the two levels; infinite without a model.

    Examples
    --------
    >>> nearest("gray", ["sc"], 20, ["gray-sc-sigma15", "gray-sc-sigma25"])
    (['gray-sc-sigma25'], 1.25)
    """
    trained: dict[str, float] = {}
    for method in methods:
        start = f"{task}-{method}-{LEVEL_NAMES[task]}"
        trained |= {name: float(name.removeprefix(start)) for name in known if name.startswith(start)}
    ratios = {at: max(level, at) / min(level, at) for at in sorted(trained.values(), reverse=True)}
    found = min(ratios, key=ratios.__getitem__, default=None)
    return [name for name, at in trained.items() if at == found], math.inf if found is None else ratios[found]


def validation_psnr(names) -> dict[str, float]:
    """Return the validation PSNR of releases for a comparison.

    The values are those of `groupsc.weights.scores` if all of the releases have a score. Otherwise they are those of
    their cards, which are comparable only if the cards have the key `validation`; see `groupsc.weights.scores`.

    Parameters
    ----------
    names : iterable of str

    Returns
    -------
    dict of str to float
        PSNR in dB.

    Raises
    ------
    GroupSCError
        When a file of weights is missing or damaged.

    Examples
    --------
    >>> validation_psnr([])
    {}
    """
    known = releases()
    scores = scores_of(known)
    if all(name in scores for name in names):
        return {name: scores[name].psnr for name in names}
    return {name: read_metadata(known[name].find())["validation_psnr"] for name in names}
