"""Every command that a document prints: run, planned or parsed here, or listed with the reason why not.

`groupsc` commands of `RUN` run on small pictures; of all others arguments and options are parsed as the command itself
does it, since they take long or need what a reader has. `snakemake` plans (a dry run), `make` prints its recipe
(`make -n`), scripts of `benchmarks/` print their help.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
import typer
from PIL import Image
from processes import planner
from snakemake.cli import get_argument_parser

from groupsc.cli.app import app
from groupsc.data.degradations import bayer_mask

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["README.md", "config/README.md", "CONTRIBUTING.md", "benchmarks/README.md", "data/measured/README.md"]
PAGES += ["examples/README.md"]
PAGES += sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))
PROGRAMS = (
    "groupsc", "snakemake", "make", "python", "dvc", "pip", "pipx", "pip-audit", "pytest", "docker", "apptainer", "git",
    "cp", "export", "sinfo", "nano", "python3", "source", "torchrun",
)  # fmt: skip

RUN = (
    "groupsc denoise", "groupsc deblock", "groupsc demosaick", "groupsc explain", "groupsc plan", "groupsc methods",
    "groupsc weights list", "groupsc weights verify", "groupsc info",
)  # fmt: skip
"""Beginnings of commands that run as they are printed."""

PARSED = re.compile(r"groupsc plan --configfile config/paper.yaml( --gpus \d+)+")
"""Commands that are parsed: tests/benchmark/test_plan.py runs them with a smaller grid."""

NOT_RUN = {
    "pip install": "installs; `.ci/run` does it from nothing",
    "pip freeze": "tells what is installed here",
    "pipx install": "installs a program of its own",
    "pip-audit": "asks a public service",
    "pytest -m cluster": "installs and starts a Slurm; tests/cluster is that test",
    "docker": "needs Docker; tests/project/test_containers.py checks the recipe",
    "apptainer": "needs Apptainer",
    "snakemake --cores all --snakefile": "needs a folder beside the checkout; tests/workflow/test_module.py has one",
    "snakemake --profile profiles/slurm": "needs Slurm; tests/cluster runs it",
    "snakemake --cores all --software-deployment-method apptainer": "needs Apptainer",
    "snakemake --report": "needs a finished run; tests/workflow/test_workflow.py makes the report of one",
    "snakemake --touch": "changes what is there",
    "snakemake --unlock": "tests/workflow/test_faults.py does it after a killed run",
    "snakemake --lint": "tests/project/test_project.py runs it",
    "sinfo": "needs Slurm",
    "python -m http.server": "serves until it is stopped",
    "snakemake --cores all --configfile firm.yaml": "tests/project/test_worked_examples.py runs what it would run",
    "nano": "waits for its user",
    "python3 -m venv": "makes an environment; `.ci/run` does it",
    "source": "changes the reader's shell",
    "export": "secrets of the reader",
    "cp": "copies what a training or a measurement made",
    "git": "changes the reader's repository",
    "dvc push": "writes to a store; tests/weights/test_remote.py does it",
    "dvc remote": "changes the reader's settings; tests/weights/test_remote.py does it",
    "dvc pull": "tests/workflow/test_workflow.py does it in a clone",
    "dvc add": "changes the reader's repository; tests/workflow/test_workflow.py does it",
    "dvc metrics show": "tests/workflow/test_workflow.py does it in a clone",
    "dvc plots show": "tests/workflow/test_workflow.py does it in a clone",
    "dvc artifacts get": "needs a tag, which a release makes; tests/weights/test_artifacts.py makes one",
    "dvc metrics diff": "needs two commits; tests/weights/test_artifacts.py has them",
    "dvc plots diff": "needs two commits; tests/weights/test_artifacts.py has them",
    "dvc params diff": "needs two commits; tests/weights/test_artifacts.py has them",
    "dvc repro": "the document says that there are no stages",
    "dvc exp run": "the document says that there are no stages",
    "dvc status": "needs a repository; tests/workflow/test_workflow.py does it in a clone",
}
"""{beginning of commands: why they aren't run here}."""


def commands():
    """Every command of the documents, as it is printed, comments left out."""
    found = []
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for block in re.findall(r"^```bash\n(.*?)^```", text, re.M | re.S):
            found += [line.partition(" #")[0].strip() for line in block.splitlines()]
        prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.M | re.S)
        spans = [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]
        found += [span for span in spans if re.match(rf"({'|'.join(PROGRAMS)}) ", span)]
        found += [span for span in spans if span in ("snakemake", "make")]
    return sorted(dict.fromkeys(line for line in found if line and not line.startswith("#")))


def pattern(command):
    """Whether words stand in it for what its reader writes there, as NAME does."""
    return bool(re.search(r"(^|[ /=])[A-Z][A-Z]+([ /.]|$)|…|\.\.\.", command))


def runs(command):
    """Whether a command of `groupsc` is run as it is printed; the name of one alone is parsed."""
    return command.startswith(RUN) and not pattern(command) and command not in RUN[:4] and not PARSED.fullmatch(command)


COMMANDS = commands()
LEFT = [command for command in COMMANDS if not command.startswith(tuple(NOT_RUN))]


def of(program):
    return [command for command in LEFT if command.split()[0] == program]


def run(*command, cwd=ROOT):
    """Run a program of this environment, in the root of the checkout unless told otherwise."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    result = subprocess.run(list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, f"{command}:\n{result.stdout[-2000:]}\n{result.stderr[-2000:]}"
    return result.stdout


def test_every_command_begins_with_a_program_that_is_known_here():
    assert len(COMMANDS) > 60
    assert {command.split()[0] for command in LEFT} <= {"groupsc", "snakemake", "make", "python"}
    for beginning in (*NOT_RUN, *RUN):
        assert any(command.startswith(beginning) for command in COMMANDS), f"no document prints {beginning}"


def parse(words):
    """Parse the words of a command as `groupsc` does, without running it."""
    group = typer.main.get_command(app)
    context = group.make_context("groupsc", words, resilient_parsing=True)
    while hasattr(group, "resolve_command"):
        name, group, words = group.resolve_command(context, words)
        context = group.make_context(name, list(words), parent=context) if not hasattr(group, "commands") else context


@pytest.mark.parametrize("command", [c for c in of("groupsc") if not runs(c)])
def test_the_words_of_a_command_are_those_that_it_takes(command, groupsc):
    words = shlex.split(command)[1:]
    if words == ["--version"]:
        assert groupsc(*words, cwd=ROOT).stdout.startswith("groupsc ")
        return
    if "--help" in words:
        words = ["--help"]  # `COMMAND --help` stands for all commands.
    elif len(words) == 1 or (words[0] == "weights" and len(words) == 2):
        words.append("--help")  # The name of a command alone, as prose mentions it.
    if "--help" in words:
        assert "Usage" in groupsc(*words, cwd=ROOT).stdout
    else:
        parse(words)


@pytest.fixture
def pictures(tmp_path, command):
    """The pictures that documents call photo.png, old.jpg, raw.tif and stack.tif, as small as the command allows."""
    rng = np.random.default_rng(0)
    smooth = np.cumsum(np.cumsum(rng.standard_normal((84, 124, 3)), axis=0), axis=1)
    smooth = np.uint8(255 * (smooth - smooth.min()) / np.ptp(smooth))
    if "--at 120,80" not in command:
        smooth = smooth[:56, :64]
    noisy = np.uint8(np.clip(smooth[..., 0] + rng.normal(0, 25, smooth.shape[:2]), 0, 255))
    Image.fromarray(noisy).save(tmp_path / "photo.png")
    Image.fromarray(smooth).save(tmp_path / "old.jpg", quality=10)
    mosaic = (
        smooth * np.transpose(bayer_mask(*smooth.shape[:2]).numpy().reshape(3, *smooth.shape[:2]), (1, 2, 0))
    ).sum(2)
    Image.fromarray(np.uint8(mosaic)).save(tmp_path / "raw.tif")
    stack = np.uint16(100 + 2.1 * rng.poisson(4.0 * smooth[:48, :48, 0] + 20, (2, 48, 48)))
    tifffile.imwrite(tmp_path / "stack.tif", stack)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("command", [c for c in of("groupsc") if runs(c)])
def test_a_command_runs_as_it_is_printed(command, groupsc, pictures):
    here = pictures if command.startswith(RUN[:4]) else ROOT
    ended = groupsc(*shlex.split(command)[1:], cwd=here)
    assert ended.returncode == 0, ended.said


def plans():
    """Commands of `snakemake` with different plans: of those that differ in cores and resources alone, the longest."""
    found = {}
    for command in sorted((c for c in of("snakemake") if not pattern(c) and "more.yaml" not in c), key=len):
        found[re.sub(r" --dry-run| --cores \S+| --resources \S+", "", command)] = command
    return sorted(found.values())


@pytest.mark.parametrize("command", [c for c in of("snakemake") if not pattern(c)])
def test_snakemake_has_the_options(command):
    get_argument_parser().parse_args(shlex.split(command)[1:])  # It exits at an unknown option.


@pytest.mark.slow
@pytest.mark.xdist_group("workflow")
@pytest.mark.parametrize("command", plans())
def test_snakemake_plans_what_is_printed(command):
    ended = planner()(*shlex.split(command)[1:], "--dry-run", "--quiet", "--nolock", cwd=ROOT)
    assert ended.returncode == 0, ended.said[-2000:]


@pytest.mark.parametrize("command", [c for c in of("make") if not pattern(c)])
def test_make_knows_the_target(command):
    assert run(*shlex.split(command), "--dry-run")


@pytest.mark.slow
@pytest.mark.parametrize("command", of("python"))
def test_a_script_is_there(command, groupsc):
    ended = groupsc("--help", script=ROOT / shlex.split(command)[1], cwd=ROOT)
    assert ended.returncode == 0, ended.said
    assert "usage" in ended.stdout
    assert all(option in ended.stdout for option in re.findall(r"--[\w-]+", command))
