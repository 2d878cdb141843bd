"""Estimate the noise level of a single image from its weakly textured patches.

The method is that of X. Liu, M. Tanaka, M. Okutomi, Single-image noise level estimation for blind denoising, IEEE
Transactions on Image Processing 22(12), 2013, doi:10.1109/TIP.2013.2283400, which the paper's blind models use (section
3.4). White noise adds σ² to every eigenvalue of the covariance of patches. Patches without texture lie near a subspace,
so the smallest eigenvalue over such patches is σ². The selection of these patches depends on σ, so selection and
estimate alternate.

Small images have few patches, and the smallest eigenvalue of their covariance is far below σ². For them, the estimate
of σ² is the mean of the n smallest eigenvalues, with the largest n for which this mean is not above the median of these
n: G. Chen, F. Zhu, P. A. Heng, An efficient statistical method for image noise level estimation, ICCV 2015,
doi:10.1109/ICCV.2015.62.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from groupsc.inference.units import ValueRange, check_sigma, value_range
from groupsc.noise.sampling import sample
from groupsc.utils.boxes import box_sums
from groupsc.utils.errors import GroupSCError

PATCH = 7
ROUNDS = 2
FLAT_TEXTURE = 81.82076743668523
"""Largest texture of a weakly textured patch, for a noise variance of 1: the texture of patches of noise alone stays
below it with a probability of 1 − 1e-6. This texture is a quadratic form of the noise, approximated by a gamma
distribution. The value is a constant, because the import of SciPy's distributions takes longer than the restoration of
a small image; a test computes it."""

FEWEST, LEAST_SHARE = 2 * PATCH**2, 0.1
"""Smallest number of patches for an estimate, and the smallest share of the counted patches that must remain when
clipped patches are left out."""

SMALL = 96**2
"""Number of pixels below which an image is small."""

STRIP = 2**15
"""Number of patches that are processed together."""


def estimate_noise(image: ArrayLike, where: ArrayLike | None = None) -> float:
    """Estimate the standard deviation of white Gaussian noise in an image.

    The estimate is the root of the mean variance of the channels. Constant borders are removed first. Patches that
    contain the lowest or highest value of the range are left out if enough other patches remain, because clipping
    reduces the noise. The range is from 0 to 1 for floats, and that of `groupsc.inference.units.value_range` for
    integers. If an image of floats has values outside it, it was not clipped, and these patches count. Of
    an image of more than a megapixel, a part is used that is spread over all of it (`groupsc.noise.sampling`).

    Parameters
    ----------
    image : array (c, H, W) or (H, W) of integers or floats
    where : array (H, W) of bool, optional
        True for pixels that are used, such as those that are not transparent; by default all.

    Returns
    -------
    float
        σ in the units of the image.

    Raises
    ------
    GroupSCError
        If the image has another shape or no real values, or too few patches for an estimate of their covariance.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal((256, 256))
    >>> round(estimate_noise(0.5 + 0.1 * noise), 3), round(estimate_noise((128 + 25 * noise).astype(np.uint8)), 1)
    (0.096, 24.0)
    """
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[None]
    if image.ndim != 3 or image.dtype.kind not in "iuf":
        raise GroupSCError(
            f"the noise of {image.dtype} {image.shape} can't be estimated; give integers or floats as (c, H, W)"
        )
    if (image.shape[1] - PATCH + 1) * (image.shape[2] - PATCH + 1) < FEWEST or min(image.shape[1:]) < PATCH:
        raise GroupSCError(
            f"an image of {image.shape[1]}×{image.shape[2]} pixels is too small to estimate its noise; give the level"
        )
    if image.dtype.kind != "f":
        width = value_range(image).width
        return width * estimate_noise(image / width, where)
    inside = _without_frame(image)
    counted = np.ones(image.shape[1:], bool)[inside] if where is None else np.asarray(where, bool)[inside]
    part, counted = sample(image[:, *inside], counted)
    return float(np.sqrt(np.mean([_variance(channel, counted) for channel in part])))


def noise_and_range(
    image: NDArray[Any],
    sigma: float | None = None,
    where: NDArray[np.bool_] | None = None,
    *,
    estimate: float | None = None,
) -> tuple[float, ValueRange]:
    """Return the noise level of an image, given or estimated, and the range of its values.

    Parameters
    ----------
    image : array (c, H, W) of integers or floats
    sigma : float, optional
        Standard deviation of the noise in the units of the image; by default it is estimated.
    where : array (H, W) of bool, optional
        True for pixels that count in the estimate.
    estimate : float, optional
        What `estimate_noise` returned for the image before.

    Returns
    -------
    sigma : float
        At most the range.
    found : ValueRange

    Raises
    ------
    GroupSCError
        As for `groupsc.inference.units.check_sigma` and `estimate_noise`.

    Examples
    --------
    >>> noise_and_range(np.full((1, 40, 40), 128, np.uint8))
    (0.0, ValueRange(low=0.0, high=255.0, guessed=False))
    """
    if sigma is not None:
        check_sigma(sigma, image)
        return float(sigma), value_range(image, sigma)
    sigma = estimate_noise(image, where) if estimate is None else estimate
    found = value_range(image, sigma)
    return min(sigma, found.width), found


def _without_frame(image: np.ndarray) -> tuple[slice, slice]:
    """Return the rows and columns of an image (c, H, W) without constant borders; all if too few would remain."""
    varying = [np.ptp(image, axis=axis).any(0) for axis in (2, 1)]
    rows, columns = (slice(v.argmax(), len(v) - v[::-1].argmax()) for v in varying)
    height, width = (part.stop - part.start for part in (rows, columns))
    enough = min(height, width) >= PATCH and (height - PATCH + 1) * (width - PATCH + 1) >= FEWEST
    return (rows, columns) if enough and all(v.any() for v in varying) else (slice(None), slice(None))


def _variance(channel: np.ndarray, counted: np.ndarray) -> float:
    """Estimate the noise variance of one channel (H, W) from the patches whose pixels are all counted."""
    clipped = (channel <= 0) | (channel >= 1) if channel.min() >= 0 and channel.max() <= 1 else np.zeros_like(counted)
    candidates = (counted & ~clipped, counted, np.ones_like(counted))
    totals = [_whole_patches(pixels).sum() for pixels in candidates]
    enough = (max(FEWEST, LEAST_SHARE * totals[1]), FEWEST, 0)
    pixels = next(some for some, total, least in zip(candidates, totals, enough, strict=True) if total >= least)
    level = _level_of_eigenvalues if counted.sum() < SMALL else _smallest_eigenvalue
    moments, count = _second_moments(channel, pixels, np.inf)
    variance = level(moments, count)
    for _ in range(ROUNDS):
        moments, count = _second_moments(channel, pixels, variance * FLAT_TEXTURE)
        if count < PATCH**2:
            break
        variance = level(moments, count)
    return max(0.0, variance)


def _second_moments(channel: np.ndarray, pixels: np.ndarray, texture: float) -> tuple[np.ndarray, int]:
    """Return the sum of the outer products of all counted patches with less than `texture`, and their number.

    The computation goes strip by strip, because the patches of an image need 49 times its memory.
    """
    rows, columns = (length - PATCH + 1 for length in channel.shape)
    step = max(1, STRIP // columns)
    moments, count = np.zeros((PATCH**2, PATCH**2)), 0
    for top in range(0, rows, step):
        part = slice(top, min(top + step, rows) + PATCH - 1)
        strip = channel[part].astype(np.float64)
        chosen = _whole_patches(pixels[part]) & (_texture(strip) < texture)
        patches = np.lib.stride_tricks.sliding_window_view(strip, (PATCH, PATCH))[chosen].reshape(-1, PATCH**2)
        moments += patches.T @ patches
        count += len(patches)
    return moments, count


def _whole_patches(pixels: np.ndarray) -> np.ndarray:
    """Return whether all pixels of a patch are counted, at the position of its upper left corner."""
    whole: NDArray[np.bool_] = box_sums(pixels, PATCH, PATCH) == PATCH**2
    return whole


def _texture(channel: np.ndarray) -> np.ndarray:
    """Return the trace of each patch's gradient covariance, the sum of its squared differences, (rows, columns)."""
    across = (0.5 * (channel[:, 2:] - channel[:, :-2])) ** 2
    down = (0.5 * (channel[2:] - channel[:-2])) ** 2
    return box_sums(across, PATCH, PATCH - 2) + box_sums(down, PATCH - 2, PATCH)


def _smallest_eigenvalue(moments: np.ndarray, count: int) -> float:
    """Return the smallest eigenvalue of the covariance of `count` patches, given the sum of their outer products."""
    return float(np.linalg.eigvalsh(moments / (count - 1))[0])


def _level_of_eigenvalues(moments: np.ndarray, count: int) -> float:
    """Return the mean of the n smallest eigenvalues, with the largest n for which it is not above their median."""
    values = np.linalg.eigvalsh(moments / (count - 1))
    means = values.cumsum() / np.arange(1, len(values) + 1)
    return float(next(means[n - 1] for n in range(len(values), 0, -1) if means[n - 1] <= np.median(values[:n])))
