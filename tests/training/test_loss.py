"""The loss of a batch and its gradients against their definition, for micro-batches of any size."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from small_models import perturbed_coder

from groupsc.config.definitions import TrainingConfig
from groupsc.training.batches import Batch
from groupsc.training.loss import FLOOR, GROWTH, LossGradient

CPU = torch.device("cpu")


def naive_weights(side, patch):
    """Number of patches at each pixel, counted one by one, divided by the largest."""
    counts = torch.zeros(side, side, dtype=torch.float64)
    for top in range(side - patch + 1):
        for left in range(side - patch + 1):
            counts[top : top + patch, left : left + patch] += 1
    return counts / counts.max()


@pytest.mark.parametrize("levels", [None, (5.0, 25.0, 40.0, 50.0)], ids=["one level", "several levels"])
@pytest.mark.parametrize("size", [None, 1, 3, 4])
def test_loss_and_gradients_are_those_of_the_definition(size, levels):
    model = perturbed_coder(penalty="group", window=5)
    config = TrainingConfig(crop_size=9, batch_size=4, micro_batch_size=size)
    generator = torch.Generator().manual_seed(0)
    clean = torch.rand(4, 1, 9, 9, generator=generator, dtype=torch.float64)
    degraded = clean + 0.1 * torch.randn(clean.shape, generator=generator, dtype=torch.float64)
    level = None if levels is None else torch.tensor(levels, dtype=torch.float64)
    found = LossGradient(model, config, CPU, torch.float64)(Batch(clean, degraded, None, level))
    gradients = {name: p.grad.clone() for name, p in model.named_parameters()}

    model.zero_grad(set_to_none=True)
    weight, expected = naive_weights(9, model.config.patch_size), 0.0
    for number in range(4):
        error = model(degraded[number, None])[0] - clean[number]
        share = 1.0 if levels is None else (levels[number] / 25) ** GROWTH + FLOOR
        expected = expected + (weight * error).square().sum() / share / 4
    expected.backward()
    torch.testing.assert_close(found.double(), expected.detach(), rtol=1e-6, atol=0)
    for name, p in model.named_parameters():
        torch.testing.assert_close(gradients[name], p.grad, rtol=1e-5, atol=1e-8)


def test_a_smaller_last_batch_is_divided_by_the_batch_size():
    """So that the sum over the processes of a training is the loss of the whole batch."""
    model = perturbed_coder(penalty="l1")
    config = TrainingConfig(crop_size=9, batch_size=4)
    clean = torch.zeros(2, 1, 9, 9, dtype=torch.float64)
    batch = Batch(clean, clean + 0.1)
    two = LossGradient(model, config, CPU, torch.float64)(batch)
    four = LossGradient(model, dataclasses.replace(config, batch_size=2), CPU, torch.float64)(batch)
    torch.testing.assert_close(2 * two, four)
