"""The Anscombe transform and the closed form of its inverse, against sums over the distribution of the noise."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import poisson

from groupsc.noise.anscombe import anscombe, inverse


def moments(photons: float, gain: float, offset: float, read_noise: float) -> tuple[float, float]:
    """Mean and standard deviation of the transform, by a sum over counts and Gauss–Hermite quadrature."""
    counts = np.arange(int(photons + 12 * np.sqrt(photons) + 30))
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    z = gain * counts[:, None] + offset + read_noise * nodes
    probability = poisson.pmf(counts, photons)[:, None] * weights / weights.sum()
    values = anscombe(z, gain, read_noise**2 - gain * offset)
    mean = (probability * values).sum()
    return float(mean), float(np.sqrt((probability * (values - mean) ** 2).sum()))


@pytest.mark.parametrize(("gain", "offset", "read_noise"), [(1, 0, 0), (1, 0, 2), (5, 100, 3), (0.02, -0.1, 0.05)])
def test_closed_form_is_the_exact_unbiased_inverse(gain, offset, read_noise):
    intercept = read_noise**2 - gain * offset
    for photons in (0.2, 0.5, 1, 2, 5, 10, 30, 100):
        mean, spread = moments(photons, gain, offset, read_noise)
        truth = gain * photons + offset
        found = inverse(np.array([mean]), gain, intercept)[0]
        assert found == pytest.approx(truth, abs=gain * (0.06 + 0.001 * photons))
        # The algebraic inverse f⁻¹ is biased by about a quarter of a photon.
        algebraic = gain * (mean / 2) ** 2 - 0.375 * gain - intercept / gain
        assert abs(algebraic - truth) > 3 * abs(found - truth) or photons < 2
        assert photons < 10 or spread == pytest.approx(1, abs=0.03)


def test_the_inverse_rises_from_no_photons():
    values = inverse(np.linspace(-1, 20, 400), 2.0, -14.0)
    assert values[0] == pytest.approx(7)
    assert (np.diff(values) >= 0).all()
