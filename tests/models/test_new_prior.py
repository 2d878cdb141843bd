"""A prior that is added as CONTRIBUTING.md says is what trains and restores, and never another one in its place."""

from __future__ import annotations

import pytest
import torch
from small_models import perturbed_coder, some_image

from groupsc.benchmark.cost.operation_counts import block_operations
from groupsc.benchmark.validation import central, validate
from groupsc.config import definitions
from groupsc.data.datasets import load_images
from groupsc.data.degradations import degrade, noise_generator
from groupsc.inference import differentiable
from groupsc.inference.restoration import blockwise, restore
from groupsc.models import penalties
from groupsc.models.iterations import FAST_STEPS
from groupsc.ops import unrolled
from groupsc.ops.patches import counts
from groupsc.utils.errors import GroupSCError


class Firm(penalties.Penalty):
    """Firm shrinkage: a code stays as it is above 2 λ."""

    nonlocal_ = False
    first_step_masked = True

    def prox(self, B, A, lam, Sigma):
        return torch.where(B.abs() > 2 * lam, B, 2 * torch.sign(B) * torch.relu(B.abs() - lam))


class HalfGroup(penalties.Penalty):
    """GroupSC at half the thresholds, with a function of the whole matrix Σ."""

    nonlocal_ = True
    first_step_masked = False

    def prox(self, B, A, lam, Sigma):
        return penalties.GroupLasso().prox(B, A, lam / 2, Sigma)


class HalfGroupSummed(penalties.NonLocalPenalty):
    """The same prior as a function of one sum over similar patches."""

    def summand(self, A, B):
        return B**2

    def shrink(self, B, H, mass, lam):
        return (1 - lam / 2 * ((mass[..., None] + 1e-12) / (H + 1e-8)).sqrt()).clamp(min=0) * B


class Pulled(penalties.NonLocalPenalty):
    """Codes are pulled to the mean of the codes of similar patches before, then soft-thresholded."""

    def summand(self, A, B):
        return torch.zeros_like(B) if A is None else A

    def shrink(self, B, H, mass, lam):
        x = (B + H / mass[..., None]) / 2
        return x.sign() * (x.abs() - lam).relu()


@pytest.fixture(params=[Firm, HalfGroup, HalfGroupSummed, Pulled])
def prior(request, monkeypatch):
    monkeypatch.setitem(definitions.PENALTIES, "mine", "mine")
    monkeypatch.setitem(penalties.KINDS, "mine", request.param)
    return request.param


def half_steps(A, Y, M, D, C, lam, Sigma, mass):
    """The fast path of `HalfGroup`."""
    return unrolled.group_steps(A, Y, M, D, C, lam / 2, Sigma, mass)


def alike(prior, **options):
    """Coders of the new prior and of the known one it is next to, of the same parameters."""
    known = perturbed_coder(penalty="group" if prior.nonlocal_ else "l1", **options)
    new = perturbed_coder(penalty="mine", **options)
    new.load_state_dict(known.state_dict())
    return new, known


def test_it_has_the_parameters_it_needs(prior):
    new, known = alike(prior)
    assert {name for name, _ in new.named_parameters()} == {name for name, _ in known.named_parameters()}
    assert isinstance(new.penalty, prior)


def test_training_takes_its_own_prox_and_restoration_in_blocks_too(prior):
    new, known = alike(prior, window=4)
    image, _ = some_image(1, 6, 6)
    with torch.no_grad():
        restored = new(image)
        assert (restored - known(image)).abs().max() > 1e-3
        torch.testing.assert_close(new(image, matmul_dtype=torch.float64), restored)
        blocks = restore(new, image, mode="block", stride=3)
        sizes = {"side": 6, "stride": 3, "weight": counts(6, 6, 3), "together": 100}
        alone = blockwise(lambda b, m: new(b), image, None, **sizes)
        torch.testing.assert_close(blocks, alone)
        if prior in (HalfGroup, HalfGroupSummed):
            known.thresholds /= 2
            torch.testing.assert_close(restored, known(image))
            torch.testing.assert_close(blocks, restore(known, image, mode="block", stride=3))


@pytest.mark.parametrize("masked", [False, True])
def test_whole_images_take_every_prior_but_functions_of_the_whole_matrix(prior, masked, monkeypatch):
    """With derivatives as well, where the images are too large for the plain coder."""
    monkeypatch.setattr(differentiable, "PLAIN_PATCHES", 16)
    new, _ = alike(prior, window=5)
    image, mask = some_image(1, 14, 17, masked=masked)
    if prior is HalfGroup:
        with pytest.raises(GroupSCError, match=r"penalty 'mine'; use mode='block', or derive its class from .*Penalty"):
            restore(new, image, mask)
    else:
        with torch.no_grad():
            torch.testing.assert_close(restore(new, image, mask), new(image, mask))
    plain, tiled = image.clone().requires_grad_(), image.clone().requires_grad_()
    new(plain, mask).square().sum().backward()
    differentiable.restore_with_gradients(new, tiled, mask).square().sum().backward()
    torch.testing.assert_close(tiled.grad, plain.grad)


def test_a_prior_with_a_prox_of_its_own_is_not_restored_by_sums(monkeypatch):
    class Weaker(penalties.GroupLasso):
        def prox(self, B, A, lam, Sigma):
            return super().prox(B, A, lam / 2, Sigma)

    monkeypatch.setitem(definitions.PENALTIES, "mine", "mine")
    monkeypatch.setitem(penalties.KINDS, "mine", Weaker)
    new, known = alike(Weaker, window=4)
    image, _ = some_image(1, 6, 6)
    with pytest.raises(GroupSCError, match="use mode='block'"):
        restore(new, image)
    with torch.no_grad():
        known.thresholds /= 2
        blocks = [restore(model, image, mode="block", stride=3) for model in (new, known)]
    torch.testing.assert_close(*blocks)


def test_a_subclass_of_a_known_prior_is_not_replaced_by_it(monkeypatch):
    class Doubled(penalties.GroupLasso):
        def shrink(self, B, H, mass, lam):
            return super().shrink(B, H, mass, 2 * lam)

    monkeypatch.setitem(definitions.PENALTIES, "mine", "mine")
    monkeypatch.setitem(penalties.KINDS, "mine", Doubled)
    new, known = alike(Doubled)
    image, _ = some_image(1, 14, 17)
    with torch.no_grad():
        torch.testing.assert_close(restore(new, image), new(image))
        assert (restore(new, image) - restore(known, image)).abs().max() > 1e-3


def test_a_training_can_validate_it(prior):
    new, _ = alike(prior, window=8)
    rows = validate(new.float(), {"task": "gray", "level": 25}, "data/raw", dataset="Bundled", images=1)
    clean = central(torch.from_numpy(load_images("Bundled", channels=1, images=1)["astronaut"]))[None]
    degraded, _ = degrade(clean, "gray", 25, noise_generator("Bundled", "astronaut", 25))
    with torch.no_grad():
        restored = restore(new, degraded, mode="block" if prior is HalfGroup else "whole")
    assert rows["after"].item() == pytest.approx(
        -10 * float((restored.clamp(0, 1) - clean).square().mean().log10()), abs=1e-3
    )


def test_a_fast_path_for_training_changes_nothing_of_that(monkeypatch):
    monkeypatch.setitem(definitions.PENALTIES, "mine", "mine")
    monkeypatch.setitem(penalties.KINDS, "mine", HalfGroup)
    new, _ = alike(HalfGroup, window=4)
    image, _ = some_image(1, 14, 17)
    plain = [new(image[..., :6, :6]).detach(), restore(new, image, mode="block", stride=3)]
    monkeypatch.setitem(FAST_STEPS, "mine", half_steps)
    fast = [new(image[..., :6, :6], matmul_dtype=torch.float64).detach(), restore(new, image, mode="block", stride=3)]
    torch.testing.assert_close(fast, plain)
    with pytest.raises(GroupSCError, match="does not support the non-local penalty 'mine'"):
        restore(new, image)


def test_its_operations_are_counted_as_those_of_the_known_one(prior):
    new, known = alike(prior)
    assert block_operations(new.config) == block_operations(known.config)


def test_a_penalty_without_a_class_is_an_error_that_says_where_it_goes(monkeypatch):
    monkeypatch.setitem(definitions.PENALTIES, "mine", "mine")
    with pytest.raises(
        GroupSCError, match=r"the penalty 'mine' has no proximal operator; .* to KINDS, which contains l1, csr"
    ):
        perturbed_coder(penalty="mine")
