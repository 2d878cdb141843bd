"""Experiments that train within seconds."""

from __future__ import annotations

from groupsc.config.definitions import Experiment, ModelConfig, TrainingConfig

TINY = ModelConfig(patch=5, atoms=16, steps=4, window=8, refresh=2)


def tiny_experiment(**training) -> Experiment:
    settings = {
        "dataset": "Bundled",
        "validation": "Bundled",
        "validation_images": 3,
        "steps": 12,
        "validate_every": 4,
        "batch": 4,
        "crop": 16,
        "rate": 5e-3,
        "schedule": "one-cycle",
        "epsilon": 1e-8,
        "average": 0.5,
        "precision": "float32",
    }
    config = TrainingConfig(**{**settings, **training})
    return Experiment(name="gray-groupsc-sigma25", task="gray", method="groupsc", level=25, model=TINY, training=config)
