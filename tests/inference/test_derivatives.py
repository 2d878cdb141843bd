"""Derivatives of a model: large images in little memory, torch.func, trainings of one's own."""

from __future__ import annotations

import pytest
import torch
from small_models import perturbed_coder
from torch.autograd import forward_ad
from torch.func import functional_call, grad, jacrev, jvp, vjp, vmap

import groupsc
from groupsc.inference import differentiable
from groupsc.inference.differentiable import restore_with_gradients
from groupsc.inference.restorer import Restorer
from groupsc.ops.differentiable_window import WindowShape, window_sum
from groupsc.utils.device import fast_matmul_dtype
from groupsc.utils.errors import GroupSCError
from groupsc.weights.cards import read_card
from groupsc.weights.files import save_weights

PENALTIES = ["l1", "csr", "group"]


def image(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.fixture
def always(monkeypatch):
    """Use the path for large images for all of them."""
    monkeypatch.setattr(differentiable, "PLAIN_PATCHES", 0)


@pytest.mark.parametrize(
    ("channels", "masked", "options"),
    [
        (1, False, {}),
        (1, False, {"levels": (5.0, 25.0), "interpolate": True, "relative_distance": True}),
        (3, True, {"shared_similarity": False}),
        (1, False, {"patch_stride": 2, "source_weight": 4.0}),
    ],
    ids=["gray", "blind", "mosaic", "stride"],
)
@pytest.mark.parametrize("penalty", PENALTIES)
def test_gradients_are_those_of_the_plain_coder(always, penalty, channels, masked, options):
    """With several tiles, and windows that end at the border."""
    model = perturbed_coder(penalty=penalty, channels=channels, window=6, **options)
    x = image(2, channels, 24, 20)
    mask = (image(1, channels, 24, 20, seed=1) > 0.6).double() if masked else None
    level = torch.tensor([8.0, 17.0], dtype=torch.float64) if options.get("levels") else None
    found = []
    for function in (model.forward, lambda *a, **k: restore_with_gradients(model, *a, **k)):
        y = (x if mask is None else x * mask).requires_grad_()
        sigma = None if level is None else level.clone().requires_grad_()
        restored = function(y, mask, level=sigma)
        inputs = [y, *model.parameters(), *([] if sigma is None else [sigma])]
        found.append([restored, *torch.autograd.grad((restored * x).sum(), inputs)])
    assert found[0][1].abs().max() > 0.1
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


def test_sums_in_a_window_have_the_derivatives_of_finite_differences():
    X, F, c = image(20, 2, seed=1), image(20, 3, seed=2), torch.tensor([0.3, 0.7], dtype=torch.float64)
    inputs = [t.requires_grad_() for t in (X, c, F, 2 * F.detach())]
    assert torch.autograd.gradcheck(lambda X, c, *F: window_sum(X, c, list(F), WindowShape(4, 5, 3, 2.5)), inputs)


def test_memory_grows_linearly(always):
    """Bytes that autograd keeps for the backward pass, at once; the plain coder keeps sixteen times as many."""
    model = perturbed_coder(penalty="group", window=6).float()

    def kept(side):
        sizes = {}
        with torch.autograd.graph.saved_tensors_hooks(
            lambda t: (sizes.__setitem__(t.data_ptr(), t.numel()), t)[1], lambda t: t
        ):
            restore_with_gradients(model, torch.rand(1, 1, side, side).requires_grad_())
        return sum(sizes.values())

    assert kept(60) < 1.2 * 4 * kept(30)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_torch_func(penalty):
    coder = perturbed_coder(penalty=penalty)
    model = Restorer(coder.requires_grad_(False), {"task": "gray", "level": 25})
    x, v = image(1, 1, 7, 8), image(1, 1, 7, 8, seed=1)
    sigma = 20 / 255

    def f(x):
        return model(x, sigma)

    y = x.clone().requires_grad_()
    restored = f(y)
    (expected,) = torch.autograd.grad(restored, y, v)
    output, pull = vjp(f, x)
    torch.testing.assert_close(output, restored)
    torch.testing.assert_close(pull(v)[0], expected)
    jacobian = jacrev(f)(x).reshape(56, 56)
    torch.testing.assert_close(v.flatten() @ jacobian, expected.flatten())
    torch.testing.assert_close(jvp(f, (x,), (v,))[1].flatten(), jacobian @ v.flatten())
    with forward_ad.dual_level():
        dual = forward_ad.unpack_dual(f(forward_ad.make_dual(x, v)))
    torch.testing.assert_close(dual.tangent.flatten(), jacobian @ v.flatten())
    batch = torch.stack([x, v, x + v])
    torch.testing.assert_close(vmap(f)(batch), torch.stack([f(one.requires_grad_()).detach() for one in batch]))

    parameters = {name: p.detach() for name, p in model.named_parameters()}
    found = grad(lambda p: (functional_call(model, p, (x, sigma)) * v).sum())(parameters)
    model.requires_grad_(True)
    (model(x, sigma) * v).sum().backward()
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad)


def test_a_noise_level_alone_can_need_gradients():
    """As in deepinv's unrolled algorithms with a trainable g_param."""
    model = Restorer(perturbed_coder(penalty="group").requires_grad_(False), {"task": "gray", "level": 25})
    x, sigma = image(1, 1, 12, 12), torch.tensor(0.09, dtype=torch.float64, requires_grad=True)
    model(x, sigma).square().sum().backward()
    h = 1e-6
    low, high = (model(x.clone().requires_grad_(), 0.09 + step).square().sum().item() for step in (-h, h))
    assert sigma.grad.item() == pytest.approx((high - low) / (2 * h), rel=1e-4)
    assert sigma.grad.item() != 0


@pytest.fixture
def weights(tmp_path):
    card = {"name": "gray-sc-sigma25", "task": "gray", "method": "sc", "level": 25.0, "validation_psnr": 29.9}
    settings = {"training": {"dataset": "BSD400"}, "steps": 7, "minutes": 1.5, "device": "a CPU"}
    path = tmp_path / "weights.safetensors"
    save_weights(path, perturbed_coder(penalty="l1").float(), card | settings)
    return path


def test_a_training_loop_of_ones_own(weights, tmp_path):
    assert not any(p.requires_grad for p in groupsc.load(weights, device="cpu").train().parameters())
    model = groupsc.load(weights, device="cpu", trainable=True)
    assert model.training
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    clean = image(2, 1, 16, 16).float()
    losses = []
    for step in range(20):
        noise = torch.randn(clean.shape, generator=torch.Generator().manual_seed(step))
        loss = (model(clean + 20 / 255 * noise, 20 / 255) - clean).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    again = groupsc.load(model.save(tmp_path / "tuned.safetensors", name="tuned"), device="cpu")
    torch.testing.assert_close(again.coder.D, model.coder.D.detach(), rtol=0, atol=0)
    noisy = clean + 20 / 255 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(20))
    torch.testing.assert_close(again(noisy.requires_grad_(), 20 / 255), model(noisy, 20 / 255), rtol=0, atol=1e-3)
    noisy = noisy.detach()
    # Without gradients, codes are stored in the type of the products.
    tolerance = 1e-3 if fast_matmul_dtype(torch.device("cpu")) == torch.float32 else 1e-2
    torch.testing.assert_close(again(noisy, 20 / 255), model(noisy, 20 / 255).detach(), rtol=0, atol=tolerance)
    card = read_card(tmp_path / "tuned.safetensors")
    assert (card["name"], card["variant"], card["level"]) == ("gray-sc-tuned-sigma25", "tuned", 25.0)
    other = read_card(model.save(tmp_path / "other.safetensors", name="tuned", level=20))
    assert (other["name"], other["level"]) == ("gray-sc-tuned-sigma20", 20.0)
    assert card["earlier"] == [{"name": "gray-sc-sigma25", "steps": 7, "minutes": 1.5, "device": "a CPU"}]
    assert not {"validation_psnr", "validation", "training", "steps"} & set(card)


@pytest.mark.parametrize("name", ["Tuned", "my model", "../x", "blind", "a-b-c", ""])
def test_names_of_saved_models(weights, tmp_path, name):
    with pytest.raises(GroupSCError, match="write small letters"):
        groupsc.load(weights, device="cpu").save(tmp_path / "x.safetensors", name=name)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_codes_are_those_of_the_restored_image(penalty):
    model = Restorer(perturbed_coder(penalty=penalty).requires_grad_(False), {"task": "gray", "level": 25})
    x = image(1, 1, 12, 13)
    codes = model.codes(x, sigma=20 / 255)
    from groupsc.ops.patches import average, extract

    size = model.coder.config.patch_size
    mu = extract(x, size).mean(-1, keepdim=True)
    restored = average(codes.flatten(0, 1)[None] @ model.coder.W.T + mu, 12, 13, size)
    torch.testing.assert_close(restored.clamp(x.min(), x.max()), model(x, 20 / 255))
    with pytest.raises(GroupSCError, match="one image at a time"):
        model.codes(x.expand(2, 1, 12, 13))


def test_precision_is_a_choice(weights):
    x = image(1, 1, 20, 20).float()
    exact = groupsc.load(weights, device="cpu")(x.double(), 0.1)
    errors = {
        precision: (groupsc.load(weights, device="cpu", precision=precision)(x, 0.1) - exact).abs().max().item()
        for precision in ("float32", "bfloat16")
    }
    assert errors["float32"] < 1e-5 < errors["bfloat16"]
    with pytest.raises(GroupSCError, match="choose auto, float32 or bfloat16"):
        groupsc.load(weights, device="cpu", precision="float16")
