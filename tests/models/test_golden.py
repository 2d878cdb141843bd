"""The coder against float64 arrays of an independent implementation: outputs and gradients of small models."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from groupsc.config.definitions import ModelConfig
from groupsc.models.coder import SparseCoder
from groupsc.models.similarity import window_mask
from groupsc.ops.patches import counts

FILES = [
    "gray_sc_small",
    "color_sc_small",
    "mosaic_sc_small",
    "gray_group_small_default",
    "gray_group_small_multistd",
    "color_group_small_default",
    "mosaic_group_small_default",
]
NAMES = {"D": "D", "C": "C", "W": "W", "lambdas": "thresholds", "kappa": "kappa", "nu_raw": "nu_logit"}


def golden_model(arrays) -> SparseCoder:
    """The coder of a golden file, in float64 with its parameters."""
    config = json.loads(str(arrays["config_json"]))
    group = "kappa" in arrays
    model = SparseCoder(
        ModelConfig(
            channels=config["channels"],
            patch_size=config["patch"],
            n_atoms=config["atoms"],
            n_iterations=config["steps"],
            penalty="group" if group else "l1",
            window=config["block"] - config["patch"] + 1,
            similarity_interval=config.get("refresh_every"),
            shared_similarity=config.get("shared_kappa_nu", True),
        )
    ).double()
    with torch.no_grad():
        for theirs, ours in NAMES.items():
            if theirs in arrays:
                parameter = getattr(model, ours)
                parameter.copy_(torch.from_numpy(arrays[theirs])[: len(parameter)])
    return model


@pytest.mark.parametrize("matmul_dtype", [None, torch.float64], ids=["plain", "fast"])
@pytest.mark.parametrize("name", FILES)
def test_outputs_and_gradients(shared, name, matmul_dtype):
    arrays = np.load(shared / "golden" / f"{name}.npz")
    model = golden_model(arrays)
    mask = torch.from_numpy(arrays["bayer_mask"]) if "bayer_mask" in arrays else None
    output = model(torch.from_numpy(arrays["input"]), mask, matmul_dtype=matmul_dtype)
    np.testing.assert_allclose(output.detach().numpy(), arrays["output"], rtol=0, atol=1e-9)

    weight = torch.from_numpy(arrays["loss_weight"])
    loss = (weight * (output - torch.from_numpy(arrays["clean"]))).square().sum() / len(output)
    np.testing.assert_allclose(loss.item(), arrays["loss"], rtol=1e-10)
    loss.backward()
    for theirs, ours in NAMES.items():
        if theirs in arrays:
            gradient = getattr(model, ours).grad.numpy()
            np.testing.assert_allclose(gradient, arrays[f"grad_{theirs}"][: len(gradient)], rtol=1e-7, atol=1e-9)


def test_windows_and_loss_weights(shared):
    masks = np.load(shared / "golden" / "masks.npz")
    for side in (20, 21):
        np.testing.assert_array_equal(window_mask(side, side, side).numpy(), masks[f"window{side}"])
    for patch in (7, 9):
        weight = counts(56, 56, patch)
        np.testing.assert_allclose((weight / weight.max()).numpy(), masks[f"loss_weight_56_{patch}"], rtol=1e-6)
