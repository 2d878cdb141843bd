"""The workflow, killed, started twice, on full disks and in closed folders, with secrets, in folders of any name."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
import yaml
from checkouts import ROOT, copy_checkout
from jobs import python_of_jobs
from processes import planner

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workflow")]

SECRET = "S3CRET"
OUTPUT = "Tabellen für Übung; touch pwned #"
GRID = {
    "output": OUTPUT, "budget": "paper", "weights": "released", "device": "cpu", "images": 1,
    "mirror": f"http://someone:{SECRET}@127.0.0.1:9",
    "tasks": {"gray": {"methods": ["sc"], "levels": [25], "datasets": ["Bundled"], "baselines": ["nlm"]}},
    "threads": {"train": 1, "evaluate": 1}, "tables": ["table4"],
}  # fmt: skip
TABLE = f"{OUTPUT}/tables/table4.md"
ROWS = f"{OUTPUT}/rows/gray-nlm-sigma25/Bundled.csv"


def command(*arguments, config="grid.yaml"):
    snakemake = Path(sys.executable).with_name("snakemake")
    return [str(snakemake), "--cores", "1", *arguments, "--configfile", config]


def environment(**more):
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "AWS_SECRET_ACCESS_KEY": SECRET, **more}


def run(*arguments, cwd):
    """Snakemake, which is forked, as are its jobs; those that are killed or lose privileges are not."""
    settings = environment(INTERPRETER=str(python_of_jobs()))
    return planner()(*command(*arguments)[1:], cwd=cwd, **settings)


def rows(folder):
    return pd.read_csv(folder / ROWS).drop(columns=["seconds", "peak_memory_mb"]).to_csv()


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A copy of the checkout in a folder whose name has blanks and letters beyond ASCII."""
    folder = copy_checkout(tmp_path_factory.mktemp("workflow") / "Bilder für Übung")
    (folder / "grid.yaml").write_text(yaml.safe_dump(GRID))
    return folder


@pytest.fixture(scope="module")
def finished(fresh):
    folder = fresh.with_name("Fertige Bilder")
    shutil.copytree(fresh, folder)
    result = run(TABLE, cwd=folder)
    assert result.returncode == 0, result.stdout + result.stderr
    (folder / "said.txt").write_text(result.stdout + result.stderr)
    return folder


def test_names_of_folders_run_nothing(finished):
    assert "29." in (finished / TABLE).read_text()
    assert {path.name for path in finished.iterdir()} >= {OUTPUT}
    assert not list(finished.parent.rglob("pwned"))
    assert not [path.name for path in finished.iterdir() if path.name.startswith("Tabellen") and path.name != OUTPUT]


def test_no_secret_stands_in_a_log_or_a_result(finished):
    kept = [path for path in finished.rglob("*") if path.is_file() and path.name != "grid.yaml"]
    assert any(".snakemake/log" in str(path) for path in kept)
    assert not [path for path in kept if SECRET.encode() in path.read_bytes()]
    failed = run("results/data/Set12/first1.json", cwd=finished)
    log = (finished / OUTPUT / "logs/fetch/Set12-first1.log").read_text()
    assert failed.returncode != 0
    assert "from http://***@127.0.0.1:9/" in log
    assert SECRET not in failed.stdout + failed.stderr + log


def test_files_from_the_future_or_the_past_are_not_made_again(finished):
    """The clock was wrong when they were made, or is wrong now."""
    for seconds in (4e9, 1e9):
        for path in (finished / OUTPUT).rglob("*.csv"):
            os.utime(path, (seconds, seconds))
        result = run("--dry-run", TABLE, cwd=finished)
        assert "Nothing to be done" in result.stdout + result.stderr


def test_killed_and_started_twice_it_ends_as_if_undisturbed(fresh, finished):
    with subprocess.Popen(
        command(TABLE), cwd=fresh, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as first:  # fmt: skip
        limit = time.monotonic() + 120
        while not (fresh / f"{OUTPUT}/logs/evaluate/gray-nlm-sigma25/Bundled.log").exists():
            assert first.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.02)
        # Held where it is, so that it can't end before the second is refused.
        os.killpg(first.pid, signal.SIGSTOP)
        second = run(TABLE, cwd=fresh)
        assert first.poll() is None
        os.killpg(first.pid, signal.SIGKILL)
    for refused in (second, run(TABLE, cwd=fresh)):
        assert refused.returncode != 0
        assert "Directory cannot be locked" in refused.stdout + refused.stderr
        assert "--unlock" in refused.stdout + refused.stderr
    assert run("--unlock", cwd=fresh).returncode == 0
    again = run(TABLE, cwd=fresh)
    assert again.returncode == 0, again.stdout + again.stderr
    assert (fresh / TABLE).read_bytes() == (finished / TABLE).read_bytes()
    assert rows(fresh) == rows(finished)
    assert not list((fresh / OUTPUT).rglob("*.partial"))


def test_a_full_disk_under_the_results_and_then_a_larger_one(finished, small_disk, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(finished, folder, ignore=shutil.ignore_patterns(OUTPUT))
    disk = small_disk("size=256k")
    (folder / "grid.yaml").write_text(yaml.safe_dump({**GRID, "output": str(disk / "results")}))
    (disk / "filler").write_bytes(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize))
    experiment = disk / "results/experiments/gray-sc-sigma25.yaml"
    failed = run(str(experiment), cwd=folder)
    assert failed.returncode != 0
    assert "is full" in failed.stdout + failed.stderr
    assert "free some space and call the same command again" in failed.stdout + failed.stderr
    assert not experiment.exists()
    (disk / "filler").unlink()
    assert run(str(experiment), cwd=folder).returncode == 0
    assert yaml.safe_load(experiment.read_text())["name"] == "gray-sc-sigma25"


@pytest.fixture
def closed(tmp_path):
    """A folder that takes nothing, and the words before a command that let this count for a superuser too."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o555)
    if os.geteuid():
        return folder, []
    if not shutil.which("setpriv"):
        pytest.skip("permissions don't bind a superuser, and there is no setpriv to change that")
    return folder, ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]


def test_a_folder_of_results_that_takes_nothing(finished, closed, tmp_path):
    folder, unprivileged = closed
    work = shutil.copytree(finished, tmp_path / "copy", ignore=shutil.ignore_patterns(OUTPUT))
    (work / "grid.yaml").write_text(yaml.safe_dump({**GRID, "output": str(folder)}))
    words = [*unprivileged, *command(str(folder / "tables/table4.md"))]
    result = subprocess.run(words, cwd=work, env=environment(), capture_output=True, text=True)
    assert result.returncode != 0
    assert f"Failed to create output directory {folder}" in result.stdout + result.stderr
    assert "Permission denied" in result.stdout + result.stderr
    assert not list(folder.iterdir())


def test_make_puts_the_cache_where_it_can_be_written(finished, closed, tmp_path):
    """Snakemake itself ends where the home folder takes no cache."""
    home, unprivileged = closed
    settings = environment(HOME=str(home), TMPDIR=str(tmp_path / "none"))
    settings.pop("XDG_CACHE_HOME", None)
    show = [
        "make",
        "--no-print-directory",
        "--makefile",
        ROOT / "Makefile",
        "--eval",
        "show: ; @echo $$XDG_CACHE_HOME",
        "show",
    ]
    options = {"cwd": finished, "capture_output": True, "text": True}
    place = subprocess.run([*unprivileged, *show], env=settings, **options).stdout.strip()
    assert place == str(finished / ".snakemake/cache")
    ended = [
        subprocess.run([*unprivileged, *command("--dry-run", TABLE)], env={**settings, **more}, **options)
        for more in ({}, {"XDG_CACHE_HOME": place})
    ]
    assert [result.returncode for result in ended] == [1, 0]
    assert f"Permission denied: '{home / '.cache'}" in ended[0].stdout + ended[0].stderr
    writable = {**settings, "HOME": str(tmp_path)}
    assert subprocess.run(show, env=writable, **options).stdout.strip() == ""
