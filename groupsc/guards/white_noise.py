"""Replace a restoration where the model removed more than noise.

A model trained on photographs can damage other pictures: it blurs colours that are not in its training data and removes
fine patterns. If the noise is white and σ is known, two tests need no clean image.

1. Structure. The residual r = y − h of a good restoration is almost white. Where coefficients of the DCT of r on 8×8
   patches beyond 3σ have more energy than those of white noise, the model removed a part of the picture.
2. Risk. e is a second estimate without trained parameters (`groupsc.inference.dct`). Stein's unbiased estimate (SURE)
   gives its squared error without the clean image, R(e) = ‖y − e‖² − nσ² + 2σ² div e; a random probe measures the
   divergence. If the errors of h and e were independent, R(h) would be about R(e) + ‖h − e‖². Where this exceeds nσ²,
   the error of the noisy image itself, h is not reliable.

Where one of the tests fails, e replaces h, with a smooth transition. On photographs the tests pass almost everywhere.
With an estimated σ, or with noise that is not white, the tests are not exact.

Symbols: y noisy image, h restored by the model, e by the DCT, (c, H, W); r = y − h; w weights of e (H, W).

References
----------
Ramani, Blu and Unser, "Monte-Carlo SURE: a black-box optimization of regularization parameters for general denoising
algorithms", IEEE Transactions on Image Processing 17 (2008), https://doi.org/10.1109/TIP.2008.2001404
"""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor
from torch.nn import functional

from groupsc.inference.dct import SIDE, coefficients, dct_denoise
from groupsc.inference.regions import regions
from groupsc.utils.errors import GroupSCError
from groupsc.utils.randomness import seeded

STRUCTURE = (0.08, 0.16)
"""Energy of the coefficients of r beyond 3σ per value, in units of σ²: e begins to replace h at the first value and
replaces it completely at the second. White noise has 0.03."""
RISK = (1.0, 1.2)
"""Estimated squared error of h per pixel, in units of σ²: e begins to replace h at the first value and replaces it
completely at the second."""
BEYOND = 3.0
"""Magnitude above which a coefficient of r counts as structure, in standard deviations of the noise."""
AVERAGED = 33
"""Side of the square over which both tests are averaged, in pixels."""
PROBE = 0.2
"""Standard deviation of the probe that measures the divergence of e, as a share of σ."""
REGION, AROUND = 256, AVERAGED // 2 + 4 * SIDE
"""Side of the regions in which an image is tested, and width of the margin of a region, in pixels."""


def guard(noisy: Tensor, restored: Tensor, sigma: float) -> tuple[Tensor, Tensor]:
    """Replace a restoration where the model removed more than noise.

    Parameters
    ----------
    noisy, restored : Tensor (c, H, W), floating
        Image with white noise, and its restoration by a model, with one or three channels.
    sigma : float
        Standard deviation of the noise, in the units of the images.

    Returns
    -------
    guarded : Tensor (c, H, W)
    weights : Tensor (H, W)
        Share of the second estimate in each pixel, from 0 to 1.

    Raises
    ------
    GroupSCError
        When sigma is not above 0.

    Notes
    -----
    Images of less than 16 pixels along a side are too small for the tests: up to a fifth of a good restoration is
    replaced there, two fifths below 8 pixels.

    Examples
    --------
    The guard replaces a restoration that removed a pattern:

    >>> pattern = torch.tensor([0.2, 0.8]).repeat(24).expand(1, 48, 48)
    >>> noisy = pattern + 0.05 * torch.randn(1, 48, 48, generator=torch.Generator().manual_seed(0))
    >>> guarded, weights = guard(noisy, torch.full((1, 48, 48), 0.5), 0.05)
    >>> float((guarded - pattern).square().mean().sqrt()) < 0.025, float(weights.min())
    (True, 1.0)
    """
    if not 0 < sigma < math.inf:
        raise GroupSCError(f"sigma is {sigma!r}; give the standard deviation of the noise, above 0")
    height, width = noisy.shape[1:]
    dtype = torch.promote_types(noisy.dtype, restored.dtype)
    noisy, restored = noisy.to(dtype), restored.to(dtype)
    # Where the model gave no finite value, the difference to the noisy image must not spread by the local means.
    failed = ~restored.isfinite().all(0)
    restored = torch.where(failed, noisy, restored)
    probe = torch.randn(noisy.shape, generator=seeded("guard", *noisy.shape)).to(noisy)
    guarded, weights = torch.empty_like(restored), torch.empty_like(restored[0])
    sides = [regions(length, REGION + 2 * AROUND, AROUND, SIDE) for length in (height, width)]
    for (row, near_rows, kept_rows), (column, near_columns, kept_columns) in itertools.product(*sides):
        y, h, b = (x[:, near_rows, near_columns] for x in (noisy, restored, probe))
        e = dct_denoise(y, sigma)
        w = torch.maximum(_ramp(structure(y - h, sigma), *STRUCTURE), _ramp(risk(y, h, e, b, sigma), *RISK))
        w[failed[near_rows, near_columns]] = 1
        guarded[:, row, column] = torch.lerp(h, e, w)[:, kept_rows, kept_columns]
        weights[row, column] = w[kept_rows, kept_columns]
    return guarded, weights


def structure(r: Tensor, sigma: float) -> Tensor:
    """Return the energy of the DCT coefficients of a residual beyond 3σ, averaged around each pixel, in units of σ².

    Parameters
    ----------
    r : Tensor (c, H, W)
        Residual.
    sigma : float
        Standard deviation of the noise.

    Returns
    -------
    Tensor (H, W)

    Examples
    --------
    >>> noise = torch.randn(1, 48, 48, generator=torch.Generator().manual_seed(0))
    >>> bool(structure(noise, 1.0).max() < STRUCTURE[0])
    True
    """
    height, width = r.shape[1:]
    C, grid = coefficients(r[None], SIDE // 2)
    C = C / sigma
    energy = (C.square() * (C.abs() > BEYOND)).mean(1)
    pixels = grid.average(energy[None, :, None].expand(-1, -1, SIDE**2))[0, 0]
    return _local_mean(pixels[:height, :width])


def risk(y: Tensor, h: Tensor, e: Tensor, probe: Tensor, sigma: float) -> Tensor:
    """Return R(e) + ‖h − e‖², averaged around each pixel, in units of σ².

    Parameters
    ----------
    y, h, e : Tensor (c, H, W)
        Noisy image, its restoration by the model, and the second estimate.
    probe : Tensor (c, H, W)
        Standard Gaussian noise.
    sigma : float
        Standard deviation of the noise.

    Returns
    -------
    Tensor (H, W)

    Examples
    --------
    >>> y, probe = torch.randn(2, 1, 48, 48, generator=torch.Generator().manual_seed(0))
    >>> e = dct_denoise(y, 1.0)
    >>> bool(risk(y, e, e, probe, 1.0).max() < RISK[0])
    True
    """
    divergence = probe * (dct_denoise(y + PROBE * sigma * probe, sigma) - e) / (PROBE * sigma)
    own = ((y - e) / sigma).square() - 1 + 2 * divergence
    return _local_mean(own.mean(0)).clamp(min=0) + _local_mean(((h - e) / sigma).square().mean(0))


def _ramp(x: Tensor, low: float, high: float) -> Tensor:
    return ((x - low) / (high - low)).clamp(0, 1)


def _local_mean(x: Tensor) -> Tensor:
    """Return the mean of x (H, W) over a square around each entry, restricted to the entries inside x."""
    rows, columns = (min(AVERAGED, 2 * length - 1) // 2 for length in x.shape)
    along = functional.avg_pool2d(x[None], (2 * rows + 1, 1), 1, padding=(rows, 0), count_include_pad=False)
    return functional.avg_pool2d(along, (1, 2 * columns + 1), 1, padding=(0, columns), count_include_pad=False)[0]
