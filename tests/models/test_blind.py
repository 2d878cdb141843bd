"""Blind models: thresholds by noise level, in the coder, in training, and in evaluation."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from small_models import perturbed_coder, some_image
from tiny_experiments import tiny_experiment

from groupsc.benchmark.evaluation import evaluate
from groupsc.config.definitions import ModelConfig
from groupsc.config.experiments import experiments
from groupsc.config.recipes import BLIND
from groupsc.data.datasets import load_images
from groupsc.data.degradations import degrade, noise_generator
from groupsc.inference.restoration import restore
from groupsc.models.coder import SparseCoder
from groupsc.noise.noise_level import estimate_noise
from groupsc.training.batches import Batches
from groupsc.training.initialization import first_model
from groupsc.training.loop import train
from groupsc.training.validation_blocks import validation_blocks
from groupsc.utils.digests import parameters_digest
from groupsc.utils.errors import GroupSCError
from groupsc.weights.files import load_weights, save_weights

UNEVEN = {"levels": (0, 5, 50), "interpolate": True}
KINDS = {**BLIND, "uneven": UNEVEN}


def blind_coder(kind: str, **options) -> SparseCoder:
    return perturbed_coder(**KINDS[kind], **options)


def plain_twin(model: SparseCoder, level: float) -> SparseCoder:
    """The model without levels whose thresholds, and κ, are those of `level`, found by numpy."""
    config = model.config
    bank = np.broadcast_to(model.thresholds.detach().numpy(), (len(config.levels), config.n_iterations, config.n_atoms))
    if config.interpolate:
        lam = np.apply_along_axis(lambda column: np.interp(level, config.levels, column), 0, bank)
    else:
        lam = bank[np.argmin(np.abs(np.array(config.levels) - level))]
    plain = {"levels": None, "interpolate": False, "scalar_thresholds": False, "relative_distance": False}
    twin = SparseCoder(dataclasses.replace(config, **plain)).double()
    taken = {name: x for name, x in model.state_dict().items() if name != "levels"} | {"thresholds": torch.tensor(lam)}
    if config.relative_distance and "kappa" in taken:
        taken["kappa"] = taken["kappa"] * 25 / np.clip(level, 5, config.levels[-1])
    twin.load_state_dict(taken)
    return twin


@pytest.mark.parametrize("matmul_dtype", [None, torch.float64], ids=["plain", "fast"])
@pytest.mark.parametrize("penalty", ["l1", "csr", "group"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_sample_is_restored_with_the_thresholds_of_its_level(kind, penalty, matmul_dtype):
    model = blind_coder(kind, penalty=penalty)
    levels = torch.tensor([0.0, 3.4, 23.0, 52.4, 80.0])
    image, _ = some_image(1, 9, 8, batch=len(levels))
    with torch.no_grad():
        found = model(image, level=levels, matmul_dtype=matmul_dtype)
        for one, level, expected in zip(image, levels.tolist(), found, strict=True):
            twin = plain_twin(model, level)
            torch.testing.assert_close(expected[None], twin(one[None]), rtol=0, atol=1e-12)
            torch.testing.assert_close(model(one[None], level=level, matmul_dtype=matmul_dtype), expected[None])


@pytest.mark.parametrize("penalty", ["l1", "csr", "group"])
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_the_fast_path_equal_the_plain_ones(kind, penalty):
    model = blind_coder(kind, penalty=penalty)
    image, _ = some_image(1, 9, 8, batch=3)
    results = []
    for matmul_dtype in (None, torch.float64):
        model.zero_grad()
        model(image, level=torch.tensor([4.0, 21.0, 47.0]), matmul_dtype=matmul_dtype).square().sum().backward()
        results.append([parameter.grad.clone() for parameter in model.parameters()])
    for plain, fast in zip(*results, strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("mode", ["whole", "block"])
def test_restoration_of_images_takes_the_level(mode):
    model = blind_coder("affine", penalty="group")
    image, _ = some_image(1, 20, 17)
    expected = restore(plain_twin(model, 30), image, mode=mode)
    torch.testing.assert_close(restore(model, image, level=30, mode=mode), expected, rtol=0, atol=1e-12)


def test_a_blind_model_asks_for_the_level():
    image, _ = some_image(1, 9, 8)
    with pytest.raises(GroupSCError, match="noise level"):
        blind_coder("bank")(image)


@pytest.mark.parametrize("levels", [(5,), (10, 5), (-1, 5), (5, 5)])
def test_levels_ascend(levels):
    with pytest.raises(GroupSCError, match="ascending"):
        ModelConfig(levels=levels)


def blind_experiment(kind: str = "affine", penalty: str = "group", **training):
    plain = tiny_experiment(**training)
    model = dataclasses.replace(plain.model, penalty=penalty, **BLIND[kind])
    return dataclasses.replace(plain, name="gray-groupsc-blind", level=None, variant="blind", model=model)


def test_every_crop_has_the_noise_that_the_model_is_told():
    experiment = blind_experiment(batch_size=64, crop_size=64)
    batch = Batches([torch.rand(1, 80, 80)], experiment).at(0)
    assert batch.level.min() < 10
    assert batch.level.max() > 45
    spread = 255 * (batch.degraded - batch.clean).flatten(1).std(1)
    torch.testing.assert_close(spread, batch.level, rtol=0.06, atol=0.1)


def test_validation_covers_the_range_of_levels():
    blocks = validation_blocks(blind_experiment(), "data/raw", block=16)
    assert blocks.level.tolist() == pytest.approx([55 / 6, 55 / 2, 55 * 5 / 6])


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "penalty"), [("affine", "group"), ("bank", "l1"), ("scalar", "l1")])
def test_training_goes_on_exactly_where_it_stopped(tmp_path, kind, penalty):
    experiment = blind_experiment(kind, penalty)
    whole = train(experiment, data_dir="data/raw", output=tmp_path / "whole", progress=False)
    assert train(experiment, data_dir="data/raw", output=tmp_path / "parts", max_minutes=0, progress=False) is None
    parts = train(experiment, data_dir="data/raw", output=tmp_path / "parts", progress=False)
    model, card = load_weights(whole)
    assert parameters_digest(model) == parameters_digest(load_weights(parts)[0])
    assert (card["variant"], card["level"]) == ("blind", None)
    assert not torch.equal(model.thresholds, SparseCoder(experiment.model).thresholds)


def test_models_start_from_models_of_other_noise(tmp_path):
    plain = tiny_experiment()
    parent = SparseCoder(plain.model)
    with torch.no_grad():
        parent.thresholds.copy_(torch.rand_like(parent.thresholds))
    save_weights(tmp_path / "plain", parent, {"task": "gray", "method": "sc", "level": 25})
    for kind in ("affine", "bank"):
        child = first_model(blind_experiment(kind), init=tmp_path / "plain")
        torch.testing.assert_close(child.thresholds_at(50), 2 * parent.thresholds)
        torch.testing.assert_close(child.D, parent.D)
        # κ belongs to the noise of the parent, that of a blind model to σ = 25.
        save_weights(tmp_path / "louder", parent, {"task": "gray", "method": "sc", "level": 50})
        louder = first_model(blind_experiment(kind), init=tmp_path / "louder")
        torch.testing.assert_close(louder.kappa, parent.kappa * (2 if kind == "affine" else 1))
        save_weights(tmp_path / "again", louder, {"task": "gray", "method": "sc", "level": None})
        again = first_model(dataclasses.replace(plain, level=50.0), init=tmp_path / "again")
        torch.testing.assert_close(again.kappa, parent.kappa)
    scalar = first_model(blind_experiment("scalar"), init=tmp_path / "plain")
    torch.testing.assert_close(scalar.thresholds_at(50).mean(), 2 * parent.thresholds.mean())
    save_weights(tmp_path / "blind", child, {"task": "gray", "method": "sc", "level": None})
    torch.testing.assert_close(first_model(plain, init=tmp_path / "blind").thresholds, parent.thresholds)


def test_grids_hold_blind_models_and_variants():
    grid = {
        "methods": ["sc", "groupsc"],
        "levels": [15],
        "blind": {"methods": ["sc", "groupsc"], "kinds": ["affine", "bank"], "levels": [5, 25]},
        "variants": {"refresh12": {"methods": ["groupsc"], "levels": [15], "model": {"similarity_interval": 12}}},
    }
    found = experiments({"budget": "cpu", "tasks": {"gray": grid}})
    assert {name: e.init_from for name, e in found.items()} == {
        "gray-sc-sigma15": None,
        "gray-groupsc-sigma15": "gray-sc-sigma15",
        "gray-sc-blind": None,
        "gray-groupsc-blind": "gray-sc-blind",
        "gray-sc-blind-bank": None,
        "gray-groupsc-blind-bank": "gray-sc-blind-bank",
        "gray-groupsc-refresh12-sigma15": "gray-sc-sigma15",
    }
    assert found["gray-sc-blind"].model.levels == (0, 55)
    assert found["gray-groupsc-refresh12-sigma15"].model.similarity_interval == 12
    with pytest.raises(GroupSCError, match="are for noise only"):
        experiments({"tasks": {"mosaic": {"methods": ["sc"], "blind": grid["blind"]}}})
    with pytest.raises(GroupSCError, match=r"tasks.gray.blind.kinds\[0\] is 'x'; choose one of affine, bank, scalar"):
        experiments({"tasks": {"gray": {"methods": [], "blind": {"methods": ["sc"], "levels": [5], "kinds": ["x"]}}}})


def test_evaluation_tells_a_blind_model_the_estimated_or_the_known_level(tmp_path):
    weights = tmp_path / "weights.safetensors"
    model = SparseCoder(blind_experiment("bank", "l1").model)
    with torch.no_grad():
        model.thresholds.mul_(torch.linspace(0, 2, len(model.thresholds)).view(-1, 1, 1))
    save_weights(weights, model, {"task": "gray", "method": "groupsc", "variant": "blind-bank", "level": None})
    found = {
        noise: evaluate(weights, "Bundled", level=17, noise=noise, images=1, progress=False)
        for noise in ("estimated", "known")
    }
    assert found["estimated"]["method"].tolist() == ["groupsc-blind-bank"]
    assert found["known"]["method"].tolist() == ["groupsc-blind-bank-known"]
    assert found["known"]["experiment"].tolist() == ["gray-groupsc-blind-bank-known-sigma17"]
    [(image, clean)] = load_images("Bundled", channels=1, images=1).items()
    noisy = degrade(torch.from_numpy(clean), "gray", 17, noise_generator("Bundled", image, 17.0))[0]
    levels = {"known": 17.0, "estimated": 255 * estimate_noise(noisy[0].numpy())}
    for noise, level in levels.items():
        restored = restore(load_weights(weights)[0], noisy[None], level=level)[0].clamp(0, 1)
        error = (restored.numpy() - clean).astype(np.float64)
        assert found[noise]["psnr"].item() == pytest.approx(-10 * np.log10(np.mean(error**2)), abs=1e-3)
    lowest = restore(load_weights(weights)[0], noisy[None], level=levels["estimated"] / 255)[0].clamp(0, 1)
    assert not torch.allclose(lowest, restored, atol=1e-2), "the thresholds depend on the level"
    with pytest.raises(GroupSCError, match="estimated, known"):
        evaluate(weights, "Bundled", level=17, noise="guessed")
    with pytest.raises(GroupSCError, match="needs a level"):
        evaluate(weights, "Bundled")
