"""Choose the model of one image by time and memory.

The best model is used unless it takes too long or needs too much memory; the note of a `Choice` says why another one is
used, or what would be faster.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

from groupsc.cli.batch.operations import Level
from groupsc.cli.batch.prediction import Choice, prediction
from groupsc.cli.batch.settings import Settings, faster_method
from groupsc.utils.durations import duration
from groupsc.utils.errors import GroupSCError, TooLittleMemoryError

LONG = 60.0
"""Seconds above which faster choices are shown, and which `--speed balanced` allows per image."""
PATIENCE = 600.0
"""Seconds that the best model may take per image, unless it is asked for by name or by `--speed best`."""

COSTLY_REPETITION = 1.5
"""How many times the pixels may be computed before a model that restores with one of four patches replaces the best
one: it needs less memory per pixel, so that its regions are larger."""


Predict = Callable[[str], Choice]
"""Function that predicts the time of a model, and refuses to compute the same pixels many times."""


def choose_model(size: tuple[int, int], level: Level, settings: Settings) -> Choice:
    """Choose weights for an image of a size (height, width) and predict the time.

    Raises
    ------
    GroupSCError
        As for `plan`.
    """
    from groupsc.weights.selection import choose, faster

    predict = functools.partial(prediction, size=size, level=level, settings=settings)
    if settings.weights is not None:
        return predict(settings.weights)
    others = faster(level.task, level.value)
    chosen = settings.method != "best" or settings.speed == "best"
    limit = LONG if settings.speed == "balanced" else PATIENCE
    if settings.speed == "fast":
        return _fastest(_fitting(others, predict))
    weights = choose(level.task, settings.method, level.value)
    if weights in others:
        others = others[others.index(weights) + 1 :]
    try:
        first = predict(weights)
    except TooLittleMemoryError as error:
        if settings.method != "best" or not others:
            raise
        return replace(_first_within(limit, others, predict), note=f"not {weights}, because {_reason(error)}")
    whole = not chosen and settings.mode == "whole"
    smaller = _with_larger_regions(first, others, size, predict) if whole else None
    if smaller is not None:
        return smaller
    if first.seconds <= LONG or not others:
        return first
    if first.seconds > limit and not chosen:
        return replace(_first_within(limit, others, predict), note=f"--speed best: {duration(first.seconds)}")
    times = {faster_method(name): duration(predict(name).seconds) for name in others}
    return replace(first, note="; ".join(f"with --method {method}: {time}" for method, time in times.items()))


def _with_larger_regions(first: Choice, others: list[str], size: tuple[int, int], predict: Predict) -> Choice | None:
    """Return a model with one of four patches if `first` would compute pixels more than `COSTLY_REPETITION` times."""
    from groupsc.weights.selection import GROUPSC_FAST

    factor = first.pixels / (size[0] * size[1])
    fast = next((name for name in others if f"-{GROUPSC_FAST}-" in name), None)
    if factor <= COSTLY_REPETITION or fast is None:
        return None
    choice = predict(fast)
    if choice.pixels >= first.pixels:
        return None
    return replace(choice, note=f"not {first.weights}, whose regions would compute each pixel {factor:.1f} times")


def _first_within(limit: float, names: list[str], predict: Predict) -> Choice:
    """Return the first model that needs at most `limit` seconds, or the fastest one."""
    found = _fitting(names, predict)
    return next((choice for choice in found if choice.seconds <= limit), None) or _fastest(found)


def _fastest(choices: list[Choice]) -> Choice:
    return min(choices, key=lambda choice: choice.seconds)


def _fitting(names: list[str], predict: Predict) -> list[Choice]:
    """Predict the time of the models that fit the memory; if none does, raise the error of the last one."""
    found = []
    for name in names:
        try:
            found.append(predict(name))
        except TooLittleMemoryError:
            if name == names[-1] and not found:
                raise
    return found


def _reason(error: GroupSCError) -> str:
    return str(error).partition(";")[0]
