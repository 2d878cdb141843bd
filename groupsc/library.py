"""Restoration of arrays: the functions that `import groupsc` offers, in the manner of scikit-image.

Images are numpy arrays, gray (H, W) or with three channels along `channel_axis`, of floats in [0, 1] or of integers
over the range of their type. What comes back has the shape and type of what was given. Noise levels are in gray levels
of 255, whatever the type.
"""

from __future__ import annotations

import functools
import math
from pathlib import Path

import numpy as np

from groupsc.checkpoint import load_weights
from groupsc.config import LEVEL_NAMES, METHODS, experiment_name
from groupsc.degradations import bayer_mask
from groupsc.device import pick_device
from groupsc.errors import GroupSCError
from groupsc.noise_level import estimate_noise
from groupsc.released import find_weights, releases
from groupsc.restorer import Restorer

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
    coder, card = load_weights(find_weights(weights), device=pick_device(device))
    return Restorer(coder, card)


def denoise(
    image, sigma=None, *, method="best", weights=None, channel_axis=None, device="auto", mode="whole", stride=None,
    memory=None, progress=False,
):  # fmt: skip
    """Remove white Gaussian noise.

    Parameters
    ----------
    image : array (H, W), or with 3 channels along `channel_axis`
        Floats in [0, 1], or integers over the range of their type.
    sigma : float, optional
        Standard deviation of the noise in gray levels of 255; estimated from the image when left out.
    method : {"best", "groupsc", "csr", "sc"}
        "best" takes a model trained for the level, else a blind one, else the nearest, and of each kind the first that
        is released of GroupSC, CSR and SC.
    weights : str or path, optional
        A release or a file, instead of the one that fits method and level.
    channel_axis : int, optional
        The axis of the channels; None for gray images.
    device : str
        "auto" takes the GPU when there is one.
    mode, stride, memory, progress
        As for `groupsc.restore.restore`.

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
    A model is trained for one σ. Between the trained ones the image is scaled so that its noise is that of the nearest
    one (in the logarithm), or a blind model is used where one is released; see README.
    """
    pixels, back = _unpack(image, channel_axis)
    task = "gray" if len(pixels) == 1 else "color"
    if sigma is not None and not 0 < sigma <= HIGHEST_SIGMA:
        raise GroupSCError(f"sigma is {sigma}; give the noise level in gray levels of 255, above 0 and at most 255")
    sigma = max(estimate_noise(pixels), LEAST_SIGMA) if sigma is None else float(sigma)
    model = _model(weights or choose(task, method, sigma), str(pick_device(device)))
    model.require(task)
    restored = model.restore(pixels, level=sigma, mode=mode, stride=stride, memory=memory, progress=progress)
    return back(restored)


def demosaick(
    mosaic, pattern="RGGB", *, method="best", weights=None, device="auto", mode="whole", stride=None, memory=None,
    progress=False,
):  # fmt: skip
    """Reconstruct colours from the mosaic of a Bayer sensor.

    Parameters
    ----------
    mosaic : array (H, W)
        One measured value a pixel, floats in [0, 1] or integers.
    pattern : {"RGGB", "BGGR", "GRBG", "GBRG"}
        The 2×2 cell in raster order, its first letter at pixel (0, 0).
    method, weights, device, mode, stride, memory, progress
        As for `denoise`.

    Returns
    -------
    array (H, W, 3)
        Of the mosaic's type.
    """
    pixels, back = _unpack(mosaic, None)
    mask = bayer_mask(*pixels.shape[-2:], pattern).numpy()
    model = _model(weights or choose("mosaic", method, None), str(pick_device(device)))
    model.require("mosaic")
    options = {"mode": mode, "stride": stride, "memory": memory, "progress": progress}
    return back(model.restore(pixels * mask.astype(pixels.dtype), mask=mask, **options))


def deblock(
    image, quality=None, *, method="best", weights=None, channel_axis=None, device="auto", mode="whole",
    stride=None, memory=None, progress=False,
):  # fmt: skip
    """Remove the artefacts of JPEG compression.

    Parameters
    ----------
    image : array (H, W), or with 3 channels along `channel_axis`
        The decoded image. Of colours the luma is restored, the chroma stays.
    quality : int
        Quality factor of libjpeg, 1 to 100. The model of the nearest trained quality is used. Arrays don't tell it;
        `groupsc.photographs.read_photograph` reads it from a JPEG file.
    method, weights, channel_axis, device, mode, stride, memory, progress
        As for `denoise`.

    Returns
    -------
    array
        Of the image's shape and type.
    """
    if quality is None or not 1 <= quality <= 100:
        raise GroupSCError(f"quality is {quality}; give the JPEG quality factor of the image, 1 to 100")
    pixels, back = _unpack(image, channel_axis)
    model = _model(weights or choose("jpeg", method, quality), str(pick_device(device)))
    model.require("jpeg")
    luma = pixels if len(pixels) == 1 else np.tensordot(LUMA.astype(pixels.dtype), pixels, 1)[None]
    restored = model.restore(luma, mode=mode, stride=stride, memory=memory, progress=progress)
    # Y carries no chroma: adding the change of Y to red, green and blue alike leaves Cb and Cr as they are.
    return back(pixels + (restored - luma))


def choose(task: str, method: str, level: float | None, known=None) -> str:
    """Name of the model for a task, method and level: trained there, or blind, or the nearest.

    `known` are the names to choose among; those of all releases when left out. The method "best" takes the first kind
    that any method has, and of that GroupSC before CSR before SC.

    Raises
    ------
    GroupSCError
        When no model of the method is released for the task, or the level is no positive number.
    """
    if level is not None and not 0 < level < math.inf:
        raise GroupSCError(f"the level is {level}; give a number above 0")
    known = releases() if known is None else known
    if method not in ("best", *METHODS):
        raise GroupSCError(f"there is no method {method!r}; choose one of best, {', '.join(METHODS)}")
    candidates = METHODS[::-1] if method == "best" else (method,)
    names = [experiment_name(task, candidate, level) for candidate in candidates]
    if level is not None:
        names += [f"{task}-{candidate}-blind" for candidate in candidates]
        for candidate in candidates:
            start = f"{task}-{candidate}-{LEVEL_NAMES[task]}"
            trained = {name: float(name.removeprefix(start)) for name in known if name.startswith(start)}
            names += sorted(trained, key=lambda name, trained=trained: abs(math.log(trained[name] / level)))
    found = next((name for name in names if name in known), None)
    if found is not None:
        return found
    there = sorted(name for name in known if name.startswith(f"{task}-"))
    raise GroupSCError(
        f"no {method} model is released for {task} images; choose among {', '.join(there) or 'other tasks'}"
    )


@functools.lru_cache(maxsize=4)
def _model(weights: str | Path, device: str) -> Restorer:
    return load(weights, device=device)


def _unpack(image, channel_axis):
    """Pixels (c, H, W) as floats in [0, 1], and the function that gives a result the image's layout, range and type;
    three channels that came from one lie last."""
    image = np.asarray(image)
    if image.dtype.kind not in "uif" or not image.size:
        raise GroupSCError(f"an image of type {image.dtype} and shape {image.shape} can't be restored; give numbers")
    if channel_axis is None and image.ndim != 2:
        raise GroupSCError(f"the image is {image.shape}; give (H, W), or name the axis of its colours by channel_axis")
    if channel_axis is not None and (image.ndim != 3 or image.shape[channel_axis] not in (1, 3)):
        raise GroupSCError(f"the image is {image.shape}; give 1 or 3 channels along channel_axis, without transparency")
    highest = 1.0 if image.dtype.kind == "f" else float(np.iinfo(image.dtype).max)
    work = np.float64 if image.dtype == np.float64 else np.float32
    pixels = image[None] if channel_axis is None else np.moveaxis(image, channel_axis, 0)
    pixels = np.ascontiguousarray(pixels, dtype=work) / work(highest)
    if not np.isfinite(pixels).all():
        raise GroupSCError("the image holds NaN or infinite values; replace them by numbers before it is restored")

    def back(result):
        result = np.clip(result, 0, 1)
        if channel_axis is None and len(result) == 1:
            result = result[0]
        else:
            result = np.moveaxis(result, 0, -1 if channel_axis is None else channel_axis)
        if image.dtype.kind != "f":
            result = np.round(result * highest)
        return np.ascontiguousarray(result.astype(image.dtype))

    return pixels, back
