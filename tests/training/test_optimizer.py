"""The optimizer: Adam itself, clipping, steps that are skipped, units, and its state."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from small_models import perturbed_coder
from torch import nn

from groupsc.config.definitions import TrainingConfig
from groupsc.training.optimizer import (
    FIRST_NORM,
    GAMMA_SPEED,
    KAPPA_SPEED,
    NU_SPEED,
    OUTLIER,
    GuardedAdam,
    parameter_units,
)

RATE, EPSILON = 1e-2, 1e-8


class Parameters(nn.Module):
    """Two parameters without a model around them."""

    def __init__(self):
        super().__init__()
        self.D = nn.Parameter(torch.linspace(-1, 1, 6).view(2, 3))
        self.thresholds = nn.Parameter(torch.full((4,), 0.1))


def optimizer(**settings) -> tuple[Parameters, GuardedAdam]:
    model = Parameters()
    return model, GuardedAdam(model, TrainingConfig(lr=RATE, adam_eps=EPSILON, **settings), spread=25 / 255)


def gradient(seed: int, scale: float = 1.0) -> list[np.ndarray]:
    draw = np.random.default_rng(seed)
    return [scale * draw.normal(size=shape).astype(np.float32) for shape in ((2, 3), (4,))]


def step(model: Parameters, adam: GuardedAdam, gradients, loss: float = 1.0) -> bool:
    for parameter, found in zip(model.parameters(), gradients, strict=True):
        parameter.grad = torch.from_numpy(found.copy())
    return bool(adam.step(torch.tensor(loss), RATE))


def values(model: Parameters) -> list[np.ndarray]:
    return [parameter.detach().numpy().copy() for parameter in model.parameters()]


def adam_by_hand(gradients, rates=(RATE, RATE)) -> list[np.ndarray]:
    """Kingma and Ba, Algorithm 1, https://arxiv.org/abs/1412.6980."""
    found = values(Parameters())
    for place, rate in enumerate(rates):
        m = v = np.zeros_like(found[place], dtype=np.float64)
        for t, g in enumerate((np.float64(one[place]) for one in gradients), 1):
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            found[place] = found[place] - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + EPSILON)
    return found


def norm(gradients) -> float:
    return math.sqrt(sum(float((np.float64(g) ** 2).sum()) for g in gradients))


def test_it_is_adam():
    model, adam = optimizer()
    gradients = [gradient(seed) for seed in range(5)]
    assert all(step(model, adam, found) for found in gradients)
    for ours, reference in zip(values(model), adam_by_hand(gradients), strict=True):
        np.testing.assert_allclose(ours, reference, rtol=1e-5)


def test_the_norm_is_clipped_at_a_multiple_of_its_running_median():
    model, adam = optimizer(grad_clip=1.5)
    gradients = [gradient(seed, scale) for seed, scale in enumerate((1, 1.2, 0.9, 4.0, 1.1))]
    norms = [norm(found) for found in gradients]
    clipped = []
    for number, found in enumerate(gradients):
        assert step(model, adam, found)
        known = sorted(norms[:number])
        median = known[(number - 1) // 2] if known else FIRST_NORM
        clipped.append([g * min(1, 1.5 * median / norms[number]) for g in found])
    assert norm(clipped[3]) < norms[3] / 2
    for ours, reference in zip(values(model), adam_by_hand(clipped), strict=True):
        np.testing.assert_allclose(ours, reference, rtol=1e-5)


NOT_FINITE = [(math.nan, 1.0), (math.inf, 1.0), (1.0, math.nan), (1.0, math.inf)]


@pytest.mark.parametrize(
    ("clip", "scale", "loss"),
    [
        *((clip, *bad) for clip in (None, 2.0) for bad in NOT_FINITE),
        (None, 3 * OUTLIER, 1.0),
        (None, 1.0, 1.1 * OUTLIER),
    ],
)
def test_a_bad_step_changes_nothing(clip, scale, loss):
    model, adam = optimizer(grad_clip=clip)
    untouched, reference = optimizer(grad_clip=clip)
    for seed in range(4):
        assert step(model, adam, gradient(seed))
        assert step(untouched, reference, gradient(seed))
    before = values(model)
    assert not step(model, adam, gradient(9, scale), loss)
    for ours, kept in zip(values(model), before, strict=True):
        np.testing.assert_array_equal(ours, kept)
    assert adam.skipped == 1
    for seed in range(4, 8):
        assert step(model, adam, gradient(seed))
        assert step(untouched, reference, gradient(seed))
    for ours, kept in zip(values(model), values(untouched), strict=True):
        np.testing.assert_array_equal(ours, kept)


def test_a_clipped_step_is_taken_however_large_it_is():
    """Adam's moments stay those of a step of twice the median."""
    model, adam = optimizer(grad_clip=2.0)
    gradients = [gradient(seed) for seed in range(3)]
    large = gradient(7, 1e12)
    norms = sorted(map(norm, gradients))
    for found in (*gradients, large):
        assert step(model, adam, found, loss=1e20)
    first = [g * min(1, 2 * FIRST_NORM / norm(gradients[0])) for g in gradients[0]]
    last = [g * 2 * norms[1] / norm(large) for g in large]
    for ours, reference in zip(values(model), adam_by_hand([first, *gradients[1:], last]), strict=True):
        np.testing.assert_allclose(ours, reference, rtol=1e-4)


def test_medians_follow_losses_that_grow_slowly():
    model, adam = optimizer()
    assert all(step(model, adam, gradient(number), loss=1.03**number) for number in range(300))


def test_a_first_step_is_skipped_only_if_it_is_not_finite():
    model, adam = optimizer()
    assert not step(model, adam, gradient(0, math.nan))
    assert step(model, adam, gradient(0, 1e6), loss=1e9)


def test_units_multiply_the_learning_rate():
    model, adam = optimizer(units=True)
    gradients = [gradient(seed) for seed in range(3)]
    adam.units = {"D": 1.0, "thresholds": 0.2}
    for found in gradients:
        step(model, adam, found)
    for ours, reference in zip(values(model), adam_by_hand(gradients, (RATE, 0.2 * RATE)), strict=True):
        np.testing.assert_allclose(ours, reference, rtol=1e-5)


def test_units_of_a_model():
    model = perturbed_coder()
    with torch.no_grad():
        model.kappa.fill_(10.0)
        model.thresholds.fill_(0.03)
    units = parameter_units(model, 5 / 255)
    assert units == pytest.approx(
        {"D": 1, "C": 1, "W": 1, "thresholds": 0.2, "kappa": 10 * KAPPA_SPEED, "nu_logit": NU_SPEED}
    )
    assert parameter_units(model, None)["thresholds"] == pytest.approx(0.5)
    assert set(parameter_units(perturbed_coder(penalty="l1"), None)) == {"D", "C", "W", "thresholds"}
    assert parameter_units(perturbed_coder(penalty="csr"), None)["gamma"] == GAMMA_SPEED


def test_a_saved_state_goes_on_as_if_nothing_had_happened():
    model, adam = optimizer(grad_clip=2.0, units=True)
    for seed in range(3):
        step(model, adam, gradient(seed, 1 + seed))
    other, resumed = optimizer(grad_clip=2.0, units=True)
    other.load_state_dict(model.state_dict())
    resumed.load({name: tensor.clone() for name, tensor in adam.state().items()})
    for seed in range(3, 6):
        assert step(model, adam, gradient(seed)) == step(other, resumed, gradient(seed))
    for ours, reference in zip(values(other), values(model), strict=True):
        np.testing.assert_array_equal(ours, reference)
    np.testing.assert_array_equal(resumed.norms, adam.norms)


def test_after_forgetting_the_next_step_is_a_first_step():
    model, adam = optimizer(grad_clip=2.0)
    for seed in range(3):
        step(model, adam, gradient(seed, 100))
    adam.forget()
    other, fresh = optimizer(grad_clip=2.0)
    other.load_state_dict(model.state_dict())
    for seed, scale in ((5, 1), (6, 20), (7, 1)):
        assert step(model, adam, gradient(seed, scale)) == step(other, fresh, gradient(seed, scale))
    for ours, reference in zip(values(model), values(other), strict=True):
        np.testing.assert_array_equal(ours, reference)
