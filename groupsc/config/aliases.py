"""Former names of settings, for files that were written before version 0.2.

The cards of released weights are never rewritten, because a new digest makes their cached results invalid. Cards,
training states, learning curves and `data/published.csv` are therefore read with the former names. Keys of
configuration files have no aliases: a former key is an error that gives the present name.
"""

from __future__ import annotations

from typing import Any

MODEL = {
    "patch": "patch_size",
    "atoms": "n_atoms",
    "steps": "n_iterations",
    "refresh": "similarity_interval",
    "average_refresh": "middle_averaging",
}
"""Present names of the keys of `groupsc.config.definitions.ModelConfig`, by their former names."""

TRAINING = {
    "steps": "max_steps",
    "batch": "batch_size",
    "micro_batch": "micro_batch_size",
    "crop": "crop_size",
    "rate": "lr",
    "schedule": "lr_schedule",
    "decay": "lr_decay",
    "decay_every": "lr_decay_every",
    "epsilon": "adam_eps",
    "clip": "grad_clip",
    "average": "ema_decay",
    "drop": "backtrack_threshold",
    "slowdown": "backtrack_factor",
    "start": "init_from",
}
"""Present names of the keys of `groupsc.config.definitions.TrainingConfig`, by their former names."""

GRID = {"measured": "cached_results", "raw": "data_dir"}
"""Present names of the keys of a configuration file, by their former names."""

LOG = {"rate": "lr"}
"""Present names of the columns of a training log, by their former names."""

_STATE = {"slowdown": "lr_factor"}


def renamed(values: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Return a mapping whose former keys are replaced by the present ones; other keys and the order stay.

    Examples
    --------
    >>> renamed({"patch": 9, "window": 48}, MODEL)
    {'patch_size': 9, 'window': 48}
    """
    return {names.get(key, key): value for key, value in values.items()}


def renamed_metadata(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata of a weights file or of a training state with the present names.

    Parameters
    ----------
    metadata : dict
        Decoded metadata. The keys `model` and `training` are renamed, also within `experiment`, and the counters of a
        training state.
    """
    found = renamed(metadata, _STATE)
    for key, names in (("model", MODEL), ("training", TRAINING)):
        if isinstance(found.get(key), dict):
            found[key] = renamed(found[key], names)
    if isinstance(found.get("experiment"), dict):
        found["experiment"] = renamed_metadata(found["experiment"])
    return found
