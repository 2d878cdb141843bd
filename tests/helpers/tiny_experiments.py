"""Experiments that train within seconds."""

from __future__ import annotations

from groupsc.config.definitions import Experiment, ModelConfig, TrainingConfig

TINY = ModelConfig(patch_size=5, n_atoms=16, n_iterations=4, window=8, similarity_interval=2)


def tiny_experiment(**training) -> Experiment:
    settings = {
        "dataset": "Bundled",
        "validation": "Bundled",
        "validation_images": 3,
        "max_steps": 12,
        "validate_every": 4,
        "batch_size": 4,
        "crop_size": 16,
        "lr": 5e-3,
        "lr_schedule": "one-cycle",
        "adam_eps": 1e-8,
        "ema_decay": 0.5,
        "precision": "float32",
    }
    config = TrainingConfig(**{**settings, **training})
    return Experiment(name="gray-groupsc-sigma25", task="gray", method="groupsc", level=25, model=TINY, training=config)
