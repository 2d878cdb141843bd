"""Estimate how the variance of noise depends on the signal: variance = gain · mean + intercept.

Blocks give pairs of a mean and a variance. The variance is that of a second difference in both directions, which
contains little of the picture. Blocks are sorted by their mean into bins. In each bin, blocks with more variance than
noise explains are left out; they have texture. A line is then fitted to the bins.

References
----------
Foi, Trimeche, Katkovnik and Egiazarian, "Practical Poissonian-Gaussian noise modeling and fitting for single-image
raw-data", IEEE Transactions on Image Processing 17 (2008), https://doi.org/10.1109/TIP.2008.2001399

Immerkær, "Fast noise variance estimation", Computer Vision and Image Understanding 64 (1996),
https://doi.org/10.1006/cviu.1996.0060
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from groupsc.utils.boxes import box_sums
from groupsc.utils.errors import GroupSCError

SIDE, STEP = 8, 4
"""Side of a block and distance between blocks, in pixels."""
BLOCKS_PER_BIN, MOST_BINS = 60, 24
"""Smallest number of blocks in a bin, and largest number of bins."""
LOWEST, LOWEST_QUANTILE = 0.1, 0.63
"""The first estimate of the variance of a bin is the quantile `LOWEST` of the variances of its blocks, divided by
`LOWEST_QUANTILE`: this quantile for blocks of white noise of variance 1, which a test measures."""
MOST_VARIANCE, MEAN_BELOW = 1.75, 0.975
"""Blocks with more than `MOST_VARIANCE` times the variance of the noise count as texture; 2.5 % of the blocks of white
noise exceed it. The mean variance of the others is `MEAN_BELOW` times that of the noise, and is divided by it."""
ROUNDS = 4
NOTHING = 1e-9
"""Relative variance, and share of pixels, that counts as 0."""
TOLERANCE = 0.05
"""Relative error of the variance of a bin that noise explains; bins further above the line contain texture."""


def fit_variance(
    channel: NDArray[Any],
    offset: float | None = None,
    read_noise: float | None = None,
    where: NDArray[np.bool_] | None = None,
) -> tuple[float, float]:
    """Fit the gain and the intercept of the variance of the noise.

    Parameters
    ----------
    channel : array (H, W), floating
        One channel with signal-dependent white noise, in any units.
    offset, read_noise : float, optional
        Known mean and standard deviation of the part of the noise that does not depend on the signal; if one is
        given, the other is 0 by default, and only the gain is fitted.
    where : array (H, W) of bool, optional
        True for pixels that count; by default all.

    Returns
    -------
    gain : float
        Above 0.
    intercept : float
        read_noise² − gain · offset.

    Raises
    ------
    GroupSCError
        If the image is too small, has no noise, or its variance does not increase with the signal.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> clean = np.linspace(10, 200, 256) * np.ones((256, 1))
    >>> gain, _ = fit_variance(3 * rng.poisson(clean / 3) + rng.normal(0, 2, clean.shape))
    >>> 2.8 < gain < 3.2
    True
    """
    means, variances = _bins(np.asarray(channel, np.float64), where)
    fixed = offset is not None or read_noise is not None
    level, constant = offset or 0.0, (read_noise or 0.0) ** 2
    weights, spread = np.ones_like(means), variances
    gain = intercept = 0.0
    for _ in range(50):
        w = weights / spread
        if fixed:
            x, y = w * (means - level), w * (variances - constant)
            gain = float(x @ y / (x @ x))
            intercept = constant - gain * level
        else:
            gain, intercept = (float(v) for v in np.linalg.lstsq(np.stack([w * means, w], 1), w * variances, None)[0])
        # The error of a variance is proportional to it. Texture only increases it, so large errors above count less.
        spread = np.maximum(gain * means + intercept, 0.1 * variances.mean())
        weights = np.minimum(1, TOLERANCE / np.maximum((variances - spread) / spread, TOLERANCE))
    if not gain > 0:
        raise GroupSCError(
            "the variance of the noise does not increase with the signal, so the gain can't be estimated; give the "
            "gain, or use noise='white'"
        )
    return gain, intercept


def _bins(
    channel: NDArray[np.float64], where: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mean and noise variance of the bins of a channel."""
    if min(channel.shape) < SIDE + 2:
        raise GroupSCError(f"an image of {channel.shape[0]}×{channel.shape[1]} pixels is too small; give the gain")
    means, variances = block_moments(channel)
    # Constant blocks, such as a black border, have no noise; sums have errors of rounding.
    used = variances > NOTHING * variances.max()
    if where is not None and not where.all():
        used &= ~_touched(~where)
    highest = channel.max() if where is None else channel.max(where=where, initial=-np.inf)
    if (channel == highest).mean() > 0.001:
        # Many equal values at the top are clipped, which hides their noise.
        clipped = _touched(channel == highest)
        if (used & ~clipped).sum() > 0.1 * used.sum():
            used &= ~clipped
    means, variances = means[used], variances[used]
    if len(means) < 2:
        raise GroupSCError("the image has too few blocks with noise; give the gain, or use noise='white'")
    order = np.argsort(means, kind="stable")
    number = int(np.clip(len(order) // BLOCKS_PER_BIN, 2, MOST_BINS))
    found = []
    for part in np.array_split(order, number):
        v = variances[part]
        variance = np.quantile(v, LOWEST) / LOWEST_QUANTILE
        for _ in range(ROUNDS):
            kept = v <= MOST_VARIANCE * variance
            variance = v[kept].mean() / MEAN_BELOW if kept.any() else variance
        found.append((means[part].mean(), variance))
    centres, levels = np.array(found).T
    return centres, levels


def _touched(pixels: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether the mean or the variance of each block depends on one of these pixels."""
    means, variances = block_moments(np.where(pixels, 1.0, 0.0))
    touched: NDArray[np.bool_] = (means > NOTHING) | (variances > NOTHING)
    return touched


def block_moments(channel: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of each block, and the variance of white noise that its second differences have.

    Parameters
    ----------
    channel : array (H, W)

    Returns
    -------
    means, variances : array (n,)

    Examples
    --------
    >>> means, variances = block_moments(np.random.default_rng(0).normal(5, 2, (200, 200)))
    >>> round(float(variances.mean()))
    4
    """
    along = channel[2:] - 2 * channel[1:-1] + channel[:-2]
    residual = (along[:, 2:] - 2 * along[:, 1:-1] + along[:, :-2]) / 6
    means = box_sums(channel[1:-1, 1:-1], SIDE, SIDE)[::STEP, ::STEP] / SIDE**2
    variances = box_sums(residual**2, SIDE, SIDE)[::STEP, ::STEP] / SIDE**2
    return means.ravel(), variances.ravel()
