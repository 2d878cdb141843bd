"""What a command does with one image: find its level, then restore it.

An operation has the options of its command that other commands don't have. Worker processes receive it, so it
contains only plain values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from groupsc.utils.errors import GroupSCError

if TYPE_CHECKING:
    import numpy as np

    from groupsc.io.photographs import Photograph


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
        Noise σ in the units of the file, if it was estimated.
    cost : float
        Time of the restoration, relative to that of one restoration by one model.
    """

    task: str
    value: float | None
    text: str
    facts: dict[str, Any] = field(default_factory=dict)
    sigma: float | None = None
    cost: float = 1.0


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
        """Return the restored pixels (c, H, W), and what the report says about the restoration.

        The option "method" is None if the user gave the weights. Otherwise models for other levels than the planned one
        are those of the method.
        """


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
