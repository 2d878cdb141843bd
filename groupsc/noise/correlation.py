"""Recognise correlated noise, and remove it with a method for white noise.

Short correlations: σ is that of the frequencies which contain most of the noise. Long ones: the image is first denoised
at half size, where the noise is almost white, and then at full size, where only high frequencies of the noise remain.

References
----------
Lebrun, Colom and Morel, "Multiscale image blind denoising", IEEE Transactions on Image Processing 24 (2015),
https://doi.org/10.1109/TIP.2015.2439041
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groupsc.noise.photon_noise import White
from groupsc.noise.sampling import sample
from groupsc.noise.spectrum import Spectrum, noise_spectrum

MOST_DISPERSION, MOST_GROWTH = 1.7, 1.12
"""Largest values of the two tests of a spectrum with which it counts as noise."""
FALL, EXCESS = 0.9, 1.25
"""The noise is correlated if the ratio of its standard deviations at high and at middle frequencies is below the
first, and the ratio of that at middle frequencies to the estimate for white noise is above the second."""
WHITE, STRONG, TOO_STRONG = 0.8, 0.7, 2.0
"""Ratios of standard deviations for differences of channels, which contain little texture. The noise is white if the
high frequencies of the differences exceed `WHITE` times their middle frequencies and `STRONG` times the high
frequencies of the sum of the channels. The noise is correlated, without a test for texture, if the middle frequencies
of the differences are `STRONG` to `TOO_STRONG` times those of the sum. Above `TOO_STRONG`, the differences contain
edges of colours."""
LONG = 0.4
"""The correlation is long if the ratio of the standard deviations in bands 4 to 7 and 2 to 5 is below it."""
LEAST = 1e-12


@dataclass(frozen=True)
class Correlated:
    """Levels for the removal of correlated noise, in the units of the image.

    Parameters
    ----------
    sigma : float
        σ of white noise that is as strong at the middle frequencies.
    half : float or None
        σ of the image at half size, if it is denoised first.
    full : float
        σ at full size that remains after that; `sigma` if `half` is None.
    """

    sigma: float
    half: float | None
    full: float

    def describe(self) -> str:
        """Return a sentence about the noise and what is done."""
        how = "denoised at half size, then at full size" if self.half is not None else "denoised with a higher sigma"
        return f"noise is correlated; {how}"


def correlated_noise(
    image: NDArray[Any], white_sigma: float, where: NDArray[np.bool_] | None = None
) -> Correlated | None:
    """Recognise correlated noise.

    Parameters
    ----------
    image : array (c, H, W), floating
    white_sigma : float
        Estimate of σ for white noise, in the units of the image.
    where : array (H, W) of bool, optional
        True for pixels that count.

    Returns
    -------
    Correlated or None
        None if the noise is white or can't be distinguished from texture.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal((1, 128, 128))
    >>> correlated_noise(noise, 1.0) is None
    True
    >>> smooth = (noise + np.roll(noise, 1, 1) + np.roll(noise, 1, 2) + np.roll(noise, 1, (1, 2))) / 4
    >>> correlated_noise(smooth, 0.05) is None
    False
    """
    counted = np.ones(image.shape[1:], bool) if where is None else where
    # Clipped pixels have no noise, and would be the flattest.
    if image.min() >= 0 and image.max() <= 1:
        free = counted & ~((image <= 0) | (image >= 1)).any(0)
        counted = free if free.mean() > 0.1 * counted.mean() else counted
    spectrum = noise_spectrum(*sample(image, counted))
    if spectrum is None or not _is_correlated(spectrum, white_sigma):
        return None
    sigma, high = spectrum.deviation(2, 5), spectrum.deviation(4, 7)
    if high >= LONG * sigma or min(image.shape[1:]) < 32:
        return Correlated(sigma, None, sigma)
    return Correlated(sigma, spectrum.deviation(2, 2) / 2, high)


def _is_correlated(spectrum: Spectrum, white_sigma: float) -> bool:
    middle, high = spectrum.deviation(2, 3, 0), spectrum.deviation(6, 7, 0)
    if high > FALL * middle or spectrum.deviation(2, 5) < EXCESS * white_sigma:
        return False
    if len(spectrum.power) > 1:
        # Differences of channels contain little texture. White noise is as strong and as white in them.
        chroma, high_chroma = spectrum.deviation(2, 3, 1), spectrum.deviation(6, 7, 1)
        if high_chroma > WHITE * chroma and high_chroma > STRONG * high:
            return False
        if STRONG * middle < chroma < TOO_STRONG * middle:
            return True
    return spectrum.dispersion < MOST_DISPERSION and spectrum.growth < MOST_GROWTH


def denoise_half_first(image: NDArray[Any], noise: Correlated, white: White) -> NDArray[Any]:
    """Denoise an image at half size, then at full size.

    Parameters
    ----------
    image : array (c, H, W), floating
        At least 2×2 pixels.
    noise : Correlated
        With a level for half size.
    white : callable
        `white(image, sigma)` removes white noise.

    Returns
    -------
    array (c, H, W)

    Examples
    --------
    >>> noise = Correlated(1.0, 0.5, 0.2)
    >>> denoise_half_first(np.ones((1, 5, 4)), noise, lambda x, sigma: x).shape
    (1, 5, 4)
    """
    height, width = image.shape[1:]
    even = np.pad(image, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    half = even.reshape(len(even), even.shape[1] // 2, 2, even.shape[2] // 2, 2).mean((2, 4))
    change = white(half, max(noise.half or noise.full, LEAST)) - half
    mixed = even + change.repeat(2, 1).repeat(2, 2)
    return white(mixed[:, :height, :width], max(noise.full, LEAST))
