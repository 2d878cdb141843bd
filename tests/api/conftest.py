"""Fixtures of the tests of the public functions."""

from __future__ import annotations

import pytest
from small_models import perturbed_coder

from groupsc.weights.files import save_weights


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Small models of every task, by name."""
    folder = tmp_path_factory.mktemp("weights")
    found = {}
    for task, level in (("gray", 25), ("color", 25), ("mosaic", None), ("jpeg", 10)):
        model = perturbed_coder(channels=3 if task in ("color", "mosaic") else 1, penalty="group")
        found[task] = folder / f"{task}.safetensors"
        save_weights(found[task], model, {"name": task, "task": task, "method": "groupsc", "level": level})
    return found
