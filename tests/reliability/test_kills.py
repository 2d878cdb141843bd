"""Commands that are killed right before a file takes its name, one renaming after the other, and then called again."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys

import pytest
from processes import ROOT
from toy_commands import COMMANDS, OUTPUTS, whole

from groupsc.weights.files import read_tensors

pytestmark = pytest.mark.xdist_group("made")

RENAMINGS = {"train": 9, "evaluate": 6, "table": 4, "figure": 2, "metrics": 1, "fetch": 1}


@pytest.mark.parametrize(
    "command", [pytest.param(name, marks=pytest.mark.slow if count > 4 else ()) for name, count in RENAMINGS.items()]
)
def test_killed_at_every_renaming_the_same_command_ends_as_if_undisturbed(made, groupsc, tmp_path, command):
    reference = made / OUTPUTS[command]
    expected = {file.name: whole(file) for file in reference.iterdir()}
    for renaming in range(1, 99):
        folder = tmp_path / str(renaming)
        shutil.copytree(made, folder, ignore=lambda place, names: [OUTPUTS[command]] if place == str(made) else [])
        ended = groupsc(*COMMANDS[command], cwd=folder, kill_at=renaming)
        if ended.returncode == 0:
            break
        assert ended.returncode == -signal.SIGKILL, ended
        for file in (folder / OUTPUTS[command]).glob("*"):
            if file.suffix == ".csv" and command == "train":
                assert whole(file)["step"] == expected["log.csv"]["step"][: len(whole(file)["step"])]
            elif file.suffix != ".partial" and "state" not in file.name:
                assert whole(file) == expected[file.name], file
        again = groupsc(*COMMANDS[command], cwd=folder)
        assert again.returncode == 0, again
        assert {file.name: whole(file) for file in (folder / OUTPUTS[command]).glob("*")} == expected
    assert renaming == RENAMINGS[command] + 1


def test_weights_that_were_damaged_after_the_training_are_written_again(made, groupsc, tmp_path):
    folder = shutil.copytree(made, tmp_path / "it")
    weights = folder / "run/weights.safetensors"
    expected = whole(weights)
    weights.write_bytes(weights.read_bytes()[:700])
    assert groupsc(*COMMANDS["train"], cwd=folder).returncode == 0
    assert whole(weights) == expected


def test_a_training_that_still_runs_keeps_others_out_of_its_folder(made, groupsc, tmp_path):
    """As one does that outlives the workflow which was killed over it."""
    fcntl = pytest.importorskip("fcntl")
    folder = tmp_path / "it"
    (folder / "run").mkdir(parents=True)
    shutil.copy(made / "sc.yaml", folder)
    with open(folder / "run/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = groupsc(*COMMANDS["train"], cwd=folder).complaint
        assert "another process is running in run; wait until it ends" in said
        assert os.listdir(folder / "run") == ["lock"]
    assert groupsc(*COMMANDS["train"], cwd=folder).returncode == 0


JUMPING = """
import time
real, start = time.time, time.time()
time.time = lambda: start - 1e9 if int(real() * 20) % 2 else start + 1e9  # Thirty years back and forth.
time.time_ns = lambda: int(time.time() * 1e9)
"""


def test_a_clock_that_jumps_changes_neither_time_limits_nor_results(made, tmp_path):
    """Real limits and minutes are those of a clock that only goes forward."""
    (tmp_path / "sitecustomize.py").write_text(JUMPING)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "groupsc", *map(str, COMMANDS["train"]), "--max-minutes", "9"]
    shutil.copy(made / "sc.yaml", tmp_path)
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "wrote" in result.stdout
    weights, card = read_tensors(tmp_path / "run/weights.safetensors")
    assert 0 <= card["minutes"] < 9
    reference, _ = read_tensors(made / "run/weights.safetensors")
    assert all(weights[name].equal(tensor) for name, tensor in reference.items())


def test_files_from_the_future_are_taken_for_what_they_hold(made, groupsc, tmp_path):
    folder = shutil.copytree(made, tmp_path / "it")
    for file in folder.rglob("*"):
        os.utime(file, (4e9, 4e9))
    for command in ("train", "evaluate", "table"):
        assert groupsc(*COMMANDS[command], cwd=folder).returncode == 0
        for file in (folder / OUTPUTS[command]).glob("*"):
            assert whole(file) == whole(made / OUTPUTS[command] / file.name)
