"""Keep the measured values of a mosaic, and replace a demosaicked image where the model is not reliable.

The mosaics that the models are made for have no noise, so the measured values are kept. Two tests follow.

1. Colours. Demosaicking models assume that the fine structure of the three colours is the same. Let o be a measured
   value minus the mean of its two neighbours of the same colour along a row or a column, and p the same difference of
   the other colour there, interpolated linearly. The regression coefficient β = Σ o p / Σ p² is about 1 if the colours
   have the same structure, and 0 if they are unrelated. β is also small for patterns at the limit of resolution, but
   then the differences R − G and B − G of the restored image have little fine structure. Let A be the energy of the
   fine structure of these differences, divided by that of R, G and B. The colours are unrelated where β is small and A
   is large.
2. Residual. The restoration should reproduce the measured values. Where the squared residual is not small compared with
   the local variance of the mosaic, the model failed.

Where one of the tests fails, bilinear interpolation replaces the model, with a smooth transition.

`scipy.ndimage` is imported where it is used, because its import takes time.

Symbols: m mosaic (H, W); M mask (3, H, W), 1 where a colour is measured; w weights of the interpolation (H, W).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from groupsc.data.degradations import interpolate_mosaic
from groupsc.guards.ramp import ramp

OWN = np.array([0, -1, 0, 2, 0, -1, 0]) / 2
"""Value minus the mean of its neighbours of the same colour, along a row or a column."""
PREDICTED = np.array([-1, 0, 1, 0, 1, 0, -1]) / 4
"""The same difference, of the other colour in this row or column, interpolated linearly."""
RELATED = (0.4, 0.7)
"""β at which the colours count as unrelated, and at which they don't."""
COLORFUL = (1.0, 1.4)
"""A, divided by 0.05 + 0.15 β, at which the replacement begins and at which it is complete."""
RESIDUAL = (0.05, 0.2)
"""Squared residual, as a share of the variance of the mosaic, at which the replacement begins and is complete."""
FLOOR = 2 / 255
"""Differences below this standard deviation have no influence."""
AVERAGED = 33
"""Side of the square over which the tests are averaged, in pixels."""
AROUND = AVERAGED // 2 + 4
"""Distance over which a pixel can have an influence, in pixels."""

Array = NDArray[Any]


def guard_mosaic(measured: Array, mask: Array, restored: Array) -> tuple[Array, Array]:
    """Keep the measured values, and replace a demosaicked image where the model is not reliable.

    Parameters
    ----------
    measured : array (3, H, W)
        The mosaic, with zeros where a colour is not measured.
    mask : array (3, H, W)
        1 where a colour is measured.
    restored : array (3, H, W)

    Returns
    -------
    guarded : array (3, H, W)
    weights : array (H, W)
        Share of the bilinear interpolation in each pixel, from 0 to 1.

    Examples
    --------
    >>> from groupsc.data.degradations import bayer_mask
    >>> mask = bayer_mask(16, 16).numpy()
    >>> guarded, weights = guard_mosaic(0.5 * mask, mask, np.full((3, 16, 16), 3.0))
    >>> bool(np.allclose(guarded, 0.5)), float(weights.min())
    (True, 1.0)
    """
    failed = ~np.isfinite(restored).all(0)
    restored = np.where(failed, 0, restored)
    residual = _local_mean(((mask * (restored - measured)) ** 2).sum(0))
    kept = np.where(mask > 0, measured, restored)
    m = measured.sum(0, dtype=np.float64)
    variance = (_local_mean(m**2) - _local_mean(m) ** 2).clip(0) + (2 * FLOOR) ** 2
    w = np.maximum(_unrelated(m, kept), ramp(residual / variance, *RESIDUAL))
    w[failed] = 1
    guarded = (1 - w) * kept + w * bilinear(measured, mask)
    return guarded.astype(restored.dtype), w


def bilinear(measured: Array, mask: Array) -> Array:
    """Interpolate each colour linearly between its measured values; parameters as for `guard_mosaic`.

    Returns
    -------
    array (3, H, W)

    Examples
    --------
    >>> from groupsc.data.degradations import bayer_mask
    >>> mask = bayer_mask(4, 6).numpy()
    >>> bool(np.allclose(bilinear(0.2 * mask, mask), 0.2))
    True
    """
    values, known = (torch.from_numpy(np.asarray(x, measured.dtype))[None] for x in (measured, mask))
    return np.asarray(interpolate_mosaic(values, known, mirrored=True)[0])


def _unrelated(m: Array, kept: Array) -> Array:
    """Return where the colours have no common structure, from 0 to 1 (H, W)."""
    from scipy.ndimage import correlate1d, uniform_filter

    products, squares = np.zeros(m.shape), np.zeros(m.shape)
    for axis in (0, 1):
        own, predicted = (correlate1d(m, weights, axis=axis, mode="mirror") for weights in (OWN, PREDICTED))
        products += own * predicted / 2
        squares += predicted**2 / 2
    floor = (1.5 * FLOOR) ** 2
    beta = (_local_mean(products) + floor) / (_local_mean(squares).clip(0) + floor)
    red, green, blue = (channel - uniform_filter(channel, 5, mode="mirror") for channel in kept.astype(np.float64))
    fine = _local_mean(red**2 + green**2 + blue**2).clip(0) + FLOOR**2
    share = _local_mean((red - green) ** 2 + (blue - green) ** 2) / fine
    colorful = ramp(share / (0.05 + 0.15 * beta.clip(0)), *COLORFUL)
    return (1 - ramp(beta, *RELATED)) * colorful


def _local_mean(x: Array) -> Array:
    from scipy.ndimage import uniform_filter

    return np.asarray(uniform_filter(x.astype(np.float64), AVERAGED, mode="mirror"))
