"""Remove noise of one image, and return what was done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from groupsc.api.loading import cached_model
from groupsc.guards.white_noise import guard as guard_restoration
from groupsc.inference.restorer import Restorer
from groupsc.inference.units import check_sigma, rounding_noise, value_range
from groupsc.io.arrays import one_if_equal, unpack, working_type
from groupsc.noise.denoising import (
    CLEAN,
    Restored,
    check_kind,
    denoise_estimated,
    denoise_mapped,
    denoise_poisson,
)
from groupsc.noise.maps import sigma_array
from groupsc.noise.noise_level import noise_and_range
from groupsc.noise.photon_noise import White
from groupsc.utils.device import pick_device
from groupsc.utils.typing import PathLike
from groupsc.weights.selection import choose

Sigma = float | Sequence[float] | NDArray[Any]
"""Types of a noise level: one number, one per channel, or a map."""


def denoise_with_facts(
    image: Any,
    sigma: Sigma | None = None,
    *,
    noise: str = "white",
    gain: float | Sequence[float] | NDArray[Any] | None = None,
    offset: float | None = None,
    read_noise: float | None = None,
    strength: float = 1.0,
    method: str = "best",
    weights: PathLike | None = None,
    channel_axis: int | None = None,
    where: NDArray[np.bool_] | None = None,
    estimate: float | None = None,
    **options: Any,
) -> tuple[NDArray[Any], dict[str, Any]]:
    """Remove noise of one image, and return what was done.

    The parameters and errors are those of `denoise`, for one numpy array without batch axes. `where` (H, W) is True for
    pixels that count in estimates. `estimate` is σ of white noise if it was estimated before.

    Returns
    -------
    restored : array
        As `denoise` returns it.
    facts : dict
        σ if it is one number; noise, gain and variance without light if they are not those of white noise; names of the
        weights, none if no model was used; share of the image that the guard replaced, the largest one of several
        restorations.

    Examples
    --------
    >>> gray = np.full((40, 40), 128, np.uint8)
    >>> restored, facts = denoise_with_facts(gray, sigma=25, weights="gray-sc-sigma25", device="cpu")
    >>> facts
    {'sigma': 25.0, 'weights': ['gray-sc-sigma25'], 'share': 0.0}
    """
    parameters = {"gain": gain, "offset": offset, "read_noise": read_noise}
    check_kind(noise, sigma, parameters, strength)
    own, back = unpack(image, channel_axis, scaled=False)
    names: list[str] = []
    shares: list[float] = []

    def white(x: NDArray[Any], level: float) -> NDArray[Any]:
        level = 255 * min(level, 1.0)
        name = str(weights or choose(noise_task(one_if_equal(x)), method, level))
        restored, share = _restore_white(x.astype(working_type(own.dtype)), level, name, **options)
        names.extend([] if share is None else [name])
        shares.append(1.0 if share is None else share)
        return restored

    if noise == "poisson":
        restored, facts = denoise_poisson(own.astype(np.float64), white, strength, where, **parameters)
    elif sigma is None:
        restored, facts = _with_estimated_sigma(own, white, strength, where, estimate)
    elif np.ndim(sigma):
        restored, facts = _with_several_sigmas(own, white, strength, sigma_array(sigma, np.shape(image), channel_axis))
    else:
        restored, facts = _with_one_sigma(own, white, strength, where, sigma)  # type: ignore[arg-type]  # A number.
    if parts := facts.pop("parts", None):
        shares = [sum(part * share for part, share in zip(parts, shares, strict=True))]
    return back(restored), facts | {"weights": list(dict.fromkeys(names)), "share": max(shares, default=0.0)}


def _with_estimated_sigma(
    image: NDArray[Any],
    white: White,
    strength: float,
    where: NDArray[np.bool_] | None,
    estimate: float | None,
) -> Restored:
    """Remove noise of unknown σ from an image (c, H, W) in its own units, and return what was done."""
    sigma, found = noise_and_range(one_if_equal(image), where=where, estimate=estimate)
    limits = {"clean": 0.0 if found.guessed else CLEAN, "least": rounding_noise(image.dtype) / found.width}
    restored, facts = denoise_estimated(found.to_unit(image), white, sigma / found.width, strength, where, **limits)
    if facts["sigma"] == 0:
        return image, facts
    facts["sigma"] *= strength * found.width
    return found.from_unit(restored), facts


def _with_one_sigma(
    image: NDArray[Any], white: White, strength: float, where: NDArray[np.bool_] | None, sigma: float
) -> Restored:
    """Remove white noise of one σ; parameters and result as for `_with_estimated_sigma`."""
    sigma, found = noise_and_range(one_if_equal(image), sigma, where)
    if sigma == 0:
        return image, {"sigma": 0.0}
    restored = white(found.to_unit(image), strength * sigma / found.width)
    return found.from_unit(restored), {"sigma": strength * sigma}


def _with_several_sigmas(image: NDArray[Any], white: White, strength: float, sigmas: NDArray[Any]) -> Restored:
    """Remove white noise whose σ differs between channels or pixels; result as for `_with_estimated_sigma`."""
    highest = float(sigmas.max())
    check_sigma(highest, image)
    found = value_range(image, highest)
    restored, facts = denoise_mapped(found.to_unit(image), white, sigmas / found.width, strength)
    return found.from_unit(restored), facts


def _restore_white(
    unit: NDArray[Any], level: float, weights: PathLike, *, device: str = "auto", guard: bool = True, **options: Any
) -> tuple[NDArray[Any], float | None]:
    """Remove white noise of a level in gray levels of 255 from an image (c, H, W) in [0, 1].

    Returns
    -------
    restored : array (c, H, W)
    share : float or None
        Mean weight of the replacement by the guard, from 0 to 1; 0 without a guard. None if the guard replaced the
        model, whose gain can't be as high as this level needs.
    """
    model = cached_model(weights, pick_device(device))
    noisy = np.ascontiguousarray(noisy_channels(model, unit))
    if level == 0:
        return unit, 0.0
    _, weight = model.scaling(torch.from_numpy(noisy)[None], level, guarded=guard)
    replaced_by_guard = guard and weight < 1
    if replaced_by_guard:
        restored = np.full_like(noisy, np.nan)  # The guard replaces values that are not finite.
    else:
        restored = model.restore(noisy, level=level, guarded=guard, **options)
    share: float | None = 0.0
    if guard:
        y, h = torch.from_numpy(noisy), torch.from_numpy(restored)
        if len(one_if_equal(noisy)) == 1:
            # Equal channels have the same noise; the tests assume independent noise.
            y, h = y[:1], h.mean(0, keepdim=True)
        guarded, replaced = guard_restoration(y, h, level / 255)
        restored, share = guarded.numpy(), None if replaced_by_guard else float(replaced.mean())
    return np.broadcast_to(restored, unit.shape), share


def noise_task(pixels: NDArray[Any]) -> str:
    """Return the denoising task for an image (c, H, W): "gray" or "color".

    Examples
    --------
    >>> noise_task(np.zeros((3, 40, 40)))
    'color'
    """
    return "gray" if len(pixels) == 1 else "color"


def noisy_channels(model: Restorer, pixels: NDArray[Any]) -> NDArray[Any]:
    """Select the channels of an image that a denoising model restores.

    Parameters
    ----------
    model : Restorer
    pixels : array (c, H, W)

    Returns
    -------
    array (c or 1, H, W)
        All channels for a colour model; otherwise one channel if all channels are equal.

    Raises
    ------
    GroupSCError
        If the model was trained for another task than denoising of such images.

    Examples
    --------
    >>> from groupsc.config.definitions import ModelConfig
    >>> from groupsc.models.coder import SparseCoder
    >>> model = Restorer(SparseCoder(ModelConfig(patch_size=3, n_atoms=8)), {"task": "gray", "level": 25})
    >>> noisy_channels(model, np.zeros((3, 40, 40))).shape
    (1, 40, 40)
    """
    pixels = pixels if model.card["task"] == "color" else one_if_equal(pixels)
    model.require(noise_task(pixels))
    return pixels
