"""Remove noise of any of the supported kinds with a method for white noise of one σ."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from groupsc.noise.correlation import Correlated, correlated_noise, denoise_half_first
from groupsc.noise.maps import denoise_by_levels
from groupsc.noise.photon_noise import White, denoise_photons, number_of, photon_parameters
from groupsc.utils.errors import GroupSCError

KINDS = ("white", "poisson")
"""Kinds of noise: white noise of one σ or a map of σ, also correlated if σ is estimated; Poisson–Gaussian noise."""

CLEAN = 2 / 255
"""Estimate of σ, as a share of the range, below which an image may be clean: a pixel changes by at most this value."""

Restored = tuple[NDArray[Any], dict[str, Any]]


def check_kind(noise: str, sigma: Any, parameters: dict[str, Any], strength: float) -> None:
    """Raise an error unless the parameters agree with the kind of the noise.

    Parameters
    ----------
    noise : {"white", "poisson"}
    sigma : object
        σ as the user gave it, or None.
    parameters : dict
        Gain, offset and read noise by name; None where not given.
    strength : float
        Factor of σ.

    Raises
    ------
    GroupSCError
        With a hint.

    Examples
    --------
    >>> check_kind("poisson", None, {"gain": 2.0}, 1.0)
    """
    given = [name for name, value in parameters.items() if value is not None]
    if noise not in KINDS:
        raise GroupSCError(f"there is no noise {noise!r}; choose one of {', '.join(KINDS)}")
    if noise == "white" and given:
        raise GroupSCError(f"white noise has no {' and no '.join(given)}; choose the noise poisson, or give sigma")
    if noise == "poisson" and sigma is not None:
        raise GroupSCError("Poisson noise has no single sigma; give gain, offset and read_noise, or none of them")
    if not 0 < number_of(strength) < np.inf:
        raise GroupSCError(f"strength is {strength!r}; give a factor of sigma, above 0")


def denoise_poisson(
    pixels: NDArray[Any],
    white: White,
    strength: float = 1.0,
    where: NDArray[np.bool_] | None = None,
    **parameters: Any,
) -> Restored:
    """Remove Poisson–Gaussian noise.

    Parameters
    ----------
    pixels : array (c, H, W), floating
        Image in the units of the gain.
    white : callable
        `white(image, sigma)` removes white noise from an image in [0, 1], with σ in its units.
    strength : float
        Factor of the estimated or known noise level.
    where : array (H, W) of bool, optional
        True for pixels that count in the estimate.
    **parameters
        Gain, offset and read noise, as for `groupsc.noise.photon_noise.photon_parameters`.

    Returns
    -------
    restored : array (c, H, W)
    facts : dict
        Noise, gain of each channel, and variance at the value 0.

    Examples
    --------
    >>> restored, facts = denoise_poisson(np.full((1, 16, 16), 9.0), lambda x, sigma: x, gain=1)
    >>> facts
    {'noise': 'poisson', 'gain': [1.0], 'variance at 0': [0.0]}
    """
    gain, intercept = photon_parameters(pixels, **parameters, where=where)
    restored = denoise_photons(pixels, white, gain, intercept, strength)
    numbers = [[float(f"{x:.4g}") for x in values.ravel()] for values in (gain, intercept)]
    return restored, {"noise": "poisson", "gain": numbers[0], "variance at 0": numbers[1]}


def denoise_mapped(pixels: NDArray[Any], white: White, sigma: NDArray[np.float64], strength: float = 1.0) -> Restored:
    """Remove noise whose σ differs between channels or places.

    Parameters
    ----------
    pixels : array (c, H, W), floating
        Image in [0, 1].
    white : callable
        As for `denoise_poisson`.
    sigma : array (c, H, W)
        σ in the units of the image.
    strength : float
        Factor of σ.

    Returns
    -------
    restored : array (c, H, W)
    facts : dict
        Mean weight of each call of `white` in the result.

    Examples
    --------
    >>> restored, _ = denoise_mapped(np.ones((1, 4, 4)), lambda x, sigma: 0 * x, np.eye(4)[None])
    >>> restored[0, 0].tolist()
    [0.0, 1.0, 1.0, 1.0]
    """
    restored, parts = denoise_by_levels(pixels, strength * sigma, white)
    return restored, {"parts": parts}


def used_sigma(
    pixels: NDArray[Any], sigma: float, where: NDArray[np.bool_] | None = None, *, least: float = 0.0
) -> tuple[float, Correlated | None]:
    """Return σ of the noise that is removed from an image, and what is known about correlated noise.

    Parameters
    ----------
    pixels, sigma, where
        As for `denoise_estimated`.
    least : float
        Noise below this level is not removed.

    Returns
    -------
    sigma : float
        0 if there is nothing to remove.
    found : Correlated or None
        None for white noise.

    Examples
    --------
    >>> used_sigma(np.full((1, 16, 16), 0.5), 0.001, least=0.0011)
    (0.0, None)
    """
    found = correlated_noise(pixels, sigma, where)
    used = sigma if found is None else found.sigma
    return (0.0, None) if used < least else (used, found)


def denoise_estimated(
    pixels: NDArray[Any],
    white: White,
    sigma: float,
    strength: float = 1.0,
    where: NDArray[np.bool_] | None = None,
    *,
    clean: float = CLEAN,
    least: float = 0.0,
) -> Restored:
    """Remove noise whose σ was estimated, and which may be correlated.

    Parameters
    ----------
    pixels : array (c, H, W), floating
        Image in [0, 1].
    white : callable
        As for `denoise_poisson`.
    sigma : float
        Estimate of σ for white noise, in the units of the image.
    strength : float
        Factor of σ.
    where : array (H, W) of bool, optional
        True for pixels that count in the test for correlation.
    clean : float
        Estimate of σ below which the image may be clean.
    least : float
        Estimate of σ below which the image is not changed.

    Returns
    -------
    restored : array (c, H, W)
        If the noise level is below `clean`, it differs from the image by at most `clean`.
    facts : dict
        σ that was used, in the units of the image; for correlated noise also a sentence on what was done.

    Examples
    --------
    >>> restored, facts = denoise_estimated(np.full((1, 16, 16), 0.5), lambda x, sigma: 0 * x, 0.001)
    >>> round(float(restored.min()), 3), facts
    (0.492, {'sigma': 0.001})
    """
    used, found = used_sigma(pixels, sigma, where, least=least)
    if used == 0:
        return pixels, {"sigma": 0.0}
    if found is not None and found.half is not None:
        restored = denoise_half_first(pixels, found, lambda x, level: white(x, strength * level))
    else:
        restored = white(pixels, strength * used)
    if used < clean:
        restored = np.clip(restored, pixels - clean, pixels + clean)
    return restored, {"sigma": used} | ({} if found is None else {"noise": found.describe()})
