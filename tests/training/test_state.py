"""State of a training: its scores, the return to the best snapshot, and its minutes."""

from __future__ import annotations

import pytest
import torch
from tiny_experiments import tiny_experiment

from groupsc.data.datasets import load_images
from groupsc.training.batches import Batch, Batches
from groupsc.training.initialization import first_model
from groupsc.training.loop import train
from groupsc.training.state import Run
from groupsc.training.validation_blocks import Validation, validation_blocks
from groupsc.weights.files import load_weights


@pytest.fixture
def begun(tmp_path):
    """A run after three steps, its batches, and validation blocks with values up to 3."""
    experiment = tiny_experiment(ema_decay=0.9)
    images = [torch.from_numpy(image) for image in load_images("Bundled", channels=1, images=3).values()]
    batches = Batches(images, experiment)
    run = Run(experiment, first_model(experiment), torch.device("cpu"), tmp_path, spread=batches.spread())
    for step in range(3):
        run.advance(batches.at(step), 1e-3, 1)
    plain = validation_blocks(experiment, "unused", block=16)
    contrast = Batch(3 * plain.clean, 3 * plain.clean + (plain.degraded - plain.clean))
    return run, batches, Validation(plain, contrast)


def test_blocks_are_clipped_to_their_range_and_both_kinds_count_alike(begun):
    run, _, blocks = begun
    found = []
    for (clean, degraded, *_), highest in ((blocks.plain, 1.0), (blocks.contrast, float(blocks.contrast.clean.max()))):
        with torch.no_grad():
            restored = run.averaged_model()(degraded, matmul_dtype=torch.float32).clamp(0, highest)
        found.append(-10 * (restored - clean).square().mean((1, 2, 3)).log10().mean().item())
    assert 1.2 < restored.max() < 3  # A limit of 1 changes the second PSNR.
    run.begin(blocks, write=False)
    assert [run.psnr, run.contrast_psnr] == pytest.approx(found, abs=1e-4)
    assert run.best_score == pytest.approx(sum(found) / 2, abs=1e-4)


def test_backtracking_restores_parameters_and_averages(begun):
    run, batches, blocks = begun
    run.begin(blocks, write=False)
    best = {name: tensor.clone() for name, tensor in run.best.items()}
    run.best_score = 100.0
    run.advance(batches.at(3), 1e-3, 1)
    run.validate(blocks, 1e-3, write=False)
    assert run.lr_factor < 1
    for name, parameter in run.model.named_parameters():
        assert torch.equal(run.average[name], best[name]), name
        assert torch.equal(parameter.detach(), best[name]), name


def test_the_card_has_the_minutes_of_all_calls(begun, tmp_path):
    run, *_ = begun
    run.minutes = 100.0
    run.save()
    weights = train(run.experiment, data_dir="unused", output=tmp_path, device="cpu", progress=False)
    assert 100 <= load_weights(weights)[1]["minutes"] < 110
