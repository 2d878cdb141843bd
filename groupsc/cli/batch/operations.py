"""What `denoise` and `deblock` do with one image: find its level, then restore it.

An operation has the options of its command that other commands don't have. Worker processes receive it, so it
contains only plain values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from groupsc.utils.errors import GroupSCError

if TYPE_CHECKING:
    import numpy as np

    from groupsc.inference.units import ValueRange
    from groupsc.io.photographs import Photograph

LEAST_SHARE = 0.005
"""Smallest share of an image, replaced by the guard, that the command reports."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """What is known about the degradation of an image before it is restored.

    Attributes
    ----------
    task : str
        "gray", "color", "mosaic" or "jpeg"; selects the model together with `value`.
    value : float or None
        Noise σ in gray levels of 255 for a range from 0 to 255, or JPEG quality.
    text : str
        The level in words, for the line that is printed before the restoration.
    facts : dict
        The level for the report.
    sigma : float or None
        Noise σ in the units of the file.
    """

    task: str
    value: float | None
    text: str
    facts: dict[str, Any] = field(default_factory=dict)
    sigma: float | None = None


class Operation(Protocol):
    """An operation on one image; `name` is its command."""

    @property
    def name(self) -> str: ...

    def check(self) -> None:
        """Raise `GroupSCError` if an option is wrong for all images."""

    def level(self, photo: Photograph) -> Level:
        """Find the level of an image."""

    def restore(
        self, photo: Photograph, level: Level, weights: str, options: dict[str, Any]
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Return the restored pixels (c, H, W), and what the report says about the restoration."""


@dataclass(frozen=True, kw_only=True)
class Denoising:
    """Remove noise. `sigma` in the units of the file is estimated if it is None."""

    sigma: float | None
    guard: bool
    name = "denoise"

    def check(self) -> None:
        from groupsc.inference.units import check_sigma

        if self.sigma is not None:
            check_sigma(self.sigma)

    def level(self, photo: Photograph) -> Level:
        refuse_raw(photo)
        task, sigma, found = noise_in(photo, self.sigma)
        text = f"σ {sigma:.3g} ({'estimated' if self.sigma is None else 'given'})"
        facts: dict[str, Any] = {"sigma": float(f"{sigma:.3g}")}
        if found.guessed:
            text += f", values from {found} (guessed)"
            facts["range"] = f"{found} (guessed)"
        return Level(task=task, value=found.level(sigma), text=text, facts=facts, sigma=sigma)

    def restore(self, photo, level, weights, options):
        from groupsc import api

        given = {"weights": weights, "guard": self.guard, "channel_axis": 0, **options}
        stored, share = api.denoise_with_share(photo.stored, level.sigma, **given)
        return photo.scaled(stored), {"guarded": f"{100 * share:.0f} %"} if share >= LEAST_SHARE else {}


def noise_in(photo: Photograph, sigma: float | None) -> tuple[str, float, ValueRange]:
    """Return task, noise level and range of an image in the units of its file; σ is estimated if it is None."""
    from groupsc.api import noise_task
    from groupsc.inference.noise_level import noise_and_range
    from groupsc.io.arrays import one_if_equal

    pixels = one_if_equal(photo.stored)
    return noise_task(pixels), *noise_and_range(pixels, sigma, None if photo.alpha is None else photo.alpha > 0)


@dataclass(frozen=True, kw_only=True)
class Deblocking:
    """Remove JPEG artefacts. `quality` is read from the file if it is None."""

    quality: float | None
    name = "deblock"

    def check(self) -> None:
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise GroupSCError(f"quality is {self.quality}; give the JPEG quality factor of the image, 1 to 100")

    def level(self, photo: Photograph) -> Level:
        refuse_raw(photo)
        quality = photo.quality if self.quality is None else self.quality
        if quality is None:
            raise GroupSCError("the quality can be read from JPEG files only; give --quality")
        origin = "read from the file" if self.quality is None else "given"
        return Level(task="jpeg", value=quality, text=f"quality {quality:g} ({origin})", facts={"quality": quality})

    def restore(self, photo, level, weights, options):
        from groupsc import api

        return api.deblock(photo.pixels, level.value, weights=weights, channel_axis=0, **options), {}


def refuse_raw(photo: Photograph) -> None:
    """Raise an error for a raw file, because only `demosaick` develops it."""
    if photo.sensor is not None:
        raise GroupSCError("the image is a camera raw file; develop it with groupsc demosaick")
