"""The choice of the model, of the memory and of the number of processes, on a machine of known speed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import skimage.data
import torch
from photograph_files import drawing
from PIL import Image

import groupsc
from groupsc.cli.batch.choosing import choose_model
from groupsc.cli.batch.denoising import Denoising
from groupsc.cli.batch.operations import Level
from groupsc.cli.batch.planning import plan
from groupsc.cli.batch.prediction import MOST_REPETITION
from groupsc.cli.batch.processes import number_of_processes, restore
from groupsc.cli.batch.settings import Settings
from groupsc.inference.regions import memory_for, repetition
from groupsc.inference.speed import Speed, read_speeds
from groupsc.io.photographs import read_photograph
from groupsc.utils.device import fast_matmul_dtype
from groupsc.utils.errors import GroupSCError


@pytest.fixture
def slow_machine(tmp_path, monkeypatch):
    """A cache folder that says: per pixel, GroupSC takes 1 ms, GroupSC-fast 50 µs, SC 20 µs and SC-short 8 µs."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for method, seconds in (("groupsc", 1e-3), ("groupsc-fast", 5e-5), ("sc", 2e-5), ("sc-short", 8e-6)):
        Speed(groupsc.load(f"gray-{method}-sigma25", device="cpu")).store(seconds, 1)


def memory_of_groupsc(times, side):
    """Memory with which GroupSC computes each pixel of a square that many times."""
    coder, dtype = groupsc.load("gray-groupsc-sigma25", device="cpu").coder, fast_matmul_dtype(torch.device("cpu"))
    return memory_for(coder, dtype, times, side, side)


GRAY = Level(task="gray", value=25.0, text="")


@pytest.mark.parametrize(
    ("options", "side", "weights", "note"),
    [
        (
            {"method": "groupsc"},
            1000,
            "gray-groupsc-sigma25",
            "with --method groupsc-fast: 50 s; with --method sc: 20 s; with --method sc-short: 8 s",
        ),
        ({"method": "groupsc-fast"}, 2000, "gray-groupsc-fast-sigma25", "with --method sc: 80 s"),
        ({"method": "sc"}, 1000, "gray-sc-sigma25", ""),
        ({"method": "sc"}, 2000, "gray-sc-sigma25", "with --method sc-short: 32 s"),
        ({"method": "sc-short"}, 4000, "gray-sc-short-sigma25", ""),
        ({"speed": "best"}, 1000, "gray-groupsc-sigma25", "with --method sc"),
        ({"speed": "balanced"}, 1000, "gray-groupsc-fast-sigma25", "--speed best: 17 min"),
        ({"speed": "balanced"}, 1200, "gray-sc-sigma25", "--speed best: 24 min"),
        ({}, 700, "gray-groupsc-sigma25", "with --method groupsc-fast: 24 s"),
        ({}, 1000, "gray-groupsc-fast-sigma25", "--speed best: 17 min"),
        ({}, 4000, "gray-sc-sigma25", "--speed best: 4 h"),
        ({}, 6000, "gray-sc-short-sigma25", "--speed best: 10 h"),
        ({"speed": "fast"}, 1000, "gray-sc-short-sigma25", ""),
        ({"memory": 2.5}, 1000, "gray-groupsc-fast-sigma25", "each pixel would be computed"),
        ({"memory": 1.7}, 1000, "gray-groupsc-fast-sigma25", "whose regions would compute each pixel 1."),
        ({"memory": 1.7, "speed": "best"}, 1000, "gray-groupsc-sigma25", "with --method sc"),
        ({"memory": 1.7, "method": "groupsc"}, 1000, "gray-groupsc-sigma25", "with --method sc"),
    ],
)
def test_the_choice_by_time_and_memory(slow_machine, options, side, weights, note):
    """The memory is so large that GroupSC computes each pixel the given number of times."""
    if "memory" in options:
        options = options | {"memory": memory_of_groupsc(options["memory"], side)}
    choice = choose_model((side, side), GRAY, Settings(device="cpu", **({"memory": 1e12} | options)))
    assert choice.weights == weights
    assert note in choice.note


def test_the_choice_counts_several_restorations(slow_machine):
    level, settings = replace(GRAY, cost=3.0), Settings(device="cpu", memory=1e12)
    choice = choose_model((700, 700), level, settings)
    assert (choice.weights, choice.note) == ("gray-groupsc-fast-sigma25", "--speed best: 24 min")
    assert choice.seconds == pytest.approx(3 * 700**2 * 5e-5)


def test_little_memory_is_refused_with_the_memory_that_is_enough(slow_machine):
    settings = {"device": "cpu", "method": "groupsc"}
    with pytest.raises(GroupSCError, match=r"computed .* times; allow .* at least \d+ MB") as caught:
        choose_model((1000, 1000), GRAY, Settings(memory=memory_of_groupsc(2 * MOST_REPETITION, 1000), **settings))
    enough = 1e6 * int(str(caught.value).partition("at least ")[2].split()[0])
    choice = choose_model((1000, 1000), GRAY, Settings(memory=enough, **settings))
    assert 1e6 < choice.pixels <= MOST_REPETITION * 1e6
    speed = Speed(groupsc.load("gray-groupsc-sigma25", device="cpu"))
    assert repetition(speed.model.coder, speed.matmul_dtype, 0.98 * enough, 1000, 1000) > MOST_REPETITION


def test_a_clean_image_limits_no_others(slow_machine, tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    camera = skimage.data.camera()
    noisy = (camera + np.random.default_rng(0).normal(0, 25, camera.shape)).clip(0, 255).astype(np.uint8)
    for name, image in (("a.png", noisy), ("b.png", noisy), ("clean.png", drawing())):
        Image.fromarray(image).save(tmp_path / name)
    operation, settings = Denoising(), Settings(device="cpu", memory=1e12)
    paths = [tmp_path / name for name in ("a.png", "b.png", "clean.png")]
    jobs = [plan(path, tmp_path / "out" / path.name, read_photograph(path), operation, settings) for path in paths]
    assert number_of_processes(jobs, settings) == 3


@pytest.mark.parametrize(
    ("sigma", "model", "how"), [(0.8, False, "restored by the guard"), (5, True, "gray-sc-sigma5")]
)
def test_times_of_the_guard_alone_are_not_taken_for_those_of_a_model(slow_machine, tmp_path, sigma, model, how):
    Image.fromarray(np.tile(skimage.data.camera(), (1, 2))).save(tmp_path / "photo.png")
    photo = read_photograph(tmp_path / "photo.png")
    operation, settings = Denoising(sigma=(sigma,)), Settings(method="sc", device="cpu")
    job = plan(tmp_path / "photo.png", tmp_path / "out.png", photo, operation, settings)
    before = read_speeds()
    (guard,) = (key for key in before if "guard" in key)
    of_guard = before[guard] * photo.pixels.size
    assert (how in job.line, job.choice.seconds > 1.01 * of_guard) == (True, model)
    facts = restore(job, operation, settings, job.choice.memory)
    assert facts["weights"] == ("gray-sc-sigma5" if model else None)
    changed = [key for key, seconds in read_speeds().items() if before.get(key) != seconds]
    assert [key == guard for key in changed] == [not model]
