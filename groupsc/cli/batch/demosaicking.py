"""What `demosaick` does with a mosaic: a raw file, a linear mosaic with levels, or a gamma-encoded mosaic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from groupsc.cli.batch.operations import Level, guarded
from groupsc.utils.errors import GroupSCError

if TYPE_CHECKING:
    import numpy as np

    from groupsc.io.photographs import Photograph


@dataclass(frozen=True, kw_only=True)
class Demosaicking:
    """Reconstruct colours from a mosaic. None stands for an option that is not given."""

    pattern: str | None
    black_level: float | None
    white_level: float | None
    white_balance: tuple[float, float, float] | None
    denoise: bool
    linear: bool
    guard: bool = True
    name = "demosaick"
    makes_colors = True

    def check(self) -> None:
        from groupsc.data.degradations import bayer_mask

        if self.pattern is not None:
            bayer_mask(2, 2, self.pattern)

    def level(self, photo: Photograph) -> Level:
        if len(photo.pixels) != 1:
            raise GroupSCError("the image has colours; give a mosaic, a gray image with one measured value per pixel")
        pattern = self.pattern or "RGGB"
        if photo.sensor is not None:
            if self.pattern or self.black_level is not None or self.white_level is not None:
                raise GroupSCError("a raw file contains its pattern and its levels; leave out --pattern and the levels")
            pattern = photo.sensor.pattern
        return Level(task="mosaic", value=None, text=f"pattern {pattern}", facts={"pattern": pattern})

    def restore(
        self, photo: Photograph, level: Level, weights: str, options: dict[str, Any]
    ) -> tuple[np.ndarray, dict[str, Any]]:
        from groupsc import api
        from groupsc.api import develop

        given = {"weights": weights, "guard": self.guard, **options, "method": options["method"] or "best"}
        if photo.sensor is not None:
            return self._develop_raw(photo, given)
        pattern = level.facts["pattern"]
        if not self._is_linear():
            restored, found = api.demosaick_with_facts(photo.pixels[0], pattern, **given)
            return restored.transpose(2, 0, 1), guarded(found)
        colors = develop(
            photo.stored[0], pattern, black_level=self.black_level or 0, white_level=self.white_level,
            white_balance=self.white_balance or (1, 1, 1), denoised=self.denoise, linear=self.linear, **given,
        )  # fmt: skip
        return colors.transpose(2, 0, 1), {}

    def _is_linear(self) -> bool:
        values = (self.black_level, self.white_level, self.white_balance)
        return self.linear or any(value is not None for value in values)

    def _develop_raw(self, photo: Photograph, given: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        import numpy as np

        from groupsc.api import develop

        sensor = photo.sensor
        assert sensor is not None
        gains = self.white_balance or sensor.gains
        colors = develop(
            photo.pixels[0], sensor.pattern, white_balance=gains, matrix=sensor.matrix, noise=sensor.noise,
            denoised=self.denoise, linear=self.linear, **given,
        )  # fmt: skip
        balance = ",".join(f"{gain:.3g}" for gain in gains)
        noise = "estimated" if sensor.noise is None else "of the file"
        facts = {"white balance": balance, "noise": noise if self.denoise else "none removed"}
        return np.rot90(colors, sensor.turns).transpose(2, 0, 1), facts
