"""Queues: order, starts, time, and going on."""

from __future__ import annotations

import shutil

import pytest
import yaml

from groupsc.training.queue import read_queue, run_queue
from groupsc.utils.errors import GroupSCError
from groupsc.weights.files import load_weights, save_weights

TOY = {
    "budget": "cpu",
    "model": {"patch_size": 5, "n_atoms": 16, "n_iterations": 4, "window": 8, "similarity_interval": 2},
    "training": {
        "dataset": "Bundled", "validation": "Bundled", "validation_images": 2, "max_steps": 6, "validate_every": 3,
        "batch_size": 2, "crop_size": 16,
    },
}  # fmt: skip


def queue(tmp_path, *tasks):
    file = tmp_path / "queue.yaml"
    file.write_text(yaml.safe_dump([{**TOY, "tasks": {"gray": task}} for task in tasks]))
    return read_queue(file)


def run(experiments, tmp_path, minutes=10.0, **options):
    return run_queue(
        experiments,
        data_dir="unused",
        output=tmp_path / "out",
        minutes=minutes,
        device="cpu",
        progress=False,
        **options,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder where the queue of two models of SC and one of GroupSC was trained."""
    folder = tmp_path_factory.mktemp("trained")
    experiments = queue(folder, {"methods": ["sc", "groupsc"], "levels": [25]}, {"methods": ["sc"], "levels": [50]})
    return experiments, run(experiments, folder), folder / "out"


@pytest.mark.slow
@pytest.mark.xdist_group("queue")
def test_a_queue_is_trained_in_its_order_and_starts_are_found(trained):
    experiments, outcomes, out = trained
    names = ["gray-sc-sigma25", "gray-groupsc-sigma25", "gray-sc-sigma50"]
    assert [experiment.name for experiment in experiments] == names
    assert outcomes == dict.fromkeys(names, "finished")
    for name in names:
        assert load_weights(out / name / "weights.safetensors")[1]["name"] == name
    dictionaries = list((out / "dictionaries").iterdir())
    assert [path.name for path in dictionaries] == ["Bundled-1x5x5-16.safetensors"]


@pytest.mark.slow
def test_time_that_is_over_stops_one_and_leaves_the_rest_waiting(tmp_path):
    experiments = queue(tmp_path, {"methods": ["sc"], "levels": [25, 50]})
    assert run(experiments, tmp_path, minutes=0) == {"gray-sc-sigma25": "waiting", "gray-sc-sigma50": "waiting"}
    outcomes = [run(experiments, tmp_path, minutes=1e-6)["gray-sc-sigma25"]]
    while outcomes[-1] != "finished":
        outcomes.append(run(experiments, tmp_path, minutes=1e-6)["gray-sc-sigma25"])
    assert outcomes.count("stopped") >= 1
    assert set(run(experiments, tmp_path).values()) == {"finished"}


@pytest.mark.slow
@pytest.mark.xdist_group("queue")
def test_a_start_among_released_weights(trained, tmp_path):
    released = tmp_path / "released"
    released.mkdir()
    shutil.copy(trained[2] / "gray-sc-sigma25/weights.safetensors", released / "gray-sc-sigma25.safetensors")
    group = queue(tmp_path, {"methods": ["groupsc"], "levels": [25]})
    with pytest.raises(
        GroupSCError, match="starts from gray-sc-sigma25, which is not trained; put gray-sc-sigma25 before"
    ):
        run(group, tmp_path)
    assert run(group, tmp_path, weights=released) == {"gray-groupsc-sigma25": "finished"}
    other, card = load_weights(released / "gray-sc-sigma25.safetensors")
    other.D.data.mul_(1.1)
    save_weights(released / "gray-sc-sigma25.safetensors", other, card)
    assert run(group, tmp_path, weights=released) == {"gray-groupsc-sigma25": "finished"}


@pytest.mark.parametrize("text", ["tasks: {}", "- 3", "[", "- {budget: cpu}"])
def test_what_is_no_queue(tmp_path, text):
    (tmp_path / "queue.yaml").write_text(text)
    with pytest.raises(GroupSCError, match="queue"):
        read_queue(tmp_path / "queue.yaml")
