"""Develop the mosaic of a sensor: remove its noise, balance its white, and reconstruct its colours.

The models for mosaics are trained without noise on gamma-encoded pictures. The noise of a sensor depends on the signal:
a linear value x has the variance S x + O. It is therefore removed first, in each of the four colour planes of the Bayer
cell, which are stabilised by the transform of `groupsc.noise.anscombe` if S and O are known, and by the square root
otherwise. The planes are gray images of half the size. Then the white-balanced and gamma-encoded mosaic is demosaicked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groupsc.noise.photon_noise import denoise_photons

Array = NDArray[Any]


def develop(
    mosaic: Array,
    pattern: str,
    *,
    gains: tuple[float, float, float],
    matrix: Array | None,
    noise: Array | None,
    denoise: Callable[[Array, float | None], Array] | None,
    demosaick: Callable[[Array, str], Array],
    linear: bool = False,
) -> Array:
    """Develop a linear mosaic.

    Parameters
    ----------
    mosaic : array (H, W)
        Linear values; 0 is black, 1 is the saturation of the sensor.
    pattern : str
        Colours of the 2×2 cell in raster order, such as "RGGB".
    gains : (float, float, float)
        Factors of red, green and blue for the white balance, at least 1.
    matrix : array (3, 3) or None
        From white-balanced camera colours to linear sRGB.
    noise : array (3, 2) or None
        S and O of red, green and blue.
    denoise : callable or None
        `denoise(plane, sigma)` removes noise of the standard deviation sigma, or of an estimated one for None, from an
        image (h, w) in [0, 1]. None if the mosaic has no noise.
    demosaick : callable
        `demosaick(mosaic, pattern)` reconstructs the colours (H, W, 3) of a mosaic in [0, 1].
    linear : bool
        Return linear values instead of values with the curve of sRGB.

    Returns
    -------
    array (H, W, 3), float32 in [0, 1]

    Examples
    --------
    >>> mosaic = np.full((4, 6), 0.2, np.float32)
    >>> found = develop(
    ...     mosaic, "RGGB", gains=(1, 1, 1), matrix=None, noise=None, denoise=None,
    ...     demosaick=lambda mosaic, pattern: np.dstack([mosaic] * 3), linear=True,
    ... )
    >>> bool(np.allclose(found, 0.2))
    True
    """
    balanced = np.empty(mosaic.shape, np.float32)
    for place, color in enumerate(pattern):
        part = (slice(place // 2, None, 2), slice(place % 2, None, 2))
        number = "RGB".index(color)
        plane = mosaic[part].astype(np.float32)
        if denoise is not None:
            plane = _denoised(plane, None if noise is None else noise[number], denoise)
        # All colours saturate at the value of white, otherwise highlights become coloured.
        balanced[part] = np.minimum(plane * np.float32(gains[number]), 1)
    colors = decoded(demosaick(encoded(balanced), pattern).astype(np.float32))
    if matrix is not None:
        colors = colors @ matrix.T.astype(np.float32)
    colors = colors.clip(0, 1)
    return colors if linear else encoded(colors)


def _denoised(plane: Array, profile: Array | None, denoise: Callable[[Array, float | None], Array]) -> Array:
    """Remove the noise of one colour plane."""
    if profile is None:
        root = denoise((np.sign(plane) * np.sqrt(np.abs(plane))).astype(np.float32), None)
        return root * np.abs(root)
    gain, intercept = (np.full((1, 1, 1), float(value)) for value in profile)

    def white(image: Array, sigma: float) -> Array:
        return denoise(image[0].astype(np.float32), sigma)[None]

    found: Array = denoise_photons(plane[None], white, gain, intercept)[0].astype(np.float32)
    return found


def encoded(values: Array) -> Array:
    """Apply the curve of sRGB (IEC 61966-2-1), continued as an odd function below 0.

    Examples
    --------
    >>> encoded(np.array([0.0, 0.5, 1.0])).round(3).tolist()
    [0.0, 0.735, 1.0]
    """
    x = np.abs(values)
    found: Array = np.sign(values) * np.where(
        x <= 0.0031308, 12.92 * x, 1.055 * np.maximum(x, 1e-9) ** (1 / 2.4) - 0.055
    )
    return found


def decoded(values: Array) -> Array:
    """Invert `encoded`.

    Examples
    --------
    >>> decoded(encoded(np.array([-0.1, 0.001, 0.7]))).round(6).tolist()
    [-0.1, 0.001, 0.7]
    """
    x = np.abs(values)
    found: Array = np.sign(values) * np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    return found
