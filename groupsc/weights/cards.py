"""Cards: the metadata of weights files and training states, read without their tensors and so without torch."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from safetensors import SafetensorError, safe_open

from groupsc.config.aliases import renamed_metadata
from groupsc.config.definitions import METHODS, TASKS, model_from_dict
from groupsc.utils.errors import GroupSCError, MissingFileError


@contextlib.contextmanager
def opened(path, framework: str = "numpy") -> Iterator[tuple[safe_open, dict]]:
    """An open safetensors file and its decoded metadata.

    Parameters
    ----------
    path : path
    framework : str
        "pt" where tensors are read, which loads torch.

    Raises
    ------
    GroupSCError
        When the file is missing, damaged, or may not be read.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f"{path} does not exist; train the model, or fetch released weights with `dvc pull`")
    try:
        with open(path, "rb"):  # Of a file that may not be read, safetensors says that it is missing.
            pass
        with safe_open(path, framework=framework) as file:
            metadata = {key: json.loads(value) for key, value in (file.metadata() or {}).items()}
            yield file, renamed_metadata(metadata)
    except PermissionError as error:
        raise GroupSCError(f"{path} may not be read; correct its permissions, or copy it to another place") from error
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise GroupSCError(
            f"{path} is damaged or no safetensors file of this project ({error}); fetch or make it again"
        ) from error


def read_metadata(path) -> dict:
    """Decoded metadata of a safetensors file; errors as of `opened`."""
    with opened(path) as (_, metadata):
        return metadata


def read_card(path) -> dict:
    """The card of a weights file.

    Raises
    ------
    GroupSCError
        When the file is missing, damaged, or names no model configuration that exists.
    """
    card = read_metadata(path)
    model_of(path, card)
    return card


def model_of(path, card: dict):
    """The model configuration that a card names.

    Raises
    ------
    GroupSCError
        When it names none, or one that does not exist.
    """
    if not isinstance(card.get("model"), dict):
        raise GroupSCError(
            f"{path} names no model configuration, so it is not a weights file of this project; choose another"
        )
    return model_from_dict(card["model"])


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


def newest_state(path, read: Callable):
    """What `read` gives of the newest complete training state at `path`; None when there is none at all.

    Raises
    ------
    GroupSCError
        When states exist and none is readable.
    """
    path = Path(path)
    kept = [candidate for candidate in (path, previous_state(path)) if candidate.exists()]
    for number, candidate in enumerate(kept, 1):
        try:
            return read(candidate)
        except GroupSCError:
            if number == len(kept):
                raise
    return None


def previous_state(path: Path) -> Path:
    """Where the state before `path` is kept."""
    return path.with_name(path.name + ".previous")
