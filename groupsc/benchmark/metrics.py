"""Compute PSNR and SSIM by the protocol of the benchmark.

Images are (c, H, W) in [0, 1]. The restored image is clipped to that range, no border is cropped, and the data range
is 1. With `clip=False`, images may have values outside [0, 1] and are not clipped, as in the stress set.
"""

from __future__ import annotations

import numpy as np

from groupsc.utils.errors import GroupSCError


def psnr(x, reference, *, clip: bool = True) -> float:
    """Compute the PSNR over all pixels and channels together.

    Parameters
    ----------
    x, reference : array (c, H, W)
        Restored image, clipped to [0, 1] here, and clean image in [0, 1].
    clip : bool
        Whether to clip the restored image.

    Returns
    -------
    float
        PSNR in dB, infinite for equal images.

    Raises
    ------
    GroupSCError
        When the shapes differ, or `clip` is true and the reference has values outside [0, 1].

    Examples
    --------
    >>> psnr(np.full((1, 4, 4), 0.6), np.full((1, 4, 4), 0.5))
    20.0
    """
    x, reference = _comparable(x, reference, clip)
    return _decibels(np.mean((x - reference) ** 2))


def psnr_channels(x, reference, *, clip: bool = True) -> float:
    """Average the PSNRs of the channels, as the authors' demosaicking code does.

    Parameters
    ----------
    x, reference, clip
        As for `psnr`.

    Returns
    -------
    float
        Mean PSNR in dB.

    Raises
    ------
    GroupSCError
        As `psnr`.

    Examples
    --------
    >>> clean = np.full((3, 4, 4), 0.5)
    >>> restored = clean + np.array([0.1, 0.1, 0.01])[:, None, None]
    >>> round(psnr_channels(restored, clean), 2), round(psnr(restored, clean), 2)
    (26.67, 21.74)
    """
    x, reference = _comparable(x, reference, clip)
    return float(np.mean([_decibels(error) for error in np.mean((x - reference) ** 2, axis=(1, 2))]))


def measure_of(task: str) -> str:
    """Return the name of the PSNR metric of a task: `psnr_channels` for mosaics, as in the paper, otherwise `psnr`.

    Examples
    --------
    >>> measure_of("mosaic"), measure_of("gray")
    ('psnr_channels', 'psnr')
    """
    return "psnr_channels" if task == "mosaic" else "psnr"


def ssim(x, reference, *, clip: bool = True) -> float:
    """Compute the structural similarity with Wang's settings, averaged over channels.

    The weights are Gaussian with σ = 1.5 pixels, the covariance is that of the population
    (https://doi.org/10.1109/TIP.2003.819861).

    Parameters
    ----------
    x, reference, clip
        As for `psnr`.

    Returns
    -------
    float
        At most 1, which equal images reach.

    Raises
    ------
    GroupSCError
        As `psnr`; also when the images are smaller than the 11×11 window.

    Examples
    --------
    >>> image = np.linspace(0, 1, 144).reshape(1, 12, 12)
    >>> round(ssim(image, image), 6)
    1.0
    """
    from skimage.metrics import structural_similarity  # Tables and figures measure nothing, and its import takes time.

    x, reference = _comparable(x, reference, clip)
    if min(x.shape[1:]) < 11:
        raise GroupSCError(f"SSIM needs 11×11 pixels, the images are {x.shape[1]}×{x.shape[2]}; use larger ones")
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
    return float(structural_similarity(x, reference, channel_axis=0, **settings))


def _comparable(x, reference, clip: bool) -> tuple[np.ndarray, np.ndarray]:
    x, reference = np.asarray(x, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    if x.shape != reference.shape or x.ndim != 3:
        raise GroupSCError(
            f"images of shapes {x.shape} and {reference.shape} can't be compared; both must be (c, H, W)"
        )
    if not clip:
        return x, reference
    if not (reference.size and 0 <= reference.min() and reference.max() <= 1):
        raise GroupSCError("the reference image has values outside [0, 1]; divide 8-bit images by 255")
    return np.clip(x, 0, 1), reference


def _decibels(mean_squared_error: float) -> float:
    return float("inf") if mean_squared_error == 0 else float(-10 * np.log10(mean_squared_error))


def all_metrics(restored: np.ndarray, clean: np.ndarray, *, clip: bool = True) -> dict[str, float]:
    """Return the metrics of a row of results, rounded.

    Parameters
    ----------
    restored, clean, clip
        As for `psnr`.

    Examples
    --------
    >>> all_metrics(np.full((1, 12, 12), 0.6), np.full((1, 12, 12), 0.5))["psnr"]
    20.0
    """
    return {
        "psnr": round(psnr(restored, clean, clip=clip), 4),
        "psnr_channels": round(psnr_channels(restored, clean, clip=clip), 4),
        "ssim": round(ssim(restored, clean, clip=clip), 6),
    }
