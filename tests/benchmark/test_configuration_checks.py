"""Names in a configuration: the lists are those of the packages that make tables and figures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from groupsc.benchmark import configuration_checks
from groupsc.config.experiments import experiments
from groupsc.config.files import complete_grid, read_grid
from groupsc.figures import catalog
from groupsc.paper.layouts import TABLES as LAYOUTS
from groupsc.utils.errors import GroupSCError
from groupsc.weights.released import releases

ROOT = Path(__file__).resolve().parents[2]


def test_tables_and_figures_are_those_that_are_made():
    assert set(configuration_checks.TABLES) == {*LAYOUTS, "table7", "overview", "robustness"}
    assert set(configuration_checks.FIGURES) == set(catalog.FIGURES)
    for figure, keys in configuration_checks.FIGURES.items():
        needs = {need for need in catalog.FIGURES[figure].needs if need not in ("rows", "pictures", "weights", "logs")}
        assert needs <= set(keys)


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.name)
def test_every_configuration_of_the_repository_passes(path):
    config = read_grid(path)
    configuration_checks.check(config, experiments(config))


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        ({"figure": "denoising", "task": "gray", "dataset": "Set12"}, "needs images"),
        ({"figure": "denoising", "task": "gray", "dataset": "Set21", "images": ["01"]}, "no data set 'Set21'"),
        ({"figure": "artefacts", "panels": [{"task": "gray", "dataset": "Set12", "image": "13"}]}, "'13' of Set12"),
        ({"figure": "similarity", "dataset": "Set12", "images": ["05"], "at": [1, 2]}, "needs experiment"),
    ],
)
def test_a_figure_that_can_not_be_drawn_is_told(figure, words):
    with pytest.raises(GroupSCError, match=words):
        configuration_checks.check_figure("mine", figure)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"model": {"n_atoms": 64}},
            "sigma25 has n_atoms 256, and the configuration asks for 64; set `weights: trained",
        ),
        ({"model": {"n_atoms": 256}}, None),
        ({"model": {"similarity_interval": 12}}, None),
        ({"model": {"n_atoms": 64}, "weights": "trained"}, None),
        (
            {"variants": {"short": {"methods": ["sc"], "levels": [25], "model": {"n_iterations": 12}}}},
            "gray-sc-short-sigma25 has n_iterations 8, and the configuration asks for 12; .* or of its variant",
        ),
        ({"variants": {"deep": {"methods": ["sc"], "levels": [25], "model": {"n_iterations": 48}}}}, None),
        ({"compare_with": "sc-deep"}, "compare_with is 'sc-deep'; choose one of sc, csr, groupsc, sc-blind, dncnn"),
        ({"compare_with": "sc-blind"}, None),
    ],
)
def test_released_models_are_those_of_the_configuration(changes, sentence):
    task = {"methods": ["sc"], "levels": [25], "datasets": ["Set12"], "blind": {"methods": ["sc"], "levels": [25]}}
    task |= {"variants": changes.pop("variants", {})}
    config = complete_grid({"tasks": {"gray": task}, **changes})
    if sentence is None:
        configuration_checks.check(config, experiments(config))
    else:
        with pytest.raises(GroupSCError, match=sentence):
            configuration_checks.check(config, experiments(config))


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        ({"methods": ["groupsc"]}, "gray-groupsc-sigma35 starts from gray-sc-sigma35, which the grid lacks"),
        ({"methods": ["sc"], "baselines": ["bm5d"]}, "In tasks.gray.baselines: there is no method 'bm5d'"),
        (
            {
                "methods": ["sc"],
                "variants": {"p7": {"methods": ["groupsc"], "levels": [35], "model": {"patch_size": 7}}},
            },
            r"gray-groupsc-p7-sigma35 starts from gray-sc-sigma35, .* another size; .* \(.* methods sc and groupsc\)",
        ),
        (
            {
                "methods": ["sc"],
                "variants": {"p7": {"methods": ["sc", "groupsc"], "levels": [35], "model": {"patch_size": 7}}},
            },
            None,
        ),
    ],
)
def test_starts_and_baselines_are_checked_before_a_training(task, sentence):
    task = {"levels": [35], "datasets": ["Set12"], **task}
    config = complete_grid({"weights": "trained", "budget": "cpu", "tasks": {"gray": task}})
    if sentence is None:
        configuration_checks.check(config, experiments(config))
    else:
        with pytest.raises(GroupSCError, match=sentence):
            configuration_checks.check(config, experiments(config))


@pytest.mark.parametrize(
    ("levels", "sentence"),
    [
        ([25, 50], None),
        ([20, 25], "^gray-sc-sigma20 is not released, so that tables mark it as not run"),
        ([*range(60, 68)], "^gray-sc-sigma60, .*, gray-sc-sigma64 and 3 others are not released"),
    ],
)
def test_models_without_a_release_are_named(levels, sentence):
    config = complete_grid({"tasks": {"gray": {"methods": ["sc"], "levels": levels, "datasets": ["Set12"]}}})
    found = configuration_checks.not_released(config, experiments(config), releases())
    assert (found is None) if sentence is None else re.search(sentence, found)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"methods": ["sc-robust"], "levels": [25]}, "no model 'sc-robust' has the σ 25; choose among sc$"),
        ({"methods": ["sc"], "levels": [5]}, "no model 'sc' has the σ 5"),
        ({"baselines": ["nln"]}, "no method 'nln'; choose among input, dncnn"),
        ({}, "robustness has nothing to show"),
    ],
)
def test_measurements_on_the_stress_set_that_can_not_be_made_are_told(given, words):
    task = {"methods": ["sc"], "levels": [25], "datasets": ["Set12"]}
    config = complete_grid({"tasks": {"gray": task}, "stress": given, "tables": ["robustness"]})
    with pytest.raises(GroupSCError, match=words):
        configuration_checks.check(config, experiments(config))


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1"])
def test_devices(device):
    config = complete_grid({"tasks": {"gray": {"methods": ["sc"], "levels": [25], "datasets": ["Set12"]}}})
    configuration_checks.check({**config, "device": device}, {})
    with pytest.raises(GroupSCError, match="choose auto, cpu or cuda"):
        configuration_checks.check({**config, "device": f"{device}x"}, {})
