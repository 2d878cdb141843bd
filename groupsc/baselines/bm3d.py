"""Denoise with BM3D, by the package `bm3d` of its authors, whose licence permits non-commercial use only."""

from __future__ import annotations

import numpy as np

from groupsc.baselines.base import Baseline, given


class BM3D(Baseline):
    """BM3D for gray images: collaborative filtering of groups of similar blocks, both stages, the authors' parameters.

    Examples
    --------
    >>> BM3D().restore(np.zeros((1, 16, 16), np.float32), "gray", 25)  # doctest: +SKIP
    """

    name = "bm3d"
    tasks = ("gray",)
    reference = (
        "K. Dabov, A. Foi, V. Katkovnik, K. Egiazarian. Image denoising by sparse 3-D transform-domain collaborative "
        "filtering. IEEE TIP 16(8), 2007. https://doi.org/10.1109/TIP.2007.901238"
    )
    package = "bm3d"

    def restore(self, degraded: np.ndarray, task: str, level: float | None) -> np.ndarray:
        import bm3d

        return np.asarray(bm3d.bm3d(degraded[0], given(level) / 255), dtype=np.float32)[None]


class ColorBM3D(BM3D):
    """BM3D for colour images: similar blocks are found on the luma of an opponent colour space.

    Examples
    --------
    >>> ColorBM3D().restore(np.zeros((3, 16, 16), np.float32), "color", 25)  # doctest: +SKIP
    """

    name = "cbm3d"
    tasks = ("color",)
    reference = (
        "K. Dabov, A. Foi, V. Katkovnik, K. Egiazarian. Color image denoising via sparse 3D collaborative filtering "
        "with grouping constraint in luminance-chrominance space. ICIP 2007. https://doi.org/10.1109/ICIP.2007.4378954"
    )

    def restore(self, degraded: np.ndarray, task: str, level: float | None) -> np.ndarray:
        import bm3d

        restored = bm3d.bm3d_rgb(degraded.transpose(1, 2, 0), given(level) / 255)
        return np.asarray(restored, dtype=np.float32).transpose(2, 0, 1)
