"""Non-local means by scikit-image."""

from __future__ import annotations

import numpy as np

from groupsc.baselines.base import Baseline

# σ up to: (side of the patches, side of the search window, h / σ), as in Buades, Coll, Morel, IPOL 2011.
SETTINGS = {
    "gray": {15: (3, 21, 0.40), 30: (5, 21, 0.40), 45: (7, 35, 0.35), 75: (9, 35, 0.35), 100: (11, 35, 0.30)},
    "color": {25: (3, 21, 0.55), 55: (5, 35, 0.40), 100: (7, 35, 0.35)},
}


class NonLocalMeans(Baseline):
    """Each pixel the mean of its neighbourhood, weighted by the likeness of the patches around."""

    name = "nlm"
    tasks = ("gray", "color")
    reference = (
        "A. Buades, B. Coll, J.-M. Morel. Non-local means denoising. Image Processing On Line 1, 2011. "
        "https://doi.org/10.5201/ipol.2011.bcm_nlm"
    )

    def restore(self, degraded: np.ndarray, task: str, level: float | None) -> np.ndarray:
        from skimage.restoration import denoise_nl_means

        sigma, table = level / 255, SETTINGS[task]
        patch, window, h = table[min((top for top in table if top >= level), default=max(table))]
        settings = {"patch_size": patch, "patch_distance": window // 2, "h": h * sigma, "sigma": sigma}
        channel_last = np.ascontiguousarray(degraded.transpose(1, 2, 0))
        restored = denoise_nl_means(channel_last, fast_mode=True, channel_axis=-1, **settings)
        return restored.reshape(channel_last.shape).transpose(2, 0, 1).astype(np.float32)


METHODS = (NonLocalMeans,)
