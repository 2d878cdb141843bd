"""Correct a restored JPEG image with what its file contains, and replace it where it is not reliable.

1. Cells. A compression rounds the DCT coefficients of 8×8 blocks to multiples of quantisation steps, so those of the
   true image lie within half a step of the decoded ones. The restoration is projected onto this convex set, which
   brings it nearer to the truth. True coefficients are seldom near the ends of a cell, so the cells of the projection
   have `NARROW` of this width.
2. Violation. Where the restoration was far outside the cells, the model did not explain the file.
3. Contrast. Where many blocks contain the lowest and the highest value of a channel, the picture is a drawing or a
   text. Clipping to the range makes the decoded image better there than the models, which are trained on photographs.

Where test 2 or 3 fails, the decoded image replaces the restoration, with a smooth transition.

The projection needs the grid and the steps of the compression. Both are tested: if the decoded coefficients are not
near multiples of the steps, the grid is searched, as in a cropped picture. Without a grid, as after a second
compression, nothing is projected. Decoded pixels are integers, so a cell is extended by `ROUNDING`.

References
----------
Zakhor, "Iterative procedures for reduction of blocking effects in transform image coding", IEEE Transactions on
Circuits and Systems for Video Technology 2 (1992), https://doi.org/10.1109/76.134377
Park and Kim, "Theory of projection onto the narrow quantization constraint set and its application", IEEE
Transactions on Image Processing 8 (1999), https://doi.org/10.1109/83.791966

`scipy.fft` and `scipy.ndimage` are imported where they are used, because their import takes time.

Symbols: C, H coefficients of the decoded and the restored plane, (rows, columns, 8, 8); q quantisation steps (8, 8).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from groupsc.guards.ramp import ramp

SIDE = 8
"""Side of a block in pixels."""
NARROW = 0.6
"""Width of the cells of the projection, as a share of the quantisation step."""
ROUNDING = np.where(np.add.outer(np.arange(SIDE), np.arange(SIDE)) == 0, 4.0, 1.0)
"""Largest errors of decoded coefficients by rounding, in gray levels. In flat blocks of a colour image, all pixels have
the same error, which adds up in the mean."""
VIOLATION = (0.6, 1.2)
"""Energy outside the cells, as a share of that of uniform errors of the coefficients other than 0: the decoded image
begins to replace the restoration at the first value and replaces it completely at the second."""
CONTRAST = (0.2, 0.28)
"""Share of the 8×8 squares with black and white at which the replacement begins, and at which it is complete."""
AVERAGED = 5
"""Side of the square over which the tests are averaged, in blocks."""
AROUND = (AVERAGED + 2) * SIDE
"""Distance over which a pixel can have an influence, in pixels of the plane."""
FITS_GRID = 0.3
"""Largest mean squared distance to the multiples of the steps, relative to that of coefficients without a grid."""
FEWEST = 200
"""Number of coefficients that must show a grid that is not at the origin."""
LEAST_STEP = 6
"""Smallest step whose multiples are visible above the rounding."""
BLOCKS = 1024
"""Number of blocks in which a grid is searched."""

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Grid:
    """Blocks of a compression: row and column of the first whole block, and steps (8, 8)."""

    top: int
    left: int
    steps: Array


def guard_jpeg(decoded: Array, restored: Array, grid: Grid, *, projected: bool, contrast: Array) -> tuple[Array, Array]:
    """Project the restoration of a plane onto the cells, and replace it where it is not reliable.

    Parameters
    ----------
    decoded, restored : array (H, W)
        Plane of the decoded image in gray levels of 255, and its restoration.
    grid : Grid
    projected : bool
        Whether the plane was compressed on this grid, as `find_grid` tells.
    contrast : array (H, W)
        As `full_contrast` returns it.

    Returns
    -------
    guarded : array (H, W)
    weights : array (H, W)
        Share of the decoded image in each pixel, from 0 to 1.

    Examples
    --------
    A model that explodes has no influence:

    >>> decoded = np.random.default_rng(0).integers(0, 255, (24, 32)).astype(float)
    >>> grid = Grid(0, 0, np.full((8, 8), 40))
    >>> guarded, weights = guard_jpeg(decoded, 30 * decoded, grid, projected=True, contrast=np.zeros((24, 32)))
    >>> bool(np.allclose(guarded, decoded)), float(weights.min())
    (True, 1.0)
    """
    from scipy.ndimage import uniform_filter

    failed = ~np.isfinite(restored)
    restored = np.where(failed, decoded, restored)
    (C, place), (H, _) = (_coefficients(plane, grid) for plane in (decoded, restored))
    P = project(H, C, grid.steps, NARROW)
    significant = np.abs(C) > grid.steps / 2
    significant[..., 0, 0] = True
    energy = (significant * (grid.steps**2 / 12)).sum((2, 3))
    violation = _local_mean(((H - P) ** 2).sum((2, 3)), AVERAGED) / _local_mean(energy, AVERAGED)
    pixels = np.kron(ramp(violation, *VIOLATION), np.ones((SIDE, SIDE)))[place]
    w = np.maximum(uniform_filter(pixels, SIDE + 1, mode="nearest"), ramp(contrast, *CONTRAST)).clip(0, 1)
    w[failed] = 1
    near = restored
    if projected:
        # Pixels of an incomplete block that are outside the image are not known.
        inside = (slice(grid.top, _end(grid.top, len(decoded))), slice(grid.left, _end(grid.left, decoded.shape[1])))
        near = restored.copy()
        near[inside] = (restored + _plane(P - H)[place])[inside]
    return (1 - w) * near + w * decoded, w


def project(H: Array, C: Array, steps: Array, width: float = 1.0) -> Array:
    """Project coefficients onto the cells of the decoded ones.

    Parameters
    ----------
    H, C : array (..., 8, 8)
        Coefficients of the restored and of the decoded blocks, in gray levels of 255.
    steps : array (8, 8)
        Quantisation steps.
    width : float
        Width of the cells in steps, without the errors by rounding.

    Returns
    -------
    array (..., 8, 8)

    Examples
    --------
    >>> C = np.zeros((8, 8))
    >>> project(C + 30, C, np.full((8, 8), 20))[0, :2].tolist()
    [14.0, 11.0]
    """
    half = width * steps / 2 + ROUNDING
    return np.clip(H, C - half, C + half)


def find_grid(decoded: Array, steps: Array) -> Grid | None:
    """Find the grid on which a plane was compressed with known steps.

    Parameters
    ----------
    decoded : array (H, W)
        Plane in gray levels of 255.
    steps : array (8, 8)
        Quantisation steps. They are transposed if the image was turned.

    Returns
    -------
    Grid or None
        None if no grid is visible. In a plane without any detail, it is the grid at the origin.

    Examples
    --------
    >>> from scipy.fft import idctn
    >>> C = 40.0 * np.random.default_rng(0).integers(-2, 3, (12, 12, 8, 8))
    >>> plane = 128 + idctn(C, axes=(2, 3), norm="ortho").swapaxes(1, 2).reshape(96, 96)
    >>> found = find_grid(plane[3:, 5:], np.full((8, 8), 40))
    >>> found.top, found.left
    (5, 3)
    """
    origin = Grid(0, 0, steps)
    if min(decoded.shape) < SIDE or _distance(decoded, origin) < FITS_GRID:
        return origin
    tables = [steps] if np.array_equal(steps, steps.T) else [steps, steps.T]
    places = itertools.product(range(SIDE), range(SIDE))
    others = [Grid(top, left, table) for top, left in places for table in tables]
    distances = [_distance(decoded, grid, fewest=FEWEST) for grid in others]
    best = int(np.argmin(distances))
    return others[best] if distances[best] < FITS_GRID else None


def full_contrast(image: Array) -> Array:
    """Return the local share of 8×8 squares that contain the lowest and the highest value of a channel.

    Parameters
    ----------
    image : array (c, H, W)
        In [0, 1].

    Returns
    -------
    array (H, W)

    Examples
    --------
    >>> stripes = np.tile([0.0, 1.0], (1, 16, 8))
    >>> float(full_contrast(stripes).min()), float(full_contrast(0.9 * stripes).max())
    (1.0, 0.0)
    """
    from scipy.ndimage import maximum_filter, minimum_filter, uniform_filter

    both = np.zeros(image.shape[1:], bool)
    for channel in image:
        low, high = minimum_filter(channel, SIDE, mode="nearest"), maximum_filter(channel, SIDE, mode="nearest")
        both |= (low <= 0) & (high >= 1)
    return np.asarray(uniform_filter(both.astype(np.float64), AVERAGED * SIDE, mode="nearest"))


def decoded_chroma(plane: Array, axes: tuple[int, ...]) -> Array:
    """Undo the interpolation of subsampled chroma by libjpeg.

    libjpeg interpolates linearly: a pixel has three quarters of the nearest value and a quarter of the next. The means
    of two pixels are therefore the values filtered by (1/8, 3/4, 1/8), which the DCT of the whole plane inverts.

    Parameters
    ----------
    plane : array (H, W)
        Means of the interpolated values.
    axes : tuple of int
        Axes along which the chroma was subsampled.

    Returns
    -------
    array (H, W)

    Examples
    --------
    >>> values = np.random.default_rng(0).random((1, 9))
    >>> mean = 0.75 * values + 0.125 * (np.pad(values, ((0, 0), (1, 1)), "edge")[:, [range(9), range(2, 11)]].sum(1))
    >>> bool(np.allclose(decoded_chroma(mean, (1,)), values))
    True
    """
    from scipy.fft import dct, idct

    for axis in axes:
        length = plane.shape[axis]
        gain = 0.75 + 0.25 * np.cos(np.pi * np.arange(length) / length)
        spectrum = dct(plane, axis=axis, norm="ortho") / np.expand_dims(gain, 1 - axis)
        plane = idct(spectrum, axis=axis, norm="ortho")
    return plane


def _distance(decoded: Array, grid: Grid, *, fewest: int = 0) -> float:
    """Return the mean squared distance to multiples of the steps, relative to that of coefficients without a grid."""
    from scipy.fft import dctn

    blocks = _blocks(decoded[grid.top :, grid.left :]).reshape(-1, SIDE, SIDE)
    blocks = blocks[:: -(-len(blocks) // BLOCKS) or 1]
    # Clipping moves the coefficients of a block.
    inside = (blocks.min((1, 2), initial=255) > 0) & (blocks.max((1, 2), initial=0) < 255)
    C = dctn(blocks[inside] if inside.any() else blocks, axes=(1, 2), norm="ortho")
    q = np.broadcast_to(grid.steps, C.shape)
    visible = (np.abs(C) > q / 2) & (q >= LEAST_STEP)
    visible[:, 0, 0] = False
    C, q = C[visible], q[visible]
    if len(C) < fewest:
        return np.inf
    return float(((C - np.round(C / q) * q) ** 2).sum() / max((q**2 / 12).sum(), 1e-9))


def _coefficients(plane: Array, grid: Grid) -> tuple[Array, tuple[slice, slice]]:
    """Return the coefficients of all blocks, also incomplete ones, and the place of the plane in the blocks."""
    from scipy.fft import dctn

    before = [(SIDE - first) % SIDE for first in (grid.top, grid.left)]
    after = [-(length + first) % SIDE for length, first in zip(plane.shape, before, strict=True)]
    padded = np.pad(plane - 128, list(zip(before, after, strict=True)), mode="edge")
    place = tuple(slice(first, first + length) for first, length in zip(before, plane.shape, strict=True))
    return dctn(_blocks(padded), axes=(2, 3), norm="ortho"), (place[0], place[1])


def _blocks(plane: Array) -> Array:
    """Return the complete 8×8 blocks of a plane, (rows, columns, 8, 8)."""
    rows, columns = (length // SIDE for length in plane.shape)
    return plane[: SIDE * rows, : SIDE * columns].reshape(rows, SIDE, columns, SIDE).swapaxes(1, 2)


def _plane(C: Array) -> Array:
    """Invert the transform of blocks, without the mean of 128."""
    from scipy.fft import idctn

    blocks = idctn(C, axes=(2, 3), norm="ortho")
    found: Array = blocks.swapaxes(1, 2).reshape(SIDE * len(C), -1)
    return found


def _end(first: int, length: int) -> int:
    return max(first, length - (length - first) % SIDE)


def _local_mean(x: Array, side: int) -> Array:
    from scipy.ndimage import uniform_filter

    return np.asarray(uniform_filter(x, side, mode="nearest")).clip(0)
