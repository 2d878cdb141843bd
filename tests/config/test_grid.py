"""Variants over several values, files with a base, and the files that are made from the model of a configuration."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from groupsc.config.experiments import experiments
from groupsc.config.files import complete_grid, read_grid
from groupsc.config.reference import README, SCHEMA, TABLES, readme_text, schema_text
from groupsc.utils.errors import GroupSCError

ROOT = Path(__file__).resolve().parents[2]
SIZES = {
    "name": "patch{patch_size}atoms{n_atoms}",
    "product": {"patch_size": [7, 9], "n_atoms": [128, 256]},
    "also": [{"patch_size": 9, "n_atoms": 512}],
    "methods": ["sc"],
    "levels": [5],
    "model": {"similarity_interval": 8},
    "training": {"batch_size": 16},
}


def grid(**variants) -> dict:
    return {"tasks": {"gray": {"methods": ["sc"], "levels": [5], "variants": variants}}}


def test_a_product_gives_every_combination_and_a_list_further_ones():
    found = experiments(grid(sizes=SIZES))
    sizes = {
        e.variant: (e.model.patch_size, e.model.n_atoms, e.model.similarity_interval, e.training.batch_size)
        for e in found.values()
        if e.variant
    }
    assert sizes == {
        "patch7atoms128": (7, 128, 8, 16),
        "patch7atoms256": (7, 256, 8, 16),
        "patch9atoms128": (9, 128, 8, 16),
        "patch9atoms256": (9, 256, 8, 16),
        "patch9atoms512": (9, 512, 8, 16),
    }
    assert "gray-sc-patch9atoms512-sigma5" in found


def test_values_of_products_go_to_the_model_or_the_training():
    lists = {"name": "s{seed}i{interpolate}", "product": {"seed": ["1", 2], "interpolate": ["no"]}}
    found = experiments(grid(seeds={**lists, "methods": ["sc"], "levels": [5]}))
    seeds = {e.variant: (e.training.seed, e.model.interpolate) for e in found.values() if e.variant}
    assert seeds == {"s1ifalse": (1, False), "s2ifalse": (2, False)}


def test_a_complete_configuration_stays_as_it_is():
    found = complete_grid(grid(sizes=SIZES, plain={"methods": ["sc"], "levels": [5]}))
    assert complete_grid(found) == found
    assert len(found["tasks"]["gray"]["variants"]) == 6


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"name": None}, "tasks.gray.variants.sizes lacks name; give one such as"),
        ({"name": "same"}, "names two variants 'same'; put every key that differs into name"),
        ({"name": "p{patch}"}, r"name has \{patch\}, which product and also lack; they have patch_size, n_atoms"),
        ({"name": "P{n_atoms}-{patch_size}-x"}, "names files; call it by small letters and digits"),
        ({"also": [{"n_atoms": 512}]}, r"name has \{patch_size\}, which product and also lack"),
        ({"product": {"atoms": [1]}}, "product has no atoms; atoms is now n_atoms"),
        ({"product": {"n_atoms": 128}}, "product.n_atoms is 128; give a list"),
        ({"product": {"n_atoms": []}}, r"product.n_atoms is \[\]; give at least 1"),
        ({"product": {"n_atoms": [128, 0]}}, r"product.n_atoms\[1\] is 0; choose a whole number of at least 1"),
        ({"also": [{"lr": "high"}]}, r"also\[0\].lr is 'high'; choose a number above 0"),
        ({"product": {}, "also": []}, "names variants of product and also; remove it"),
    ],
)
def test_mistakes_of_variants(change, sentence):
    with pytest.raises(GroupSCError, match=sentence):
        complete_grid(grid(sizes={**SIZES, **change}))


def test_a_variant_is_not_overwritten_by_one_of_a_product():
    with pytest.raises(GroupSCError, match="names two variants 'patch7atoms128'"):
        complete_grid(grid(patch7atoms128={"methods": ["sc"], "levels": [5]}, sizes=SIZES))


@pytest.mark.parametrize("name", ["blind", "guarded", "robust-known", "trained25", "sigma5"])
def test_a_variant_can_not_have_a_name_that_results_of_other_models_have(name):
    with pytest.raises(GroupSCError, match=f"tasks.gray.variants.{name} has the part"):
        complete_grid(grid(**{name: {"methods": ["sc"], "levels": [5]}}))


def test_a_file_with_a_base_replaces_whole_keys(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    base = {**grid(), "images": {"Set12": 2}, "figures": {"step": {}}, "training": {"seed": 1}}
    Path("base.yaml").write_text(yaml.safe_dump(base))
    changes = {"base": "base.yaml", "images": None, "figures": {}, "training": {"max_steps": 9}}
    Path("changed.yaml").write_text(yaml.safe_dump(changes))
    found = read_grid("changed.yaml")
    own = {"output": "results/changed", "images": None, "figures": {}, "training": {"max_steps": 9}}
    assert found == complete_grid({**base, **own})
    assert "base" not in found
    Path("third.yaml").write_text("base: changed.yaml\n")
    with pytest.raises(GroupSCError, match=r"changed.yaml has a base itself"):
        read_grid("third.yaml")
    with pytest.raises(GroupSCError, match=r"nowhere.yaml can't be read"):
        complete_grid({"base": "nowhere.yaml"})


@pytest.mark.parametrize("command", [("plan", "--configfile"), ("experiment", "--config")])
def test_commands_read_a_file_with_a_base(groupsc, command):
    result = groupsc(*command, "config/whole_sets.yaml", cwd=ROOT)
    assert result.returncode == 0, result.stderr
    assert ("gray-groupsc-blind" if command[0] == "experiment" else "evaluations") in result.stdout


def test_files_that_are_made_from_the_model_are_up_to_date():
    assert (ROOT / SCHEMA).read_text(encoding="utf-8") == schema_text(), "call `make reference`"
    page = (ROOT / README).read_text(encoding="utf-8")
    assert page == readme_text(page), "call `make reference`"
    for name, kind in TABLES.items():
        assert page.count(f"<!-- {name}: ") == 1
        table = page.partition(f"<!-- {name}: ")[2].partition("<!-- end -->")[0]
        for key, field in kind.__pydantic_fields__.items():
            assert f"| `{key}` | " in table
            assert field.description, f"{name}.{key} needs an explanation"


def test_the_schema_is_one_and_takes_every_configuration(monkeypatch):
    monkeypatch.chdir(ROOT)
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)
    for path in Path("config").glob("*.yaml"):
        jsonschema.validate(read_grid(path), schema)
        if "base" not in (raw := yaml.safe_load(path.read_text(encoding="utf-8"))):
            jsonschema.validate(raw, schema)


def test_partial_settings_get_no_defaults():
    """A default of `model: {}` would win over the patch size of the task."""
    found = complete_grid(
        {"tasks": {"color": {"methods": ["sc"], "levels": [5], "model": {}}}, "training": {"seed": 1}}
    )
    assert (found["model"], found["training"], found["tasks"]["color"]["model"]) == ({}, {"seed": 1}, {})
    assert experiments(found)["color-sc-sigma5"].model.patch_size == 7
