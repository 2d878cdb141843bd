"""Files written under former names of settings are read; configurations under former names are answered."""

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from groupsc.config import aliases
from groupsc.config.definitions import ModelConfig, TrainingConfig, model_from_dict, strict
from groupsc.config.experiments import experiments
from groupsc.figures.progress import read_log
from groupsc.paper.ablations import with_variants_as_methods
from groupsc.paper.tables import read_published
from groupsc.utils.errors import GroupSCError
from groupsc.weights.cards import read_card

ROOT = Path(__file__).resolve().parents[2]
WEIGHTS = sorted((ROOT / "data/weights").glob("*.safetensors"))


def as_written(path):
    """The metadata of a weights file as its bytes have it."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return {key: json.loads(value) for key, value in header["__metadata__"].items()}


@pytest.mark.skipif(not WEIGHTS, reason="there are no released weights here; run `dvc pull`")
def test_every_released_card_has_the_values_that_were_written():
    for path in WEIGHTS:
        written, card = as_written(path), read_card(path)
        for key, names, kind in (("model", aliases.MODEL, ModelConfig), ("training", aliases.TRAINING, TrainingConfig)):
            assert sorted(map(repr, card[key].values())) == sorted(map(repr, written[key].values())), path.name
            assert not set(card[key]) & set(names)
            config = strict(kind, card[key])
            for name, value in written[key].items():
                found = getattr(config, names.get(name, name))
                assert (list(found) if isinstance(found, tuple) else found) == value, (path.name, name)


def test_every_released_curve_is_read():
    curves = sorted((ROOT / "results").rglob("curves/*.csv"))
    assert curves
    for path in curves:
        with open(path, newline="") as file:
            rows = list(csv.DictReader(file))
        column = "rate" if "rate" in rows[0] else "lr"
        assert read_log(path)["lr"].iloc[-1] == float(rows[-1][column])


@pytest.mark.parametrize(
    ("number", "methods"), [(1, {"groupsc-refresh12raw", "groupsc-norefresh"}), (13, {"atoms128", "atoms512"})]
)
def test_the_variants_of_the_paper_are_read(number, methods):
    published = read_published()
    runs = pd.DataFrame(columns=["method", "dataset", "level", "mode", "stride"])
    printed, _ = with_variants_as_methods(number, published[published["table"] == number], runs.astype(object))
    assert methods <= set(printed["method"])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        *(({"model": {old: 1}}, f"{old}; {old} is now {new};") for old, new in aliases.MODEL.items()),
        *(({"training": {old: 1}}, f"{old}; {old} is now {new};") for old, new in aliases.TRAINING.items()),
        *(({old: 1}, f"{old}; {old} is now {new};") for old, new in aliases.GRID.items()),
    ],
)
def test_a_former_key_is_answered_by_the_present_one(config, message):
    with pytest.raises(GroupSCError, match=message):
        experiments({"tasks": {"gray": {"methods": ["sc"], "levels": [25]}}, **config})


def test_a_card_without_a_model_is_left_alone():
    assert aliases.renamed_metadata({"D": 1, "model": None}) == {"D": 1, "model": None}
    with pytest.raises(GroupSCError, match="patch is now patch_size"):
        model_from_dict({"patch": 9})
