"""Weights and training states on disk: safetensors with metadata, written atomically, never unpickled.

A weights file holds the state dict of one `SparseCoder` and, as metadata, everything its model card shows. A training
state holds all that the next step depends on; the state before it is kept beside it until the new one is complete.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from groupsc.models.coder import SparseCoder
from groupsc.models.sizes import number_of_parameters
from groupsc.utils.atomic import replacing
from groupsc.utils.errors import GroupSCError
from groupsc.weights.cards import model_of, newest_state, opened, previous_state


def save_weights(path, model: SparseCoder, metadata: dict) -> None:
    """Write the parameters of `model` (float32, on the CPU) and `metadata`, values JSON-encoded, to a safetensors
    file."""
    metadata = {**metadata, "model": dataclasses.asdict(model.config)}
    tensors = {name: tensor.detach().to("cpu", torch.float32) for name, tensor in model.state_dict().items()}
    write_tensors(path, tensors, metadata)


def load_weights(path, *, device="cpu") -> tuple[SparseCoder, dict]:
    """The coder in a weights file, ready to restore, and its metadata.

    Raises
    ------
    GroupSCError
        When the file is missing, damaged, or holds anything but the tensors that its model configuration asks for.
    """
    tensors, metadata = read_tensors(path)
    config = model_of(path, metadata)
    # Whatever sizes an altered file names, nothing of them is allocated: a model that has more parameters than the file
    # is made on the device "meta". Others are made here, since arithmetic on "meta" loads the compiler of torch.
    enough = number_of_parameters(config) <= sum(tensor.numel() for tensor in tensors.values())
    with torch.device("cpu" if enough else "meta"):
        model = SparseCoder(config, dictionary=torch.empty(config.dimension, config.n_atoms))
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if wanted != found:
        raise GroupSCError(f"{path} holds {found} where its model needs {wanted}; it was altered, so fetch it again")
    copies = {name: tensor.to(torch.float32, copy=True) for name, tensor in tensors.items()}
    model.load_state_dict(copies, assign=True)
    return model.to(device).requires_grad_(False).eval(), metadata


def write_tensors(path, tensors: dict, metadata: dict) -> None:
    """Write tensors and metadata (values JSON-encoded) so that `path` is at every moment absent, old or complete."""
    encoded = {key: json.dumps(value) for key, value in metadata.items()}
    with replacing(path, SafetensorError) as partial:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial, metadata=encoded)
        partial.chmod(0o644)  # safetensors writes for the owner alone


def read_tensors(path) -> tuple[dict, dict]:
    """Tensors and decoded metadata of a file that `write_tensors` made."""
    with opened(path, "pt") as (file, metadata):
        return {name: file.get_tensor(name) for name in file.keys()}, metadata


def save_state(path, tensors: dict, metadata: dict) -> None:
    """Write a training state to `path`; the state before it stays as `<path>.previous`."""
    path = Path(path)
    fresh = path.with_name(path.name + ".new")
    write_tensors(fresh, tensors, metadata)
    if path.exists():
        os.replace(path, previous_state(path))
    os.replace(fresh, path)


def load_state(path) -> tuple[dict, dict] | None:
    """The newest complete training state at `path`; None when there is none at all.

    Raises
    ------
    GroupSCError
        When states exist and none is readable.
    """
    return newest_state(path, read_tensors)


def parameters_digest(model: torch.nn.Module) -> str:
    """sha256 over names and bytes of all parameters: equal digests mean equal models, bit for bit."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
