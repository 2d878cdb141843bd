"""Experiments: the grid, strict keys, files."""

from __future__ import annotations

import dataclasses

import pytest

from groupsc.benchmark.configuration_checks import check_grid
from groupsc.benchmark.grid import evaluations, sets_of
from groupsc.config.definitions import (
    LEVEL_NAMES,
    METHODS,
    TASKS,
    ModelConfig,
    TrainingConfig,
    experiment_name,
)  # fmt: skip
from groupsc.config.experiments import experiments
from groupsc.config.files import complete_grid, read_experiment, write_experiment
from groupsc.config.recipes import BUDGETS
from groupsc.utils.errors import GroupSCError

GRID = {
    "budget": "fast",
    "tasks": {"gray": {"methods": ["sc", "groupsc"], "levels": [15, 25]}, "mosaic": {"methods": ["sc"]}},
}


def test_a_grid_is_the_product_of_methods_and_levels():
    found = experiments(GRID)
    assert list(found) == [
        "gray-sc-sigma15", "gray-sc-sigma25", "gray-groupsc-sigma15", "gray-groupsc-sigma25", "mosaic-sc",
    ]  # fmt: skip
    assert found["gray-groupsc-sigma25"].init_from == "gray-sc-sigma25"
    assert found["gray-sc-sigma25"].init_from is None
    mosaic = found["mosaic-sc"].model
    assert (mosaic.channels, mosaic.patch_size, mosaic.similarity_interval, mosaic.window) == (3, 7, 8, 50)


def test_windows_span_the_crops_of_the_training():
    grid = {"tasks": {"gray": {"methods": ["groupsc"], "levels": [25]}, "mosaic": {"methods": ["csr"]}}}
    for budget, crop in (("fast", 56), ("cpu", 40)):
        found = experiments({"budget": budget, **grid})
        assert {e.training.crop_size for e in found.values()} == {crop}
        assert [e.model.window for e in found.values()] == [crop - 8, crop - 6]
    chosen = experiments({"budget": "cpu", "model": {"window": 20}, **grid})
    assert {e.model.window for e in chosen.values()} == {20}


def test_a_variant_has_blind_models_and_starts_from_plain_ones():
    robust = {
        "methods": ["sc"],
        "levels": [15],
        "blind": True,
        "training": {"init_from": "plain"},
        "datasets": ["Set12"],
    }
    config = complete_grid({"tasks": {"gray": {"variants": {"robust": robust}, "datasets": ["BSD68"]}}})
    found = experiments(config)
    assert {name: e.init_from for name, e in found.items()} == {
        "gray-sc-robust-sigma15": "gray-sc-sigma15", "gray-sc-robust-blind": "gray-sc-blind",
    }  # fmt: skip
    assert found["gray-sc-robust-blind"].model.levels == (0, 55)
    assert list(evaluations(config, found)) == ["gray-sc-robust-sigma15", "gray-sc-robust-blind-sigma15"]
    assert {tuple(sets_of(config, "gray", e.variant)) for e in found.values()} == {("Set12",)}


def test_names():
    assert experiment_name("jpeg", "groupsc", 10) == "jpeg-groupsc-quality10"
    assert experiment_name("color", "csr", 12.5) == "color-csr-sigma12.5"


def test_mosaics_are_trained_on_all_bayer_phases():
    """Every second patch begins at the same phase."""
    grid = {
        "budget": "cpu",
        "tasks": {"mosaic": {"methods": ["groupsc"]}, "color": {"methods": ["groupsc"], "levels": [25]}},
    }
    found = experiments(grid)
    assert found["mosaic-groupsc"].training.patch_stride % 2 == 1
    assert found["color-groupsc-sigma25"].training.patch_stride == 2


def test_the_closest_override_wins():
    grid = {**GRID, "training": {"max_steps": 7, "seed": 1}}
    grid["tasks"] = {
        "gray": {"methods": ["sc"], "levels": [25], "training": {"max_steps": 9}, "model": {"n_atoms": 64}}
    }
    experiment = experiments(grid)["gray-sc-sigma25"]
    assert (experiment.training.max_steps, experiment.training.seed, experiment.model.n_atoms) == (9, 1, 64)


def test_the_paper_budget_is_the_authors_recipe():
    """Appendix A and section 4 of the design: Adam 6e-4 with ε 1e-3, 120,000 steps of 32 crops 56×56, × 0.35 every
    32,000."""
    for method in METHODS:
        config = TrainingConfig(**BUDGETS["paper"][method])
        assert (config.lr, config.adam_eps, config.max_steps, config.batch_size, config.crop_size) == (
            6e-4,
            1e-3,
            120_000,
            32,
            56,
        )
        assert (config.lr_schedule, config.lr_decay, config.lr_decay_every, config.init_from) == (
            "steps",
            0.35,
            32_000,
            None,
        )


def test_refreshes_of_the_paper():
    """f = 6: before proxes 8, 14, 20; f = 8: before 10 and 18 (counted from 1)."""
    assert [i + 1 for i in ModelConfig().similarity_updates] == [8, 14, 20]
    assert [i + 1 for i in ModelConfig(similarity_interval=8).similarity_updates] == [10, 18]
    assert (
        ModelConfig(similarity_interval=None).similarity_updates == ModelConfig(penalty="l1").similarity_updates == ()
    )


@pytest.mark.parametrize("budget", BUDGETS)
def test_every_budget_suits_every_task(budget):
    grid = {task: {"methods": list(METHODS), "levels": [25] if LEVEL_NAMES[task] else []} for task in TASKS}
    found = experiments({"budget": budget, "tasks": grid})
    assert len(found) == 12
    assert all(experiment.init_from in (None, *found) for experiment in found.values())


def test_an_experiment_survives_its_file(tmp_path):
    for experiment in experiments(GRID).values():
        write_experiment(tmp_path / "deep" / "e.yaml", experiment)
        assert read_experiment(tmp_path / "deep" / "e.yaml") == experiment


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"budget": "huge"}, "budget is 'huge'; choose one of paper, fast, cpu"),
        ({"tasks": {"grey": {"methods": ["sc"]}}}, "tasks names 'grey'; choose one of gray, color, mosaic, jpeg"),
        (
            {"tasks": {"gray": {"methods": ["bm3d"], "levels": [25]}}},
            r"tasks.gray.methods\[0\] is 'bm3d'; choose one of sc, csr, groupsc",
        ),
        ({"training": {"patch_stride": 10}}, "training.patch_stride is 10; choose at most 9"),
        ({"model": {"channels": 3}}, "channels is 3; models of the task gray have 1"),
        ({"training": {"learning_rate": 1}}, "training has no learning_rate; it has .*lr"),
        ({"model": {"layers": 3}}, "model has no layers"),
        ({"model": {"channels": 2}}, r"channels is 2; choose 1 \(gray\) or 3 \(color\)"),
        (
            {"training": {"init_from": "bm3d"}},
            "init_from is 'bm3d'; choose one of sc, csr, groupsc, blind, plain, or an experiment, or null",
        ),
        ({"training": {"lr": 0}}, "training.lr is 0; choose a number above 0"),
        ({"training": {"lr_decay": True}}, "lr_decay is True; choose a number above 0"),
        ({"training": {"grad_clip": "no"}}, "grad_clip is 'no'; choose a number above 0, or null"),
        ({"training": {"init_from": 3}}, "init_from is 3; choose one of sc"),
        ({"training": [1]}, r"training is \[1\]; give a mapping with dataset"),
        ({"bugdet": "cpu"}, "the configuration has no bugdet; it has tasks, budget"),
        ({"tasks": {"gray": None}}, "tasks.gray is None; give a mapping with methods"),
        ({"tasks": {"gray": {"methods": ["sc"], "level": [25]}}}, "tasks.gray has no level; it has methods, levels"),
        ({"tasks": {"gray": {"methods": ["sc"]}}}, r"tasks.gray lacks levels \(sigma\); give a list such as"),
        ({"tasks": {"gray": {"methods": "sc", "levels": [25]}}}, "tasks.gray.methods is 'sc'; give a list"),
        (
            {"tasks": {"gray": {"methods": ["sc"], "levels": ["a"]}}},
            r"tasks.gray.levels\[0\] is 'a'; choose a number above 0",
        ),
        (
            {"tasks": {"gray": {"methods": ["sc"], "levels": [-5]}}},
            r"tasks.gray.levels\[0\] is -5; choose a number above 0",
        ),
        ({"tasks": {"gray": {"methods": ["sc"], "levels": [256]}}}, "tasks.gray.levels contains 256; σ is at most 255"),
        ({"tasks": {"jpeg": {"methods": ["sc"], "levels": [500]}}}, "contains 500; a quality is a whole number"),
        ({"tasks": {"jpeg": {"methods": ["sc"], "levels": [7.5]}}}, "contains 7.5; a quality is a whole number"),
        ({"tasks": {"mosaic": {"methods": ["sc"], "levels": [25]}}}, "tasks.mosaic has no levels, since mosaics"),
        ({"tasks": {"gray": {"variants": {"x": {"levels": [25]}}}}}, "tasks.gray.variants.x lacks methods"),
        ({"tasks": {"gray": {"variants": {"x": {"methods": ["sc"]}}}}}, "tasks.gray.variants.x lacks levels"),
        ({"tasks": {"gray": {"blind": {"methods": ["sc"], "kind": ["bank"]}}}}, "tasks.gray.blind has no kind; it has"),
        ({"tasks": {"gray": {"blind": {"methods": ["sc"]}}}}, "tasks.gray.blind lacks levels"),
        ({"tasks": {"gray": {"blind": {"methods": ["sc"], "levels": ["a"]}}}}, r"tasks.gray.blind.levels\[0\] is 'a'"),
        ({"tasks": {"gray": {"baselines": None}}}, "tasks.gray.baselines is None; give a list"),
        (
            {"tasks": {"gray": {"variants": {8: {"methods": ["sc"], "levels": [5], "model": {1: 2}}}}}},
            "has no 1; it has",
        ),
        ({"model": {"levels": [0, 55]}}, "model has no levels; blind models have levels, ask for them by `blind`"),
        ({"budget": ["fast"]}, r"budget is \['fast'\]; choose one of"),
        ({"training": {"lr_decay": "one"}}, "lr_decay is 'one'; choose a number above 0$"),
        ({"training": {"max_steps": True}}, "max_steps is True; choose a whole number"),
        ({"training": {"crop_size": 5}}, "crop_size is 5; choose more than patch_size, 9"),
        ({"training": {"validation": None}}, "validation is None; choose the name of a data set"),
    ],
)
def test_mistakes_are_one_sentence(change, sentence):
    with pytest.raises(GroupSCError, match=sentence):
        experiments({**GRID, **change})


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"mode": "blok"}, "mode is 'blok'; choose whole or block"),
        ({"stride": 24}, "stride is 24, but only blocks have a stride; set mode to block"),
        ({"mode": "block", "stride": 57}, "stride is 57, but .* restored in blocks of 56 pixels; choose at most 56"),
        ({"blocks": {"experiments": ["gray-sc-sigma15"], "strides": [100]}}, "stride is 100, but .* at most 56"),
        ({"blocks": {"experiment": []}}, "blocks has no experiment; it has experiments"),
        ({"weights": "stolen"}, "weights is 'stolen'; choose released or trained"),
        ({"images": 0}, "images is 0; choose a whole number"),
        ({"images": {"Set12": "few"}}, "images is {'Set12': 'few'}; choose a whole number"),
        ({"repetitions": "many"}, "repetitions is 'many'; choose a whole number"),
        ({"threads": {"trains": 2}}, "threads has no trains; it has train, evaluate"),
        ({"tasks": {"gray": {"methods": ["sc"], "levels": [15]}}}, "tasks.gray lacks datasets; choose some of .*BSD68"),
        ({"images": {"BSD86": 5}}, "images names the data set 'BSD86'; choose one of"),
        ({"cached_results": "/nowhere"}, "cached_results is '/nowhere', which is not a folder"),
    ],
)
def test_values_that_nothing_can_be_done_with(change, sentence):
    sets = {task: {**given, "datasets": ["Set12"]} for task, given in GRID["tasks"].items()}
    grid = {**GRID, "tasks": sets}
    check_grid(complete_grid(grid), experiments(grid))
    with pytest.raises(GroupSCError, match=sentence):
        check_grid(complete_grid({**grid, **change}), experiments(grid))


@pytest.mark.parametrize("text", ["- a\n- b\n", "a: [", "name: x\n", ""])
def test_files_that_are_no_experiment(tmp_path, text):
    (tmp_path / "e.yaml").write_text(text)
    with pytest.raises(GroupSCError):
        read_experiment(tmp_path / "e.yaml")
    with pytest.raises(GroupSCError, match="can't be read as an experiment"):
        read_experiment(tmp_path / "missing.yaml")


def test_configurations_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        ModelConfig().patch_size = 7
