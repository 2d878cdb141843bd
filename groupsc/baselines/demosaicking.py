"""Demosaicking by fixed and by directional filters, with the package colour-demosaicing."""

from __future__ import annotations

import numpy as np

from groupsc.baselines.base import Baseline

PATTERN = "RGGB"
MARGIN = 8
"""Pixels mirrored around the image: an even number keeps the pattern, which the package's filters break there."""


class Bilinear(Baseline):
    """The mean of the nearest measured values, plane by plane."""

    name = "bilinear"
    tasks = ("mosaic",)
    package = "colour_demosaicing"
    function = "demosaicing_CFA_Bayer_bilinear"
    reference = (
        "O. Losson, L. Macaire, Y. Yang. Comparison of color demosaicing methods. Advances in Imaging and Electron "
        "Physics 162, 2010. https://doi.org/10.1016/S1076-5670(10)62005-8"
    )

    def restore(self, degraded: np.ndarray, task: str, level: float | None) -> np.ndarray:
        import colour_demosaicing

        height, width = degraded.shape[1:]
        margin = min(MARGIN, (min(height, width) - 1) // 2 * 2)
        measured = np.pad(degraded.sum(axis=0), margin, mode="reflect")
        restored = getattr(colour_demosaicing, self.function)(measured, PATTERN)
        return restored[margin:, margin:][:height, :width].transpose(2, 0, 1).astype(np.float32)


class Malvar(Bilinear):
    """Linear filters of 5×5 pixels, corrected by the gradients of the measured colour."""

    name = "malvar"
    function = "demosaicing_CFA_Bayer_Malvar2004"
    reference = (
        "H. S. Malvar, L. He, R. Cutler. High-quality linear interpolation for demosaicing of Bayer-patterned color "
        "images. ICASSP 2004. https://doi.org/10.1109/ICASSP.2004.1326587"
    )


class Menon(Bilinear):
    """Directional filters, the direction chosen after the fact, and a refinement."""

    name = "menon"
    function = "demosaicing_CFA_Bayer_Menon2007"
    reference = (
        "D. Menon, S. Andriani, G. Calvagno. Demosaicing with directional filtering and a posteriori decision. "
        "IEEE TIP 16(1), 2007. https://doi.org/10.1109/TIP.2006.884928"
    )


METHODS = (Bilinear, Malvar, Menon)
