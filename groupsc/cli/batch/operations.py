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

LEAST_SHARE = 0.005
"""Smallest share of an image, replaced by the guard, that a command reports."""


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
    guarded : int
        Number of channels that the guard of `denoise` tests after the model; 0 without it.
    ends : tuple of 2 floats or None
        Lowest and highest value of the image in [0, 1], if the guard replaces a model that would need too high a gain.
    """

    task: str
    value: float | None
    text: str
    facts: dict[str, Any] = field(default_factory=dict)
    sigma: float | None = None
    cost: float = 1.0
    guarded: int = 0
    ends: tuple[float, float] | None = None


class Operation(Protocol):
    """An operation on one image; `name` is its command, and `makes_colors` whether its output has three channels."""

    @property
    def name(self) -> str: ...

    @property
    def makes_colors(self) -> bool: ...

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
    """Remove JPEG artefacts. If `quality` is None, it is that of the file, or a lower one that the pixels show."""

    quality: float | None
    guard: bool = True
    name = "deblock"
    makes_colors = False

    def check(self) -> None:
        if self.quality is not None and not 1 <= self.quality <= 100:
            raise GroupSCError(f"quality is {self.quality}; give the JPEG quality factor of the image, 1 to 100")

    def level(self, photo: Photograph) -> Level:
        refuse_raw(photo)
        quality, origin = (self.quality, "given") if self.quality is not None else self._found(photo)
        cost = 1.0
        if len(photo.pixels) > 1:  # Two planes of chroma, of the size of luma or of a quarter of it.
            cost += 2.0 if photo.subsampling == "4:4:4" else 0.5
        text = f"quality {quality:g} ({origin})"
        return Level(task="jpeg", value=quality, text=text, facts={"quality": quality}, cost=cost)

    def _found(self, photo: Photograph) -> tuple[float, str]:
        """Return the quality of the strongest compression, and how it was found."""
        import numpy as np

        from groupsc.io.jpeg_history import LUMA, earlier_quality

        earlier = None
        if photo.depth == "uint8":
            luma = photo.pixels[0] if len(photo.pixels) == 1 else np.tensordot(LUMA, photo.pixels, 1)
            earlier = earlier_quality(255 * luma, photo.steps)
        if earlier is not None and photo.quality is None:
            return earlier, "found in the pixels, which were compressed before"
        if earlier is not None:
            return earlier, f"found in the pixels, which were compressed twice; the file has {photo.quality}"
        if photo.quality is None:
            raise GroupSCError("the file is no JPEG and its pixels show no compression; give --quality")
        return photo.quality, "read from the file"

    def restore(self, photo, level, weights, options):
        from groupsc import api

        chosen = {**options, "weights": weights, "method": options["method"] or "best"}
        own = photo.steps is not None and round(level.value) == photo.quality
        chroma = photo.steps if photo.chroma_steps is None else photo.chroma_steps
        restored, found = api.deblock_with_facts(
            photo.pixels, level.value, subsampling=photo.subsampling or "4:2:0", channel_axis=0, guard=self.guard,
            steps=[photo.steps, chroma] if own else None, **chosen,
        )  # fmt: skip
        return restored, guarded(found)


def guarded(facts: dict[str, Any]) -> dict[str, str]:
    """Return what the report says about the guard: the replaced share of the image, unless it is very small."""
    return {"guarded": f"{100 * facts['share']:.0f} %"} if facts.get("share", 0) >= LEAST_SHARE else {}


def refuse_raw(photo: Photograph) -> None:
    """Raise an error for a raw file, because only `demosaick` develops it."""
    if photo.sensor is not None:
        raise GroupSCError("the image is a camera raw file; develop it with groupsc demosaick")
