"""A training that dies is started again by Snakemake, and goes on from a state that Snakemake must not delete."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from disturbed import first_step, process_of, running, small_grid, wait_for_step
from safetensors.numpy import load_file

from groupsc.config.files import read_experiment
from groupsc.training.loop import train

NAME = "gray-sc-sigma25"
WEIGHTS = f"results/ci/training/{NAME}/weights.safetensors"


@pytest.mark.slow
@pytest.mark.xdist_group("workflow")
@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="processes are found by /proc, which Linux alone has")
def test_a_killed_training_is_tried_again_and_goes_on_from_its_state(tmp_path):
    checkout = small_grid(tmp_path / "checkout", 200)
    command = ["snakemake", "--cores", 1, "--configfile", "config/ci.yaml", "--retries", 1, "--", WEIGHTS]
    with running(*command, cwd=checkout) as snakemake:
        wait_for_step(checkout, NAME, 50, snakemake)
        os.kill(process_of(checkout, "train"), signal.SIGKILL)
    assert "Trying to restart job" in (checkout / "output.txt").read_text()
    assert 50 <= first_step(checkout, NAME) < 200
    experiment = read_experiment(checkout / f"results/ci/experiments/{NAME}.yaml")
    dictionary = checkout / f"results/ci/dictionaries/{experiment.dictionary}.safetensors"
    undisturbed = train(
        experiment, data_dir="unused", output=tmp_path, dictionary=dictionary, device="cpu", progress=False
    )
    curves = [pd.read_csv(place.with_name("log.csv")) for place in (checkout / WEIGHTS, undisturbed)]
    pd.testing.assert_frame_equal(*(curve.drop(columns="minutes") for curve in curves))
    found, wanted = load_file(checkout / WEIGHTS), load_file(undisturbed)
    assert found.keys() == wanted.keys()
    assert all(np.array_equal(found[key], wanted[key]) for key in wanted)
