"""Restore the mosaics of cameras: raw files, linear mosaics with levels, and gamma-encoded mosaics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from groupsc.utils.errors import GroupSCError

if TYPE_CHECKING:
    import numpy as np

    from groupsc.io.photographs import Photograph


@dataclass(frozen=True, kw_only=True)
class Mosaics:
    """The options of the command `demosaick` that concern the sensor. None if an option is not given."""

    pattern: str | None
    black_level: float | None
    white_level: float | None
    white_balance: tuple[float, float, float] | None
    denoise: bool
    linear: bool

    def restore(
        self, photo: Photograph, method: str, weights: str | None, options: dict[str, Any]
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Return the colours (3, H, W) of a mosaic, and facts for the report."""
        from groupsc import api
        from groupsc.mosaics import develop
        from groupsc.weights.selection import choose

        if len(photo.pixels) != 1:
            raise GroupSCError("the image has colours; give a mosaic, a gray image with one measured value per pixel")
        chosen = weights or choose("mosaic", method, None)
        given = {"method": method, "weights": chosen, **options}
        if photo.sensor is not None:
            return self._develop_raw(photo, given)
        pattern = self.pattern or "RGGB"
        facts = {"pattern": pattern, "weights": chosen}
        if not self._is_linear():
            return api.demosaick(photo.pixels[0], pattern, **given).transpose(2, 0, 1), facts
        colors = develop(
            photo.stored[0], pattern, black_level=self.black_level or 0, white_level=self.white_level,
            white_balance=self.white_balance or (1, 1, 1), denoised=self.denoise, linear=self.linear, **given,
        )  # fmt: skip
        return colors.transpose(2, 0, 1), facts

    def _is_linear(self) -> bool:
        values = (self.black_level, self.white_level, self.white_balance)
        return self.linear or any(value is not None for value in values)

    def _develop_raw(self, photo: Photograph, given: dict[str, Any]) -> tuple[np.ndarray, dict[str, Any]]:
        import numpy as np

        from groupsc.mosaics import develop

        sensor = photo.sensor
        assert sensor is not None
        if self.pattern or self.black_level is not None or self.white_level is not None:
            raise GroupSCError("a raw file contains its pattern and its levels; leave out --pattern and the levels")
        gains = self.white_balance or sensor.gains
        colors = develop(
            photo.pixels[0], sensor.pattern, white_balance=gains, matrix=sensor.matrix, noise=sensor.noise,
            denoised=self.denoise, linear=self.linear, **given,
        )  # fmt: skip
        balance = ",".join(f"{gain:.3g}" for gain in gains)
        noise = "none removed" if not self.denoise else "estimated" if sensor.noise is None else "of the file"
        facts = {"pattern": sensor.pattern, "white balance": balance, "noise": noise, "weights": given["weights"]}
        return np.rot90(colors, sensor.turns).transpose(2, 0, 1), facts


def refuse_raw(photo: Photograph) -> None:
    """Raise an error for a raw file, because only `demosaick` develops it."""
    if photo.sensor is not None:
        raise GroupSCError("the image is a camera raw file; develop it with groupsc demosaick")
