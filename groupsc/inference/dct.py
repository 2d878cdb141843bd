"""Denoise with the discrete cosine transform of overlapping 8×8 patches.

The estimate for white Gaussian noise has two steps: patches are thresholded in the DCT domain and averaged; the gains
of an empirical Wiener filter are then computed from the result. Three channels are transformed together. The method
has no trained parameters, so it does not depend on training images; `groupsc.guards.white_noise` uses it where a
trained model fails.

References
----------
Yu and Sapiro, "DCT image denoising: a simple and effective image denoising algorithm", Image Processing On Line 1
(2011), https://doi.org/10.5201/ipol.2011.ys-dct

The transform between the channels of a pixel is done once in the image, not in each patch that contains the pixel.

Symbols: T orthonormal transform of one channel of a patch (64, 64), rows are frequencies; C coefficients of patches
(N, m); G gains (N, m); patches have m = c·8² entries.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from groupsc.ops.patches import PatchGrid, accumulate

SIDE = 8
"""Side of a patch in pixels."""
STRIDE = 2
"""Distance between neighbouring patches in pixels; 2 uses a quarter of the patches and loses 0.3 to 0.5 dB."""
THRESHOLD = 2.7
"""Threshold of the first step, in standard deviations of the noise."""


def cosines(length: int) -> Tensor:
    """Return the orthonormal DCT-II of a vector, (frequencies, positions), in float64.

    Examples
    --------
    >>> torch.allclose(cosines(3) @ cosines(3).T, torch.eye(3, dtype=torch.float64))
    True
    """
    position = torch.arange(length, dtype=torch.float64)
    waves = torch.cos(math.pi * (position + 0.5) * position[:, None] / length) * math.sqrt(2 / length)
    waves[0] /= math.sqrt(2)
    return waves


def dct_denoise(image: Tensor, sigma: float) -> Tensor:
    """Denoise one image by thresholding and Wiener filtering of its patches.

    Parameters
    ----------
    image : Tensor (c, H, W), floating
        Noisy image with one or three channels.
    sigma : float
        Standard deviation of the white noise, in the units of the image.

    Returns
    -------
    Tensor (c, H, W)

    Examples
    --------
    >>> noisy = 0.5 + 0.1 * torch.randn(1, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> float((dct_denoise(noisy, 0.1) - 0.5).square().mean().sqrt()) < 0.02
    True
    """
    height, width = image.shape[1:]
    border = min(SIDE - 1, height - 1, width - 1)
    padded = functional.pad(image[None], (border,) * 4, mode="reflect")
    C, grid = coefficients(padded, STRIDE)
    kept = C.abs() > THRESHOLD * sigma
    # The means of a patch are kept in both steps: they hold little noise, and the result must not depend on brightness.
    means = slice(None, None, SIDE**2)
    kept[:, means] = True
    G = _transformed(_weighted(C * kept, 1 / kept.sum(1).to(C), grid), grid).square()
    G = G / (G + sigma**2)
    G[:, means] = 1
    restored = _weighted(C * G, 1 / G.square().sum(1), grid)[..., border : border + height, border : border + width]
    return _between_channels(restored, inverse=True)[0]


def coefficients(image: Tensor, stride: int) -> tuple[Tensor, PatchGrid]:
    """Transform the patches of an image, which is extended to the size of a patch where it is smaller.

    Parameters
    ----------
    image : Tensor (1, c, H, W), floating
    stride : int
        Distance between neighbouring patches in pixels.

    Returns
    -------
    C : Tensor (N, m)
        Coefficients of the patches.
    grid : PatchGrid
        Positions of the patches.

    Examples
    --------
    >>> C, grid = coefficients(torch.ones(1, 1, 8, 12), 4)
    >>> C.shape, grid.columns
    (torch.Size([2, 64]), 2)
    """
    missing = [max(0, SIDE - length) for length in image.shape[2:]]
    image = functional.pad(image, (0, missing[1], 0, missing[0]), mode="replicate")
    grid = PatchGrid(image.shape[2], image.shape[3], SIDE, stride)
    return _transformed(_between_channels(image), grid), grid


def _between_channels(image: Tensor, *, inverse: bool = False) -> Tensor:
    """Apply the DCT, or its inverse, to the channels of each pixel of an image (1, c, H, W)."""
    along = cosines(image.shape[1]).to(image)
    return torch.einsum("kc,bchw->bkhw", along.T if inverse else along, image)


def _transform(like: Tensor) -> Tensor:
    """Return T in the type and on the device of a tensor."""
    return torch.kron(cosines(SIDE), cosines(SIDE)).to(like)


def _transformed(image: Tensor, grid: PatchGrid) -> Tensor:
    """Return the coefficients (N, m) of the patches of an image whose channels are already transformed."""
    patches = grid.extract(image)[0]
    return (patches.view(-1, SIDE**2) @ _transform(image).T).view(patches.shape)


def _weighted(C: Tensor, weight: Tensor, grid: PatchGrid) -> Tensor:
    """Return the image (1, c, H, W) of coefficients C: each pixel is the mean of its estimates, weighted by patch.

    Its channels remain transformed.
    """
    patches = ((weight[:, None] * C).view(-1, SIDE**2) @ _transform(C)).view(C.shape)
    total = accumulate(patches[None], *grid.size, SIDE, STRIDE)
    weights, square = weight.view(1, 1, grid.rows, grid.columns), weight.new_ones(1, 1, SIDE, SIDE)
    share = functional.conv_transpose2d(weights, square, stride=STRIDE)
    return (total / share)[..., : grid.height, : grid.width]
