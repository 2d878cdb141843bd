"""Choose the model of one image by time and memory.

The best model is used unless it takes too long or needs too much memory; the note of a `Choice` says why another one is
used, or what would be faster.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from groupsc.cli.batch.operations import Level
from groupsc.utils.durations import duration
from groupsc.utils.errors import GroupSCError, TooLittleMemoryError

if TYPE_CHECKING:
    from groupsc.inference.restorer import Restorer
    from groupsc.inference.speed import Speed

SPEEDS = ("fast", "balanced", "best")
LONG = 60.0
"""Seconds above which faster choices are shown, and which `--speed balanced` allows per image."""
PATIENCE = 600.0
"""Seconds that the best model may take per image, unless it is asked for by name or by `--speed best`."""

MOST_REPETITION = 2.0
"""How many times the pixels of an image may be computed because little memory demands small regions."""
COSTLY_REPETITION = 1.5
"""How many times the pixels may be computed before a model that restores with one of four patches replaces the best
one: it needs less memory per pixel, so that its regions are larger."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Options that all commands for images have; `memory` in bytes."""

    method: str = "best"
    weights: str | None = None
    speed: str | None = None
    device: str = "auto"
    mode: str = "whole"
    stride: int | None = None
    memory: float | None = None
    jobs: int | None = None
    overwrite: bool = False
    skip_existing: bool = False
    dry_run: bool = False
    as_json: bool = False

    def check(self) -> None:
        """Raise `GroupSCError` if an option is wrong for all images."""
        from groupsc.config.checks import require_blocks
        from groupsc.inference.tiling import RESTORATION_MODES
        from groupsc.weights.selection import CHOICES

        if self.speed not in (None, *SPEEDS):
            raise GroupSCError(f"there is no speed {self.speed!r}; choose one of {', '.join(SPEEDS)}")
        if self.speed is not None and (self.weights is not None or self.method != "best"):
            raise GroupSCError("--speed selects the method; leave out --method and --weights, or --speed")
        if self.method not in CHOICES:
            raise GroupSCError(f"there is no method {self.method!r}; choose one of {', '.join(CHOICES)}")
        if self.mode not in RESTORATION_MODES:
            raise GroupSCError(f"there is no mode {self.mode!r}; choose one of {', '.join(RESTORATION_MODES)}")
        require_blocks(self.mode, self.stride)
        if self.weights is not None:
            _model(self.weights, self.device)

    def method_with(self, weights: str) -> str | None:
        """Return the method for parts of an image whose models are not planned; None if the user gave the weights."""
        if self.weights is not None:
            return None
        return _faster_method(weights) or self.method

    @property
    def recorded(self) -> dict[str, Any]:
        """The options that change the result, for the record of the output folder."""
        return {name: getattr(self, name) for name in ("method", "weights", "speed", "mode", "stride")}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The model for one image.

    Attributes
    ----------
    weights : str
    memory, needed : float
        Memory limit, and memory that the image needs to be restored as one region; both in bytes.
    pixels : float
        Number of pixels that are computed, those in overlaps several times.
    seconds, guard_seconds : float
        Predicted time, and the part of it that the guard of `denoise` takes.
    note : str
        What the user could choose instead, or why another model than asked for is used; empty otherwise.
    alone : str
        What is done without the model; empty if the model is used.
    """

    weights: str
    memory: float
    needed: float
    pixels: float
    seconds: float
    note: str = ""
    alone: str = ""
    guard_seconds: float = 0


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

    without = _without_model(size, level, settings)
    if without is not None:
        return without

    def predict(weights: str) -> Choice:
        choice, guard = _predict(weights, size, settings), size[0] * size[1] * guard_speed(level.guarded)
        return replace(choice, seconds=choice.seconds + guard, guard_seconds=guard)

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
    times = {_faster_method(name): duration(predict(name).seconds) for name in others}
    return replace(first, note="; ".join(f"with --method {method}: {time}" for method, time in times.items()))


def _without_model(size: tuple[int, int], level: Level, settings: Settings) -> Choice | None:
    """Return the choice for an image without noise, or with less than the model can remove; None for other images."""
    import torch

    from groupsc.utils.memory import memory_share
    from groupsc.weights.selection import choose

    if level.ends is None or level.value is None:
        return None
    weights = settings.weights or choose(level.task, settings.method, level.value)
    model = _model(weights, settings.device)
    ends = torch.tensor(level.ends, device=model.coder.D.device).view(1, 1, 1, 2)
    if level.value > 0 and model.scaling(ends, level.value, guarded=True)[1] == 1:
        return None
    memory = (settings.memory or memory_share(ends.device)) / (settings.jobs or 1)
    seconds = size[0] * size[1] * guard_speed(level.guarded) if level.value > 0 else 0.0
    alone = "restored by the guard" if level.value > 0 else "not changed"
    return Choice(
        weights=weights, memory=memory, needed=1, pixels=0, seconds=seconds, guard_seconds=seconds, alone=alone
    )


def guard_speed(channels: int) -> float:
    """Return the seconds per pixel of the guard of `denoise` in large images; 0 for no channels, without a guard.

    The first call on a machine measures one region with its margins, about a second.
    """
    if not channels:
        return 0.0
    import torch

    from groupsc.inference.speed import keep_speed, read_speeds
    from groupsc.utils.device import device_name

    key = f"{device_name(torch.device('cpu'))}; guard of {channels} channels"
    known = read_speeds().get(key)
    if known is None:
        known = _measured_guard_speed(channels)
        keep_speed(key, known)
    return known


@functools.cache
def _measured_guard_speed(channels: int) -> float:
    import torch

    from groupsc.guards.white_noise import AROUND, REGION, guard

    side = REGION + 2 * AROUND
    image = torch.linspace(0, 1, channels * side**2).view(channels, side, side)
    start = time.perf_counter()
    guard(image, image, 1 / 255)
    return (time.perf_counter() - start) / REGION**2


def _with_larger_regions(first: Choice, others: list[str], size: tuple[int, int], predict: Predict) -> Choice | None:
    """Return a model with one of four patches if `first` would compute pixels more than `COSTLY_REPETITION` times."""
    from groupsc.weights.selection import FAST

    factor = first.pixels / (size[0] * size[1])
    fast = next((name for name in others if f"-{FAST}-" in name), None)
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


def _faster_method(weights: str) -> str | None:
    """Return the method of a released model if it is one of those of `groupsc.weights.selection.faster`."""
    from groupsc.weights.selection import FAST

    return next((method for method in (FAST, "sc") if f"-{method}-" in f"{weights}-"), None)


def _predict(weights: str, size: tuple[int, int], settings: Settings) -> Choice:
    """Predict the time of a model, and refuse to compute the same pixels many times."""
    from groupsc.inference.regions import full_memory, least_memory, memory_for, repetition
    from groupsc.utils.memory import memory_share

    speed = _speed(weights, settings.device, settings.mode, settings.stride)
    coder, dtype = speed.model.coder, speed.matmul_dtype
    memory = settings.memory
    if memory is None:
        memory = memory_share(speed.device, least_memory(coder, dtype, *size))
    memory /= settings.jobs or 1
    if settings.mode == "whole":
        factor = repetition(coder, dtype, memory, *size)
        if factor > MOST_REPETITION:
            enough = memory_for(coder, dtype, MOST_REPETITION, *size)
            raise TooLittleMemoryError(
                f"within {memory / 1e6:.0f} MB each pixel would be computed {factor:.1f} times; allow {weights} at "
                f"least {enough / 1e6:.0f} MB, by --memory if they are free, or choose --method sc"
            )
    pixels = speed.computed_pixels(*size, memory=memory)
    needed = full_memory(coder, dtype, *size)
    return Choice(weights=weights, memory=memory, needed=needed, pixels=pixels, seconds=speed.seconds(pixels))


def _reason(error: GroupSCError) -> str:
    return str(error).partition(";")[0]


@functools.lru_cache(maxsize=16)
def _speed(weights: str, device: str, mode: str, stride: int | None) -> Speed:
    from groupsc.inference.speed import Speed

    return Speed(_model(weights, device), mode, stride)


@functools.lru_cache(maxsize=16)
def _model(weights: str, device: str) -> Restorer:
    from groupsc.api import load

    return load(weights, device=device)


def store_speed(choice: Choice, settings: Settings, seconds: float) -> None:
    """Store the time of a restoration for later predictions, if the image was large enough."""
    speed = _speed(choice.weights, settings.device, settings.mode, settings.stride)
    if speed.is_exact(choice.pixels) and seconds > choice.guard_seconds:
        speed.store(seconds - choice.guard_seconds, choice.pixels)
