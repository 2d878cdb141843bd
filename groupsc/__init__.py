"""Trainable, interpretable non-local sparse models for image restoration."""

from __future__ import annotations

import importlib
from typing import Any

from groupsc.utils.version import __version__

_PLACES = {
    "denoise": "groupsc.api",
    "demosaick": "groupsc.api",
    "deblock": "groupsc.api",
    "develop": "groupsc.api",
    "load": "groupsc.api",
    "estimate_noise": "groupsc.api",
    "evaluate": "groupsc.benchmark.evaluation",
    "SparseCoder": "groupsc.models.coder",
    "ModelConfig": "groupsc.config.definitions",
    "GroupSCError": "groupsc.utils.errors",
}

__all__ = ["__version__", *_PLACES]


def __getattr__(name: str) -> Any:
    """Import a public name at its first use, because torch takes a second to load."""
    if name not in _PLACES:
        raise AttributeError(f"module 'groupsc' has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
