"""The generalised Anscombe transform, which gives Poisson–Gaussian noise a standard deviation of about 1.

Values are z = g·p + n with photon counts p of a Poisson distribution, gain g, and Gaussian noise n whose mean is the
offset o and whose standard deviation is the read noise s. Their variance is g (E z − o) + s². With b = s² − g·o, the
variance is g E z + b, and the transform is

    f(z) = 2/g √(max(g z + 3/8 g² + b, 0)).

f⁻¹ of a denoised f(z) is biased, because f is not linear: E f(z) < f(E z). The exact unbiased inverse maps E f(z) to
E z. `inverse` is its closed form, with the normalised values D = E f(z) and σ = s/g:

    E z ≈ g (D²/4 + √(3/2)/4 D⁻¹ − 11/8 D⁻² + 5/8 √(3/2) D⁻³ − 1/8) − b/g.

References
----------
Mäkitalo and Foi, "A closed-form approximation of the exact unbiased inverse of the Anscombe variance-stabilizing
transformation", IEEE Transactions on Image Processing 20 (2011), https://doi.org/10.1109/TIP.2011.2121085

Mäkitalo and Foi, "Optimal inversion of the generalized Anscombe transformation for Poisson-Gaussian noise", IEEE
Transactions on Image Processing 22 (2013), https://doi.org/10.1109/TIP.2012.2202675
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = np.sqrt(1.5)
"""√(3/2), which the closed form contains."""


def anscombe(z: NDArray[Any], gain: Any, intercept: Any) -> NDArray[Any]:
    """Transform values so that their noise has a standard deviation of about 1.

    Parameters
    ----------
    z : array, floating
        Values whose variance is gain · E z + intercept.
    gain : float or array
        g, above 0; an array must have a shape that is broadcast to that of z.
    intercept : float or array
        b = s² − g·o: variance at the value 0.

    Returns
    -------
    array

    Examples
    --------
    >>> counts = np.random.default_rng(0).poisson(20.0, 100_000).astype(float)
    >>> round(float(anscombe(counts, 1.0, 0.0).std()), 2)
    1.0
    """
    return np.asarray(2 / gain * np.sqrt(np.maximum(gain * z + 0.375 * gain**2 + intercept, 0)))


def inverse(D: NDArray[Any], gain: Any, intercept: Any) -> NDArray[Any]:
    """Return E z for D = E f(z): the closed form of the exact unbiased inverse.

    Parameters
    ----------
    D : array, floating
        Denoised values of the transform.
    gain, intercept : float or array
        As for `anscombe`.

    Returns
    -------
    array
        At least -intercept / gain.

    Examples
    --------
    >>> round(float(inverse(anscombe(np.array([20.0]), 1.0, 0.0), 1.0, 0.0)[0]), 2)
    20.27
    """
    # At D = √(3/2) the number of photons is 0. For smaller D the closed form gives a negative number, and below about
    # 0.65 a positive one without bound.
    D = np.maximum(D, ROOT)
    photons = D**2 / 4 + ROOT / 4 / D - 11 / 8 / D**2 + 5 / 8 * ROOT / D**3 - 1 / 8
    return np.asarray(gain * photons - intercept / gain)
