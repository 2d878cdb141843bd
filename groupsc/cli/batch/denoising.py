"""What `denoise` does with one image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from groupsc.cli.batch.operations import Level, guarded, refuse_raw
from groupsc.utils.errors import GroupSCError

if TYPE_CHECKING:
    import numpy as np

    from groupsc.inference.units import ValueRange
    from groupsc.io.photographs import Photograph

HALF_SIZE = 1.25
"""Time of a restoration at half size and then at full size, relative to that at full size alone."""


@dataclass(frozen=True, kw_only=True)
class Denoising:
    """Remove noise.

    `sigma`, one value or one per channel, and the image `sigma_map` count noise in the units of the file. Without both,
    σ is estimated. The other options are those of `groupsc.denoise`.
    """

    sigma: tuple[float, ...] | None = None
    sigma_map: str | None = None
    noise: str = "white"
    gain: float | None = None
    offset: float | None = None
    read_noise: float | None = None
    strength: float = 1.0
    guard: bool = True
    name = "denoise"
    makes_colors = False

    def check(self) -> None:
        from groupsc.inference.units import check_sigma
        from groupsc.noise.denoising import check_kind

        if self.sigma is not None and self.sigma_map is not None:
            raise GroupSCError("--sigma and --sigma-map both give the noise level; leave one out")
        check_kind(self.noise, self.sigma or self.sigma_map, self._photons, self.strength)
        for sigma in self.sigma or ():
            check_sigma(sigma)

    @property
    def _photons(self) -> dict[str, float | None]:
        return {"gain": self.gain, "offset": self.offset, "read_noise": self.read_noise}

    def _given(self) -> Any:
        """Return the given σ: a number, one per channel, a map (H, W) or (c, H, W), or None to estimate it."""
        from groupsc.io.photographs import read_photograph

        if self.sigma_map is not None:
            levels = read_photograph(self.sigma_map).stored
            return levels[0] if len(levels) == 1 else levels
        return self.sigma[0] if self.sigma is not None and len(self.sigma) == 1 else self.sigma

    def level(self, photo: Photograph) -> Level:
        import numpy as np

        refuse_raw(photo)
        given = self._given()
        if self.noise == "poisson":
            return self._photon_level(photo)
        if np.ndim(given):
            return self._mapped_level(photo, np.asarray(given, float))
        task, sigma, found = noise_in(photo, given)
        text, cost, used = f"σ {sigma:.3g} (given)", 1.0, sigma
        if given is None:
            used, text, cost = self._estimated(photo, sigma, found)
        facts: dict[str, Any] = {"sigma": float(f"{self.strength * used:.3g}")}
        if found.guessed:
            text += f", values from {found} (guessed)"
            facts["range"] = f"{found} (guessed)"
        ends = None
        if self.guard and cost == 1:
            low, high = ((float(end) - found.low) / found.width for end in (photo.stored.min(), photo.stored.max()))
            ends = low, high
        return Level(
            task=task, value=found.level(self.strength * used), text=text, facts=facts,
            sigma=sigma if given is None else None, cost=cost, guarded=self._guarded(task), ends=ends,
        )  # fmt: skip

    def _guarded(self, task: str) -> int:
        return 0 if not self.guard else 1 if task == "gray" else 3

    def _estimated(self, photo: Photograph, sigma: float, found: ValueRange) -> tuple[float, str, float]:
        """Return σ that is removed, words about the noise, and the cost."""
        from groupsc.inference.units import rounding_noise
        from groupsc.noise.denoising import used_sigma

        least = rounding_noise(photo.stored.dtype) / found.width
        used, noise = used_sigma(found.to_unit(photo.stored), sigma / found.width, _visible(photo), least=least)
        if used == 0:
            return 0.0, "no noise was found", 1.0
        words, cost = "", 1.0
        if noise is not None:
            words, cost = f", {noise.describe()}", 1.0 if noise.half is None else HALF_SIZE
        return used * found.width, f"σ {used * found.width:.3g} (estimated){words}", cost

    def _mapped_level(self, photo: Photograph, sigma: np.ndarray) -> Level:
        from groupsc.api import noise_task
        from groupsc.inference.units import check_sigma, value_range
        from groupsc.io.arrays import one_if_equal
        from groupsc.noise.maps import levels, sigma_array

        stored = photo.stored
        sigmas = sigma_array(sigma, stored.shape, 0)
        high = float(sigmas.max())
        check_sigma(high, stored)
        value = value_range(stored, high).level(self.strength * high)
        text = f"σ {sigmas.min():.3g} to {high:.3g} (given)"
        task = noise_task(one_if_equal(stored))
        return Level(task=task, value=value, text=text, cost=len(levels(sigmas)), guarded=self._guarded(task))

    def _photon_level(self, photo: Photograph) -> Level:
        import numpy as np

        from groupsc.api import noise_task
        from groupsc.io.arrays import one_if_equal
        from groupsc.noise.photon_noise import photon_parameters, transformed

        stored = photo.stored
        gain, intercept = photon_parameters(stored.astype(np.float64), **self._photons, where=_visible(photo))
        _, _, width = transformed(stored.astype(np.float64), gain, intercept)
        numbers = " and ".join(f"{value:.3g}" for value in np.unique(gain))
        text = f"Poisson noise, gain {numbers} ({'estimated' if self.gain is None else 'given'})"
        task = noise_task(one_if_equal(stored))
        return Level(task=task, value=255 * min(self.strength / width, 1.0), text=text, guarded=self._guarded(task))

    def restore(
        self, photo: Photograph, level: Level, weights: str, options: dict[str, Any]
    ) -> tuple[np.ndarray, dict[str, Any]]:
        from groupsc import api

        chosen = {**options, **self._photons, "weights": weights if options["method"] is None else None}
        stored, found = api.denoise_with_facts(
            photo.stored, self._given(), estimate=level.sigma, where=_visible(photo), noise=self.noise,
            strength=self.strength, guard=self.guard, channel_axis=0, **chosen,
        )  # fmt: skip
        facts = {key: value for key, value in found.items() if key not in ("sigma", "weights", "share")}
        if "sigma" in found:
            facts["sigma"] = float(f"{found['sigma']:.3g}")
        facts["weights"] = " and ".join(found["weights"]) or None
        return photo.scaled(stored), facts | guarded(found)


def noise_in(photo: Photograph, sigma: float | None) -> tuple[str, float, ValueRange]:
    """Return task, noise level and range of an image in the units of its file; σ is estimated if it is None."""
    from groupsc.api import noise_task
    from groupsc.io.arrays import one_if_equal
    from groupsc.noise.noise_level import noise_and_range

    pixels = one_if_equal(photo.stored)
    return noise_task(pixels), *noise_and_range(pixels, sigma, _visible(photo))


def _visible(photo: Photograph) -> np.ndarray | None:
    return None if photo.alpha is None else photo.alpha > 0
