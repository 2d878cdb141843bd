"""Checkpoints in the form of the authors' code: their names, and the result of the converted model."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

import groupsc
from groupsc.utils.errors import GroupSCError
from groupsc.weights.authors import converted, read_checkpoint

P, K, SIDE = 6, 6, 3


def checkpoint(*, channels=1, group=True, updates=None):
    """A state dictionary with the names and shapes of github.com/bruno-31/groupsc; random values."""
    m, generator = channels * SIDE**2, torch.Generator().manual_seed(0)

    def draw(*shape, scale=0.3):
        return scale * torch.randn(*shape, generator=generator)

    state = {"apply_A.weight": draw(P, m, 1, 1)}
    state |= {f"apply_{name}.weight": draw(m, P, 1, 1) for name in "DW"}
    state |= {f"lmbda.{k}": 0.02 + draw(1, P, 1, 1, scale=0.01).abs() for k in range(K)}
    if group:
        number = 1 if updates is None else updates + 1
        state |= {f"std.{j}": 1 + draw(1, m, 1, 1) for j in range(number)}
        state |= {f"nu.{j}": draw(1, scale=1.0) for j in range(number)}
        state |= {f"simLayer.{j}.mask": torch.zeros(1, 25, 25) for j in range(number)}
    return state


def by_algorithm_1(state, image, interval):
    """Algorithm 1 with the 1×1 convolutions of a checkpoint, on an image of 5 × 5 patches within one window."""

    def listed(name):
        return [state[f"{name}.{j}"] for j in range(sum(key.startswith(f"{name}.") for key in state))]

    patches = F.unfold(image, SIDE)
    mu = patches.mean(1, keepdim=True)
    y, A, D, W = (patches - mu, *(state[f"apply_{name}.weight"][..., 0, 0] for name in "ADW"))

    def fold(x):
        return F.fold(x, image.shape[2:], SIDE) / F.fold(torch.ones_like(x), image.shape[2:], SIDE)

    stds, nus, S, codes, count = listed("std"), listed("nu"), None, torch.zeros(1, P, y.shape[2]), 0
    position = torch.arange(25)
    offset = torch.stack([position // 5, position % 5])
    offset = offset[:, :, None] - offset[:, None, :]
    near = ((offset >= -2) & (offset <= 2)).all(0)
    for k in range(K):
        if stds and k in (0, *range(interval + 1, K, interval)):
            E = y if k == 0 else F.unfold(fold(W @ codes + mu), SIDE) - mu
            f = (E * stds[min(count, len(stds) - 1)][..., 0])[0]
            new = torch.exp(-(torch.cdist(f.T[None], f.T[None])[0] ** 2)) * near
            nu = None if S is None else torch.sigmoid(nus[min(count - 1, len(nus) - 1)])
            S, count = (new if S is None else (1 - nu) * S + nu * new), count + 1
        z, lam = codes + A @ (y - D @ codes), state[f"lmbda.{k}"][..., 0]
        norm = z.abs() if S is None else (z.square() @ S / S.sum(0)).sqrt()
        codes = (1 - lam / norm.clamp(min=1e-12)).relu() * z
    return fold(W @ codes + mu)


@pytest.mark.parametrize(
    ("options", "task"),
    [({}, "gray"), ({"updates": 2}, "gray"), ({"group": False}, "gray"), ({"channels": 3}, "color")],
    ids=["shared", "several", "sc", "color"],
)
def test_the_model_restores_as_the_checkpoint_does(tmp_path, groupsc_command, options, task):
    state = checkpoint(**options)
    torch.save({"epoch": 3, "state_dict": {f"module.{name}": x for name, x in state.items()}}, tmp_path / "ckpt")
    groupsc_command("ckpt", "--output", "w.safetensors", "--task", task, "--sigma", "15", "--interval", "2")
    model = groupsc.load(tmp_path / "w.safetensors", device="cpu", precision="float32")
    x = torch.rand(1, options.get("channels", 1), 7, 7, generator=torch.Generator().manual_seed(1))
    expected = by_algorithm_1(state, x, 2)
    torch.testing.assert_close(model.coder(x).detach(), expected, rtol=0, atol=2e-4)
    assert (expected - x).abs().mean() > 0.05
    method = "groupsc" if options.get("group", True) else "sc"
    assert model.card["name"] == f"{task}-{method}-authors-sigma15"


@pytest.fixture
def groupsc_command(tmp_path, monkeypatch):
    """`groupsc weights convert` in a folder of its own."""
    from groupsc.cli.app import app

    monkeypatch.chdir(tmp_path)
    return lambda *words: app(["weights", "convert", *words], standalone_mode=False)


def test_what_is_no_checkpoint_is_told(tmp_path):
    state = checkpoint()
    for wrong, words in [
        ({**state, "nu_var": torch.zeros(1)}, "var_reg"),
        ({**state, "conv.weight": torch.zeros(1)}, "has conv.weight"),
        ({"apply_A.weight": state["apply_A.weight"]}, "lacks apply_D.weight"),
        (checkpoint(updates=1), "give the similarity_interval of its training"),
    ]:
        with pytest.raises(GroupSCError, match=words):
            converted(wrong, task="gray", level=15, similarity_interval=2)
    (tmp_path / "text").write_text("no checkpoint")
    for path, words in (("text", "can't be read as a checkpoint"), ("absent", "can't be read")):
        with pytest.raises(GroupSCError, match=words):
            read_checkpoint(tmp_path / path)
