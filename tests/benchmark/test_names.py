"""Names in a configuration: the lists are those of the packages that make tables and figures."""

from __future__ import annotations

from pathlib import Path

import pytest

from groupsc.benchmark import names
from groupsc.config.experiments import experiments
from groupsc.config.files import complete_grid, read_grid
from groupsc.figures import catalog
from groupsc.paper.layouts import TABLES as LAYOUTS
from groupsc.utils.errors import GroupSCError

ROOT = Path(__file__).resolve().parents[2]


def test_tables_and_figures_are_those_that_are_made():
    assert set(names.TABLES) == {*LAYOUTS, "table7", "overview", "robustness"}
    assert set(names.FIGURES) == set(catalog.FIGURES)
    for figure, keys in names.FIGURES.items():
        needs = {need for need in catalog.FIGURES[figure].needs if need not in ("rows", "pictures", "weights", "logs")}
        assert needs <= set(keys)


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.name)
def test_every_configuration_of_the_repository_passes(path):
    config = read_grid(path)
    names.check(config, experiments(config))


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
        names.check_figure("mine", figure)


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
        names.check(config, experiments(config))


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1"])
def test_devices(device):
    config = complete_grid({"tasks": {"gray": {"methods": ["sc"], "levels": [25], "datasets": ["Set12"]}}})
    names.check({**config, "device": device}, {})
    with pytest.raises(GroupSCError, match="choose auto, cpu or cuda"):
        names.check({**config, "device": f"{device}x"}, {})
