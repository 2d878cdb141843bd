"""The files of config/ give the settings that they gave before one model of the configuration read them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from groupsc.benchmark import configuration_checks, grid
from groupsc.config.experiments import experiments
from groupsc.config.files import read_grid

ROOT = Path(__file__).resolve().parents[2]
BEFORE = json.loads((Path(__file__).with_name("settings.json")).read_text(encoding="utf-8"))
"""What an earlier commit made of these files; `origin` names it. Who changes config/ on purpose changes this too."""


@pytest.fixture(autouse=True)
def _in_the_root(monkeypatch):
    """`base` and `cached_results` are paths from the root."""
    monkeypatch.chdir(ROOT)


@pytest.fixture(params=BEFORE["files"])
def before_and_now(request):
    return BEFORE["files"][request.param], read_grid(f"config/{request.param}")


def test_every_file_is_compared():
    files = {path.name for path in (ROOT / "config").glob("*.yaml")}
    others = {"default.yaml", "robust.yaml", "fast.yaml", "realisations.yaml", "short.yaml"}
    assert files - others == set(BEFORE["files"])
    default, release = (read_grid(ROOT / f"config/{name}.yaml") for name in ("default", "release"))
    assert {key for key in release if default[key] != release[key]} == {"output", "index", "figures"}


def test_experiments_have_the_same_settings(before_and_now):
    before, config = before_and_now
    found = {name: json.loads(json.dumps(dataclasses.asdict(e))) for name, e in experiments(config).items()}
    assert set(found) == set(before["experiments"])
    for name, (task, method, level, variant, model, training) in before["experiments"].items():
        plain = {"name": name, "task": task, "method": method, "level": level, "variant": variant}
        expected = plain | {"model": BEFORE["models"][model], "training": BEFORE["trainings"][training]}
        # As text, since 25 and 25.0 are equal but make different files.
        assert json.dumps(found[name]) == json.dumps(expected), name


def test_the_same_is_evaluated_and_shown(before_and_now):
    before, config = before_and_now
    found = experiments(config)
    configuration_checks.check_grid(config, found)
    evaluated = {
        name: grid.sets_of(config, task, e.variant) for name, (e, task, _) in grid.evaluations(config, found).items()
    }
    assert evaluated == before["evaluations"]
    assert sorted(map(list, grid.block_places(config, found))) == sorted(before["blocks"])
    assert {task: given["baselines"] for task, given in config["tasks"].items()} == before["baselines"]
    assert {name: given or {} for name, given in config["figures"].items()} == before["figures"]


def test_the_other_keys_have_the_same_values(before_and_now):
    before, config = before_and_now
    others = {key: value for key, value in config.items() if key in before["keys"]}
    assert others == before["keys"]
    assert set(config) - set(others) == {"tasks", "model", "training", "figures", "compare_with", "datasets"}
