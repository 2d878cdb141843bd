"""Convert checkpoints of the authors' code, https://github.com/bruno-31/groupsc, to weights files.

The authors' modules compute with 1×1 convolutions. Their state dictionaries have the names

    apply_A.weight (p, m, 1, 1)    encoder Cᵀ           lmbda.k or lmbda (1, p, 1, 1)   thresholds Λ
    apply_D.weight (m, p, 1, 1)    dictionary D         std.j (1, m or 1, 1, 1)         κ
    apply_W.weight (m, p, 1, 1)    decoder W            nu.j (1,)                       logit of ν
    simLayer.j.mask (1, n², n²)    window of n × n patches; std_g.j (not used by their code)

SC has neither `std` nor `nu`. How often the similarity is updated, and with or without averaging, is no part of a state
dictionary; it was an option of their training.
"""

from __future__ import annotations

import math
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from groupsc.config.definitions import LEVEL_NAMES, TASKS, ModelConfig, experiment_name, method_name
from groupsc.models.coder import SparseCoder
from groupsc.utils.errors import GroupSCError, unreadable
from groupsc.utils.typing import PathLike

SOURCE = "https://github.com/bruno-31/groupsc"
UNUSED = re.compile(r"simLayer\.\d+\.mask|std_g\.\d+")
"""Entries that change no result, or that give the window only."""


def converted(
    state: Mapping[str, Any],
    *,
    task: str,
    level: float | None = None,
    similarity_interval: int | None = 6,
    middle_averaging: bool = True,
) -> tuple[SparseCoder, dict[str, Any]]:
    """Return the model of a checkpoint of the authors' code, and its card.

    Parameters
    ----------
    state : dict
        A state dictionary, or a checkpoint with the key `state_dict`.
    task : {"gray", "color", "mosaic", "jpeg"}
    level : float, optional
        Noise σ in gray levels of 255 or JPEG quality of the training; None for mosaics.
    similarity_interval : int, optional
        Their option `freq_corr_update`; its default is 6.
    middle_averaging : bool
        Whether their option `corr_update` was 3, its default, and not 2.

    Returns
    -------
    SparseCoder
    dict

    Raises
    ------
    GroupSCError
        When the dictionary has other names or shapes, or an option that this library lacks.

    Examples
    --------
    >>> state = {f"apply_{name}.weight": torch.ones(9, 4, 1, 1) for name in "DW"}
    >>> state |= {"apply_A.weight": torch.ones(4, 9, 1, 1), "lmbda.0": torch.zeros(1, 4, 1, 1)}
    >>> state["lmbda.1"] = state["lmbda.0"]
    >>> model, card = converted(state, task="gray", level=25)
    >>> model.config.patch_size, card["name"]
    (3, 'gray-sc-authors-sigma25')
    """
    if task not in TASKS or (level is None) != (LEVEL_NAMES[task] is None):
        raise GroupSCError(f"task is {task!r} and level {level!r}; give one of {', '.join(TASKS)}, and its level")
    inner = state.get("state_dict", state)
    tensors = {name.removeprefix("module."): torch.as_tensor(value) for name, value in inner.items()}
    _check_names(tensors)
    nonlocal_ = bool(_listed(tensors, "std"))
    options = {"similarity_interval": similarity_interval, "middle_averaging": middle_averaging} if nonlocal_ else {}
    model = SparseCoder(_config_of(tensors, options))
    _load(model, _parameters_of(tensors, model.config))
    method = "groupsc" if nonlocal_ else "sc"
    name = experiment_name(task, method_name(method, "authors"), level)
    card = {"name": name, "task": task, "method": method, "variant": "authors", "level": level, "source": SOURCE}
    return model.requires_grad_(False).eval(), card


def _config_of(tensors: Mapping[str, Tensor], options: dict[str, Any]) -> ModelConfig:
    """The size of the model and its prior, with the options of its training; GroupSC if there is a κ, otherwise SC."""
    m, p = tensors["apply_D.weight"].shape[:2]
    channels: Literal[1, 3] = 1 if math.isqrt(m) ** 2 == m else 3
    iterations, distances = (len(_listed(tensors, name)) for name in ("lmbda", "std"))
    if iterations == 1:
        raise GroupSCError("the checkpoint has the same thresholds for all iterations; only multi_theta=1 is supported")
    if distances:
        options = {**options, "shared_similarity": distances == 1, **_window(tensors)}
    return ModelConfig(
        channels=channels, patch_size=math.isqrt(m // channels), n_atoms=p, n_iterations=iterations,
        penalty="group" if distances else "l1", **options,
    )  # fmt: skip


def _parameters_of(tensors: Mapping[str, Tensor], config: ModelConfig) -> dict[str, Tensor]:
    """The parameters of the coder by their names in it."""
    values = {name: tensors[f"apply_{name}.weight"].flatten(1) for name in "DW"}
    values["C"] = tensors["apply_A.weight"].flatten(1).T
    values["thresholds"] = torch.stack([x.flatten() for x in _listed(tensors, "lmbda")])
    kappas = _listed(tensors, "std")
    if kappas:
        updates = 1 if config.shared_similarity else len(config.similarity_updates)
        values["kappa"] = torch.stack([x.flatten().expand(config.dimension) for x in kappas])
        values["nu_logit"] = torch.cat([x.flatten() for x in _listed(tensors, "nu")[:updates]])
    return values


def read_checkpoint(path: PathLike) -> dict[str, Any]:
    """Read a checkpoint that `torch.save` wrote; only tensors and plain values are loaded.

    Parameters
    ----------
    path : path

    Returns
    -------
    dict

    Raises
    ------
    GroupSCError
        When the file is missing, damaged, or contains something else.

    Examples
    --------
    >>> state = read_checkpoint("ckpt_lasteval")  # doctest: +SKIP
    """
    try:
        found = torch.load(Path(path), map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise unreadable(error)(
            f"{path} can't be read as a checkpoint ({str(error).splitlines()[0]}); give a file that torch.save wrote"
        ) from error
    if not isinstance(found, dict):
        raise GroupSCError(f"{path} contains no state dictionary; give a checkpoint of {SOURCE}")
    return found


def _check_names(tensors: Mapping[str, Tensor]) -> None:
    known = re.compile(rf"apply_[ADW]\.weight|lmbda(\.\d+)?|std\.\d+|nu\.\d+|{UNUSED.pattern}")
    wrong = [name for name in tensors if not known.fullmatch(name)]
    missing = [name for name in ("apply_A.weight", "apply_D.weight", "apply_W.weight") if name not in tensors]
    if "nu_var" in wrong:
        raise GroupSCError("the checkpoint was trained with var_reg, which this library lacks; choose another one")
    if wrong or missing:
        words = f"lacks {', '.join(missing)}" if missing else f"has {', '.join(wrong[:3])}"
        raise GroupSCError(f"the checkpoint {words}; give one of {SOURCE}")


def _listed(tensors: Mapping[str, Tensor], name: str) -> list[Tensor]:
    """The entries `name.0`, `name.1` …, or the entry `name`, in order."""
    if name in tensors:
        return [tensors[name]]
    numbers = sorted(int(key.partition(".")[2]) for key in tensors if re.fullmatch(rf"{name}\.\d+", key))
    return [tensors[f"{name}.{number}"] for number in numbers]


def _window(tensors: Mapping[str, Tensor]) -> dict[str, int]:
    """The side of the window; without a mask, all patches of a block are compared, and the default is left."""
    masks = [x for name, x in tensors.items() if name.endswith(".mask")]
    return {"window": math.isqrt(masks[0].shape[-1])} if masks else {}


def _load(model: SparseCoder, values: Mapping[str, Tensor]) -> None:
    ours = model.state_dict()
    wrong = [name for name, x in values.items() if x.shape != ours[name].shape]
    if wrong:
        shapes = "; ".join(f"{name} {tuple(values[name].shape)}, not {tuple(ours[name].shape)}" for name in wrong)
        raise GroupSCError(f"the checkpoint has other shapes ({shapes}); give the similarity_interval of its training")
    model.load_state_dict({name: x.to(torch.float32).contiguous() for name, x in values.items()})
