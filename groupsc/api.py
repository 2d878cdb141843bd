"""Restoration of arrays: the functions that `import groupsc` offers, in the manner of scikit-image.

Images are numpy arrays, gray (H, W) or with three channels along `channel_axis`, of floats in [0, 1], uint8 or uint16.
What comes back has the shape and type of what was given. Noise levels are in gray levels of 255, whatever the type.
Three equal channels are restored as the gray image that they are.
"""

from __future__ import annotations

import functools
from numbers import Real
from pathlib import Path

import numpy as np
import torch

from groupsc.data.degradations import bayer_mask
from groupsc.inference.guard import guard as guard_restoration
from groupsc.inference.noise_level import estimate_noise
from groupsc.inference.restorer import Restorer
from groupsc.io.arrays import one_if_equal, unpack
from groupsc.utils.device import pick_device
from groupsc.utils.errors import GroupSCError
from groupsc.weights.cards import purpose
from groupsc.weights.files import load_weights
from groupsc.weights.released import find_weights
from groupsc.weights.selection import choose

LEAST_SIGMA, HIGHEST_SIGMA = 0.5, 255.0
"""The noise that an image without any is taken to have, and the most that is taken for noise."""

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in Y of YCbCr (ITU-R BT.601), as JPEG files use it."""


def load(weights, *, device="auto") -> Restorer:
    """A model as a torch module.

    Parameters
    ----------
    weights : str or path
        Name of a release, such as "gray-groupsc-sigma25", or a weights file.
    device : str
        "auto" takes the GPU when there is one.

    Raises
    ------
    GroupSCError
        For an unknown name, or a file that is missing, damaged or altered.
    """
    path = find_weights(weights)
    coder, card = load_weights(path, device=pick_device(device))
    purpose(path, card)
    return Restorer(coder, card)


def denoise(
    image, sigma=None, *, method="best", weights=None, channel_axis=None, device="auto", mode="whole", stride=None,
    memory=None, progress=False, guard=True,
):  # fmt: skip
    """Remove white Gaussian noise.

    Parameters
    ----------
    image : array (H, W), or with 3 channels along `channel_axis`
        Floats in [0, 1], uint8 or uint16.
    sigma : float, optional
        Standard deviation of the noise in gray levels of 255; estimated from the image when left out.
    method : {"best", "groupsc", "csr", "sc"}
        "best" takes a model trained for the level or near it, else a blind one, else the nearest, and of several the
        one that did best on the validation images; `groupsc.weights.selection.NEAR` says how near.
    weights : str or path, optional
        A release or a file, instead of the one that fits method and level.
    channel_axis : int, optional
        The axis of the channels; None for gray images.
    device : str
        "auto" takes the GPU when there is one.
    mode, stride, memory, progress
        As for `groupsc.inference.tiling.restore`.
    guard : bool
        Replace what the model restored where it removed more than noise; see `groupsc.inference.guard`. The benchmark
        of the paper has no guard.

    Returns
    -------
    array
        Of the image's shape and type, clipped to its range.

    Raises
    ------
    GroupSCError
        For an image, level, method or weights that can't be used; the sentence says what to do.

    Notes
    -----
    A model is trained for one σ. For noise near it the image is scaled so that its noise is that of the training;
    farther away a blind model is used, where one is released.
    """
    return denoise_with_share(
        image, sigma, method=method, weights=weights, channel_axis=channel_axis, device=device, mode=mode,
        stride=stride, memory=memory, progress=progress, guard=guard,
    )[0]  # fmt: skip


def denoise_with_share(image, sigma=None, *, method="best", weights=None, channel_axis=None, device="auto", guard=True,
                       **options) -> tuple[np.ndarray, float]:  # fmt: skip
    """As `denoise`, with the share of the image, from 0 to 1, in which the guard replaced the model."""
    pixels, back = unpack(image, channel_axis)
    if sigma is not None:
        check_sigma(sigma)
    gray = one_if_equal(pixels)
    sigma = noise_of(gray) if sigma is None else float(sigma)
    model = _model(weights or choose(noise_task(gray), method, sigma), pick_device(device))
    noisy = noisy_channels(model, pixels)
    restored, share = model.restore(noisy, level=sigma, **options), 0.0
    if guard:
        y, h = (torch.from_numpy(np.ascontiguousarray(x)) for x in (noisy, restored))
        guarded, replaced = guard_restoration(y, h, sigma / 255)
        restored, share = guarded.numpy(), float(replaced.mean())
    return back(restored), share


def demosaick(
    mosaic, pattern="RGGB", *, method="best", weights=None, device="auto", mode="whole", stride=None, memory=None,
    progress=False,
):  # fmt: skip
    """Reconstruct colours from the mosaic of a Bayer sensor.

    Parameters
    ----------
    mosaic : array (H, W)
        One measured value a pixel, floats in [0, 1], uint8 or uint16. The models know mosaics of finished pictures:
        white-balanced, gamma-encoded, over the full range, without noise; prepare those of a raw file so first.
    pattern : {"RGGB", "BGGR", "GRBG", "GBRG"}
        The 2×2 cell in raster order, its first letter at pixel (0, 0).
    method, weights, device, mode, stride, memory, progress
        As for `denoise`.

    Returns
    -------
    array (H, W, 3)
        Of the mosaic's type.

    Raises
    ------
    GroupSCError
        For a mosaic, pattern, method or weights that can't be used; the sentence says what to do.
    """
    pixels, back = unpack(mosaic, None)
    mask = bayer_mask(*pixels.shape[-2:], pattern).numpy()
    model = _model(weights or choose("mosaic", method, None), pick_device(device))
    model.require("mosaic")
    options = {"mode": mode, "stride": stride, "memory": memory, "progress": progress}
    return back(model.restore(pixels * mask.astype(pixels.dtype), mask=mask, **options))


def deblock(
    image, quality, *, method="best", weights=None, channel_axis=None, device="auto", mode="whole",
    stride=None, memory=None, progress=False,
):  # fmt: skip
    """Remove the artefacts of JPEG compression.

    Parameters
    ----------
    image : array (H, W), or with 3 channels along `channel_axis`
        The decoded image. Of colours the luma is restored, the chroma stays.
    quality : int
        Quality factor of libjpeg, 1 to 100. The model of the nearest trained quality is used; above the highest of
        them its correction is weakened, down to nothing at 100. Arrays don't tell it;
        `groupsc.io.photographs.read_photograph` reads it from a JPEG file.
    method, weights, channel_axis, device, mode, stride, memory, progress
        As for `denoise`.

    Returns
    -------
    array
        Of the image's shape and type.

    Raises
    ------
    GroupSCError
        For an image, quality, method or weights that can't be used; the sentence says what to do.
    """
    if not isinstance(quality, Real) or not 1 <= quality <= 100:
        raise GroupSCError(f"quality is {quality}; give the JPEG quality factor of the image, 1 to 100")
    pixels, back = unpack(image, channel_axis)
    model = _model(weights or choose("jpeg", method, quality), pick_device(device))
    model.require("jpeg")
    luma = pixels if len(pixels) == 1 else np.tensordot(LUMA.astype(pixels.dtype), pixels, 1)[None]
    restored = model.restore(luma, mode=mode, stride=stride, memory=memory, progress=progress)
    trained = model.card["level"]
    weight = 1.0 if quality <= trained else (100 - quality) / (100 - trained)
    # Y carries no chroma: adding the change of Y to red, green and blue alike leaves Cb and Cr as they are.
    return back(pixels + weight * (restored - luma))


def check_sigma(sigma) -> None:
    """Raise an error unless σ is a noise level."""
    if not isinstance(sigma, Real) or not 0 < sigma <= HIGHEST_SIGMA:
        raise GroupSCError(f"sigma is {sigma!r}; give the noise level in gray levels of 255, above 0 and at most 255")


def noise_of(pixels: np.ndarray, where=None) -> float:
    """The estimated noise level of pixels (c, H, W), within the levels that models are told."""
    return min(max(estimate_noise(pixels, where), LEAST_SIGMA), HIGHEST_SIGMA)


def noise_task(pixels: np.ndarray) -> str:
    """The task of removing noise from pixels (c, H, W)."""
    return "gray" if len(pixels) == 1 else "color"


def noisy_channels(model: Restorer, pixels: np.ndarray) -> np.ndarray:
    """Of pixels (c, H, W) the channels that a model of noise restores; an error when it is for other images."""
    pixels = pixels if model.card["task"] == "color" else one_if_equal(pixels)
    model.require(noise_task(pixels))
    return pixels


def _model(weights: str | Path, device: torch.device) -> Restorer:
    """The model, kept in memory as long as its file stays the same."""
    path = find_weights(weights)
    try:
        stamp = path.stat()
    except OSError:
        return load(path, device=device)
    return _kept_model(path, str(device), (stamp.st_mtime_ns, stamp.st_size, stamp.st_ino))


@functools.lru_cache(maxsize=4)
def _kept_model(path: Path, device: str, stamp: tuple) -> Restorer:
    return load(path, device=device)
