"""Copies of the checkout, and Snakemake in them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from jobs import python_of_jobs
from processes import ROOT, planner, store

from groupsc.data.downloads import source_of
from groupsc.data.registry import registry

COPIED = (
    ".dvc/config", ".dvc/.gitignore", ".dvc/plots", ".dvcignore", ".gitignore", "Snakefile", "config",
    "data/measured", "data/published.csv", "data/registry.csv", "dvc.yaml", "environment.yml", "groupsc", "profiles",
    "workflow",
)  # fmt: skip


def environment():
    """Variables for a program of this environment; Git and DVC find no settings of a user."""
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "OMP_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "",  # Every job imports the library of the checkout anew.
        "DVC_NO_ANALYTICS": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        **{f"GIT_{who}_{what}": "test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }


def run(*command, cwd, check=True):
    """Run a program of this environment; DVC is forked from a process that has loaded it."""
    words = list(map(str, command))
    if words[0] == "dvc":
        result = store()(*words[1:], cwd=cwd, **environment())
    else:
        result = subprocess.run(words, cwd=cwd, env=environment(), capture_output=True, text=True)
    assert not check or result.returncode == 0, f"{command}:\n{result.stdout}\n{result.stderr}"
    return result


def snakemake(*arguments, cwd, config="config/ci.yaml", check=True):
    """Run Snakemake; `config` is a file or several, of which later ones win, or None for the default.

    It and its jobs are forked from processes that have loaded their libraries.
    """
    files = config if isinstance(config, list) else [config] if config else []
    words = ("--cores", 2, *(["--configfile", *files] if files else []), *arguments)
    settings = environment()
    if not {"-n", "--dry-run", "--report"} & set(arguments):
        settings["INTERPRETER"] = str(python_of_jobs())
    result = planner()(*words, cwd=cwd, **settings)
    assert not check or result.returncode == 0, result
    return result


def planned(*arguments, cwd, config="config/ci.yaml"):
    """{rule: names of its jobs} that a dry run announces."""
    return jobs_of(snakemake("--dry-run", *arguments, cwd=cwd, config=config))


def jobs_of(result):
    """{rule: names of its jobs} of a dry run that has ended."""
    blocks = re.split(r"^(?:local)?rule ", result.stdout + result.stderr, flags=re.M)[1:]
    jobs = {}
    for block in blocks:
        wildcards = re.search(r"^ +wildcards: (.*)$", block, re.M)
        jobs.setdefault(block.partition(":")[0], set()).add(wildcards[1] if wildcards else "")
    return jobs


def change(path, **values):
    """Set keys of a YAML file, nested by double underscores."""
    settings = yaml.safe_load(path.read_text())
    for key, value in values.items():
        *parents, last = key.split("__")
        place = settings
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    path.write_text(yaml.safe_dump(settings))


def copy_checkout(folder):
    for name in COPIED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


def empty_mirror(folder, *datasets):
    """Make a mirror that has every file of data sets by name, which is enough to plan; return its path."""
    files = registry()
    for row in files[files["dataset"].isin(datasets)].itertuples():
        path = Path(source_of(row, str(folder)))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def kind(rule):
    """A rule's kind: figures have a rule each."""
    return re.sub(r"^(figure)_.*", r"\1", rule)
