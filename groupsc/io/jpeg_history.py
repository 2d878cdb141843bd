"""Find the quality of an earlier JPEG compression of an image from its DCT coefficients.

After a compression, the DCT coefficients of the 8×8 blocks are multiples of quantisation steps. A lossless file of the
decoded image keeps them, up to rounding. A second compression with smaller steps, on the same grid, makes some values
frequent and others rare: double quantisation. A file that was saved again at a higher quality therefore still shows the
first quality, which its header does not contain.

For each candidate quality, the expected histogram of the coefficients of each low frequency is computed, and compared
with the observed histogram by its likelihood. The distribution before the first quantisation comes from the same image
shifted by 4 pixels, whose blocks straddle those of the compression.

References
----------
Lukáš and Fridrich, "Estimation of primary quantization matrix in double compressed JPEG images", Digital Forensic
Research Workshop (2003).
Fan and de Queiroz, "Identification of bitmap compression history: JPEG detection and quantizer estimation", IEEE
Transactions on Image Processing 12 (2003), https://doi.org/10.1109/TIP.2002.807361

Symbols: C coefficients (blocks, frequencies); p probabilities of the multiples −n … n of the second step.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from groupsc.io.codecs.pillow_images import luminance_tables

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in the luma Y of YCbCr (ITU-R BT.601), which JPEG files use."""
SIDE, SHIFT = 8, 4
"""Side of a block, and displacement of the blocks that show the distribution before quantisation, in pixels."""
FREQUENCIES = [(i, j) for i in range(5) for j in range(5) if 1 <= i + j <= 4]
"""Rows and columns of the coefficients that are compared. Higher ones are almost always zero after a compression."""
ROUNDING = 0.45
"""Standard deviation of a coefficient after the rounding of the decoded pixels to 8 bits, in gray levels."""
LARGEST = 400
"""Magnitude of the largest coefficient that is compared, in gray levels."""
BLOCKS = 4096
"""Largest number of blocks that are compared."""
FEWEST = 64
"""Blocks of the smallest image in which a compression is searched."""
HIGHEST = 95
"""Highest quality that is searched in a lossless file. Above it, compression is hardly visible."""
MIXED = 0.05
"""Share of coefficients that need not follow the model, because of clipped pixels."""
COARSER = 1.3
"""Least ratio of the first step to the second. A smaller one changes a histogram like a scale of its values."""
DIFFERENT = 0.5
"""Least share of different values among the coefficients of a frequency. A drawn pattern repeats the same values."""
GAIN = 0.05
"""Least mean logarithm of the ratio of the likelihoods of two compressions and of one, per coefficient."""

Histogram = NDArray[np.float64]


def earlier_quality(luma: ArrayLike, table: ArrayLike | None = None) -> int | None:
    """Find the quality of a JPEG compression that the header of a file does not contain.

    Parameters
    ----------
    luma : array (H, W)
        Luma of the decoded image in gray levels from 0 to 255, with the grid of the blocks at the origin.
    table : array (64,), optional
        Luminance quantisation table of the file, row by row; None for a lossless file.

    Returns
    -------
    int or None
        libjpeg quality of the earlier compression, below that of the file; None if there is no clear trace of one.

    Notes
    -----
    An earlier compression at a higher quality than that of the file leaves hardly a trace, and so does one on another
    grid: an image that was cropped, scaled or turned in between.

    Examples
    --------
    >>> import io
    >>> from PIL import Image
    >>> from skimage.data import camera
    >>> file = io.BytesIO()
    >>> Image.fromarray(camera()[:256, :256]).save(file, "JPEG", quality=30)
    >>> earlier_quality(np.asarray(Image.open(file)))
    30
    """
    luma = np.asarray(luma, dtype=np.float64)
    if min(luma.shape) < 2 * SIDE or (luma.shape[0] // SIDE) * (luma.shape[1] // SIDE) < FEWEST:
        return None
    C, shifted = _coefficients(luma), _coefficients(luma[SHIFT:, SHIFT:])
    second = np.ones(SIDE**2, dtype=int) if table is None else np.asarray(table)
    places = [SIDE * i + j for i, j in FREQUENCIES]
    tables = luminance_tables()[:HIGHEST, places]
    gains, count = np.zeros(len(tables)), 0
    for number, step in enumerate(second[places].tolist()):
        if _repeated(shifted[:, number]):
            continue
        observed = _histogram(C[:, number], step)
        candidates, inverse = np.unique(tables[:, number], return_inverse=True)
        known = [
            _gain(observed, shifted[:, number], candidate, step) if candidate >= COARSER * step else 0.0
            for candidate in candidates.tolist()
        ]
        gains += np.array(known)[inverse]
        count += int(observed.sum())
    best = int(gains.argmax())
    return 1 + best if gains[best] > GAIN * max(count, 1) else None


def _coefficients(luma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the coefficients of at most `BLOCKS` blocks at `FREQUENCIES`, (blocks, frequencies)."""
    from scipy.fft import dctn  # Only JPEG images need scipy, and its import takes time.

    rows, columns = (length // SIDE for length in luma.shape)
    blocks = luma[: SIDE * rows, : SIDE * columns].reshape(rows, SIDE, columns, SIDE).swapaxes(1, 2)
    chosen = np.arange(0, rows * columns, -(-rows * columns // BLOCKS))
    found = dctn(blocks[np.unravel_index(chosen, (rows, columns))], axes=(1, 2), norm="ortho")
    return np.stack([found[:, i, j] for i, j in FREQUENCIES], axis=1)


def _repeated(values: NDArray[np.float64]) -> bool:
    """Return whether the same few values occur again and again, or almost all are zero."""
    others = values[np.abs(values) > 0.5].round(2)
    return len(others) < FEWEST // 2 or len(np.unique(others)) < DIFFERENT * len(others)


def _histogram(values: NDArray[np.float64], step: float) -> Histogram:
    """Count the values by their nearest multiple of a step, from −n to n; zero and larger multiples are left out."""
    n = int(LARGEST / step)
    multiples = np.round(values / step)
    multiples = multiples[(np.abs(multiples) <= n) & (multiples != 0)]
    return np.bincount((multiples + n).astype(int), minlength=2 * n + 1).astype(np.float64)


def _gain(observed: Histogram, shifted: NDArray[np.float64], first: int, second: int) -> float:
    """Return the logarithm of the ratio of the likelihoods of two quantisations and of one, of a histogram."""
    from scipy.special import ndtr

    once = _normalised(np.convolve(np.pad(_histogram(shifted, second), 2), np.array([1, 4, 6, 4, 1]) / 16, "valid"))
    once = (1 - MIXED) * once + MIXED / len(once)
    values, counts = np.unique(first * np.round(shifted / first), return_counts=True)
    # Rounding moves a value by at most two multiples, also if the second step is 1.
    nearest = np.round(values / second)[:, None]
    near, edges = nearest + np.arange(-2, 3), (nearest + np.arange(-2, 4) - 0.5) * second
    within = counts[:, None] * np.diff(ndtr((edges - values[:, None]) / ROUNDING), axis=1)
    n = len(observed) // 2
    inside = np.abs(near) <= n
    spread = np.bincount((near[inside] + n).astype(int), weights=within[inside], minlength=2 * n + 1)
    twice = (1 - MIXED) * _normalised(spread) + MIXED * once
    return float(observed @ np.log(twice / once))


def _normalised(counts: NDArray[Any]) -> Histogram:
    """Return probabilities of the multiples other than zero."""
    p = counts + 1e-9
    p[len(p) // 2] = 1e-9
    return np.asarray(p / p.sum())
