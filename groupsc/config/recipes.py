"""Define training budgets, models of the tasks and kinds of blind models, as differences from the defaults."""

from __future__ import annotations

from typing import Any

_ONE_CYCLE = {
    "lr_schedule": "one-cycle", "lr": 2e-3, "adam_eps": 1e-8, "grad_clip": 2.0, "units": True, "gain_share": 0.5,
    "pattern_share": 1 / 16,
}  # fmt: skip
_EVERY_SECOND_PATCH = {"patch_stride": 2, "source_weight": 6.0}
_LAST_ALL_PATCHES = {**_EVERY_SECOND_PATCH, "all_patches_share": 0.1}
_SMALL_BATCHES = {**_ONE_CYCLE, "lr": 7e-4, "max_steps": 800, "batch_size": 8, "crop_size": 40, "validate_every": 100}

BUDGETS: dict[str, dict[str, dict[str, Any]]] = {
    "paper": {"sc": {}, "csr": {}, "groupsc": {}},
    "fast": {
        "sc": {**_ONE_CYCLE, "max_steps": 6000, "validate_every": 500},
        "csr": {**_ONE_CYCLE, **_LAST_ALL_PATCHES, "max_steps": 5000, "validate_every": 500, "init_from": "sc"},
        "groupsc": {**_ONE_CYCLE, **_LAST_ALL_PATCHES, "max_steps": 5000, "validate_every": 500, "init_from": "sc"},
    },
    "cpu": {
        "sc": {**_ONE_CYCLE, "max_steps": 2000, "batch_size": 16, "crop_size": 40, "validate_every": 200},
        "csr": {**_SMALL_BATCHES, **_EVERY_SECOND_PATCH, "init_from": "sc"},
        "groupsc": {**_SMALL_BATCHES, **_EVERY_SECOND_PATCH, "init_from": "sc"},
    },
}
"""Training budgets by name and method, as differences from the defaults of `TrainingConfig`."""

TASK_MODELS: dict[str, dict[str, Any]] = {
    "gray": {"channels": 1, "patch_size": 9, "similarity_interval": 6},
    "color": {"channels": 3, "patch_size": 7, "similarity_interval": 6},
    "mosaic": {"channels": 3, "patch_size": 7, "similarity_interval": 8},
    "jpeg": {"channels": 1, "patch_size": 9, "similarity_interval": 6},
}
"""The models of the paper's Table 7, as differences from the defaults of `ModelConfig`."""

DEFAULT_BLIND = "affine"
_BLIND_LEVELS = tuple(range(0, 60, 5))

BLIND: dict[str, dict[str, Any]] = {
    "affine": {"levels": (_BLIND_LEVELS[0], _BLIND_LEVELS[-1]), "interpolate": True, "relative_distance": True},
    "bank": {"levels": _BLIND_LEVELS},
    "scalar": {"levels": _BLIND_LEVELS, "scalar_thresholds": True},
}
"""Kinds of blind models. Affine thresholds Λ₀ + σ Λ₁ (as CDLNet's, arXiv:2112.00913) are given by their values at both
ends of the range; distances between patches are then divided by σ (`benchmarks/README.md`). The paper has `bank`."""

TASK_TRAININGS: dict[str, dict[str, Any]] = {
    "mosaic": {"patch_stride": 1, "source_weight": 1.0, "all_patches_share": 0.0, "pattern_share": 0.0}
}
"""Differences from the budget, by task. Every second patch of a mosaic begins at the same Bayer phase; a model that is
trained on these patches only would not learn the other three phases. Different fine patterns have the same mosaic."""

TASK_TRAINING_SETS = {"gray": "BSD400", "color": "CBSD400", "mosaic": "CBSD400", "jpeg": "CBSD400"}
