"""Wavelet shrinkage with the BayesShrink threshold, by scikit-image."""

from __future__ import annotations

import numpy as np

from groupsc.baselines.base import Baseline

WAVELET, SCALES = "sym8", 4
"""The authors' choice: Daubechies' least asymmetric wavelet with eight vanishing moments, four scales."""


class BayesShrink(Baseline):
    """Soft thresholds band by band from the known σ; of colour images in YCbCr."""

    name = "wavelet"
    tasks = ("gray", "color")
    package = "pywt"
    reference = (
        "S. G. Chang, B. Yu, M. Vetterli. Adaptive wavelet thresholding for image denoising and compression. "
        "IEEE TIP 9(9), 2000. https://doi.org/10.1109/83.862633"
    )

    def restore(self, degraded: np.ndarray, task: str, level: float | None) -> np.ndarray:
        import pywt
        from skimage.restoration import denoise_wavelet

        scales = min(SCALES, max(1, pywt.dwtn_max_level(degraded.shape[1:], WAVELET)))
        settings = {"sigma": level / 255, "wavelet": WAVELET, "wavelet_levels": scales, "method": "BayesShrink"}
        if task == "gray":
            return denoise_wavelet(degraded[0], **settings)[None].astype(np.float32)
        settings |= {"convert2ycbcr": True, "rescale_sigma": True, "channel_axis": 0}
        return denoise_wavelet(degraded, **settings).astype(np.float32)


METHODS = (BayesShrink,)
