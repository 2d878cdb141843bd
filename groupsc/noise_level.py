"""The noise level of a single image: principal components of its weakly textured patches.

Method of X. Liu, M. Tanaka, M. Okutomi, Single-image noise level estimation for blind denoising, IEEE Transactions on
Image Processing 22(12), 2013, doi:10.1109/TIP.2013.2283400, which the paper's blind models use (section 3.4). White
noise adds σ² to every eigenvalue of the covariance of patches, and patches without texture lie near a subspace, so
that the smallest eigenvalue over such patches is σ². Which patches count as such depends on σ: the two are found in
turn.
"""

from __future__ import annotations

import functools

import numpy as np
from scipy.signal import convolve2d
from scipy.stats import gamma

from groupsc.errors import GroupSCError

PATCH = 7
ROUNDS = 2
CONFIDENCE = 1 - 1e-6
"""Share of the noise's own texture that a flat patch stays below."""

DIFFERENCE = np.array([[-0.5, 0, 0.5]])


def estimate_noise(image) -> float:
    """Standard deviation of white Gaussian noise in an image; the root of the channels' mean variance.

    Parameters
    ----------
    image : array (c, H, W) or (H, W), floating
        In [0, 1]; noise may go beyond.

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
    if (image.shape[1] - PATCH + 1) * (image.shape[2] - PATCH + 1) < 2 * PATCH**2 or min(image.shape[1:]) < PATCH:
        raise GroupSCError(
            f"an image of {image.shape[1]}×{image.shape[2]} pixels is too small to estimate its noise; give the level"
        )
    return 255 * float(np.sqrt(np.mean([_variance(channel.astype(np.float64)) for channel in image])))


def _variance(channel: np.ndarray) -> float:
    """Variance of the noise of one channel (H, W)."""
    patches = np.lib.stride_tricks.sliding_window_view(channel, (PATCH, PATCH)).reshape(-1, PATCH**2)
    texture = _texture(channel).ravel()
    limit = _flat_texture()
    variance = _smallest_eigenvalue(patches)
    for _ in range(ROUNDS):
        flat = texture < variance * limit
        if np.count_nonzero(flat) < PATCH**2:
            break
        variance = _smallest_eigenvalue(patches[flat])
    return max(0.0, variance)


def _texture(channel: np.ndarray) -> np.ndarray:
    """Trace of each patch's gradient covariance: its squared differences inside the patch, summed; (rows, columns)."""
    across = convolve2d(channel, DIFFERENCE, mode="valid") ** 2
    down = convolve2d(channel, DIFFERENCE.T, mode="valid") ** 2
    return _box(across, PATCH, PATCH - 2) + _box(down, PATCH - 2, PATCH)


def _box(x: np.ndarray, height: int, width: int) -> np.ndarray:
    """Sums over all windows."""
    total = np.pad(x.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    return total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]


@functools.cache
def _flat_texture() -> float:
    """Texture that unit noise alone stays below with `CONFIDENCE`: a quadratic form of noise, taken as gamma
    distributed."""
    units = np.eye(PATCH**2).reshape(-1, PATCH, PATCH)
    D = np.array(
        [
            np.concatenate([convolve2d(unit, kernel, mode="valid").ravel() for kernel in (DIFFERENCE, DIFFERENCE.T)])
            for unit in units
        ]
    )
    form = D @ D.T
    rank, trace = np.linalg.matrix_rank(form), np.trace(form)
    return float(gamma.ppf(CONFIDENCE, rank / 2, scale=2 * trace / rank))


def _smallest_eigenvalue(patches: np.ndarray) -> float:
    """Of the second moments of patches (N, PATCH²)."""
    return float(np.linalg.eigvalsh(patches.T @ patches / (len(patches) - 1))[0])
