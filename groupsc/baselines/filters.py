"""Denoise with filters of scikit-image, which need no training."""

from __future__ import annotations

from typing import Any

import numpy as np

from groupsc.baselines.base import Baseline, given


class NonLocalMeans(Baseline):
    """Non-local means: patches of 5×5 within 13×13 pixels, with the filter strength 0.6 σ that scikit-image recommends.

    Examples
    --------
    >>> NonLocalMeans().restore(np.full((1, 16, 16), 0.5, np.float32), "gray", 25).shape
    (1, 16, 16)
    """

    name = "nlm"
    tasks = ("gray", "color")
    reference = (
        "A. Buades, B. Coll, J.-M. Morel. A non-local algorithm for image denoising. CVPR 2005. "
        "https://doi.org/10.1109/CVPR.2005.38"
    )

    def restore(self, degraded: np.ndarray, task: str, level: float | None) -> np.ndarray:
        from skimage.restoration import denoise_nl_means

        sigma = given(level) / 255
        sizes = {"patch_size": 5, "patch_distance": 6, "fast_mode": True}
        image, axis = (degraded[0], None) if task == "gray" else (degraded, 0)
        restored = denoise_nl_means(image, h=0.6 * sigma, sigma=sigma, channel_axis=axis, **sizes)
        return np.asarray(restored, dtype=np.float32).reshape(degraded.shape)


class BayesShrink(Baseline):
    """BayesShrink: a soft threshold for each subband of a wavelet transform; colours are converted to luma and chroma.

    Examples
    --------
    >>> BayesShrink().restore(np.full((1, 16, 16), 0.5, np.float32), "gray", 25)  # doctest: +SKIP
    """

    name = "bayesshrink"
    tasks = ("gray", "color")
    reference = (
        "S. G. Chang, B. Yu, M. Vetterli. Adaptive wavelet thresholding for image denoising and compression. IEEE TIP "
        "9(9), 2000. https://doi.org/10.1109/83.862633"
    )
    package = "pywt"

    def restore(self, degraded: np.ndarray, task: str, level: float | None) -> np.ndarray:
        from skimage.restoration import denoise_wavelet

        gray = task == "gray"
        options: dict[str, Any] = {} if gray else {"channel_axis": -1, "convert2ycbcr": True}
        image = degraded[0] if gray else degraded.transpose(1, 2, 0)
        denoised = denoise_wavelet(image, sigma=given(level) / 255, method="BayesShrink", **options)
        restored = np.asarray(denoised, dtype=np.float32)
        return restored[None] if gray else restored.transpose(2, 0, 1)


class TotalVariation(Baseline):
    """Total variation by Chambolle's algorithm with weight σ, which is near the optimum for photographs at σ 15 to 50.

    Examples
    --------
    >>> TotalVariation().restore(np.full((1, 16, 16), 0.5, np.float32), "gray", 25).shape
    (1, 16, 16)
    """

    name = "tv"
    tasks = ("gray", "color")
    reference = (
        "A. Chambolle. An algorithm for total variation minimization and applications. Journal of Mathematical Imaging "
        "and Vision 20, 2004. https://doi.org/10.1023/B:JMIV.0000011325.36760.1e"
    )

    def restore(self, degraded: np.ndarray, task: str, level: float | None) -> np.ndarray:
        from skimage.restoration import denoise_tv_chambolle

        # The default `eps` stops after few iterations, at 50 up to 15 dB below the limit on flat images.
        restored = denoise_tv_chambolle(
            degraded, weight=given(level) / 255, eps=1e-6, max_num_iter=1000, channel_axis=0
        )
        return np.asarray(restored, dtype=np.float32)
