"""The command `groupsc`, as processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import pandas as pd
import pytest
import yaml

from groupsc.benchmark.measurement import Evaluation

ROOT = Path(__file__).resolve().parents[2]
CONFIG = ROOT / "config/ci.yaml"


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}


def started(*arguments, cwd, **environment):
    """Run the command by an interpreter of its own."""
    command = [sys.executable, "-m", "groupsc", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=ENVIRONMENT | environment, capture_output=True, text=True)


def complaint(result):
    """The one sentence of a command that failed for a reason that its user can fix."""
    assert result.returncode == 2, result.stdout + result.stderr
    lines = [line for line in result.stderr.splitlines() if line]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("groupsc: ")
    return lines[0]


@pytest.fixture(scope="module")
def trained(groupsc, tmp_path_factory):
    """A folder in which the README's commands made a toy model, its rows and what follows from them."""
    folder = tmp_path_factory.mktemp("trained")
    grid = yaml.safe_load(CONFIG.read_text())
    (folder / "grid.yaml").write_text(yaml.safe_dump(grid))
    steps = [
        ("experiment", "gray-sc-sigma25", "--config", "grid.yaml", "--output", "sc.yaml"),
        ("dictionary", "Bundled", "--patch-size", 5, "--n-atoms", 16, "--images", 2, "--output", "D.safetensors",
         "--picture", "D.png"),
        ("train", "sc.yaml", "--dictionary", "D.safetensors", "--output", "run", "--device", "cpu"),
        ("evaluate", "run/weights.safetensors", "--dataset", "Bundled", "--images", 2, "--output", "rows.csv"),
        ("table", "table4", "rows.csv", "--output", "tables/table4"),
        ("metrics", "rows.csv", "--output", "metrics.json"),
    ]  # fmt: skip
    for step in steps:
        result = groupsc(*step, cwd=folder)
        assert result.returncode == 0, f"{step}: {result.stderr}"
    return folder


def test_help_lists_the_commands_that_restore_images_first(tmp_path):
    result = started("-h", cwd=tmp_path)
    assert result.returncode == 0
    commands = re.findall(r"^  ([a-z]\S+)  ", result.stdout.partition("Restore images:")[2], re.M)
    assert commands[:4] == ["denoise", "deblock", "demosaick", "explain"]
    assert {"fetch", "dictionary", "experiment", "train", "evaluate", "table", "figure", "info", "plan"} <= set(
        commands
    )


def test_version(groupsc, tmp_path):
    assert groupsc("--version", cwd=tmp_path).stdout == f"groupsc {metadata.version('groupsc')}\n"


def test_the_shell_completes_names_of_commands_and_weights(tmp_path):
    def completed(words):
        line = {"COMP_WORDS": f"groupsc {words}", "COMP_CWORD": str(len(words.split()))}
        program = "import sys; from groupsc.cli import main; sys.argv = ['groupsc']; main()"
        environment = ENVIRONMENT | {"_GROUPSC_COMPLETE": "complete_bash"} | line
        command = [sys.executable, "-c", program]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True).stdout.split()

    assert completed("demo") == ["demosaick"]
    assert completed("denoise --weights gray-sc-sigma2") == ["gray-sc-sigma25"]


def test_a_mistake_ends_an_interpreter_in_one_sentence_in_any_encoding(tmp_path):
    result = started("fetch", "NoSuchSeł", cwd=tmp_path, PYTHONIOENCODING="cp1252")
    assert r"NoSuchSe\u0142" in complaint(result)


def test_fetch_writes_a_manifest(groupsc, tmp_path):
    result = groupsc("fetch", "Bundled", "--images", 2, "--manifest", "out/Bundled.json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "Bundled: 2 files" in result.stdout
    assert len(json.loads((tmp_path / "out/Bundled.json").read_text())["files"]) == 2


def test_fetch_without_a_name_lists_the_data_sets(groupsc, tmp_path):
    names = groupsc("fetch", cwd=tmp_path).stdout.split()
    assert {"Bundled", "BSD400", "BSD68", "Set12"} <= set(names)


def test_experiments_of_a_grid(groupsc, tmp_path):
    listed = groupsc("experiment", "--config", CONFIG, cwd=tmp_path).stdout.split()
    assert listed == ["gray-sc-sigma25", "gray-groupsc-sigma25", "gray-sc-blind"]
    assert groupsc("experiment", "--all", "--config", CONFIG, "--output", "all", cwd=tmp_path).returncode == 0
    assert sorted(path.stem for path in (tmp_path / "all").iterdir()) == sorted(listed)
    written = yaml.safe_load((tmp_path / "all/gray-sc-sigma25.yaml").read_text())
    assert written["level"] == 25
    assert written["model"]["n_atoms"] == 16


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("fetch", "NoSuchSet"), "NoSuchSet"),
        (("fetch", "Bundled", "Set12", "--manifest", "m.json"), "one by one"),
        (("experiment", "gray-groupsc-sigma99", "--config", CONFIG, "--output", "e.yaml"), "gray-sc-sigma25"),
        (("experiment", "gray-sc-sigma25", "--config", CONFIG), "--output"),
        (("experiment", "--config", "absent.yaml"), "absent.yaml"),
        (("experiment", "--config", "text.yaml"), "text.yaml"),
        (("experiment", "--config", "wrong.yaml"), "tasks.gray.methods[0] is 'bm4d'; choose one of sc, csr, groupsc"),
        (("train", "absent.yaml", "--output", "run"), "absent.yaml"),
        (("train", "unknown.yaml", "--output", "run"), "colour"),
        (("train", "--output", "run"), "--queue"),
        (("train", "unknown.yaml", "--released", "weights", "--output", "run"), "--released is for a queue"),
        (("train", "group.yaml", "--output", "run"), "starts from gray-sc-sigma25; give its weights by --init"),
        (("train", "wrong_penalty.yaml", "--output", "run"), "models of the method sc have 'l1'"),
        (("train", "--queue", "text.yaml", "--init", "gray-sc-sigma25", "--output", "run"), "into the queue"),
        (("info", "absent.safetensors"), "absent.safetensors"),
        (("info", "text.yaml"), "text.yaml"),
        (("evaluate", "input", "--task", "mosaic", "--dataset", "NoSuchSet", "--output", "r.csv"), "NoSuchSet"),
        (("evaluate", "input", "--dataset", "Bundled", "--output", "r.csv"), "task"),
        (("table", "table99", "--output", "t"), "table4"),
        (("table", "paired", "--baseline", "nope", "--output", "t"), "choose one of sc, csr"),
        (("figure", "figure99", "--output", "f.png"), "figure4"),
        (("metrics", "text.yaml", "--output", "m.json"), "text.yaml"),
        (("metrics", "--output", "."), ". is a folder; name a file"),
        (("evaluate", "input", "--task", "mosaic", "--dataset", "Bundled", "--output", "."), "name a CSV file"),
        (("table", "table4", "--output", ".."), "name a file in it"),
        (("fetch", "Bundled", "--manifest", "text.yaml/m.json"), "text.yaml"),
    ],
    ids=lambda value: " ".join(map(str, value[:2])) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_mistakes_end_in_one_sentence(groupsc, arguments, words, tmp_path):
    (tmp_path / "text.yaml").write_text("just words")
    (tmp_path / "wrong.yaml").write_text("budget: cpu\ntasks: {gray: {methods: [bm4d], levels: [25]}}")
    (tmp_path / "unknown.yaml").write_text("name: a\ntask: gray\nmethod: sc\nlevel: 25\nmodel: {colour: 3}")
    start = "name: gray-groupsc-sigma25\ntask: gray\nmethod: groupsc\nlevel: 25\ntraining: {init_from: sc}"
    (tmp_path / "group.yaml").write_text(start)
    (tmp_path / "wrong_penalty.yaml").write_text("name: a\ntask: gray\nmethod: sc\nlevel: 25")
    before = sorted(tmp_path.rglob("*"))
    assert words in complaint(groupsc(*arguments, cwd=tmp_path))
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
@pytest.mark.xdist_group("trained")
def test_commands_of_the_readme_make_a_table(trained):
    rows = pd.read_csv(trained / "rows.csv")
    assert set(rows["experiment"]) == {"gray-sc-sigma25"}
    assert len(rows) == 2
    mean = f"{rows['psnr'].mean():.2f}"
    assert mean in (trained / "tables/table4.md").read_text()
    assert mean in (trained / "metrics.json").read_text()
    assert (trained / "D.png").stat().st_size > 0


@pytest.mark.slow
@pytest.mark.xdist_group("trained")
def test_info_shows_the_card(groupsc, trained):
    card = json.loads(groupsc("info", "run/weights.safetensors", cwd=trained).stdout)
    assert card["name"] == "gray-sc-sigma25"
    assert card["model"]["n_atoms"] == 16
    assert card["steps"] == 8


@pytest.mark.slow
@pytest.mark.xdist_group("trained")
def test_summary_counts_images(groupsc, trained):
    result = groupsc("summary", "rows.csv", "--table", "tables/table4.md", cwd=trained)
    assert "tables/table4.md" in result.stdout
    assert "2 images" in result.stdout or "2 of" in result.stdout


@pytest.mark.slow
@pytest.mark.xdist_group("trained")
def test_time_limit_stops_cleanly_and_the_next_call_goes_on(groupsc, trained):
    command = ("train", "sc.yaml", "--dictionary", "D.safetensors", "--output", "limited", "--device", "cpu")
    stopped = groupsc(*command, "--max-minutes", 0, cwd=trained)
    assert stopped.returncode == 0, stopped.stderr
    assert "the same command continues" in stopped.stdout
    assert not (trained / "limited/weights.safetensors").exists()
    assert groupsc(*command, cwd=trained).returncode == 0
    assert (trained / "limited/weights.safetensors").read_bytes()


@pytest.mark.slow
@pytest.mark.xdist_group("trained")
def test_interrupt_ends_with_130(trained):
    settings = yaml.safe_load((trained / "sc.yaml").read_text())
    settings["training"]["max_steps"] = 10**6
    (trained / "long.yaml").write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-m", "groupsc", "train", "long.yaml", "--output", "long", "--device", "cpu"]
    process = subprocess.Popen(command, cwd=trained, env=ENVIRONMENT, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (trained / "long/log.csv").exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors


def test_names_of_releases_stand_for_their_files(groupsc, tmp_path):
    """Wherever a command takes weights."""
    for command in (
        ("figure", "dictionary", "gray-sc-sigma25", "--output", "atoms.png"),
        ("table", "table7", "gray-groupsc-sigma25", "--output", "table7"),
    ):
        result = groupsc(*command, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
    assert "256" in (tmp_path / "table7.md").read_text()
    groupsc("experiment", "gray-sc-sigma25", "--config", CONFIG, "--output", "e.yaml", cwd=tmp_path)
    wrong = groupsc("train", "e.yaml", "--output", "out", "--init", "gray-sc-sigma26", cwd=tmp_path)
    assert "there are no weights 'gray-sc-sigma26'" in complaint(wrong)
    assert Evaluation("gray-sc-sigma25", "Bundled", device="cpu").level == 25
