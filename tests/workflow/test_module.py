"""The workflow in another folder: with `--directory`, and as a module of another workflow."""

from __future__ import annotations

import shutil
import tomllib

import pytest
import yaml
from checkouts import ROOT, planned, snakemake

from groupsc.weights.released import releases

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workflow")]

GRID = {
    "base": "config/release.yaml", "output": "mine", "tables": ["table4"],
    "figures": {"figure4": {}, "progress": {}},
    "tasks": {"gray": {"methods": ["sc"], "levels": [25], "datasets": ["BSD68"], "baselines": ["dncnn"]}},
}  # fmt: skip
TOY = """
from groupsc.utils.resources import snakefile


configfile: "grid.yaml"


rule mine:
    input:
        "mine/tables/table4.md",
    output:
        "mine.md",
    shell:
        "cp {input} {output}"


module groupsc:
    snakefile:
        %s
    config:
        config


use rule * from groupsc as groupsc_*
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A folder for packages with the files of the wheel, without a checkout beside it."""
    site = tmp_path / "site"
    shutil.copytree(ROOT / "groupsc", site / "groupsc", ignore=shutil.ignore_patterns("__pycache__"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for source, target in project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"].items():
        (site / target).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / source).is_dir() else shutil.copy)(ROOT / source, site / target)
    for pointer in (ROOT / "data/weights").glob("*.dvc"):
        shutil.copy(pointer, site / "groupsc/_data/weights")
    model = releases()["gray-sc-sigma25"]
    shutil.copy(model.find(), site / "groupsc/_data/weights" / model.path.name)
    monkeypatch.setenv("PYTHONPATH", str(site))
    return site


@pytest.fixture
def elsewhere(tmp_path):
    """A folder that has only a configuration file."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "grid.yaml").write_text(yaml.safe_dump(GRID))
    return folder


def check(jobs, prefix=""):
    """What is planned: cached results are taken over, released weights copied, and nothing is trained or downloaded."""
    assert jobs[f"{prefix}evaluate"] == {f"name=gray-{method}-sigma25, dataset=BSD68" for method in ("sc", "dncnn")}
    assert jobs[f"{prefix}release"] == {"name=gray-sc-sigma25"}
    assert not {f"{prefix}train", f"{prefix}dictionary"} & set(jobs)


@pytest.mark.parametrize("file", ["Snakefile", "workflow/Snakefile"])
def test_the_workflow_runs_in_another_directory(file, elsewhere, tmp_path):
    words = ("--snakefile", ROOT / file, "--directory", elsewhere)
    jobs = planned(*words, cwd=tmp_path, config=elsewhere / "grid.yaml")
    check(jobs)
    assert {"table", "figure_figure4", "figure_progress", "page"} <= set(jobs)
    assert jobs["table"] == {"table=table4", "table=paired"}
    done = snakemake(*words, "--", "mine/figures/figure4.png", cwd=tmp_path, config=elsewhere / "grid.yaml")
    assert (elsewhere / "mine/figures/figure4.png").is_file(), done.stderr
    assert {path.name for path in elsewhere.iterdir()} == {"grid.yaml", "mine", ".snakemake"}


def test_another_workflow_uses_it_as_a_module(elsewhere):
    (elsewhere / "Snakefile").write_text(TOY % repr(str(ROOT / "workflow/Snakefile")))
    assert planned(cwd=elsewhere, config="grid.yaml")["mine"] == {""}
    jobs = planned("groupsc_all", cwd=elsewhere, config="grid.yaml")
    check(jobs, "groupsc_")
    assert jobs["groupsc_table"] == {"table=table4", "table=paired"}


def test_a_module_of_the_installed_package_has_all_that_it_needs(elsewhere, installed):
    (elsewhere / "Snakefile").write_text(TOY % "snakefile()")
    said = snakemake("--dry-run", "--printshellcmds", "groupsc_all", cwd=elsewhere, config="grid.yaml").stdout
    assert "groupsc weights pull gray-sc-sigma25 --output mine/weights" in said
    assert f"dvc --cd {installed}/groupsc/_data/weights " in said
    assert f"{installed}/groupsc/_data/data/measured/gray-sc-sigma25/BSD68.csv" in said
    assert f"{ROOT}/" not in said
    assert set(releases([installed / "groupsc/_data"])) == set(releases())
