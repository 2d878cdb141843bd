"""Load models as torch modules, and keep the last ones for the next images."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import torch

from groupsc.inference.restorer import Restorer
from groupsc.utils.device import fast_matmul_dtype, pick_device
from groupsc.utils.digests import parameters_digest
from groupsc.utils.typing import PathLike
from groupsc.weights.cards import purpose
from groupsc.weights.files import load_weights
from groupsc.weights.released import find_weights


def load(
    weights: PathLike, *, device: torch.device | str = "auto", trainable: bool = False, precision: str = "auto"
) -> Restorer:
    """Load a model as a torch module.

    Parameters
    ----------
    weights : str or path
        Name of released weights, such as "gray-groupsc-sigma25", or a weights file.
    device : str or torch.device
        "cpu", "cuda", or "auto", which uses a GPU if the machine has one.
    trainable : bool
        Whether the parameters need gradients, for an own training; `Restorer.save` writes the result. Otherwise they
        are frozen, also after `model.train()`.
    precision : {"auto", "float32", "bfloat16"}
        Matrix products of float32 images without gradients: the fastest of the device, or those of this type. Images
        of float64 are restored in float64. Finite differences and other small changes need float64 or "float32".

    Returns
    -------
    Restorer

    Raises
    ------
    GroupSCError
        If the name is unknown, or the file is missing, damaged or altered.

    Examples
    --------
    >>> model = load("gray-groupsc-sigma25", device="cpu")
    >>> model(torch.full((1, 1, 12, 16), 0.5), sigma=10 / 255).shape
    torch.Size([1, 1, 12, 16])
    """
    path = find_weights(weights)
    coder, card = load_weights(path, device=pick_device(device))
    purpose(path, card)
    fast_matmul_dtype(coder.D.device, precision)  # An error for another word.
    restorer = Restorer(coder, card, precision=precision).requires_grad_(trainable).train(trainable)
    restorer.digest = parameters_digest(coder)
    return restorer


def cached_model(weights: PathLike, device: torch.device) -> Restorer:
    """Load a model, or return the loaded one if its file has not changed.

    Parameters
    ----------
    weights : str or path
        As for `load`.
    device : torch.device

    Returns
    -------
    Restorer

    Raises
    ------
    GroupSCError
        As `load`.

    Examples
    --------
    >>> cached_model("gray-sc-sigma25", torch.device("cpu")) is cached_model("gray-sc-sigma25", torch.device("cpu"))
    True
    """
    path = find_weights(weights)
    try:
        stamp = path.stat()
    except OSError:
        return load(path, device=device)
    return _kept_model(path, str(device), (stamp.st_mtime_ns, stamp.st_size, stamp.st_ino))


def model_for(task: str, weights: PathLike, image: Any, device: str) -> Restorer:
    """Load a model of a task for an image, as `cached_model`.

    Parameters
    ----------
    task : str
        Task that the model must have been trained for.
    weights : str or path
    image : array
        A tensor on a GPU is restored there if the device is chosen automatically.
    device : str

    Returns
    -------
    Restorer

    Raises
    ------
    GroupSCError
        As `load`, or if the model was trained for another task.

    Examples
    --------
    >>> model_for("jpeg", "jpeg-sc-quality10", [[0.5]], "cpu").card["level"]
    10
    """
    found = cached_model(weights, pick_device(device_of(image, device)))
    found.require(task)
    return found


@functools.lru_cache(maxsize=4)
def _kept_model(path: Path, device: str, stamp: tuple[int, int, int]) -> Restorer:
    # `stamp` is only a part of the key of the cache, so that a file that changed is loaded again.
    return load(path, device=device)


def device_of(image: Any, device: str) -> str:
    """Return the device of a tensor on a GPU if the device is chosen automatically, otherwise the given device.

    Examples
    --------
    >>> device_of(torch.zeros(2), "auto")
    'auto'
    """
    return str(image.device) if device == "auto" and isinstance(image, torch.Tensor) and image.is_cuda else device
