"""Training: schedules, progress on real photographs, exact resumption, real kills, several processes,
faults."""

from __future__ import annotations

import copy
import csv
import dataclasses
import itertools
import os
import signal
import subprocess
import sys

import pytest
import skimage.data
import torch
from tiny_experiments import TINY, tiny_experiment

import groupsc
from groupsc.benchmark.validation import facts, measure
from groupsc.config.definitions import ModelConfig, TrainingConfig
from groupsc.config.experiments import experiments
from groupsc.config.files import write_experiment
from groupsc.data.datasets import load_images
from groupsc.data.degradations import bayer_mask
from groupsc.models.coder import SparseCoder
from groupsc.ops.prox import csr_prox, soft_threshold
from groupsc.training.batches import Batches
from groupsc.training.initialization import first_model
from groupsc.training.loop import learning_rate, train
from groupsc.training.state import Run
from groupsc.training.validation_blocks import validation_blocks
from groupsc.utils.digests import parameters_digest
from groupsc.utils.errors import GroupSCError
from groupsc.weights.cards import previous_state
from groupsc.weights.files import load_weights, save_weights, write_tensors
from groupsc.weights.released import find_weights


def read_log(folder) -> list[dict]:
    with open(folder / "log.csv", newline="") as file:
        return list(csv.DictReader(file))


def digest(folder) -> str:
    return parameters_digest(load_weights(folder / "weights.safetensors")[0])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of `tiny_experiment()`, trained in one piece."""
    folder = tmp_path_factory.mktemp("whole")
    train(tiny_experiment(), data_dir="unused", output=folder, device="cpu", progress=False)
    return folder


def test_the_authors_rate_falls_every_eighty_epochs():
    config = TrainingConfig()
    expected = [6e-4, 6e-4, 6e-4 * 0.35, 6e-4 * 0.35**2, 6e-4 * 0.35**3]
    assert [learning_rate(config, step) for step in (0, 31_999, 32_000, 64_000, 119_999)] == pytest.approx(expected)


def test_one_cycle_warms_up_and_ends_at_zero():
    config = TrainingConfig(lr_schedule="one-cycle", max_steps=1000, warmup=0.1, lr=1.0)
    rates = [learning_rate(config, step) for step in range(1001)]
    assert rates[0] == pytest.approx(0.01)
    assert rates[99] == rates[100] == pytest.approx(1.0)
    assert rates[550] == pytest.approx(0.5)
    assert rates[1000] == pytest.approx(0.0)
    assert all(later < earlier for earlier, later in itertools.pairwise(rates[100:]))


@pytest.mark.slow
def test_training_learns_on_photographs(tmp_path):
    experiment = tiny_experiment(max_steps=120, validate_every=40)
    weights = train(experiment, data_dir="unused", output=tmp_path, device="cpu", progress=False)
    log = read_log(tmp_path)
    assert [int(row["step"]) for row in log] == [0, 40, 80, 120]
    assert float(log[-1]["loss"]) < float(log[1]["loss"])
    assert float(log[-1]["validation_psnr"]) > 20.2 + 3  # the noisy blocks have 20.2 dB
    model, card = load_weights(weights)
    assert (card["name"], card["steps"], card["seed"]) == (experiment.name, 120, 0)
    measured = facts(model, measure(model, card, "unused", dataset="Bundled", images=3))
    assert card["validation"] == {"side": 128, **measured}
    assert card["validation_psnr"] == measured["psnr"]
    assert float(log[-1]["rho"]) == pytest.approx(measured["rho"], abs=1e-3)


def test_the_weights_are_those_of_the_best_validation(tmp_path):
    """The learning rate grows until the model gets worse; the average of an earlier step is kept."""
    experiment = tiny_experiment(max_steps=40, backtrack_threshold=30.0, ema_decay=0.5, lr=0.1, warmup=1.0)
    weights = train(experiment, data_dir="unused", output=tmp_path, device="cpu", progress=False)
    model, card = load_weights(weights)
    validated = {int(row["step"]): float(row["validation_psnr"]) for row in read_log(tmp_path)}
    best = max(validated, key=validated.get)
    assert 0 < card["best_step"] == best < 40
    clean, degraded, *_ = validation_blocks(experiment, "unused", block=16)
    with torch.no_grad():
        restored = model(degraded, matmul_dtype=torch.float32).clamp(0, 1)
    psnr = -10 * (restored - clean).square().mean((1, 2, 3)).log10()
    assert psnr.mean().item() == pytest.approx(validated[best], abs=1e-4)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e30])
def test_a_bad_batch_changes_neither_parameters_nor_averages(tmp_path, bad):
    experiment = tiny_experiment(grad_clip=2.0, units=True)
    images = [torch.from_numpy(image) for image in load_images("Bundled", channels=1, images=3).values()]
    batches = Batches(images, experiment)
    run = Run(experiment, first_model(experiment), torch.device("cpu"), tmp_path, spread=batches.spread())
    for step in range(3):
        run.advance(batches.at(step), 1e-3, 1)
    kept = [x.clone() for x in (*run.model.parameters(), *run.average.values(), run.losses)]
    batch = batches.at(3)
    run.advance(batch._replace(degraded=batch.degraded * bad), 1e-3, 1)
    for now, before in zip((*run.model.parameters(), *run.average.values(), run.losses), kept, strict=True):
        assert torch.equal(now, before)
    assert run.optimizer.skipped == 1
    run.advance(batches.at(4), 1e-3, 1)
    assert not torch.equal(next(run.model.parameters()), kept[0])


def test_a_damaged_state_falls_back_to_the_one_before(tmp_path, whole):
    """A run in pieces of one step ends bit for bit as one in a single piece, also where a state was damaged."""
    experiment, state, calls = tiny_experiment(), tmp_path / "state.safetensors", 1
    while train(experiment, data_dir="x", output=tmp_path, device="cpu", progress=False, max_minutes=0) is None:
        calls += 1
        if calls == 7:  # The state before is that of the fifth step.
            state.write_bytes(state.read_bytes()[:1000])
    assert calls == 13
    assert digest(tmp_path) == digest(whole)
    columns = ("step", "loss", "lr", "validation_psnr", "event")
    pieces, expected = ([[row[c] for c in columns] for row in read_log(folder)] for folder in (tmp_path, whole))
    assert pieces == expected


def test_a_finished_run_is_left_alone(whole):
    weights = whole / "weights.safetensors"
    before = weights.stat().st_mtime_ns
    assert train(tiny_experiment(), data_dir="unused", output=whole, device="cpu", progress=False) == weights
    assert weights.stat().st_mtime_ns == before


@pytest.mark.parametrize("finished", [False, True])
def test_another_start_does_not_continue_a_training(whole, tmp_path, finished):
    options = {"data_dir": "unused", "output": tmp_path, "device": "cpu", "progress": False}
    assert (train(tiny_experiment(), **options, max_minutes=None if finished else 0) is None) != finished
    with pytest.raises(GroupSCError, match="another initial model; remove it"):
        train(tiny_experiment(), **options, init=whole / "weights.safetensors")
    train(tiny_experiment(), **options)
    assert digest(tmp_path) == digest(whole)


def test_no_readable_state_and_another_configuration_are_one_sentence(tmp_path):
    experiment = tiny_experiment()
    train(experiment, data_dir="unused", output=tmp_path, device="cpu", progress=False, max_minutes=0)
    with pytest.raises(GroupSCError, match="another configuration of gray-groupsc-sigma25; remove it"):
        train(tiny_experiment(lr=1e-3), data_dir="unused", output=tmp_path, device="cpu", progress=False)
    state = tmp_path / "state.safetensors"
    for path in (state, previous_state(state)):
        path.write_bytes(b"not a state")
    with pytest.raises(GroupSCError, match="is damaged or no safetensors file"):
        train(experiment, data_dir="unused", output=tmp_path, device="cpu", progress=False)


def test_divergence_is_caught_within_one_validation_interval(tmp_path):
    experiment = tiny_experiment(
        lr=0.3, lr_schedule="steps", max_steps=24, validate_every=4, backtrack_factor=0.2, ema_decay=0.0
    )
    train(experiment, data_dir="unused", output=tmp_path, device="cpu", progress=False)
    log = read_log(tmp_path)
    assert "back to the snapshot" in log[1]["event"]
    assert float(log[-1]["validation_psnr"]) >= float(log[0]["validation_psnr"]) - 0.2
    with pytest.raises(GroupSCError, match=r"diverges at every lr tried; set training.lr below"):
        train(
            tiny_experiment(lr=1e9, lr_schedule="steps", max_steps=400, backtrack_factor=0.5, ema_decay=0.0),
            data_dir="unused",
            output=tmp_path / "hopeless",
            device="cpu",
            progress=False,
        )


@pytest.mark.parametrize("penalty", ["l1", "csr", "group"])
@pytest.mark.parametrize("levels", [None, (0, 50)])
def test_fewer_iterations_are_the_last_ones_of_the_start(tmp_path, penalty, levels):
    config = dataclasses.replace(
        TINY, penalty=penalty, n_iterations=8, similarity_interval=2, shared_similarity=False, levels=levels,
        interpolate=levels is not None,
    )  # fmt: skip
    start = SparseCoder(config)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in start.parameters():
            parameter.copy_(torch.rand(parameter.shape, generator=generator))
    card = {"name": "start", "task": "gray", "method": "sc", "level": None if levels else 25.0}
    save_weights(tmp_path / "start.safetensors", start, card)
    short = dataclasses.replace(tiny_experiment(), model=dataclasses.replace(config, n_iterations=5))
    found = first_model(short, init=tmp_path / "start.safetensors")
    torch.testing.assert_close(found.D, start.D)
    torch.testing.assert_close(found.thresholds, start.thresholds[..., -5:, :])
    if penalty != "l1":
        # Similarities are computed before the iterations 0, 3, 5 and 7 of eight, and before 0 and 3 of five.
        torch.testing.assert_close(found.kappa, start.kappa[-2:])
        torch.testing.assert_close(found.nu_logit, start.nu_logit[-1:])


def test_crops_larger_than_the_images_are_one_sentence(tmp_path):
    with pytest.raises(GroupSCError, match="smaller than a crop of side 400"):
        train(tiny_experiment(crop_size=400), data_dir="unused", output=tmp_path, device="cpu", progress=False)


def test_groupsc_starts_from_sc(tmp_path):
    start = dataclasses.replace(
        tiny_experiment(max_steps=2, validate_every=2), model=dataclasses.replace(TINY, penalty="l1")
    )
    init = train(start, data_dir="unused", output=tmp_path / "sc", device="cpu", progress=False)
    experiment = tiny_experiment(max_steps=1, validate_every=1, lr=1e-12, ema_decay=0.0)
    weights = train(experiment, data_dir="unused", output=tmp_path / "group", init=init, device="cpu", progress=False)
    (sc, sc_card), (group, card) = load_weights(init), load_weights(weights)
    assert sc_card["earlier"] == []
    assert card["earlier"] == [{key: sc_card[key] for key in ("name", "steps", "best_step", "minutes", "device")}]
    torch.testing.assert_close(group.D, sc.D)
    torch.testing.assert_close(group.thresholds, 0.5 * sc.thresholds)
    distance = 2 * 25 * (25 / 255) ** 2 * group.kappa.square()
    torch.testing.assert_close(distance, torch.full_like(distance, 6.2))
    other = dataclasses.replace(experiment, model=dataclasses.replace(TINY, n_atoms=12))
    with pytest.raises(GroupSCError, match="start from a model of the same size"):
        train(other, data_dir="unused", output=tmp_path / "other", init=init, device="cpu", progress=False)


def test_the_last_steps_use_all_patches(tmp_path):
    """A share of 1 gives the training of stride 1; a share of ½ gives that of stride 2 for half of the steps."""
    settings = {"max_steps": 8, "validate_every": 4}
    coarse = {"patch_stride": 2, "source_weight": 6.0}
    trainings = {
        "stride 1": {},
        "stride 2": coarse,
        "half": {**coarse, "all_patches_share": 0.5},
        "whole": {**coarse, "all_patches_share": 1.0},
    }
    models, logs = {}, {}
    for name, training in trainings.items():
        experiment = tiny_experiment(**settings, **training)
        weights = train(experiment, data_dir="unused", output=tmp_path / name, device="cpu", progress=False)
        models[name] = load_weights(weights)[0].state_dict()
        logs[name] = [row["validation_psnr"] for row in read_log(tmp_path / name)]
    assert all(torch.equal(models["whole"][key], tensor) for key, tensor in models["stride 1"].items())
    assert logs["half"][:2] == logs["stride 2"][:2]
    assert logs["half"][2] not in (logs["stride 2"][2], logs["stride 1"][2])


@pytest.mark.slow
def test_killed_several_times_it_ends_bit_for_bit_as_undisturbed(groupsc, tmp_path):
    grid = {"patch_stride": 2, "source_weight": 6.0, "all_patches_share": 0.4}
    experiment = tiny_experiment(max_steps=80, validate_every=5, pattern_share=0.25, **grid)
    file = tmp_path / "experiment.yaml"
    write_experiment(file, experiment)
    # A process of its own too: earlier tests could have changed settings of torch in this one.
    assert groupsc("train", file, "--output", "whole", "--device", "cpu", cwd=tmp_path).returncode == 0
    kills, state = 0, tmp_path / "killed" / "state.safetensors"
    for attempt in range(20):
        # Somewhere between, or in the middle of, two writes.
        kill_after = (state, 0.013 * attempt) if attempt < 4 else None
        ended = groupsc("train", file, "--output", "killed", "--device", "cpu", cwd=tmp_path, kill_after=kill_after)
        kills += ended.returncode == -signal.SIGKILL
        if ended.returncode == 0:
            break
    assert kills >= 3
    assert digest(tmp_path / "killed") == digest(tmp_path / "whole")


@pytest.mark.slow
def test_two_processes_follow_the_loss_curve_of_one(tmp_path):
    experiment = tiny_experiment(max_steps=8, validate_every=4)
    file = tmp_path / "experiment.yaml"
    write_experiment(file, experiment)
    train(experiment, data_dir="unused", output=tmp_path / "one", device="cpu", progress=False)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "groupsc"]
    train_two = [*torchrun, "train", file, "--output", tmp_path / "two", "--device", "cpu"]
    subprocess.run(train_two, env=environment, check=True, capture_output=True)
    for one, two in zip(read_log(tmp_path / "one"), read_log(tmp_path / "two"), strict=True):
        assert float(two["loss"] or 0) == pytest.approx(float(one["loss"] or 0), rel=1e-4)
        assert float(two["validation_psnr"]) == pytest.approx(float(one["validation_psnr"]), abs=1e-3)


def test_mosaic_models_can_give_the_brightness_back_that_their_mean_lacks(tmp_path):
    """The subtracted mean counts the zeros of a mosaic: a flat gray image needs a constant atom."""
    config = ModelConfig(channels=3, patch_size=5, n_atoms=16, n_iterations=24, penalty="l1")
    experiment = dataclasses.replace(tiny_experiment(), task="mosaic", method="sc", level=None, model=config)
    D = torch.randn(75, 16, generator=torch.Generator().manual_seed(0))
    D = D - D.mean(0)
    write_tensors(tmp_path / "D.safetensors", {"D": D / torch.linalg.matrix_norm(D, 2)}, {})
    model = first_model(experiment, tmp_path / "D.safetensors")
    mask = bayer_mask(20, 20)
    with torch.no_grad():
        restored = model(0.5 * mask[None], mask[None])
    assert float(restored.mean()) == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("penalty", ["l1", "group"])
@pytest.mark.parametrize("parent", [25, 10])
def test_a_model_of_another_noise_restores_a_scaled_image_as_its_start_does(tmp_path, penalty, parent):
    """Thresholds × r and κ / r: what the start makes of x, the new model makes of r x, times r."""
    experiment = dataclasses.replace(tiny_experiment(), level=2 * parent)
    experiment = dataclasses.replace(experiment, model=dataclasses.replace(experiment.model, penalty=penalty))
    start = SparseCoder(experiment.model)
    save_weights(tmp_path / "start", start, {"task": "gray", "method": "sc", "level": parent})
    model = first_model(experiment, init=tmp_path / "start", spread=2 * parent / 255).double()
    x = torch.rand(1, 1, 20, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        torch.testing.assert_close(model(2 * x), 2 * start.double()(x), rtol=1e-4, atol=1e-5)


def test_csr_begins_where_its_sc_ends():
    """Codes with a mean of 0 are shrunk by λ(1 + γ), as by the thresholds of SC; γ alone loses 0.2 dB."""
    experiment = experiments({"tasks": {"gray": {"methods": ["csr"], "levels": [25]}}})["gray-csr-sigma25"]
    sc = groupsc.load("gray-sc-sigma25", device="cpu").coder
    csr = first_model(experiment, init=find_weights("gray-sc-sigma25"), spread=25 / 255)
    u = torch.linspace(-1, 1, 256)
    with torch.no_grad():
        torch.testing.assert_close(
            csr_prox(u, 0 * u, csr.thresholds[3], csr.penalty.gamma), soft_threshold(u, sc.thresholds[3])
        )
        clean = torch.from_numpy(skimage.data.camera()[60:120, 200:260] / 255).float()[None, None]
        noisy = clean + 25 / 255 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
        error, own, raw = ((model(noisy) - clean).square().mean().log10() for model in (csr, sc, unadapted(csr, sc)))
    assert 10 * (error - own) < 0.05
    assert 10 * (raw - own) > 0.1


def unadapted(csr: SparseCoder, sc: SparseCoder) -> SparseCoder:
    """A model of CSR with the thresholds of SC."""
    model = copy.deepcopy(csr)
    model.thresholds.copy_(sc.thresholds)
    return model
