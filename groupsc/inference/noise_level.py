"""The noise level of a single image: principal components of its weakly textured patches.

Method of X. Liu, M. Tanaka, M. Okutomi, Single-image noise level estimation for blind denoising, IEEE Transactions on
Image Processing 22(12), 2013, doi:10.1109/TIP.2013.2283400, which the paper's blind models use (section 3.4). White
noise adds σ² to every eigenvalue of the covariance of patches, and patches without texture lie near a subspace, so
that the smallest eigenvalue over such patches is σ². Which patches count as such depends on σ: the two are found in
turn.
"""

from __future__ import annotations

import numpy as np

from groupsc.utils.boxes import box_sums
from groupsc.utils.errors import GroupSCError

PATCH = 7
ROUNDS = 2
FLAT_TEXTURE = 81.82076743668523
"""Texture that patches of unit noise alone stay below with a probability of 1 − 1e-6: their texture is a quadratic form
of noise, taken as gamma distributed. It stands here as a number, since the distributions of SciPy take longer to load
than a small image to restore; a test computes it."""

FEWEST, LEAST_SHARE = 2 * PATCH**2, 0.1
"""Patches that must remain for an estimate, and which share of all that count when clipped ones are left out."""

STRIP = 2**15
"""Patches that are looked at together."""


def estimate_noise(image, where=None) -> float:
    """Standard deviation of white Gaussian noise in an image; the root of the channels' mean variance.

    Constant frames are cut off. Patches that touch 0 or 1 are left out where enough others remain, since what was
    clipped shows less noise than there was. Values beyond the range tell that nothing was clipped.

    Parameters
    ----------
    image : array (c, H, W) or (H, W), floating
        In [0, 1]; noise may go beyond.
    where : array (H, W) of bool, optional
        Pixels that count, such as those that are not transparent.

    Returns
    -------
    float
        σ in gray levels of 255.

    Raises
    ------
    GroupSCError
        For an image of another shape, of integers, or with so few patches that their covariance is not known.
    """
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[None]
    if image.ndim != 3 or image.dtype.kind != "f":
        raise GroupSCError(f"the noise of {image.dtype} {image.shape} can't be estimated; give floats as (c, H, W)")
    if (image.shape[1] - PATCH + 1) * (image.shape[2] - PATCH + 1) < FEWEST or min(image.shape[1:]) < PATCH:
        raise GroupSCError(
            f"an image of {image.shape[1]}×{image.shape[2]} pixels is too small to estimate its noise; give the level"
        )
    inside = _without_frame(image)
    counted = np.ones(image.shape[1:], bool)[inside] if where is None else np.asarray(where, bool)[inside]
    return 255 * float(np.sqrt(np.mean([_variance(channel[inside], counted) for channel in image])))


def _without_frame(image: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of (c, H, W) without the constant ones at its borders; all when too little would be left."""
    varying = [np.ptp(image, axis=axis).any(0) for axis in (2, 1)]
    cut = tuple(slice(v.argmax(), len(v) - v[::-1].argmax()) for v in varying)
    height, width = (part.stop - part.start for part in cut)
    enough = min(height, width) >= PATCH and (height - PATCH + 1) * (width - PATCH + 1) >= FEWEST
    return cut if enough and all(v.any() for v in varying) else (slice(None), slice(None))


def _variance(channel: np.ndarray, counted: np.ndarray) -> float:
    """Variance of the noise of one channel (H, W), by the patches of which all pixels are counted."""
    clipped = (channel <= 0) | (channel >= 1) if channel.min() >= 0 and channel.max() <= 1 else np.zeros_like(counted)
    candidates = (counted & ~clipped, counted, np.ones_like(counted))
    totals = [_whole_patches(pixels).sum() for pixels in candidates]
    enough = (max(FEWEST, LEAST_SHARE * totals[1]), FEWEST, 0)
    pixels = next(some for some, total, least in zip(candidates, totals, enough, strict=True) if total >= least)
    moments, count = _second_moments(channel, pixels, np.inf)
    variance = _smallest_eigenvalue(moments, count)
    for _ in range(ROUNDS):
        moments, count = _second_moments(channel, pixels, variance * FLAT_TEXTURE)
        if count < PATCH**2:
            break
        variance = _smallest_eigenvalue(moments, count)
    return max(0.0, variance)


def _second_moments(channel: np.ndarray, pixels: np.ndarray, texture: float) -> tuple[np.ndarray, int]:
    """Sum of the outer products of the patches with less than `texture` and all of their `pixels` counted, and how many
    they are; strip by strip, since the patches of an image take 49 times its memory."""
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
    """Patches of which all pixels are counted, by their corners."""
    return box_sums(pixels, PATCH, PATCH) == PATCH**2


def _texture(channel: np.ndarray) -> np.ndarray:
    """Trace of each patch's gradient covariance: its squared differences inside the patch, summed; (rows, columns)."""
    across = (0.5 * (channel[:, 2:] - channel[:, :-2])) ** 2
    down = (0.5 * (channel[2:] - channel[:-2])) ** 2
    return box_sums(across, PATCH, PATCH - 2) + box_sums(down, PATCH - 2, PATCH)


def _smallest_eigenvalue(moments: np.ndarray, count: int) -> float:
    """Of the second moments of `count` patches, (PATCH², PATCH²), given as their sum."""
    return float(np.linalg.eigvalsh(moments / (count - 1))[0])
