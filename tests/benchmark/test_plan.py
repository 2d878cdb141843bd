"""What a grid costs: counts agree with the workflow's own dry run, operations with torch's counter."""

from __future__ import annotations

import dataclasses
import json

import pytest
import torch
import yaml
from checkouts import ROOT, copy_checkout, planned
from torch.utils.flop_counter import FlopCounterMode

from groupsc.benchmark import grid
from groupsc.benchmark.cost import operation_counts
from groupsc.benchmark.cost.machine import step_rate
from groupsc.benchmark.cost.plan import Job, Plan, plan
from groupsc.config.definitions import ModelConfig
from groupsc.config.experiments import experiments
from groupsc.config.files import complete_grid, read_grid
from groupsc.data.registry import registry
from groupsc.models.coder import SparseCoder
from groupsc.utils.errors import GroupSCError
from groupsc.weights.files import write_tensors

EMPTY = {
    "finished": 0,
    "images": 0,
    "baseline_evaluations": 0,
    "other_seconds": 0.0,
    "download": 0,
    "disk": 0,
    "memory": 0,
    "passes": 0.0,
}


def toy():
    return read_grid(ROOT / "config/ci.yaml")


@pytest.mark.parametrize("penalty", ["l1", "csr", "group"])
def test_operations_are_those_that_torch_counts(penalty):
    config = ModelConfig(penalty=penalty, patch_size=5, n_atoms=32, n_iterations=6, similarity_interval=2)
    model, side = SparseCoder(config), 20
    with FlopCounterMode(display=False) as counter:
        model(torch.rand(1, 1, side, side)).square().sum().backward()
    counted = sum(n for kind, n in counter.get_flop_counts()["Global"].items() if "conv" not in str(kind))
    assert operation_counts.training_operations(config, side) == pytest.approx(counted, rel=0.1)


def test_whole_images_cost_what_a_window_around_each_patch_costs():
    config = ModelConfig(window=10)
    assert operation_counts.image_operations(config, 2000) == 2 * operation_counts.image_operations(config, 1000)
    assert operation_counts.image_operations(config, 48**2) < operation_counts.block_operations(config)
    assert operation_counts.image_operations(config, 10_000, stride=2) > 3 * operation_counts.image_operations(
        config, 10_000, stride=4
    )


@pytest.mark.slow
@pytest.mark.xdist_group("workflow")
@pytest.mark.parametrize("configuration", ["paper", "ci", "quick"])
def test_counts_are_those_of_the_workflow(configuration, tmp_path):
    checkout = copy_checkout(tmp_path)
    (checkout / "data/weights").symlink_to(ROOT / "data/weights")
    path = f"config/{configuration}.yaml"
    jobs = planned(cwd=checkout, config=path)
    config = read_grid(checkout / path)
    found = plan(config, data_dir=tmp_path / "nothing", output=tmp_path / "nowhere")
    assert {f"name={job.name}" for job in found.trainings} == jobs.get("train", set())
    measured = {job.name.replace("/", ", dataset=") for job in found.evaluations}
    others = {name for name in jobs["evaluate"] if name.removeprefix("name=").split(",")[0] not in models(config)}
    assert {f"name={name}" for name in measured} == jobs["evaluate"] - others
    assert found.baseline_evaluations == len(others)
    sets = {name.removeprefix("dataset=").partition(",")[0] for name in jobs.get("fetch", ())}
    files = registry()
    if configuration == "paper":
        assert found.download == files[files["dataset"].isin(sets)]["bytes"].sum()


def models(config):
    """What the workflow measures beside baselines."""
    names = {name for name, e in experiments(config).items() if e.model.levels is None}
    blind = [(name, config["tasks"][e.task]) for name, e in experiments(config).items() if e.model.levels is not None]
    return names | {f"{name}-sigma{level:g}" for name, task in blind for level in task["blind"]["levels"]}


def test_a_plan_takes_the_defaults_of_the_schema():
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())["properties"]
    defaults = {key: found["default"] for key, found in schema.items() if "default" in found and key != "base"}
    config = yaml.safe_load((ROOT / "config/ci.yaml").read_text())
    assert set(schema) - set(defaults) == {"tasks", "base"}
    assert plan({**defaults, **config}) == plan(config)


def test_what_is_there_is_not_counted(tmp_path):
    config, nothing = toy(), tmp_path / "raw"
    before = plan(config, data_dir=nothing, output=tmp_path)
    folder = tmp_path / "training/gray-sc-sigma25"
    folder.mkdir(parents=True)
    (folder / "weights.safetensors").write_bytes(b"whatever")
    rows = tmp_path / "rows/gray-sc-sigma25/Bundled.csv"
    rows.parent.mkdir(parents=True)
    rows.write_text("whatever")
    after = plan(config, data_dir=nothing, output=tmp_path)
    assert len(after.trainings) == len(before.trainings) - 1
    assert len(after.evaluations) == len(before.evaluations) - 1
    assert (before.finished, after.finished) == (0, 1)
    assert after.disk < before.disk


def test_rows_measured_before_cost_nothing_unless_their_model_is_yet_to_be_trained(tmp_path):
    config, places = toy(), {"data_dir": tmp_path / "data_dir", "output": tmp_path}
    config["tasks"]["gray"]["datasets"] = ["Set12"]
    measured = {**config, "cached_results": str(ROOT / "data/measured")}
    before = plan(config, **places)
    assert plan(measured, **places) == before
    folder = tmp_path / "training/gray-sc-sigma25"
    folder.mkdir(parents=True)
    (folder / "weights.safetensors").write_bytes(b"whatever")
    trained, taken = (plan(given, **places) for given in (config, measured))
    assert taken.images == trained.images - config["images"]
    assert len(taken.evaluations) == len(trained.evaluations)
    twice = [plan({**given, "repetitions": 2}, **places).images for given in (config, measured)]
    assert twice == [2 * trained.images, 2 * trained.images - config["images"]], "the first repetition is there"


def test_images_are_counted_as_they_are_measured(tmp_path):
    """JPEG images once, whatever the repetitions; no more than a set has; block mode in blocks, at any stride."""
    tasks = {
        "gray": {"methods": ["sc"], "levels": [25], "datasets": ["Set12"]},
        "jpeg": {"methods": ["sc"], "levels": [10], "datasets": ["Classic5"], "baselines": ["bm3d", "dncnn-3"]},
    }
    config = {"budget": "cpu", "weights": "trained", "repetitions": 3, "images": 9, "tasks": tasks}
    found = plan(config, data_dir=tmp_path, output=tmp_path)
    assert found.images == 3 * 9 + 5
    assert plan({**config, "images": None}, data_dir=tmp_path, output=tmp_path).images == 3 * 12 + 5
    whole, default, paper = (
        plan({**config, **change}, data_dir=tmp_path, output=tmp_path).evaluations[0].operations
        for change in ({}, {"mode": "block"}, {"mode": "block", "stride": 32})
    )
    assert whole < default == paper


def test_sets_of_variants_alone_are_fetched(tmp_path):
    variant = {"methods": ["sc"], "levels": [25], "datasets": ["Kodak24"]}
    config = {"budget": "cpu", "weights": "trained", "images": 2}
    config["tasks"] = {"gray": {"methods": ["sc"], "levels": [25], "datasets": ["Set12"]}}
    without = plan(config, data_dir=tmp_path, output=tmp_path).download
    config["tasks"]["gray"]["variants"] = {"light": variant}
    files = registry().query("dataset == 'Kodak24'").sort_values("file")
    assert plan(config, data_dir=tmp_path, output=tmp_path).download - without == files["bytes"][:2].sum()
    assert grid.images_to_fetch(complete_grid(config), {}, "Kodak24") == 2


def test_an_unknown_data_set_is_told(tmp_path):
    config = {"tasks": {"gray": {"methods": ["sc"], "levels": [25], "datasets": ["BSD86"]}}, "weights": "trained"}
    with pytest.raises(GroupSCError, match=r"no data set 'BSD86'; choose one of .*BSD68"):
        plan(config, data_dir=tmp_path, output=tmp_path)


def test_what_is_restored_in_blocks_anyway_is_not_restored_so_again():
    config = {
        **toy(),
        "blocks": {"experiments": ["gray-groupsc-sigma25"], "strides": [9, 5, 3], "datasets": ["Bundled"]},
    }
    found = experiments(config)
    assert found["gray-groupsc-sigma25"].model.window == 9

    def strides(**keys):
        return [stride for *_, stride in grid.block_places({**config, **keys}, found)]

    assert strides() == [9, 5, 3]
    assert strides(mode="block") == [5, 3]
    assert strides(mode="block", stride=5) == [9, 3]
    config["blocks"]["datasets"] = ["Set12"]
    assert strides(mode="block") == [9, 5, 3], "on another set than the run's own"


def test_a_training_that_was_stopped_counts_by_what_is_left(tmp_path):
    config = toy()
    name, experiment = next(iter(experiments(config).items()))
    whole = {job.name: job for job in plan(config, output=tmp_path).trainings}[name].operations
    settings = json.loads(json.dumps(dataclasses.asdict(experiment)))
    state = tmp_path / f"training/{name}/state.safetensors"
    write_tensors(state, {"x": torch.zeros(1)}, {"step": experiment.training.max_steps // 2, "experiment": settings})
    assert {job.name: job for job in plan(config, output=tmp_path).trainings}[name].operations == pytest.approx(
        whole / 2
    )


def test_data_of_full_size_is_not_downloaded(tmp_path):
    config = {
        **toy(),
        "weights": "released",
        "model": {},
        "tasks": {"jpeg": {"methods": ["sc"], "levels": [10], "datasets": ["Classic5"]}},
    }
    files = registry()
    files = files[files["dataset"] == "Classic5"].sort_values("file")[:2]
    assert plan(config, data_dir=tmp_path).download == files["bytes"].sum()
    first, second = files.itertuples()
    (tmp_path / "Classic5").mkdir()
    (tmp_path / "Classic5" / first.file).write_bytes(bytes(first.bytes))
    (tmp_path / "Classic5" / second.file).write_bytes(bytes(second.bytes - 1))
    assert plan(config, data_dir=tmp_path).download == second.bytes


def test_gpus_share_the_work_and_wait_for_what_they_need():
    jobs = (Job("a", "l1", 4.0), Job("b", "l1", 3.0), Job("c", "l1", 3.0), Job("d", "l1", 2.0, after="a"))
    found = Plan(trainings=jobs, evaluations=(), **EMPTY)
    assert found.seconds({"l1": 1.0}, start=0) == (12.0, 12.0)
    assert found.seconds({"l1": 1.0}, 2, start=0) == (12.0, 6.0)
    assert found.seconds({"l1": 2.0}, 9, start=0) == (6.0, 3.0)
    assert found.seconds({"l1": 2.0}, 9, start=1) == (10.0, 5.0)


def test_steps_are_timed_where_rates_are_not_known():
    assert step_rate("l1", None, torch.device("cpu"), blocks=1) > 0


def test_a_larger_training_set_costs_memory_and_bytes_but_no_steps(tmp_path):
    config = read_grid(ROOT / "config/paper.yaml")
    once, often = (plan(config, data_dir=tmp_path, output=tmp_path, size_factor=factor) for factor in (1, 1000))
    assert often.jobs == once.jobs
    assert often.memory == 1000 * once.memory
    assert often.download > 100 * once.download
    assert often.passes == pytest.approx(once.passes / 1000)
    with pytest.raises(GroupSCError, match="give 1 or more"):
        plan(config, size_factor=0)


@pytest.mark.slow
def test_command_says_the_same_in_words_and_in_json(groupsc, tmp_path):
    given = ("plan", "--configfile", ROOT / "config/ci.yaml", "--gpus", 1, "--gpus", 64, "--results", tmp_path)
    report = json.loads(groupsc(*given, "--json", cwd=ROOT).stdout)
    assert (report["trainings"], report["evaluations"]) == (3, 3)
    here, one, many = report["machines"]
    assert here["cpu_hours"] > 0
    assert one["gpu_hours"] == many["gpu_hours"] > 0
    assert many["hours_to_end"] < one["hours_to_end"]
    text = groupsc(*given, cwd=ROOT).stdout
    for words in ("3 trainings", "3 evaluations", "64 ×", "assumed: this machine multiplies", "GPU-hours"):
        assert words in text


@pytest.mark.parametrize(("text", "words"), [("a: [", "is not a YAML file"), ("tasks: 3", "has no mapping `tasks`")])
def test_a_file_that_is_no_grid_ends_in_a_sentence(text, words, groupsc, tmp_path):
    (tmp_path / "wrong.yaml").write_text(text)
    assert words in groupsc("plan", "--configfile", tmp_path / "wrong.yaml", cwd=ROOT).complaint
