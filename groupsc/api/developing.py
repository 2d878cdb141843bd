"""Develop the mosaics of sensors: the function `groupsc.develop`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from groupsc.api.demosaicking import demosaick
from groupsc.api.denoising import denoise, estimate_noise
from groupsc.data.degradations import bayer_mask
from groupsc.noise.developing import develop as develop_mosaic
from groupsc.noise.photon_noise import number_of
from groupsc.utils.errors import GroupSCError
from groupsc.utils.typing import PathLike


def develop(
    mosaic: ArrayLike,
    pattern: str = "RGGB",
    *,
    black_level: float = 0,
    white_level: float | None = None,
    white_balance: tuple[float, float, float] = (1, 1, 1),
    matrix: ArrayLike | None = None,
    noise: ArrayLike | None = None,
    denoised: bool = True,
    linear: bool = False,
    method: str = "best",
    weights: PathLike | None = None,
    **options: Any,
) -> NDArray[Any]:
    """Develop the linear mosaic of a raw file: remove noise, balance white, and reconstruct colours.

    Parameters
    ----------
    mosaic : array (H, W)
        Values of the sensor.
    pattern : {"RGGB", "BGGR", "GRBG", "GBRG"}
        Colours of the 2×2 cell in raster order; the first letter is the colour of pixel (0, 0).
    black_level : float
        Value of black.
    white_level : float, optional
        Value of saturation; by default the largest value of an integer type, or 1 for floats.
    white_balance : (float, float, float)
        Factors of red, green and blue.
    matrix : array (3, 3), optional
        From white-balanced colours of the camera to linear sRGB.
    noise : array (3, 2), optional
        S and O of red, green and blue: a value x, 0 for black and 1 for white, has the noise variance S x + O. By
        default the noise is estimated.
    denoised : bool
        Remove noise before the colours are reconstructed.
    linear : bool
        Return linear values instead of values with the curve of sRGB.
    method, weights, **options
        As for `demosaick`; `weights` are those of the model for mosaics.

    Returns
    -------
    array (H, W, 3), float32 in [0, 1]

    Raises
    ------
    GroupSCError
        If the mosaic, a level, a factor, the matrix or the noise can't be used; the message contains a hint.

    Examples
    --------
    >>> mosaic = np.full((40, 40), 2000, np.uint16)
    >>> colors = develop(mosaic, black_level=512, white_level=4095, denoised=False, method="sc", device="cpu")
    >>> colors.shape, colors.dtype, bool(np.ptp(colors[10:30, 10:30]) < 0.02)
    ((40, 40, 3), dtype('float32'), True)
    """
    values = np.asarray(mosaic)
    if values.ndim != 2 or values.dtype.kind not in "uif":
        raise GroupSCError(
            f"the mosaic has the shape {values.shape} and the type {values.dtype}; give (H, W) integers or floats"
        )
    bayer_mask(2, 2, pattern)  # An error for another pattern.
    white = _largest_value(values.dtype) if white_level is None else number_of(white_level)
    black = number_of(black_level)
    if not -np.inf < black < white < np.inf:
        raise GroupSCError(
            f"the white level {white:g} is not above the black level {black:g}, or not finite; correct them"
        )
    gains = _gains(white_balance)

    def clean(plane: NDArray[Any], sigma: float | None) -> NDArray[Any]:
        # Every sensor value is measured by itself, so the noise is white; texture could be taken for correlated noise.
        level = estimate_noise(plane) if sigma is None else sigma
        found: NDArray[Any] = denoise(plane, level, method=method, **options)
        return found

    def colors(balanced: NDArray[Any], pattern: str) -> NDArray[Any]:
        found: NDArray[Any] = demosaick(balanced, pattern, method=method, weights=weights, **options)
        return found

    return develop_mosaic(
        (values - np.float32(black)) / np.float32(white - black),
        pattern,
        gains=gains,
        matrix=None if matrix is None else _matrix(matrix),
        noise=None if noise is None else _noise(noise),
        denoise=clean if denoised else None,
        demosaick=colors,
        linear=linear,
    )


def _largest_value(dtype: np.dtype[Any]) -> float:
    return 1 if dtype.kind == "f" else np.iinfo(dtype).max


def _array(name: str, values: ArrayLike) -> NDArray[Any]:
    try:
        return np.asarray(values, float)
    except (TypeError, ValueError) as error:
        raise GroupSCError(f"the {name} is {values!r}; give numbers") from error


def _matrix(matrix: ArrayLike) -> NDArray[Any]:
    """Check the matrix of the colours."""
    found = _array("matrix", matrix)
    if found.shape != (3, 3) or not np.isfinite(found).all():
        raise GroupSCError(f"the matrix has the shape {found.shape}; give 3×3 finite numbers")
    return found


def _noise(noise: ArrayLike) -> NDArray[Any]:
    """Check S and O of red, green and blue."""
    found = _array("noise", noise)
    if found.shape != (3, 2) or not np.isfinite(found).all() or found[:, 0].min() <= 0:
        raise GroupSCError(f"the noise is {found.tolist()}; give S > 0 and O of red, green and blue, or leave it out")
    return found


def _gains(white_balance: tuple[float, float, float]) -> tuple[float, float, float]:
    """Check the factors of red, green and blue, and scale them so that the smallest is 1."""
    gains = _array("white balance", white_balance)
    if gains.shape != (3,) or not (np.isfinite(gains) & (gains > 0)).all():
        raise GroupSCError(f"the white balance is {white_balance}; give three factors above 0, for red, green and blue")
    red, green, blue = (gains / gains.min()).tolist()
    return red, green, blue
