"""BM3D and CBM3D by their authors' package `bm3d`, which is free for non-commercial use only.

The package is the refined version of 2020 in its profile "np"; the paper quotes the version of 2007.
"""

from __future__ import annotations

import numpy as np

from groupsc.baselines.base import Baseline
from groupsc.errors import GroupSCError

_REFINED = (
    "Y. Mäkinen, L. Azzari, A. Foi. Collaborative filtering of correlated noise: exact transform-domain variance for "
    "improved shrinkage and patch matching. IEEE TIP 29, 2020. https://doi.org/10.1109/TIP.2020.3014721"
)
SIDE = 8
"""Side of its blocks in pixels."""


class BM3D(Baseline):
    """Gray."""

    name = "bm3d"
    tasks = ("gray",)
    package = "bm3d"
    reference = (
        "K. Dabov, A. Foi, V. Katkovnik, K. Egiazarian. Image denoising by sparse 3-D transform-domain collaborative "
        f"filtering. IEEE TIP 16(8), 2007. https://doi.org/10.1109/TIP.2007.901238; {_REFINED}"
    )

    def restore(self, degraded: np.ndarray, task: str, level: float | None) -> np.ndarray:
        if min(degraded.shape[1:]) < SIDE:
            raise GroupSCError(f"{self.name} needs {SIDE}×{SIDE} pixels, the image is {degraded.shape[1:]}; use larger")
        return self._filter(degraded.transpose(1, 2, 0).astype(np.float64), level / 255).astype(np.float32)

    def _filter(self, image: np.ndarray, sigma: float) -> np.ndarray:
        """(H, W, 1) to (1, H, W)."""
        import bm3d

        return bm3d.bm3d(image[..., 0], sigma)[None]


class CBM3D(BM3D):
    """Colour: blocks are matched on the luma of an opponent colour space."""

    name = "cbm3d"
    tasks = ("color",)
    reference = (
        "K. Dabov, A. Foi, V. Katkovnik, K. Egiazarian. Color image denoising via sparse 3D collaborative filtering "
        "with grouping constraint in luminance-chrominance space. ICIP 2007. "
        f"https://doi.org/10.1109/ICIP.2007.4378954; {_REFINED}"
    )

    def _filter(self, image: np.ndarray, sigma: float) -> np.ndarray:
        """(H, W, 3) to (3, H, W)."""
        import bm3d

        return bm3d.bm3d_rgb(image, sigma).transpose(2, 0, 1)


METHODS = (BM3D, CBM3D)
