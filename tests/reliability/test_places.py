"""Places where nothing can be written, that are full, missing, or have unusual names."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from processes import ROOT
from toy_commands import COMMANDS, whole

pytestmark = pytest.mark.xdist_group("made")


def writing(made, folder):
    """The commands that write, with inputs of `made` and outputs in `folder`; the last one downloads."""
    weights, rows = made / "run/weights.safetensors", made / "rows/rows.csv"
    atoms = folder / "D.safetensors"
    return [
        ("train", made / "sc.yaml", "--output", folder / "run", "--device", "cpu"),
        ("evaluate", weights, "--dataset", "Bundled", "--images", 1, "--output", folder / "rows.csv"),
        ("evaluate", weights, "--dataset", "Bundled", "--images", 1, "--output", made / "n.csv", "--pictures", folder),
        ("dictionary", "Bundled", "--patch-size", 3, "--n-atoms", 4, "--images", 1, "--output", atoms),
        ("table", "table4", rows, "--output", folder / "table4"),
        ("figure", "figure4", "--output", folder / "figure4.png"),
        ("metrics", rows, "--output", folder / "metrics.json"),
        ("summary", rows, "--output", folder / "summary.txt"),
        ("experiment", "--all", "--config", ROOT / "config/ci.yaml", "--output", folder),
        ("fetch", "Bundled", "--images", 1, "--manifest", folder / "Bundled.json"),
        ("fetch", "Set12", "--images", 1, "--data-dir", folder, "--mirror", made),
    ]


def files(folder):
    return [file for file in folder.rglob("*") if file.is_file()]


def test_a_full_disk(made, groupsc, small_disk):
    disk = small_disk("size=16k")
    (disk / "old").write_bytes(bytes(16 * 1024))
    for arguments in writing(made, disk)[:-1]:
        said = groupsc(*arguments, cwd=made).complaint
        assert "free some space" in said
        assert str(disk) in said
        assert "No space left on device" in said
        assert [file.name for file in files(disk) if file.stat().st_size] == ["old"], arguments
        assert {file.name for file in files(disk)} <= {"old", "lock"}, arguments
    (disk / "old").unlink()
    for arguments in writing(made, disk)[6:8]:
        assert groupsc(*arguments, cwd=made).returncode == 0


def test_a_folder_where_nothing_may_be_written(made, groupsc, tmp_path):
    folder = tmp_path / "closed"
    (folder / "Set12").mkdir(parents=True)
    folder.chmod(0o555)
    (folder / "Set12").chmod(0o555)
    for arguments in writing(made, folder):
        said = groupsc(*arguments, cwd=made, unprivileged=True).complaint
        assert "ermission denied" in said
        assert "choose another folder" in said
        assert str(folder) in said
        assert not files(folder), arguments


def test_a_disk_that_is_mounted_for_reading(made, groupsc, small_disk):
    disk = small_disk("size=1m")
    shutil.copytree(made / "run", disk / "run")
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    weights = (disk / "run/weights.safetensors").read_bytes()
    for arguments in writing(made, disk)[4:8]:
        said = groupsc(*arguments, cwd=made).complaint
        assert "Read-only file system" in said
        assert "choose another folder" in said
    finished = groupsc(*writing(made, disk)[0], cwd=made)
    assert finished.returncode == 0, finished
    assert (disk / "run/weights.safetensors").read_bytes() == weights


@pytest.mark.parametrize("file", ["sc.yaml", "run/weights.safetensors", "rows/rows.csv"])
def test_a_file_that_may_not_be_read(made, groupsc, tmp_path, file):
    folder = tmp_path / "copy"
    shutil.copytree(made, folder)
    (folder / file).chmod(0)
    command = {"sc.yaml": "train", "run/weights.safetensors": "evaluate", "rows/rows.csv": "table"}[file]
    ended = groupsc(*COMMANDS[command], cwd=folder, unprivileged=True)
    assert ended.returncode == 2, ended
    assert Path(file).name in ended.said
    assert "Permission denied" in ended.said or "not readable" in ended.said or "correct its permissions" in ended.said
    assert stat.S_IMODE((folder / file).stat().st_mode) == 0


def test_no_home_no_cache_and_no_temporary_folder(made, groupsc, tmp_path):
    home = tmp_path / "home"
    home.mkdir(mode=0o555)
    folder = tmp_path / "copy"
    shutil.copytree(made, folder, ignore=shutil.ignore_patterns("run", "rows"))
    places = {"HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "TMPDIR": str(tmp_path / "none")}
    environment = {**os.environ, **places, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    closing = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
    if os.geteuid() == 0 and not shutil.which("setpriv"):
        pytest.skip("permissions don't bind a superuser, and there is no setpriv to change that")
    figure = [sys.executable, "-m", "groupsc", "figure", "figure4", "--output", "figures/figure4.png"]
    result = subprocess.run(
        [*(closing if os.geteuid() == 0 else []), *figure], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    for command in ("train", "evaluate", "table"):
        ended = groupsc(*COMMANDS[command], cwd=folder, unprivileged=True, **places)
        assert ended.returncode == 0, ended
    # The file of weights, and so its digest, holds the minutes of the training.
    there, here = ({**whole(place / "rows/rows.csv"), "weights_sha256": None} for place in (folder, made))
    assert there == here
    weights = "run/weights.safetensors"
    assert whole(folder / weights) == whole(made / weights)
    assert not list(home.iterdir())


def test_names_with_blanks_and_letters_beyond_ascii(made, groupsc, tmp_path):
    """Also where the language of the system knows but ASCII."""
    for arguments in (
        *(COMMANDS[name] for name in ("table", "figure", "metrics", "fetch")),
        ("info", "run/weights.safetensors"),
    ):
        ended = groupsc(*arguments, cwd=made)
        assert ended.returncode == 0, ended
    output = made / "Tabelle für dich"
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "groupsc", "table", "table4", "rows/rows.csv", "--output", str(output)]
    result = subprocess.run(command, cwd=made, env=environment, capture_output=True)
    assert result.returncode == 0, result.stderr
    assert (made / "Tabelle für dich.md").read_bytes() == (made / "tables/table4.md").read_bytes()
    assert not list(made.parent.rglob("pwned"))
