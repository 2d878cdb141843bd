"""Write and read weights and training states as safetensors with metadata, atomically and without pickle.

A weights file contains the state dict of one `SparseCoder` and, as metadata, its card. A training state contains
everything that the next step depends on. The previous state is kept until the new one is complete.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from groupsc.models.coder import SparseCoder
from groupsc.models.sizes import number_of_parameters
from groupsc.utils.atomic import replacing
from groupsc.utils.errors import GroupSCError
from groupsc.utils.typing import PathLike
from groupsc.weights.cards import config_of, newest_state, opened, previous_state


def save_weights(path: PathLike, model: SparseCoder, metadata: Mapping[str, Any]) -> None:
    """Write a model and its metadata to a weights file.

    Parameters
    ----------
    path : path
    model : SparseCoder
        Its parameters are written as float32.
    metadata : dict
        Values are encoded as JSON; the model configuration is added.

    Raises
    ------
    GroupSCError
        When the file can't be written.

    Examples
    --------
    >>> save_weights("model.safetensors", model, {"task": "gray", "method": "sc", "level": 25})  # doctest: +SKIP
    """
    metadata = {**metadata, "model": dataclasses.asdict(model.config)}
    tensors = {name: tensor.detach().to("cpu", torch.float32) for name, tensor in model.state_dict().items()}
    write_tensors(path, tensors, metadata)


def load_weights(path: PathLike, *, device: torch.device | str = "cpu") -> tuple[SparseCoder, dict[str, Any]]:
    """Load the model of a weights file in evaluation mode, and its metadata.

    Parameters
    ----------
    path : path
    device : str or torch.device

    Returns
    -------
    (SparseCoder, dict)

    Raises
    ------
    GroupSCError
        When the file is missing or damaged, or its tensors differ from those of its model configuration.

    Examples
    --------
    >>> model, card = load_weights("model.safetensors")  # doctest: +SKIP
    """
    tensors, metadata = read_tensors(path)
    config = config_of(path, metadata)
    # An altered file may name huge sizes, which must not be allocated: a model with more parameters than the file is
    # made on the device "meta". Other models are made on the CPU, since arithmetic on "meta" loads torch's compiler.
    enough = number_of_parameters(config) <= sum(tensor.numel() for tensor in tensors.values())
    with torch.device("cpu" if enough else "meta"):
        model = SparseCoder(config, dictionary=torch.empty(config.dimension, config.n_atoms))
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if wanted != found:
        raise GroupSCError(f"{path} contains {found}, but its model needs {wanted}; it was altered, so fetch it again")
    copies = {name: tensor.to(torch.float32, copy=True) for name, tensor in tensors.items()}
    model.load_state_dict(copies, assign=True)
    return model.to(device).requires_grad_(False).eval(), metadata


def write_tensors(path: PathLike, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write tensors and metadata atomically: at any time `path` is absent, unchanged or complete.

    The same tensors and metadata give the same bytes, so the checksum of a file identifies a model.

    Parameters
    ----------
    path : path
    tensors : dict of str to Tensor
    metadata : dict
        Values are encoded as JSON.

    Raises
    ------
    GroupSCError
        When the file can't be written.

    Examples
    --------
    >>> write_tensors("state.safetensors", {"x": torch.zeros(1)}, {"step": 10})  # doctest: +SKIP
    """
    encoded = {key: json.dumps(value) for key, value in metadata.items()}
    content = save({name: tensor.contiguous() for name, tensor in tensors.items()}, encoded)
    with replacing(path) as partial:
        partial.write_bytes(_with_sorted_metadata(content))


def _with_sorted_metadata(content: bytes) -> bytes:
    """Sort the metadata of a safetensors file, which the library writes in random order.

    The file is the length of the header in 8 bytes, the header in JSON, filled with spaces to a multiple of 8, and the
    tensors.
    """
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + content[end:]


def read_tensors(path: PathLike) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the tensors and the decoded metadata of a file that `write_tensors` wrote.

    Parameters
    ----------
    path : path

    Returns
    -------
    (dict of str to Tensor, dict)

    Raises
    ------
    GroupSCError
        When the file is missing, damaged, or not readable by this user.

    Examples
    --------
    >>> tensors, metadata = read_tensors("state.safetensors")  # doctest: +SKIP
    """
    with opened(path, "pt") as (file, metadata):
        # Copies, because Windows refuses to replace a file that is mapped into memory.
        return {name: file.get_tensor(name).clone() for name in file.keys()}, metadata


def save_state(path: PathLike, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write a training state and keep the previous one as `<path>.previous`.

    Parameters
    ----------
    path, tensors, metadata
        As for `write_tensors`.

    Raises
    ------
    GroupSCError
        When the file can't be written.

    Examples
    --------
    >>> save_state("state.safetensors", {"x": torch.zeros(1)}, {"step": 10})  # doctest: +SKIP
    """
    path = Path(path)
    fresh = path.with_name(path.name + ".new")
    write_tensors(fresh, tensors, metadata)
    if path.exists():
        os.replace(path, previous_state(path))
    os.replace(fresh, path)


def load_state(path: PathLike) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Load the newest complete training state.

    Parameters
    ----------
    path : path

    Returns
    -------
    (dict of str to Tensor, dict) or None
        Tensors and metadata; None when no state exists.

    Raises
    ------
    GroupSCError
        When states exist but none can be read.

    Examples
    --------
    >>> load_state("absent/state.safetensors") is None
    True
    """
    return newest_state(path, read_tensors)
