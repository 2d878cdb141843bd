"""PSNR and SSIM by the protocol of the benchmark.

Images are (c, H, W) in [0, 1]; the restored one is clipped to that range, no border is cropped, the data range is 1.
"""

from __future__ import annotations

import numpy as np
from skimage.metrics import structural_similarity

from groupsc.utils.errors import GroupSCError


def psnr(x, reference) -> float:
    """PSNR in dB over all pixels and channels together; infinite for equal images."""
    x, reference = _comparable(x, reference)
    return _decibels(np.mean((x - reference) ** 2))


def psnr_channels(x, reference) -> float:
    """Mean over the channels of their PSNRs in dB, as the authors' demosaicking code printed it."""
    x, reference = _comparable(x, reference)
    return float(np.mean([_decibels(error) for error in np.mean((x - reference) ** 2, axis=(1, 2))]))


def measure_of(task: str) -> str:
    """The PSNR that tables and figures show of a task, by name: of mosaics `psnr_channels`, as the paper does."""
    return "psnr_channels" if task == "mosaic" else "psnr"


def ssim(x, reference) -> float:
    """Structural similarity with Wang's settings, mean over channels (https://doi.org/10.1109/TIP.2003.819861).

    Gaussian weights of σ = 1.5 and population covariance.

    Raises
    ------
    GroupSCError
        When the images are smaller than the 11×11 window.
    """
    x, reference = _comparable(x, reference)
    if min(x.shape[1:]) < 11:
        raise GroupSCError(f"SSIM needs 11×11 pixels, the images are {x.shape[1]}×{x.shape[2]}; use larger ones")
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    return float(structural_similarity(x, reference, channel_axis=0, **settings))


def _comparable(x, reference) -> tuple[np.ndarray, np.ndarray]:
    x, reference = np.asarray(x, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if x.shape != reference.shape or x.ndim != 3:
        raise GroupSCError(
            f"images of shapes {x.shape} and {reference.shape} can't be compared; both must be (c, H, W)"
        )
    if not (reference.size and 0 <= reference.min() and reference.max() <= 1):
        raise GroupSCError("the reference image leaves [0, 1]; divide 8-bit images by 255")
    return np.clip(x, 0, 1), reference


def _decibels(mean_squared_error: float) -> float:
    return float("inf") if mean_squared_error == 0 else float(-10 * np.log10(mean_squared_error))
