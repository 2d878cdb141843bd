"""The workflow, run by Snakemake in a copy of the checkout, and what DVC makes of it in a clone."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml
from checkouts import change, empty_mirror, jobs_of, planned, run, snakemake

from groupsc.config.files import read_experiment, read_grid

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workflow")]


def test_chain_ends_in_tables_figures_and_a_summary(finished):
    results = finished / "results/ci"
    for ending in ("md", "csv", "tex", "html"):
        assert (results / f"tables/table4.{ending}").stat().st_size > 0
    for figure in ("figure4", "denoising", "dictionary", "training", "progress", "reproducibility"):
        assert (results / f"figures/{figure}.png").stat().st_size > 0
    assert "gray-groupsc-sigma25" in (results / "tables/table7.md").read_text()
    text = (results / "summary.txt").read_text()
    assert "results/ci/tables/table4.md" in text
    assert len(re.findall(r"gray-(sc|groupsc)-sigma25 +Bundled .*2 (of \d+ )?images", text)) == 2
    assert re.search(r"gray-sc-blind-sigma15 +Bundled .*2 (of \d+ )?images", text)


def test_second_run_does_nothing(finished):
    assert planned(cwd=finished) == {}
    assert "Nothing to be done" in snakemake(cwd=finished).stderr


def test_new_level_adds_its_own_chain_and_nothing_else(checkout):
    change(checkout / "config/ci.yaml", tasks__gray__levels=[25, 50])
    jobs = planned(cwd=checkout)
    assert jobs["train"] == {"name=gray-sc-sigma50", "name=gray-groupsc-sigma50"}
    assert jobs["evaluate"] == {f"name=gray-{m}-sigma50, dataset=Bundled" for m in ("sc", "groupsc")}
    assert not {"fetch", "dictionary"} & set(jobs)


def test_changed_experiment_reruns_only_its_own_chain(checkout):
    task = {"methods": ["sc"], "levels": [40], "datasets": ["Bundled"]}
    change(checkout / "config/ci.yaml", tasks__jpeg=task)
    rows = "results/ci/rows/jpeg-sc-quality40/Bundled.csv"
    snakemake("--", rows, cwd=checkout)
    model = checkout / "results/ci/training/jpeg-sc-quality40/weights.safetensors"
    before = model.read_bytes()
    change(checkout / "config/ci.yaml", tasks__jpeg__training={"lr": 0.02})
    jobs = planned(cwd=checkout)
    assert jobs["train"] == {"name=jpeg-sc-quality40"}
    assert jobs["evaluate"] == {"name=jpeg-sc-quality40, dataset=Bundled"}
    snakemake("--", rows, cwd=checkout)
    assert model.read_bytes() != before
    assert planned("--", rows, cwd=checkout) == {}


def test_rows_measured_before_reach_the_tables(checkout):
    shutil.copytree(checkout / "results/ci/rows", checkout / "earlier")
    file = checkout / "earlier/gray-sc-sigma25/Bundled.csv"
    rows = pd.read_csv(file)
    rows["psnr"], rows["code_version"] = 12.34, "older"
    rows.to_csv(file, index=False)
    shutil.rmtree(checkout / "earlier/gray-groupsc-sigma25")
    change(checkout / "config/ci.yaml", cached_results="earlier")
    assert "name=gray-groupsc-sigma25, dataset=Bundled" not in planned(cwd=checkout)["evaluate"]
    table = "results/ci/tables/table4.md"
    snakemake("--", table, cwd=checkout)
    found = pd.read_csv(checkout / "results/ci/rows/gray-sc-sigma25/Bundled.csv").set_index("image")["psnr"]
    assert (found == 12.34).all(), "an image that a figure shows is restored for its picture, not measured again"
    assert (checkout / "results/ci/pictures/gray-sc-sigma25/Bundled/astronaut-restored.png").stat().st_size > 0
    assert "12.34" in (checkout / table).read_text()
    assert planned("--", table, cwd=checkout) == {}


def test_interrupted_training_goes_on(checkout):
    weights = "results/ci/training/gray-sc-sigma25/weights.safetensors"
    (checkout / weights).unlink()
    rule = checkout / "workflow/rules/train.smk"
    unlimited = rule.read_text()
    rule.write_text(unlimited.replace("python -m groupsc train", "python -m groupsc train --max-minutes 0"))
    assert snakemake("--", weights, cwd=checkout, check=False).returncode != 0
    assert not (checkout / weights).exists()
    rule.write_text(unlimited)
    snakemake("--", weights, cwd=checkout)
    progress = (checkout / "results/ci/logs/train/gray-sc-sigma25.log").read_text()
    assert re.search(r"(\d+)/8 ", progress)[1] == "1"


def test_figures_of_what_the_grid_lacks_are_named(finished, tmp_path):
    config = shutil.copy(finished / "config/ci.yaml", tmp_path / "figures.yaml")
    lacking = {
        "atoms": {"figure": "dictionary", "experiment": "gray-sc-sigma26"},
        "scatter": {"figure": "tradeoff", "task": "gray", "level": 26, "dataset": "Bundled"},
        "pairs": {"figure": "paired", "task": "gray", "dataset": "Set12"},
    }
    change(config, figures={**lacking, "shrinkage": {"figure": "figure4"}})
    said = snakemake("--dry-run", cwd=finished, config=config).stderr
    assert "the figures atoms, pairs, scatter are left out" in said


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("budgett", "cpu", ["budgett", "it has tasks", "config/README.md"]),
        ("tasks__gray__levls", [5], ["tasks.gray", "levls", "it has methods"]),
        (
            "tasks__mosaic",
            {"methods": ["sc"], "levels": [5], "datasets": ["Bundled"]},
            ["tasks.mosaic", "levels", "remove them"],
        ),
        ("tasks__gray__methods", ["sc", "bm3d"], ["bm3d", "groupsc"]),
        ("tasks__gray__baselines", ["bm5d"], ["tasks.gray.baselines", "bm5d", "cbm3d"]),
        ("budget", "endless", ["endless", "paper"]),
        ("model__atomms", 16, ["atomms", "n_atoms"]),
        ("weights", "stolen", ["weights", "released"]),
        ("cached_results", "results/ci/rows", ["cached_results", "another output"]),
        ("cached_results", "results/ci/row", ["cached_results", "not a folder", "leave it out"]),
        ("training__init_from", "csr", ["starts from gray-csr-sigma25", "add that experiment to tasks.gray"]),
        ("training__init_from", "blind", ["starts from gray-groupsc-blind", "add that experiment to tasks.gray"]),
        (
            "training__init_from",
            "color-sc-sigma5",
            ["starts from color-sc-sigma5", "add that experiment to tasks.color"],
        ),
        ("stride", 24, ["stride is 24", "set mode to block"]),
        ("images", {"BSD86": 5}, ["images names the data set 'BSD86'", "BSD68"]),
        (
            "blocks__experiments",
            ["gray-sc-sigma16"],
            ["blocks names the experiment 'gray-sc-sigma16'", "gray-sc-sigma25"],
        ),
        ("figures__figure8", {"figure": "denoising", "dataset": "Set12", "images": ["1"]}, ["'1' of Set12", "01, 02"]),
    ],
)
def test_wrong_key_ends_in_a_sentence_with_a_hint(key, value, words, finished, tmp_path):
    config = shutil.copy(finished / "config/ci.yaml", tmp_path / "wrong.yaml")
    change(config, **{key: value})
    result = snakemake("--dry-run", cwd=finished, config=config, check=False)
    assert result.returncode != 0
    said = result.stdout + result.stderr
    assert "Traceback" not in said
    for word in words:
        assert word in said


def test_values_of_the_command_line_are_converted(checkout):
    """Snakemake reads values of nested keys as text."""
    given = (
        'model={"middle_averaging": false, "similarity_interval": null}',
        'training={"seed": 3}',
        'threads={"train": 2}',
    )
    file = "results/ci/experiments/gray-groupsc-sigma25.yaml"
    snakemake("--config", *given, "--", file, cwd=checkout)
    found = read_experiment(checkout / file)
    assert (found.model.middle_averaging, found.model.similarity_interval, found.training.seed) == (False, None, 3)
    result = snakemake("--config", 'training={"seed": 1.5}', "--", file, cwd=checkout, check=False)
    assert "training.seed is '1.5'; choose a whole number of at least 0" in result.stdout + result.stderr


def test_a_configuration_with_a_base_is_planned(finished, tmp_path, monkeypatch):
    monkeypatch.setenv("GROUPSC_MIRROR", str(empty_mirror(tmp_path, "BSD68", "Set12", "CBSD68", "Kodak24", "Classic5")))
    jobs = planned(cwd=finished, config="config/whole_sets.yaml")
    assert {"name=gray-input-sigma25, dataset=BSD68", "name=color-input-sigma25, dataset=CBSD68"} <= jobs["evaluate"]
    assert "table=table2" in jobs["table"]
    assert "table=table1" not in jobs["table"]
    assert not {"figure_figure4", "index", "train"} & set(jobs)


def test_the_cost_of_a_grid_on_own_images_is_planned(checkout):
    grid = yaml.safe_load((checkout / "config/ci.yaml").read_text())
    (checkout / "photos").mkdir()
    shutil.copy(next((checkout / "results/ci/pictures").rglob("*.png")), checkout / "photos/a.png")
    grid |= {"output": "results/own", "datasets": {"mine": {"path": "photos"}}, "figures": {}}
    grid["tasks"]["gray"]["datasets"] = ["mine"]
    (checkout / "own.yaml").write_text(yaml.safe_dump(grid))
    snakemake("--nolock", "results/own/plan.json", cwd=checkout, config="own.yaml")
    assert json.loads((checkout / "results/own/plan.json").read_text())


def test_a_model_that_the_grid_lacks_is_told(finished):
    result = snakemake("-n", "results/ci/training/gray-sc-sigma26/weights.safetensors", cwd=finished, check=False)
    assert result.returncode != 0
    assert "no experiment 'gray-sc-sigma26'; it has gray-sc-sigma25" in result.stdout + result.stderr


def test_paper_plans_every_model_and_a_level_is_one_number(finished, tmp_path):
    grid = read_grid(finished / "config/paper.yaml")["tasks"]
    parts = [part for task in grid.values() for part in (task, *task["variants"].values())]
    blind = sum(len(task["blind"]["methods"]) for task in grid.values() if task["blind"])
    expected = sum(len(part["methods"]) * len(part["levels"] or [None]) for part in parts) + blind
    assert expected > 80
    plan = snakemake("--dry-run", cwd=finished, config="config/paper.yaml")
    assert "warning" not in (plan.stdout + plan.stderr).lower()
    jobs = jobs_of(plan)
    assert len(jobs["train"]) == expected
    assert jobs["table"] == {"table=paired", *(f"table=table{number}" for number in range(1, 14))}
    assert "name=color-groupsc-blind-sigma15, dataset=CBSD68" in jobs["evaluate"]
    assert "name=gray-groupsc-refresh12-sigma15, dataset=Set12" not in jobs["evaluate"]
    config = shutil.copy(finished / "config/paper.yaml", tmp_path / "more.yaml")
    change(config, tasks__gray__levels=[*grid["gray"]["levels"], 75])
    assert len(planned(cwd=finished, config=config)["train"]) == expected + len(grid["gray"]["methods"])


def test_baselines_are_planned_with_their_weights_and_skipped_with_a_reason(checkout):
    change(checkout / "config/ci.yaml", tasks__gray__levels=[5, 25], tasks__gray__baselines=["input", "tv", "menon"])
    wanted = {f"name=gray-{method}-sigma{level}, dataset=Bundled" for method in ("input", "tv") for level in (5, 25)}
    named = [f"results/ci/rows/gray-{method}-sigma25/Bundled.csv" for method in ("tv", "input")]
    assert wanted <= planned(cwd=checkout)["evaluate"]
    assert not any("menon" in job for job in planned(cwd=checkout)["evaluate"])
    result = snakemake("--", *named, cwd=checkout)
    assert "gray-menon-sigma5, gray-menon-sigma25 are left out: menon is for mosaic" in result.stdout + result.stderr
    rows = [(checkout / name).read_text().splitlines()[1] for name in named]
    assert [row.split(",")[2] for row in rows] == ["tv", "input"]


def test_the_summary_says_what_was_left_out_and_an_edited_baseline_reruns_alone(checkout):
    change(checkout / "config/ci.yaml", tasks__gray__baselines=["tv", "cbm3d"])
    snakemake("--", "results/ci/summary.txt", cwd=checkout)
    summary = (checkout / "results/ci/summary.txt").read_text()
    assert "gray-cbm3d-sigma25 is left out: cbm3d is for color" in summary
    assert re.search(r"gray-tv-sigma25 +Bundled", summary)
    source = checkout / "groupsc/baselines/filters.py"
    source.write_text(source.read_text() + "\nUNUSED = 1\n")
    assert planned(cwd=checkout)["evaluate"] == {"name=gray-tv-sigma25, dataset=Bundled"}


def test_weights_of_baselines_are_fetched_as_data_sets(finished, tmp_path):
    pytest.importorskip("h5py")
    config = shutil.copy(finished / "config/ci.yaml", tmp_path / "peers.yaml")
    change(config, tasks__gray__baselines=["dncnn", "ffdnet"])
    assert {"dataset=peers-dncnn-gray, images=all", "dataset=peers-ffdnet, images=all"} <= planned(
        cwd=finished, config=config
    )["fetch"]


def test_subset_fetches_only_what_it_uses(finished):
    commands = snakemake("-n", "-p", "--config", "images=2", cwd=finished, config="config/paper.yaml").stdout
    fetched = {name: rest for name, rest in re.findall(r"groupsc fetch (\S+) (.*?) --manifest", commands)}
    assert "--images 2" in fetched["Set12"]
    assert "--images" not in fetched["BSD400"]
    # Figures show what is restored: of Figure 8 the first image of three, of Figure 7 and of Figure 2 none.
    drawn = {
        Path(output).stem: rest for rest, output in re.findall(r"groupsc figure (.*?) --output (\S+\.png)", commands)
    }
    assert "--image test001" in drawn["figure8"]
    assert "test003" not in drawn["figure8"]
    assert {"figure5", "figure6"} <= set(drawn)
    assert not {"figure2", "figure7"} & set(drawn)


def test_quick_neither_trains_nor_downloads(finished):
    jobs = planned(cwd=finished, config="config/quick.yaml")
    assert {"table=table2", "table=table6"} <= jobs["table"]
    assert {"figure_figure4", "summary"} <= set(jobs)
    assert not {"train", "dictionary"} & set(jobs)
    assert jobs.get("fetch", set()) <= {"dataset=Bundled, images=first1"}


def test_report_holds_tables_and_figures(finished):
    snakemake("--report", "report.html", cwd=finished)
    report = (finished / "report.html").read_text()
    for name in ("table4.html", "table8.html", "figure4.png", "denoising.png"):
        assert name in report


def test_released_weights_come_from_the_store_of_a_clone(checkout, tmp_path):
    shown = {"figure4", "denoising", "dictionary"}
    figures = yaml.safe_load((checkout / "config/ci.yaml").read_text())["figures"]
    figures = {name: given for name, given in figures.items() if name in shown}
    change(checkout / "config/ci.yaml", figures=figures, tables=["table4", "table7"])
    released = checkout / "data/weights"
    released.mkdir(parents=True)
    for name in ("gray-sc-sigma25", "gray-groupsc-sigma25"):
        shutil.copy(checkout / f"results/ci/training/{name}/weights.safetensors", released / f"{name}.safetensors")
    shutil.copytree(checkout / "results/ci/curves", checkout / "results/release/curves")
    shutil.copy(checkout / "results/ci/metrics.json", checkout / "results/release/metrics.json")
    run("git", "init", "--quiet", cwd=checkout)
    run("dvc", "add", "--quiet", *released.glob("*.safetensors"), cwd=checkout)
    run("dvc", "push", "--quiet", cwd=checkout)
    run("git", "add", ".", cwd=checkout)
    run("git", "commit", "--quiet", "--message", "Release", cwd=checkout)
    clone = tmp_path / "clone"
    run("git", "clone", "--quiet", checkout, clone, cwd=tmp_path)
    assert not list((clone / "data/weights").glob("*.safetensors"))

    shown = json.loads(run("dvc", "metrics", "show", "--json", cwd=clone).stdout)
    assert "gray-sc-sigma25" in json.dumps(shown)
    plots = json.loads(run("dvc", "plots", "show", "--json", cwd=clone).stdout)
    assert "gray-sc-sigma25.csv" in json.dumps(plots["data"]["Training, gray denoising"])

    jobs = planned("--config", "weights=released", cwd=clone)
    assert jobs["release"] == {"name=gray-sc-sigma25", "name=gray-groupsc-sigma25"}
    assert "train" not in jobs
    snakemake("--config", "weights=released", cwd=clone)
    trained = checkout / "results/ci/training/gray-sc-sigma25/weights.safetensors"
    copies = clone / "results/ci/weights"
    assert (copies / "gray-sc-sigma25.safetensors").read_bytes() == trained.read_bytes()
    assert planned("--config", "weights=released", cwd=clone) == {}

    pointer = clone / "data/weights/gray-sc-sigma25.safetensors"
    shutil.copy(copies / "gray-groupsc-sigma25.safetensors", pointer)
    run("dvc", "add", "--quiet", pointer, cwd=clone)
    jobs = planned("--config", "weights=released", cwd=clone)
    assert jobs["evaluate"] == {"name=gray-sc-sigma25, dataset=Bundled"}
    assert jobs["release"] == {"name=gray-sc-sigma25"}
    assert {"table=table4", "table=table7"} <= jobs["table"]
    assert {"reproducibility", "figure_denoising", "page", "metrics"} <= set(jobs)
    # Figure 4 depends on no model, and the dictionary shown is GroupSC's.
    assert not {"fetch", "figure_figure4", "figure_dictionary"} & set(jobs)


def test_pull_in_a_clone_brings_every_released_weight(tmp_path):
    if run("git", "rev-parse", "HEAD", cwd=ROOT, check=False).returncode:
        pytest.skip("this checkout is no Git repository with a commit to clone")
    clone = tmp_path / "clone"
    run("git", "clone", "--quiet", ROOT, clone, cwd=tmp_path)
    run("dvc", "pull", cwd=clone)
    pointers = list((clone / "data/weights").glob("*.dvc"))
    assert pointers
    assert all(pointer.with_suffix("").is_file() for pointer in pointers)
    run("dvc", "status", "--quiet", *pointers, cwd=clone)


def test_baselines_without_their_package_are_taken_over_or_told(finished, tmp_path, monkeypatch):
    """A package that can't be imported, in a dry run and then for one file of rows, with neither weights nor images."""
    missing = tmp_path / "missing"
    missing.mkdir()
    for package in ("h5py", "bm3d", "pywt"):
        (missing / f"{package}.py").write_text("raise ImportError('not here')\n")
    monkeypatch.setenv("PYTHONPATH", str(missing))
    config = shutil.copy(finished / "config/ci.yaml", tmp_path / "taken.yaml")
    task = {"datasets": ["BSD68", "Kodak24"], "baselines": ["dncnn", "bm3d", "bayesshrink", "input"]}
    figures = {
        "denoising": {"task": "gray", "level": 25, "dataset": "BSD68", "images": ["test001"], "baselines": ["dncnn"]}
    }
    change(config, cached_results="data/measured", output="results/taken", figures=figures)
    change(config, tasks__gray={**task, "methods": ["sc"], "levels": [25]})
    result = snakemake("--dry-run", cwd=finished, config=config)
    said = result.stdout + result.stderr
    assert (
        "gray-bayesshrink-sigma25 is left out: the package pywt can't be imported (not here); run `pip install" in said
    )
    assert "gray-bm3d-sigma25 on Kodak24 is left out: the package bm3d can't be imported (not here); run `pip" in said
    assert "gray-dncnn-sigma25 on Kodak24 is left out: the package h5py can't be imported" in said
    jobs = jobs_of(result)
    names = {job for job in jobs["evaluate"] if any(name in job for name in ("dncnn", "bm3d", "bayes"))}
    assert names == {f"name=gray-{name}-sigma25, dataset=BSD68" for name in ("dncnn", "bm3d")}
    assert not any("peers" in job for job in jobs["fetch"])
    target = "results/taken/rows/gray-dncnn-sigma25/BSD68.csv"
    assert planned("--", target, cwd=finished, config=config).keys() == {"evaluate"}
    snakemake("--", target, cwd=finished, config=config)
    found, earlier = (pd.read_csv(finished / path) for path in (target, "data/measured/gray-dncnn-sigma25/BSD68.csv"))
    assert found["psnr"].tolist() == earlier["psnr"].tolist()
    shutil.rmtree(finished / "results/taken")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        (
            "tasks__gray__datasets",
            ["BSD86"],
            "In tasks.gray.datasets: there is no data set 'BSD86'; choose one of BSD400",
        ),
        ("tables", ["table4", "table99"], "In tables: there is no table 'table99'; choose among table1"),
        ("device", "gpu", "device is 'gpu'; choose auto, cpu or cuda"),
        ("figures__figure44", {}, "In figures.figure44: there is no figure 'figure44'; set its key figure to one of"),
        ("training__dataset", "BSD44", "In training.dataset: there is no data set 'BSD44'"),
    ],
)
def test_the_workflow_and_the_plan_refuse_a_name_in_the_same_sentence(key, value, words, finished, groupsc, tmp_path):
    config = shutil.copy(finished / "config/ci.yaml", tmp_path / "wrong.yaml")
    change(config, **{key: value})
    dry = snakemake("--dry-run", cwd=finished, config=config, check=False)
    plan = groupsc("plan", "--configfile", config, cwd=finished)
    for result in (dry, plan):
        said = result.stdout + result.stderr
        assert result.returncode != 0
        assert "Traceback" not in said
        assert words in said
