"""Read cards, the metadata of weights files and training states. No tensors are read, so torch is not loaded."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError, safe_open

from groupsc.config.aliases import renamed_metadata
from groupsc.config.definitions import LEVEL_NAMES, METHODS, PENALTIES, TASKS, ModelConfig, model_from_dict
from groupsc.config.recipes import TASK_MODELS
from groupsc.utils.errors import GroupSCError, MissingFileError
from groupsc.utils.typing import PathLike

T = TypeVar("T")


@contextlib.contextmanager
def opened(path: PathLike, framework: str = "numpy") -> Iterator[tuple[safe_open, dict[str, Any]]]:
    """Open a safetensors file and decode its metadata.

    Parameters
    ----------
    path : path
    framework : str
        "pt" to read tensors, which loads torch.

    Yields
    ------
    safetensors.safe_open
    dict

    Raises
    ------
    GroupSCError
        When the file is missing, damaged, or not readable by this user.

    Examples
    --------
    >>> with opened("model.safetensors") as (file, metadata):  # doctest: +SKIP
    ...     print(metadata["task"])
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f"{path} does not exist; train the model, or fetch released weights with `dvc pull`")
    try:
        with open(path, "rb"):  # For a file without read permission, safetensors reports a missing file.
            pass
        with safe_open(path, framework=framework) as file:
            metadata = {key: json.loads(value) for key, value in (file.metadata() or {}).items()}
            yield file, renamed_metadata(metadata)
    except PermissionError as error:
        raise GroupSCError(
            f"{path} can't be read for lack of permission; correct its permissions, or copy it to another folder"
        ) from error
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise GroupSCError(
            f"{path} is damaged or no safetensors file of this project ({error}); fetch or make it again"
        ) from error


def read_metadata(path: PathLike) -> dict[str, Any]:
    """Read and decode the metadata of a safetensors file.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict

    Raises
    ------
    GroupSCError
        As `opened`.

    Examples
    --------
    >>> read_metadata("model.safetensors")["task"]  # doctest: +SKIP
    """
    with opened(path) as (_, metadata):
        return metadata


def read_card(path: PathLike) -> dict[str, Any]:
    """Read the card of a weights file.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict

    Raises
    ------
    GroupSCError
        When the file is missing or damaged, or its model configuration is missing or invalid.

    Examples
    --------
    >>> read_card("model.safetensors")["level"]  # doctest: +SKIP
    """
    card = read_metadata(path)
    config_of(path, card)
    return card


def config_of(path: PathLike, card: Mapping[str, Any]) -> ModelConfig:
    """Return the model configuration of a card.

    Parameters
    ----------
    path : path
        File of the card, for error messages.
    card : dict

    Returns
    -------
    ModelConfig

    Raises
    ------
    GroupSCError
        When the model configuration is missing or invalid.

    Examples
    --------
    >>> config_of("model.safetensors", {"model": {"n_atoms": 128}}).n_atoms
    128
    """
    if not isinstance(card.get("model"), dict):
        raise GroupSCError(
            f"{path} contains no model configuration, so it is not a weights file of this project; choose another file"
        )
    return model_from_dict(card["model"])


def own_steps(card: Mapping[str, Any]) -> int:
    """Count the steps of the last training that led to the parameters: those of the best validation.

    Examples
    --------
    >>> own_steps({"steps": 24}), own_steps({"steps": 24, "best_step": 16})
    (24, 16)
    """
    return int(card["steps"] if card.get("best_step") is None else card["best_step"])


def total_steps(card: Mapping[str, Any]) -> int:
    """Count the steps of all trainings that the card names; older cards do not name the trainings before.

    Examples
    --------
    >>> total_steps({"steps": 24, "best_step": 16, "earlier": [{"steps": 1000}, {"steps": 500}]})
    1516
    """
    return own_steps(card) + sum(own_steps(training) for training in card.get("earlier", ()))


def steps_text(card: Mapping[str, Any]) -> str:
    """Return `total_steps` as text, with "at least" for a card that does not name the training it continued.

    Examples
    --------
    >>> steps_text({"steps": 1500, "training": {"init_from": None}})
    '1,500'
    >>> steps_text({"steps": 24, "training": {"init_from": "sc"}})
    'at least 24'
    """
    unnamed = card["training"].get("init_from") is not None and not card.get("earlier")
    return f"{'at least ' if unnamed else ''}{total_steps(card):,}"


def name_of(path: PathLike, card: Mapping[str, Any]) -> str:
    """Return the name of a model from its card, or from its file if the card has no name.

    The card comes first, because every training writes a file `weights.safetensors`.

    Parameters
    ----------
    path : path
    card : dict

    Examples
    --------
    >>> name_of("data/gray-sc.safetensors", {}), name_of("weights.safetensors", {"name": "gray-sc"})
    ('gray-sc', 'gray-sc')
    """
    return card.get("name") or Path(path).stem


def purpose(path: PathLike, metadata: Mapping[str, Any]) -> tuple[str, str, float | None]:
    """Return the task, method and level that weights were trained for.

    Parameters
    ----------
    path : path
        File of the metadata, for error messages.
    metadata : dict

    Returns
    -------
    (str, str, float or None)
        The level is None for mosaics and blind models.

    Raises
    ------
    GroupSCError
        When one of them is missing or unknown.

    Examples
    --------
    >>> purpose("model.safetensors", {"task": "gray", "method": "sc", "level": 25})
    ('gray', 'sc', 25)
    """
    task, method, level = (metadata.get(key) for key in ("task", "method", "level"))
    if task not in TASKS or method not in METHODS or not (level is None or isinstance(level, int | float)):
        raise GroupSCError(
            f"{path} has the task {task!r}, method {method!r} and level {level!r}, which do not describe a model of "
            "this project; fetch the file again or choose another"
        )
    return task, method, level


def check_card(card: Mapping[str, Any], config: ModelConfig) -> None:
    """Raise an error unless a card describes a model of this configuration.

    Parameters
    ----------
    card : dict
        The task and the level of the training, which blind models and models for mosaics have not; the method may be
        missing.
    config : ModelConfig

    Raises
    ------
    GroupSCError
        When one of them is unknown, or is not that of a model of this size and prior.

    Examples
    --------
    >>> check_card({"task": "gray", "level": 25}, ModelConfig())
    """
    task, level = card.get("task"), card.get("level")
    if task not in TASKS:
        raise GroupSCError(f"the card of the model has the task {task!r}; choose one of {', '.join(TASKS)}")
    channels, method = TASK_MODELS[task]["channels"], card.get("method")
    if config.channels != channels:
        raise GroupSCError(
            f"the card has the task {task!r}, whose models have {channels} channels, but the model has "
            f"{config.channels}; choose another task or model"
        )
    if method is not None and PENALTIES.get(method) != config.penalty:
        raise GroupSCError(
            f"the card has the method {method!r}, but the penalty of the model is {config.penalty!r}; choose one of "
            f"{', '.join(METHODS)} that fits the penalty, or leave it out"
        )
    kind = LEVEL_NAMES[task]
    if kind is None or config.levels is not None:
        return
    highest = 255 if kind == "sigma" else 100
    if isinstance(level, bool) or not isinstance(level, int | float) or not 0 < level <= highest:
        raise GroupSCError(
            f"the card has the level {level!r}; give the {kind} that the model is trained for, above 0 and at most "
            f"{highest}"
        )


def newest_state(path: PathLike, read: Callable[[Path], T]) -> T | None:
    """Read the newest complete training state.

    Parameters
    ----------
    path : path
        The current state; the previous state is tried if it can't be read.
    read : callable
        Called with a path; raises GroupSCError for an unreadable file.

    Returns
    -------
    The result of `read`, or None when no state exists.

    Raises
    ------
    GroupSCError
        When states exist but none can be read.

    Examples
    --------
    >>> newest_state("absent/state.safetensors", read_metadata) is None
    True
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
    """Return the path of the training state before the one at `path`.

    Parameters
    ----------
    path : path

    Examples
    --------
    >>> previous_state(Path("state.safetensors")).name
    'state.safetensors.previous'
    """
    return path.with_name(path.name + ".previous")
