"""A small grid on a real Slurm of one machine; its trainings are disturbed, and the tables are as if nothing had been.

sudo tests/cluster/slurm install
pip install --constraint constraints.txt '.[workflow,slurm,test]'
pytest -m cluster
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from checkouts import run
from disturbed import STEPS, first_step, process_of, running, small_grid, wait_for_step
from safetensors.numpy import load_file

SLURM = Path(__file__).with_name("slurm")
SC, GROUPSC = "gray-sc-sigma25", "gray-groupsc-sigma25"
QUARTER = STEPS // 4
# What a user types, with a shorter wait between two looks at the queue.
COMMAND = ["snakemake", "--profile", "profiles/slurm", "--configfile", "config/ci.yaml"]
COMMAND += ["--slurm-init-seconds-before-status-checks", "2"]
MEASURED_ANEW = ["seconds", "peak_memory_mb", "weights_sha256"]

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.xdist_group("cluster")]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A running Slurm; its programs find it by SLURM_CONF."""
    if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
        pytest.skip("Snakemake's plugin for Slurm is not installed; pip install '.[workflow,slurm,test]'")
    places = os.pathsep.join([os.environ["PATH"], "/usr/sbin"])
    if absent := [name for name in ("munged", "slurmctld", "slurmd") if shutil.which(name, path=places) is None]:
        pytest.skip(f"{', '.join(absent)} is not installed; as root: tests/cluster/slurm install")
    folder = tmp_path_factory.mktemp("slurm")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "SLURM_TEST_PORT": str(port)}
    # The daemons keep what they write to; a pipe would never end.
    with open(folder / "start.log", "w+") as log:
        started = subprocess.run([SLURM, "start", folder], env=environment, stdout=log, stderr=subprocess.STDOUT)
        log.seek(0)
        said = log.read()
    try:
        if started.returncode:
            pytest.skip(f"Slurm doesn't start here: {said[-500:]}")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
            patch.setenv("PATH", str(folder / "bin"), prepend=os.pathsep)
            yield folder
    finally:
        subprocess.run([SLURM, "stop", folder], check=False)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The same grid, run without Slurm and without a disturbance."""
    folder = small_grid(tmp_path_factory.mktemp("undisturbed"))
    run("snakemake", "--cores", 2, "--configfile", "config/ci.yaml", cwd=folder)
    return folder


def job_of(checkout, name):
    """Number of the Slurm job that trains a model."""
    queue = run("squeue", "--noheader", "--states=running", "--format=%i %k", cwd=checkout).stdout.splitlines()
    (job,) = [line.split()[0] for line in queue if name in line]
    return job


def assert_same(checkout, undisturbed):
    """Tables, rows, learning curves and parameters are those of the undisturbed run."""
    results, expected = checkout / "results/ci", undisturbed / "results/ci"
    for name in (SC, GROUPSC):
        weights = f"training/{name}/weights.safetensors"
        found, wanted = load_file(results / weights), load_file(expected / weights)
        assert found.keys() == wanted.keys()
        assert all(np.array_equal(found[key], wanted[key]) for key in wanted)
        logs = [
            pd.read_csv(place / f"training/{name}/log.csv").drop(columns="minutes") for place in (results, expected)
        ]
        pd.testing.assert_frame_equal(*logs)
        rows = [pd.read_csv(place / f"rows/{name}/Bundled.csv") for place in (results, expected)]
        pd.testing.assert_frame_equal(*(frame.drop(columns=MEASURED_ANEW) for frame in rows))
    assert (results / "tables/table4.md").read_text() == (expected / "tables/table4.md").read_text()
    tables = [pd.read_csv(place / "tables/table4.csv").drop(columns="weights_sha256") for place in (results, expected)]
    pd.testing.assert_frame_equal(*tables)


def test_jobs_ask_for_what_the_profile_says(cluster, tmp_path):
    checkout = small_grid(tmp_path, 8)
    with running(*COMMAND, cwd=checkout):
        pass
    done = [dict(re.findall(r"(\w+)=(\S*)", line)) for line in (cluster / "jobs.txt").read_text().splitlines()]
    jobs = [job for job in done if job["WorkDir"] == str(checkout)]
    limits = yaml.safe_load((checkout / "profiles/slurm/config.yaml").read_text())["set-resources"]
    asked = sorted((job["Partition"], int(job["TimeLimit"])) for job in jobs)
    on_gpu = [("gpu", limits[rule]["runtime"]) for rule in ("train", "train", "evaluate", "evaluate")]
    on_cpu = [("cpu", limits[rule]["runtime"]) for rule in ("dictionary", "evaluate")]  # of the degraded images
    assert asked == sorted([*on_cpu, *on_gpu])
    assert all(f"mem={limits['train']['mem_mb']}M" in job["Tres"] for job in jobs if job["Partition"] == "gpu")
    assert {job["JobState"] for job in jobs} == {"COMPLETED"}


def test_a_cancelled_training_goes_on_and_the_tables_are_right(cluster, undisturbed, tmp_path):
    checkout = small_grid(tmp_path)
    with running(*COMMAND, cwd=checkout) as snakemake:
        wait_for_step(checkout, SC, QUARTER, snakemake)
        job = job_of(checkout, SC)
        run("scancel", job, cwd=checkout)
    assert f"'{job}' failed, SLURM status is: 'CANCELLED'" in (checkout / "output.txt").read_text()
    assert first_step(checkout, SC) >= QUARTER
    assert first_step(checkout, GROUPSC) == 0
    assert_same(checkout, undisturbed)


def test_a_preempted_training_goes_on_under_its_number(cluster, undisturbed, tmp_path):
    checkout = small_grid(tmp_path)
    with running(*COMMAND, cwd=checkout) as snakemake:
        wait_for_step(checkout, GROUPSC, QUARTER, snakemake)
        run("scontrol", "requeue", job_of(checkout, GROUPSC), cwd=checkout)
    assert "failed" not in (checkout / "output.txt").read_text()
    assert first_step(checkout, GROUPSC) >= QUARTER
    assert_same(checkout, undisturbed)


def test_a_training_that_runs_out_of_time_goes_on(cluster, undisturbed, tmp_path):
    checkout = small_grid(tmp_path)
    with running(*COMMAND, cwd=checkout) as snakemake:
        wait_for_step(checkout, GROUPSC, QUARTER, snakemake)
        job = job_of(checkout, GROUPSC)
        os.kill(process_of(checkout, "train"), signal.SIGSTOP)  # It must not end by itself before its minute is over.
        run("scontrol", "update", f"JobId={job}", "TimeLimit=1", cwd=checkout)
    assert f"'{job}' failed, SLURM status is: 'TIMEOUT'" in (checkout / "output.txt").read_text()
    assert first_step(checkout, GROUPSC) >= QUARTER
    assert_same(checkout, undisturbed)
