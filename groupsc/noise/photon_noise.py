"""Remove signal-dependent noise with a method for white noise, between the Anscombe transform and its inverse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groupsc.noise.affine_variance import fit_variance
from groupsc.noise.anscombe import anscombe, inverse
from groupsc.noise.sampling import sample
from groupsc.utils.errors import GroupSCError

White = Callable[[NDArray[Any], float], NDArray[Any]]
"""A method that removes white noise: `white(image, sigma)` for an image (c, H, W) in [0, 1] and σ in its units."""


def denoise_photons(
    image: NDArray[Any], white: White, gain: NDArray[Any], intercept: NDArray[Any], strength: float = 1.0
) -> NDArray[Any]:
    """Remove Poisson–Gaussian noise.

    Parameters
    ----------
    image : array (c, H, W), floating
        Values whose variance is gain · mean + intercept.
    white : callable
        The method that denoises the transformed image.
    gain, intercept : array (c, 1, 1)
        As `photon_parameters` returns them.
    strength : float
        Factor of the standard deviation of the transformed noise.

    Returns
    -------
    array (c, H, W)

    Examples
    --------
    >>> counts = np.random.default_rng(0).poisson(20.0, (1, 32, 32)).astype(float)
    >>> one = np.ones((1, 1, 1))
    >>> found = denoise_photons(counts, lambda x, sigma: np.full_like(x, x.mean()), one, 0 * one)
    >>> abs(float(found.mean()) - 20) < 0.5
    True
    """
    stable, low, width = transformed(image, gain, intercept)
    restored = white((stable - low) / width, strength / width)
    return inverse(low + width * np.asarray(restored, np.float64), gain, intercept)


def transformed(image: NDArray[Any], gain: NDArray[Any], intercept: NDArray[Any]) -> tuple[NDArray[Any], float, float]:
    """Return an image whose noise has the variance 1, its smallest value, and the range of its values, at least 1.

    Examples
    --------
    >>> one = np.ones((1, 1, 1))
    >>> _, low, width = transformed(np.array([[[0.0, 100.0]]]), one, 0 * one)
    >>> round(low + width, 2)
    20.04
    """
    stable = anscombe(image, gain, intercept)
    low, high = float(stable.min()), float(stable.max())
    return stable, low, max(high - low, 1.0)


def photon_parameters(
    image: NDArray[Any],
    gain: Any = None,
    offset: float | None = None,
    read_noise: float | None = None,
    where: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return gain and intercept of the variance of each channel, given or estimated.

    Parameters
    ----------
    image : array (c, H, W), floating
    gain : float or one per channel, optional
        Units of the image per photon; by default it is estimated.
    offset : float, optional
        Value of the image without light; 0 if the gain or the read noise is given, otherwise estimated.
    read_noise : float, optional
        Standard deviation of the noise without light, in the units of the image; 0 if the gain or the offset is given,
        otherwise estimated.
    where : array (H, W) of bool, optional
        True for pixels that count in the estimate; by default all.

    Returns
    -------
    gain, intercept : array (c, 1, 1)

    Raises
    ------
    GroupSCError
        If a value is not possible, or can't be estimated.

    Examples
    --------
    >>> gain, intercept = photon_parameters(np.full((1, 16, 16), 30), gain=2, offset=10, read_noise=3)
    >>> gain.item(), intercept.item()
    (2.0, -11.0)
    """
    _check_parameters(image, gain, offset, read_noise)
    if gain is None:
        part, counted = sample(image, np.ones(image.shape[1:], bool) if where is None else where)
        found = np.array([fit_variance(channel, offset, read_noise, counted) for channel in part])
        return found[:, :1, None], found[:, 1:, None]
    each = np.broadcast_to(np.ravel(gain).astype(np.float64), len(image)).reshape(-1, 1, 1)
    return each, (read_noise or 0.0) ** 2 - each * (offset or 0.0)


def _check_parameters(image: NDArray[Any], gain: Any, offset: Any, read_noise: Any) -> None:
    """Raise an error if a given parameter is not a possible one for the image."""
    gains = np.ravel(1.0 if gain is None else gain)
    numbers = gains.dtype.kind in "iuf" and len(gains) in (1, len(image))
    if not numbers or not (np.isfinite(gains).all() and gains.min() > 0):
        raise GroupSCError(f"gain is {gain!r}; give a number above 0, or one per channel")
    if read_noise is not None and not 0 <= number_of(read_noise) < np.inf:
        raise GroupSCError(f"read_noise is {read_noise!r}; give a standard deviation of at least 0")
    if offset is None:
        return
    dark = number_of(offset)
    if not np.isfinite(dark):
        raise GroupSCError(f"offset is {offset!r}; give the value of the image without light")
    low, high = float(image.min()), float(image.max())
    if low < high < dark:
        raise GroupSCError(
            f"offset is {dark:g}, but the values of the image range from {low:g} to {high:g}; give the value of the "
            "image without light"
        )


def number_of(value: Any) -> float:
    """Return a number as a float, and NaN for other values.

    Examples
    --------
    >>> number_of(np.array(2)), number_of("2")
    (2.0, nan)
    """
    return float(value) if np.ndim(value) == 0 and np.asarray(value).dtype.kind in "iuf" else np.nan
