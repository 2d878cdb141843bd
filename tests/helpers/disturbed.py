"""Workflows whose trainings are disturbed on their way, and where the trainings then went on."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from checkouts import change, copy_checkout

STEPS = 300


def small_grid(folder, max_steps=STEPS):
    """A copy of the checkout whose two trainings take `steps` steps and save their state every tenth."""
    copy_checkout(folder)
    grid = {"methods": ["sc", "groupsc"], "levels": [25], "datasets": ["Bundled"], "baselines": ["input"]}
    # Without a GPU, jobs that ask for one compute on the CPU.
    change(folder / "config/ci.yaml", tasks={"gray": grid}, figures={}, tables=["table4"], device="auto")
    change(folder / "config/ci.yaml", training__max_steps=max_steps, training__validate_every=10)
    return folder


@contextlib.contextmanager
def running(*command, cwd, seconds=400):
    """A program of this environment in the background, its output in `output.txt`; it must end well."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    with open(cwd / "output.txt", "w") as output:
        process = subprocess.Popen(
            list(map(str, command)), cwd=cwd, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            yield process
            code = process.wait(timeout=seconds)
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(timeout=60)
    assert code == 0, (cwd / "output.txt").read_text()


def wait_for_step(checkout, name, step, process, *, seconds=240):
    """Wait until a training has saved its state at this step or a later one.

    A line of the log is written before the state of the same step, so the state of the last line may not exist yet.
    """
    log, deadline = checkout / f"results/ci/training/{name}/log.csv", time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        saved = log.read_text().splitlines()[1:] if log.exists() else []
        if len(saved) > 1 and int(saved[-2].split(",")[0]) >= step:
            return
        time.sleep(0.05)
    raise AssertionError(f"{name} reached no step {step}: {(checkout / 'output.txt').read_text()}")


def first_step(checkout, name):
    """The step at which the last call of a training began."""
    progress = (checkout / f"results/ci/logs/train/{name}.log").read_text()
    return int(re.search(r"(\d+)/\d+ ", progress)[1])


def process_of(checkout, command):
    """Number of the process that runs a command of `groupsc` there."""
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words, where = (place / "cmdline").read_bytes().split(b"\0"), (place / "cwd").readlink()
            if where == checkout and words[1:4] == [b"-m", b"groupsc", command.encode()]:
                return int(place.name)
    raise AssertionError(f"no process of {checkout} runs groupsc {command}")
