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
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from groupsc.config.definitions import METHODS, TASKS, ModelConfig, model_from_dict
from groupsc.models.coder import SparseCoder
from groupsc.utils.atomic import replacing
from groupsc.utils.errors import GroupSCError


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
    if not isinstance(metadata.get("model"), dict):
        raise GroupSCError(
            f"{path} names no model configuration, so it is not a weights file of this project; choose another"
        )
    config: ModelConfig = model_from_dict(metadata["model"])
    with torch.device("meta"):  # Whatever sizes an altered file names, nothing is allocated before they are compared.
        model = SparseCoder(config)
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if wanted != found:
        raise GroupSCError(f"{path} holds {found} where its model needs {wanted}; it was altered, so fetch it again")
    copies = {name: tensor.to(torch.float32, copy=True) for name, tensor in tensors.items()}
    model.load_state_dict(copies, assign=True)
    return model.to(device).requires_grad_(False).eval(), metadata


def name_of(path, card: dict) -> str:
    """What a model is called: by its card, for a training's file is `weights.safetensors`, else by its file."""
    return card.get("name") or Path(path).stem


def purpose(path, metadata: dict) -> tuple[str, str, float | None]:
    """Task, method and level that the weights at `path` were trained for.

    Raises
    ------
    GroupSCError
        When the metadata names none, or none that exists.
    """
    task, method, level = (metadata.get(key) for key in ("task", "method", "level"))
    if task not in TASKS or method not in METHODS or not (level is None or isinstance(level, int | float)):
        raise GroupSCError(
            f"{path} is for the task {task!r}, method {method!r} and level {level!r}, which is no model of this "
            "project; fetch the file again or choose another"
        )
    return task, method, level


def write_tensors(path, tensors: dict, metadata: dict) -> None:
    """Write tensors and metadata (values JSON-encoded) so that `path` is at every moment absent, old or complete."""
    encoded = {key: json.dumps(value) for key, value in metadata.items()}
    with replacing(path, SafetensorError) as partial:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial, metadata=encoded)
        partial.chmod(0o644)  # safetensors writes for the owner alone


def read_tensors(path) -> tuple[dict, dict]:
    """Tensors and decoded metadata of a file that `write_tensors` made."""
    path = Path(path)
    if not path.is_file():
        raise GroupSCError(f"{path} does not exist; train the model, or fetch released weights with `dvc pull`")
    try:
        with open(path, "rb"):  # Of a file that may not be read, safetensors says that it is missing.
            pass
        with safe_open(path, framework="pt") as file:
            metadata = {key: json.loads(value) for key, value in (file.metadata() or {}).items()}
            return {name: file.get_tensor(name) for name in file.keys()}, metadata
    except PermissionError as error:
        raise GroupSCError(f"{path} may not be read; correct its permissions, or copy it to another place") from error
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise GroupSCError(
            f"{path} is damaged or no safetensors file of this project ({error}); fetch or make it again"
        ) from error


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
    path = Path(path)
    kept = [candidate for candidate in (path, previous_state(path)) if candidate.exists()]
    for number, candidate in enumerate(kept, 1):
        try:
            return read_tensors(candidate)
        except GroupSCError:
            if number == len(kept):
                raise
    return None


def previous_state(path: Path) -> Path:
    """Where the state before `path` is kept."""
    return path.with_name(path.name + ".previous")


def file_digest(path) -> str:
    """sha256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parameters_digest(model: torch.nn.Module) -> str:
    """sha256 over names and bytes of all parameters: equal digests mean equal models, bit for bit."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
