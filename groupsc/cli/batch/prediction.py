"""Predict the time and the memory of the restoration of one image."""

from __future__ import annotations

import functools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from groupsc.cli.batch.operations import Level
from groupsc.cli.batch.settings import Settings
from groupsc.utils.errors import TooLittleMemoryError

if TYPE_CHECKING:
    from groupsc.inference.speed import Speed

MOST_REPETITION = 2.0
"""How many times the pixels of an image may be computed because little memory demands small regions."""


ANY_MEMORY = 1e18
"""Memory limit, in bytes, of an image that is only copied, so that it limits no other image of the folder."""
UNCHANGED, BY_GUARD = "not changed", "restored by the guard"
"""What is done with an image without a model; see `Choice.alone`."""


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
    seconds : float
        Predicted time.
    note : str
        What the user could choose instead, or why another model than asked for is used; empty otherwise.
    alone : str
        What is done without a model; empty if a model is used.
    """

    weights: str
    memory: float
    needed: float
    pixels: float
    seconds: float
    note: str = ""
    alone: str = ""


def prediction(weights: str, size: tuple[int, int], level: Level, settings: Settings) -> Choice:
    """Predict the time of a model for an image of a size (height, width).

    Raises
    ------
    TooLittleMemoryError
        If the pixels would be computed more than `MOST_REPETITION` times.
    """
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
    seconds = level.cost * (speed.seconds(pixels) + size[0] * size[1] * guard_speed(level.guarded))
    needed = full_memory(coder, dtype, *size)
    return Choice(weights=weights, memory=memory, needed=needed, pixels=pixels, seconds=seconds)


def without_model(size: tuple[int, int], level: Level, settings: Settings) -> Choice | None:
    """Return the choice for an image without noise, or with less than a model can remove; None for other images.

    Parameters
    ----------
    size : tuple of int
        Height and width.
    level : Level
    settings : Settings
    """
    if level.value == 0 and level.task in ("gray", "color"):
        return Choice(weights="", memory=ANY_MEMORY, needed=1, pixels=0, seconds=0, alone=UNCHANGED)
    if level.ends is None or level.value is None:
        return None
    import torch

    from groupsc.api.loading import cached_model
    from groupsc.utils.device import pick_device
    from groupsc.utils.memory import memory_share
    from groupsc.weights.selection import choose

    weights = settings.weights or choose(level.task, settings.method, level.value)
    model = cached_model(weights, pick_device(settings.device))
    ends = torch.tensor(level.ends, device=model.coder.D.device).view(1, 1, 1, 2)
    if model.scaling(ends, level.value, guarded=True)[1] == 1:
        return None
    memory = (settings.memory or memory_share(ends.device)) / (settings.jobs or 1)
    seconds = size[0] * size[1] * guard_speed(level.guarded)
    return Choice(weights=weights, memory=memory, needed=1, pixels=0, seconds=seconds, alone=BY_GUARD)


def guard_speed(channels: int) -> float:
    """Return the seconds per pixel of the guard of `denoise` in large images; 0 for no channels, without a guard.

    The first call on a machine measures one region with its margins, about a second.
    """
    if not channels:
        return 0.0
    from groupsc.inference.speed import keep_speed, read_speeds

    known = read_speeds().get(_guard_key(channels))
    if known is None:
        known = _measured_guard_speed(channels)
        keep_speed(_guard_key(channels), known)
    return known


def _guard_key(channels: int) -> str:
    import torch

    from groupsc.utils.device import device_name

    return f"{device_name(torch.device('cpu'))}; guard of {channels} channels"


@functools.cache
def _measured_guard_speed(channels: int) -> float:
    import torch

    from groupsc.guards.white_noise import AROUND, REGION, guard

    for side in (REGION // 4, REGION + 2 * AROUND):  # The first call takes longer.
        image = torch.linspace(0, 1, channels * side**2).view(channels, side, side)
        start = time.perf_counter()
        guard(image, image, 1 / 255)
    return (time.perf_counter() - start) / REGION**2


@functools.lru_cache(maxsize=16)
def _speed(weights: str, device: str, mode: str, stride: int | None) -> Speed:
    from groupsc.api.loading import cached_model
    from groupsc.inference.speed import Speed
    from groupsc.utils.device import pick_device

    return Speed(cached_model(weights, pick_device(device)), mode, stride)


def store_speed(choice: Choice, level: Level, pixels: int, settings: Settings, seconds: float) -> None:
    """Store the time of a restoration for later predictions, if the image was large enough.

    Parameters
    ----------
    choice : Choice
    level : Level
    pixels : int
        Number of pixels of the image.
    settings : Settings
    seconds : float
        Time that the restoration took.
    """
    from groupsc.guards.white_noise import REGION
    from groupsc.inference.speed import keep_speed

    if choice.alone == BY_GUARD and pixels > 4 * REGION**2:
        keep_speed(_guard_key(level.guarded), seconds / pixels)
    if choice.alone:
        return
    speed = _speed(choice.weights, settings.device, settings.mode, settings.stride)
    of_model = seconds - pixels * guard_speed(level.guarded)
    if speed.is_exact(choice.pixels) and of_model > 0:
        speed.store(of_model, choice.pixels)
