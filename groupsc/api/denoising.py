"""Remove noise from arrays, and estimate its level."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from groupsc.api.array_kinds import levels_of, restore_images
from groupsc.api.loading import cached_model, device_of
from groupsc.api.noise_removal import Sigma, denoise_with_facts, noise_task
from groupsc.guards.white_noise import AROUND
from groupsc.inference.regions import halo
from groupsc.inference.units import ValueRange, check_sigma, value_range
from groupsc.io.arrays import unpack
from groupsc.noise import noise_level
from groupsc.utils.device import pick_device
from groupsc.utils.errors import GroupSCError
from groupsc.utils.progress import Progress
from groupsc.utils.typing import PathLike
from groupsc.weights.selection import choose


def denoise(
    image: Any,
    sigma: Sigma | None = None,
    *,
    noise: str = "white",
    gain: float | Sequence[float] | NDArray[Any] | None = None,
    offset: float | None = None,
    read_noise: float | None = None,
    strength: float = 1.0,
    method: str = "best",
    weights: PathLike | None = None,
    channel_axis: int | None = None,
    device: str = "auto",
    mode: str = "whole",
    stride: int | None = None,
    memory: float | None = None,
    progress: Progress = False,
    guard: bool = True,
) -> Any:
    """Remove Gaussian or Poisson noise.

    Parameters
    ----------
    image : array (..., H, W)
        Gray images, or images with 1 or 3 channels along `channel_axis`: integers or floats of any range, as a numpy
        array, a masked array, a torch tensor on any device, or a dask array. Masked pixels don't count.
    sigma : float or array, optional
        Standard deviation of the noise in the units of the image, such as 25 for uint8 or 25 / 255 for floats in
        [0, 1]; at least 0, and at most the range of the image. One number, one per channel, or a map (H, W) or of the
        shape of the image. By default it is estimated from each image. A dask array requires one number. Several values
        take the time of two or three restorations (`groupsc.noise.maps`). If σ is estimated, below 2/255 of the range,
        and the range is not guessed, no pixel changes by more than 2/255 of it.
    noise : {"white", "poisson"}
        "white" is Gaussian noise with one σ. If σ is estimated, noise that is correlated, as after demosaicking,
        resizing or JPEG compression, is recognised (`groupsc.noise.correlation`). "poisson" is the noise of photons and
        of the read-out of a sensor, for images that are linear in light. Its variance is read_noise² + gain · (mean −
        offset).
    gain : float or one per channel, optional
        For Poisson noise: units of the image per photon; by default it is estimated (`groupsc.noise.affine_variance`).
    offset : float, optional
        For Poisson noise: value without light, in the units of the image; by default 0 if `gain` or `read_noise` is
        given, otherwise estimated.
    read_noise : float, optional
        For Poisson noise: standard deviation without light, in the units of the image; by default 0 if `gain` or
        `offset` is given, otherwise estimated.
    strength : float
        Factor of the noise level, given or estimated: above 1 to remove more, below 1 to remove less.
    method : {"best", "groupsc", "csr", "sc", "groupsc-fast", "sc-short"}
        "best" selects among the models of all methods: a model trained for the level or near it, otherwise a blind
        model, otherwise the model of the nearest level. Among several, it selects the fastest of those whose validation
        PSNR is at most 0.02 dB below the highest. `groupsc.weights.selection.NEAR` defines which levels are near.
    weights : str or path, optional
        Name of released weights, or a weights file; by default the weights are selected by method and level.
    channel_axis : int, optional
        Axis of the channels; None for gray images.
    device : str
        "cpu", "cuda", or "auto", which uses the GPU of a tensor, or a GPU if the machine has one.
    mode : {"whole", "block"}
        Restore the whole image, or overlapping blocks as the paper does.
    stride : int, optional
        Distance between blocks in pixels, for block mode only; by default the side of the window of the model.
    memory : float, optional
        Memory in bytes that may be used; by default at most half of the free memory. An image that needs more is
        restored in overlapping regions.
    progress : bool or type
        Show a progress bar if the restoration takes more than two seconds. A class, such as `tqdm.notebook.tqdm`, shows
        it in another way.
    guard : bool
        Replace the restoration where the model removed more than noise; see `groupsc.guards.white_noise`. The tables of
        the paper are made without a guard.

    Returns
    -------
    array
        Restored image with the shape and the type of the input. It is clipped to the range of an integer type, and to
        [0, 1] if it has floats and all of the input are in [0, 1].

    Raises
    ------
    GroupSCError
        If the image, the noise level, the method or the weights can't be used; the message contains a hint.

    Warns
    -----
    GroupSCWarning
        If σ is so low for integers that it is probably meant for floats.

    Notes
    -----
    A model is trained for one σ. If the noise level is near this σ, the image is scaled so that its noise has the
    trained level. Otherwise a blind model is used, if one is released. The noise level is compared with the range of
    the image (`groupsc.inference.units.value_range`). An image of integers is returned as it is if the estimate of σ is
    not above the error of rounding (`groupsc.inference.units.rounding_noise`). If the image had to be scaled by more
    than twice the factor that `groupsc.models.noise_scaling.CONTRAST_LIMIT` allows, the guard replaces all of it.

    Examples
    --------
    >>> noisy = np.random.default_rng(0).normal(128, 25, (40, 40)).round().astype(np.uint8)
    >>> restored = denoise(noisy, sigma=25, method="sc", device="cpu")
    >>> restored.shape, restored.dtype, bool(restored.std() < 5)
    ((40, 40), dtype('uint8'), True)
    """
    options: dict[str, Any] = {"device": device_of(image, device), "mode": mode, "stride": stride, "memory": memory}
    kind: dict[str, Any] = {"noise": noise, "gain": gain, "offset": offset, "read_noise": read_noise}
    levels = levels_of(image, sigma, channel_axis)

    def restore(one: NDArray[Any], axis: int | None, where: NDArray[np.bool_] | None) -> NDArray[Any]:
        return denoise_with_facts(
            one, next(levels), strength=strength, method=method, weights=weights, channel_axis=axis, guard=guard,
            where=where, progress=progress, **kind, **options,
        )[0]  # fmt: skip

    def margin() -> int:
        nonlocal weights
        if noise == "poisson":
            raise GroupSCError(
                "Poisson noise of a dask array can't be removed block by block; call image.map_blocks(groupsc.denoise, "
                "…) with whole images as blocks, as docs/formats.md shows"
            )
        if not isinstance(sigma, Real):
            raise GroupSCError("the noise of a dask array can't be estimated block by block; give sigma, one number")
        task = noise_task(np.empty(1 if channel_axis is None else image.shape[channel_axis]))
        weights = weights or choose(task, method, _range_of(image, float(sigma)).level(strength * float(sigma)))
        return halo(cached_model(weights, pick_device(device)).coder) + (AROUND if guard else 0)

    return restore_images(restore, image, channel_axis, margin=margin)


def estimate_noise(image: Any, *, channel_axis: int | None = None) -> Any:
    """Estimate the standard deviation of the white Gaussian noise of an image.

    Parameters
    ----------
    image : array (..., H, W)
        Gray images, or images with 1 or 3 channels along `channel_axis`. Masked pixels don't count.
    channel_axis : int, optional
        Axis of the channels; None for gray images.

    Returns
    -------
    float, or array (...)
        σ in the units of the image, one per image. The method is that of `groupsc.noise.noise_level`.

    Raises
    ------
    GroupSCError
        If the image can't be used or is too small for an estimate.

    Examples
    --------
    >>> noise = np.random.default_rng(0).normal(128, 10, (96, 96, 3))
    >>> 9 < estimate_noise(noise.round().astype(np.uint8), channel_axis=-1) < 11
    True
    """

    def estimate(one: NDArray[Any], axis: int | None, where: NDArray[np.bool_] | None) -> NDArray[Any]:
        return np.asarray(noise_level.estimate_noise(unpack(one, axis, scaled=False)[0], where))

    if isinstance(image, torch.Tensor):
        image = image.detach().cpu()
        image = (image.float() if image.is_floating_point() else image).numpy()
    levels = restore_images(estimate, image, channel_axis)
    return levels if levels.ndim else float(levels)


def _range_of(image: Any, sigma: float) -> ValueRange:
    """Find the range of the values of a dask array, which are computed unless the type defines the range."""
    ends = [0, 255] if image.dtype == np.uint8 else [image.min(), image.max()]
    check_sigma(sigma, np.array(ends, image.dtype))
    return value_range(np.array(ends, image.dtype), sigma)
