"""Measure the spectrum of the noise of an image, and whether it is noise, in the DCT of 8×8 blocks.

Noise that was demosaicked, resized or compressed is correlated: it is weak at high frequencies, where estimates for
white noise look for it. The spectrum is therefore measured in flat blocks at every frequency. A block counts as flat if
its four neighbours have little energy; noise in the block itself does not influence this choice, so that the estimate
has no bias. Three channels are transformed together; the first component is the sum of the channels, in which
correlated noise is strongest.

Texture has a spectrum like that of correlated noise. Two properties distinguish them: the energies of blocks of noise
vary little, and the flattest blocks have the same spectrum as a larger number of flat blocks.

References
----------
Lebrun, Colom and Morel, "The Noise Clinic: a blind image denoising algorithm", Image Processing On Line 5 (2015),
https://doi.org/10.5201/ipol.2015.125

Ponomarenko, Lukin, Zriakhov, Kaarna and Astola, "An automatic approach to lossy compression of AVIRIS images", IGARSS
2007, https://doi.org/10.1109/IGARSS.2007.4422833
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from groupsc.inference.dct import SIDE, coefficients

FLATTEST, FLAT, FEWEST = 0.003, 0.02, 60
"""Share of the blocks from which the spectrum is measured; larger share with which it is compared; and the smallest
number of blocks of both."""
KEPT, KEPT_MEAN = 0.8, 0.4377
"""Share of the squares of a coefficient that count, the smallest ones, and their mean for Gaussian values of variance
1. Larger ones are often edges."""
MANY = 160_000
"""Number of pixels above which every fourth block is used in each direction, instead of every second one."""

BAND = np.maximum.outer(np.arange(SIDE), np.arange(SIDE)).ravel()
"""Band of a frequency: the larger one of its two indices."""


@dataclass(frozen=True)
class Spectrum:
    """Variance of the noise at each frequency of blocks, with two tests of whether it is noise.

    Parameters
    ----------
    power : array (c, 64)
        Variance of the DCT coefficients by component of the channels and frequency, in the units of the image.
    dispersion : float
        Standard deviation of the logarithm of the energies of the blocks in bands 2 to 4, relative to that of Gaussian
        noise; 1 for noise, larger for texture.
    growth : float
        Ratio of the standard deviations in bands 2 to 4 of many flat blocks and of the flattest ones; 1 for noise.
    """

    power: NDArray[np.float64]
    dispersion: float
    growth: float

    def deviation(self, low: int, high: int, component: int | None = None) -> float:
        """Return the standard deviation in bands `low` to `high`, of one component or of the strongest one.

        Examples
        --------
        >>> Spectrum(np.full((1, 64), 4.0), 1, 1).deviation(2, 5)
        2.0
        """
        variances = self.power[:, (BAND >= low) & (BAND <= high)].mean(1)
        return float(np.sqrt(variances.max() if component is None else variances[component]))


def noise_spectrum(image: NDArray[Any], where: NDArray[np.bool_]) -> Spectrum | None:
    """Measure the spectrum of the noise.

    Parameters
    ----------
    image : array (c, H, W), floating
        Image with one or three channels.
    where : array (H, W) of bool
        True for pixels that count.

    Returns
    -------
    Spectrum or None
        None if the image is too small.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal((1, 128, 128))
    >>> found = noise_spectrum(noise, np.ones((128, 128), bool))
    >>> round(found.deviation(2, 5), 1), found.dispersion < 1.3
    (1.0, True)
    """
    stride = 2 if image.shape[1] * image.shape[2] <= MANY else 4
    energy = _energies(image, stride)
    whole = _energies((~where)[None], stride)[..., 0, 0] < 1e-6
    activity = np.where(whole, energy[..., 1:].sum((-1, -2)), np.inf)
    around = np.where(whole, _largest_neighbour(activity, SIDE // stride), np.inf)
    order = np.argsort(around, axis=None, kind="stable")
    order = order[: int(np.isfinite(around).sum())]
    if len(order) < FEWEST:
        return None
    flattest, flat = (
        energy.reshape(-1, *energy.shape[2:])[order[: max(FEWEST, int(share * len(order)))]]
        for share in (FLATTEST, FLAT)
    )
    power, more = _power(flattest), _power(flat)
    middle = (BAND >= 2) & (BAND <= 4)
    shares = (flattest[:, 0, middle] / np.maximum(power[0, middle], 1e-30)).mean(1)
    spread = float(np.log(np.maximum(shares, 1e-30)).std()) / np.sqrt(2 / middle.sum())
    growth = np.sqrt(more[0, middle].mean() / max(power[0, middle].mean(), 1e-30))
    return Spectrum(power, float(spread), float(growth))


def _energies(image: NDArray[Any], stride: int) -> NDArray[np.float64]:
    """Return the squared DCT coefficients of blocks, (rows, columns, c, 64)."""
    x = torch.from_numpy(np.ascontiguousarray(image, np.float32))[None]
    C, grid = coefficients(x, stride)
    energies: NDArray[np.float64] = C.square().reshape(grid.rows, grid.columns, len(image), SIDE**2).numpy()
    return energies


def _largest_neighbour(activity: NDArray[np.float64], step: int) -> NDArray[np.float64]:
    """Return the largest activity of the four neighbours of each block, which do not overlap with it."""
    padded = np.pad(activity, step, constant_values=np.inf)
    rows, columns = activity.shape
    places = ((0, step), (2 * step, step), (step, 0), (step, 2 * step))
    neighbours = [padded[down : down + rows, right : right + columns] for down, right in places]
    largest: NDArray[np.float64] = np.max(neighbours, axis=0)
    return largest


def _power(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the variance of each coefficient from the smallest of its squares."""
    kept = energy <= np.quantile(energy, KEPT, axis=0)
    power: NDArray[np.float64] = np.where(kept, energy, 0).sum(0) / kept.sum(0) / KEPT_MEAN
    return power
