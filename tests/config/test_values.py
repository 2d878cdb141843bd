"""Values of every key: converted from text where the meaning is plain, refused where it isn't or out of range."""

from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest

from groupsc.config.definitions import ModelConfig, TrainingConfig, strict
from groupsc.config.files import complete_grid
from groupsc.config.reference import schema
from groupsc.utils.errors import GroupSCError

GRID = {"tasks": {"gray": {"methods": ["sc"], "levels": [25]}}}
SCHEMA = schema()
TRUTHS = {"true": True, "false": False, "yes": True, "no": False, "on": True, "off": False, "False": False}


def values(place: tuple, value) -> object:
    """What a configuration makes of a value at a place."""
    *parents, key = place
    given = {key: value}
    for parent in reversed(parents):
        given = {parent: given}
    if place == ("stride",):
        given["mode"] = "block"
    found = complete_grid({**GRID, **given})
    for part in place:
        found = found[part]
    return found


def fields():
    """(place, schema of the value) of every key that has one value."""
    parts = {
        (): SCHEMA,
        ("model",): SCHEMA["$defs"]["ModelChanges"],
        ("training",): SCHEMA["$defs"]["TrainingChanges"],
        ("threads",): SCHEMA["$defs"]["Threads"],
        ("tasks", "gray", "training"): SCHEMA["$defs"]["TrainingChanges"],
    }
    for place, part in parts.items():
        for key, found in part["properties"].items():
            kinds = found.get("anyOf", [found])
            plain = [kind for kind in kinds if kind.get("type") in ("integer", "number", "boolean", "string")]
            if plain and key != "base":
                yield (*place, key), plain[0], {"type": "null"} in kinds


FIELDS = [pytest.param(*found, id=".".join(found[0])) for found in fields()]


def examples(kind: dict) -> tuple[list, list]:
    """Values that a type has, and values that are nearly right."""
    if kind["type"] == "boolean":
        return [True, False], [0, 1, 2.5, "maybe", "2", [True]]
    if "enum" in kind and kind["type"] == "string":
        return kind["enum"], ["no such word", 3, True, kind["enum"]]
    if kind["type"] == "string":
        return [], [3, 1.5, True, ["a"], {}]
    if "enum" in kind:
        return kind["enum"], [max(kind["enum"]) + 1, 1.5, True, "one"]
    good, bad = [], [True, False, "true", "many", "", [1], float("nan"), float("inf"), "nan"]
    for bound, side in (("minimum", -1), ("maximum", 1)):
        if bound in kind:
            good.append(kind[bound])
            bad += [kind[bound] + side, str(kind[bound] + side)]
        exclusive = f"exclusive{bound.title()}"
        if exclusive in kind:
            good.append(kind[exclusive] - side * 0.25)
            bad += [kind[exclusive], str(kind[exclusive]), kind[exclusive] + side]
    return good, bad + ([1.5, "1.5"] if kind["type"] == "integer" else [])


@pytest.mark.parametrize(("place", "kind", "null"), FIELDS)
def test_every_key_takes_its_values_as_such_and_as_text(place, kind, null):
    good, _ = examples(kind)
    for value in good:
        found = values(place, value)
        assert (found, type(found)) == (value, type(value))
        again = values(place, str(value))
        assert (again, type(again)) == (value, type(value)), "as text"
    if kind["type"] == "boolean":
        assert {word: values(place, word) for word in TRUTHS} == TRUTHS
    if null:
        assert values(place, "null") is values(place, "~") is values(place, None) is None


@pytest.mark.parametrize(("place", "kind", "null"), FIELDS)
def test_every_key_refuses_other_values(place, kind, null):
    _, bad = examples(kind)
    for value in bad if null else [*bad, None]:
        if null and value == "":
            continue
        with pytest.raises(GroupSCError) as caught:
            values(place, value)
        assert str(caught.value).startswith(f"{'.'.join(place)} is {value!r}; choose "), "place, value, hint"
    if not null and kind["type"] != "string":
        with pytest.raises(GroupSCError, match="choose"):
            values(place, "null")


@pytest.mark.parametrize(
    ("place", "value", "found"),
    [
        (("model", "middle_averaging"), "false", False),
        (("model", "similarity_interval"), "null", None),
        (("training", "any_phase"), "false", False),
        (("model", "interpolate"), "no", False),
        (("training", "seed"), "3", 3),
        (("training", "max_steps"), "1e3", 1000),
        (("training", "adam_eps"), "1e-8", 1e-8),
        (("training", "grad_clip"), "null", None),
        (("threads", "train"), "2", 2),
        (("images",), {"Set12": "2"}, {"Set12": 2}),
        (("tasks", "gray", "levels"), ["25"], [25]),
        (("blocks", "strides"), ["24", "12"], [24, 12]),
        (("figures", "a", "at"), ["3", "4"], [3, 4]),
    ],
)
def test_texts_of_the_command_line(place, value, found):
    assert values(place, value) == found


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *((("training", "seed"), value) for value in ("null", 1.5, True, -1)),
        *((("model", "similarity_interval"), value) for value in (2.5, True, 0)),
        (("training", "ema_decay"), 2),
        (("training", "ema_decay"), 1),
        (("training", "adam_eps"), -1),
        (("training", "lr_decay"), -1),
        (("training", "grad_clip"), -1),
        (("training", "backtrack_factor"), 2),
        (("training", "backtrack_threshold"), -0.1),
        (("training", "warmup"), 1.5),
        (("training", "lr"), 0),
        (("training", "source_weight"), 0),
        (("training", "dataset"), "../secret"),
        (("images",), {"Set12": 0}),
        (("images",), {"Set12": "few"}),
        (("figures", "a", "images"), [5]),
        (("figures", "a", "at"), [5]),
        (("figures", "a", "at"), [5, 6, 7]),
    ],
)
def test_values_out_of_range(place, value):
    with pytest.raises(GroupSCError, match=r"choose|give"):
        values(place, value)


def test_classes_check_what_files_check():
    for kind, key, value in ((ModelConfig, "n_atoms", 0), (TrainingConfig, "ema_decay", 1.0)):
        for make in (lambda kind=kind, **given: kind(**given), lambda kind=kind, **given: strict(kind, given)):
            with pytest.raises(GroupSCError, match=f"^{key} is {value!r}; choose"):
                make(**{key: value})
    with pytest.raises(GroupSCError, match=r"^n_atoms is -1; choose a whole number of at least 1$"):
        dataclasses.replace(ModelConfig(), n_atoms=-1)


def test_settings_are_copied_and_pickled():
    config = ModelConfig(levels=[0, 55], window=9)
    assert (
        copy.deepcopy(config) == pickle.loads(pickle.dumps(config)) == config == ModelConfig(levels=(0, 55), window=9)
    )
    assert hash(config) == hash(copy.deepcopy(config))
    assert dataclasses.asdict(config)["levels"] == (0.0, 55.0)
