"""The worked examples of `docs/extend` run on a copy of the repository, and the programs of `docs/start` run here."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from checkouts import ROOT, copy_checkout, environment
from safetensors import safe_open
from worked_examples import blocks, prepare

from groupsc.benchmark.rows import read_rows

PAGES = sorted((ROOT / "docs/extend").glob("*.md"))
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("extended")]
RUN = """
import json, pathlib, shlex, sys

import groupsc
from groupsc.cli.app import app
from groupsc.config import reference

assert pathlib.Path(groupsc.__file__).is_relative_to(pathlib.Path.cwd())
for kind, text in json.load(sys.stdin):
    if kind == "python":
        exec(compile(text, "<page>", "exec"), {})
        continue
    words = shlex.split(text, comments=True)
    if words == ["make", "reference"]:
        reference.main()
    elif words:
        assert words[0] == "groupsc", text
        print("$", text, flush=True)
        app(words[1:], standalone_mode=False)
"""


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the repository with the changes of all pages, in which their commands ran in one process."""
    copy = copy_checkout(tmp_path_factory.mktemp("extended"))
    # Commands that several pages share run once.
    steps = list(dict.fromkeys(step for page in PAGES for step in prepare(page, copy)))
    assert len(steps) > 18
    result = subprocess.run(
        [sys.executable, "-c", RUN], input=json.dumps(steps), cwd=copy, capture_output=True, text=True,
        env={**environment(), "PYTHONPATH": str(copy)},
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-4000:]
    return copy


def card(weights, key):
    """An entry of a card, which the library without the changes would not read."""
    with safe_open(weights, "numpy") as file:
        return json.loads(file.metadata()[key])


def psnr(folder, *files):
    rows = read_rows([folder / file for file in files])
    return rows.groupby("method")["psnr"].mean()


def test_a_prior_trains_and_is_in_the_table(extended):
    assert card(extended / "firm/weights.safetensors", "model")["penalty"] == "firm"
    assert psnr(extended, "firm.csv")["firm"] > 20  # The noisy images have 14 dB.
    assert "| firm" in (extended / "firm-overview.md").read_text()
    assert "one of l1, csr, group, firm" in (extended / "config/README.md").read_text()


def test_baselines_are_measured_beside_each_other(extended):
    assert set(psnr(extended, "smooth.csv", "median.csv")[lambda found: found > 22].index) == {"smooth", "median"}
    text = (extended / "both-overview.md").read_text()
    assert "smooth" in text
    assert "median" in text


def test_a_task_trains_and_is_measured(extended):
    assert card(extended / "speckle/weights.safetensors", "task") == "speckle"
    found = psnr(extended, "speckle.csv", "speckle-input.csv")
    assert found["sc"] > found["input"] + 2
    assert "speckle" in (extended / "speckle-overview.md").read_text()


def test_a_table_shows_published_values_and_runs(extended):
    (line,) = [line for line in (extended / "table14.md").read_text().splitlines() if line.startswith("| DnCNN")]
    assert re.findall(r"3[02]\.\d\d", line) == ["32.86", "30.44"]
    assert "GroupSC" in (extended / "table14.md").read_text()


@pytest.mark.parametrize("page", sorted((ROOT / "docs/start").glob("*.md")), ids=lambda page: page.stem)
def test_programs_of_a_first_page_run(page, monkeypatch, tmp_path):
    programs = [text for kind, title, text in blocks(page) if kind == "python" and "imread" not in text]
    names: dict[str, object] = {}
    monkeypatch.chdir(tmp_path)
    for program in programs:
        exec(compile(program, str(page), "exec"), names)
