"""Weights files: what is written is read again; what is damaged, altered or foreign is one sentence."""

from __future__ import annotations

import json
import math

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_models import perturbed_coder

from groupsc.inference.restorer import Restorer
from groupsc.models.coder import SparseCoder
from groupsc.utils.digests import parameters_digest
from groupsc.utils.errors import GroupSCError
from groupsc.weights.files import load_state, load_weights, read_tensors, save_state, save_weights


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "folder" / "gray-csr-sigma25.safetensors"
    save_weights(path, perturbed_coder(penalty="csr").float(), {"name": "gray-csr-sigma25", "level": 25})
    return path


@pytest.mark.parametrize("penalty", ["l1", "csr", "group"])
def test_round_trip(tmp_path, penalty):
    model = perturbed_coder(penalty=penalty, channels=3).float()
    save_weights(tmp_path / "w.safetensors", model, {"name": "x", "minutes": 1.5, "level": None})
    again, card = load_weights(tmp_path / "w.safetensors")
    assert parameters_digest(again) == parameters_digest(model)
    assert again.config == model.config
    assert (card["name"], card["minutes"], card["level"]) == ("x", 1.5, None)
    assert not any(parameter.requires_grad for parameter in again.parameters())


def test_the_file_is_plain_safetensors_with_the_papers_symbols(weights):
    assert set(load_file(weights)) == {"D", "C", "W", "thresholds", "kappa", "nu_logit", "gamma"}
    assert [path.name for path in weights.parent.iterdir()] == [weights.name]


@pytest.mark.parametrize("length", [0, 4, 100, -1])
def test_a_truncated_file(weights, length):
    weights.write_bytes(weights.read_bytes()[:length])
    with pytest.raises(GroupSCError, match="damaged or no safetensors file"):
        load_weights(weights)


def test_a_missing_file(tmp_path):
    with pytest.raises(GroupSCError, match="does not exist; train the model, or fetch released weights"):
        load_weights(tmp_path / "none.safetensors")


def test_a_foreign_file(tmp_path):
    save_file({"D": torch.zeros(2, 2)}, tmp_path / "foreign.safetensors")
    with pytest.raises(GroupSCError, match="contains no model configuration"):
        load_weights(tmp_path / "foreign.safetensors")


def test_weights_of_another_architecture(weights):
    tensors, card = read_tensors(weights)
    for broken in (
        {**tensors, "D": tensors["D"][:, 1:].contiguous()},
        {k: v for k, v in tensors.items() if k != "kappa"},
    ):
        save_file(broken, weights, metadata={key: json.dumps(value) for key, value in card.items()})
        with pytest.raises(GroupSCError, match="it was altered, so fetch it again"):
            load_weights(weights)


def test_an_unknown_model_setting(weights):
    tensors, card = read_tensors(weights)
    card["model"]["layers"] = 3
    save_file(tensors, weights, metadata={key: json.dumps(value) for key, value in card.items()})
    with pytest.raises(GroupSCError, match="ModelConfig has no layers"):
        load_weights(weights)


def test_the_last_good_state_survives(tmp_path):
    path = tmp_path / "state.safetensors"
    assert load_state(path) is None
    for step in (1, 2, 3):
        save_state(path, {"x": torch.tensor([step])}, {"step": step})
    assert load_state(path)[1] == {"step": 3}
    path.write_bytes(b"cut off")
    assert load_state(path)[1] == {"step": 2}
    path.unlink()
    assert load_state(path)[1] == {"step": 2}


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(GroupSCError, match="free some space or choose another folder"):
        save_weights(tmp_path / "file" / "w.safetensors", perturbed_coder(), {})


def test_equal_models_have_equal_files(tmp_path):
    """The library writes the metadata in another order each time."""
    model, card = perturbed_coder(penalty="l1").float(), {letter: letter for letter in "abcdefghij"} | {"σ": "±"}
    for number in range(4):
        save_weights(tmp_path / f"{number}.safetensors", model, card)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 1
    loaded, found = load_weights(tmp_path / "0.safetensors")
    assert {key: found[key] for key in card} == card
    torch.testing.assert_close(loaded.state_dict(), model.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"task": "poisson"}, "task 'poisson'; choose one of gray"),
        ({"task": None}, "task None; choose one of gray"),
        ({"task": "color"}, "models have 3 channels, but the model has 1"),
        ({"method": "groupsc"}, "the penalty of the model is 'l1'"),
        ({"method": "mine"}, "the penalty of the model is 'l1'"),
        ({"level": None}, "level None; give the sigma"),
        ({"level": "25"}, "level '25'"),
        ({"level": math.nan}, "level nan"),
        ({"level": 256}, "at most 255"),
        ({"level": 0}, "above 0"),
        ({"task": "jpeg", "level": 101}, "give the quality .* at most 100"),
    ],
)
def test_a_card_describes_its_model(tmp_path, changes, sentence):
    """Before a training, and when the model is saved: such a file could not be used."""
    coder, card = perturbed_coder(penalty="l1").float(), {"task": "gray", "method": "sc", "level": 25}
    with pytest.raises(GroupSCError, match=sentence):
        Restorer(coder, card | changes)
    if changes.keys() == {"level"} and changes["level"] is not None:
        with pytest.raises(GroupSCError, match=sentence):
            Restorer(coder, card).save(tmp_path / "own.safetensors", name="own", **changes)
    assert not any(tmp_path.iterdir())


class OwnCoder(SparseCoder):
    """A coder of a user's own."""


@pytest.mark.parametrize(
    ("kind", "file", "name", "sentence"),
    [
        (SparseCoder, "mine.safetensors", "mine", None),
        (SparseCoder, "mine.pt", "mine", "ends in .safetensors"),
        (SparseCoder, "mine.safetensors", "mine-known", "without the part"),
        (OwnCoder, "mine.safetensors", "mine", "OwnCoder would be loaded as SparseCoder"),
    ],
)
def test_an_own_model_is_saved_if_it_can_be_loaded_again(tmp_path, kind, file, name, sentence):
    known = perturbed_coder(penalty="l1").float()
    coder = kind(known.config)
    coder.load_state_dict(known.state_dict())
    model = Restorer(coder, {"name": "first", "task": "gray", "method": "sc", "level": 25})
    if sentence is None:
        loaded, card = load_weights(model.save(tmp_path / file, name=name))
        assert card["name"] == "gray-sc-mine-sigma25"
        assert card["earlier"] == [], "a model without training starts from none"
        torch.testing.assert_close(loaded.state_dict(), coder.state_dict())
    else:
        with pytest.raises(GroupSCError, match=sentence):
            model.save(tmp_path / file, name=name)
        assert not any(tmp_path.iterdir())
