"""Restore colours from Bayer mosaics."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from groupsc.api.array_kinds import restore_images
from groupsc.api.loading import model_for
from groupsc.data.degradations import bayer_mask
from groupsc.guards.mosaic import AROUND, guard_mosaic
from groupsc.inference.regions import halo
from groupsc.inference.restorer import Restorer
from groupsc.io.arrays import unpack
from groupsc.utils.progress import Progress
from groupsc.utils.typing import PathLike
from groupsc.weights.selection import choose


def demosaick(
    mosaic: Any,
    pattern: str = "RGGB",
    *,
    method: str = "best",
    weights: PathLike | None = None,
    device: str = "auto",
    mode: str = "whole",
    stride: int | None = None,
    memory: float | None = None,
    progress: Progress = False,
    guard: bool = True,
) -> Any:
    """Reconstruct colours from the mosaic of a Bayer sensor.

    Parameters
    ----------
    mosaic : array (..., H, W)
        One measured value per pixel, as floats in [0, 1], uint8 or uint16. The models are trained on mosaics of
        processed pictures: white-balanced, gamma-encoded, over the full range and without noise. The mosaic of a raw
        file must be processed in this way before.
    pattern : {"RGGB", "BGGR", "GRBG", "GBRG"}
        Colours of the 2×2 cell in raster order; the first letter is the colour of pixel (0, 0).
    method, weights, device, mode, stride, memory, progress
        As for `denoise`.
    guard : bool
        Keep the measured values, and replace the restoration by bilinear interpolation where the colours have no common
        structure or the model failed; see `groupsc.guards.mosaic`. The tables of the paper are made without a
        guard.

    Returns
    -------
    array (..., H, W, 3)
        Colour image with the type of the mosaic, clipped to its range.

    Raises
    ------
    GroupSCError
        If the mosaic, the pattern, the method or the weights can't be used; the message contains a hint.

    Examples
    --------
    >>> mosaic = np.zeros((40, 40))
    >>> mosaic[::2, ::2] = 1  # The red pixels of a red surface.
    >>> colors = demosaick(mosaic, "RGGB", method="sc", device="cpu")
    >>> colors.shape, colors[20, 21].round(1).tolist()
    ((40, 40, 3), [1.0, 0.0, 0.0])
    """
    options: dict[str, Any] = {"mode": mode, "stride": stride, "memory": memory, "progress": progress}

    def model() -> Restorer:
        return model_for("mosaic", weights or choose("mosaic", method, None), mosaic, device)

    def restore(one: NDArray[Any], axis: int | None, where: NDArray[np.bool_] | None) -> NDArray[Any]:
        return _demosaicked(one, pattern, model(), guard=guard, **options)[0]

    def margin() -> int:
        return halo(model().coder) + (AROUND if guard else 0)

    return restore_images(restore, mosaic, None, margin=margin, period=2)


def demosaick_with_facts(
    mosaic: NDArray[Any],
    pattern: str = "RGGB",
    *,
    method: str = "best",
    weights: PathLike | None = None,
    device: str = "auto",
    guard: bool = True,
    **options: Any,
) -> tuple[NDArray[Any], dict[str, Any]]:
    """Reconstruct the colours of one mosaic, and return what was done.

    The parameters and errors are those of `demosaick`, for one numpy array (H, W).

    Returns
    -------
    restored : array (H, W, 3)
        As `demosaick` returns it.
    facts : dict
        Share of the image that the guard replaced.

    Examples
    --------
    >>> restored, facts = demosaick_with_facts(np.full((40, 40), 0.5), method="sc", device="cpu")
    >>> facts
    {'share': 0.0}
    """
    model = model_for("mosaic", weights or choose("mosaic", method, None), mosaic, device)
    restored, share = _demosaicked(mosaic, pattern, model, guard=guard, **options)
    return restored, {"share": share}


def _demosaicked(
    mosaic: NDArray[Any], pattern: str, model: Restorer, *, guard: bool, **options: Any
) -> tuple[NDArray[Any], float]:
    """Return the colours (H, W, 3) and the mean weight of the replacement by the guard."""
    pixels, back = unpack(mosaic, None)
    height, width = pixels.shape[-2:]
    mask = bayer_mask(height, width, pattern).numpy()
    measured = pixels * mask.astype(pixels.dtype)
    restored, share = model.restore(measured, mask=mask, **options), 0.0
    if guard:
        restored, replaced = guard_mosaic(measured, mask, restored)
        share = float(replaced.mean())
    return back(restored), share
