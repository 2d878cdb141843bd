"""What runs again when the code of the library is edited."""

from __future__ import annotations

import re

import pytest
from checkouts import ROOT, kind, planned, snakemake

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workflow")]


def test_edited_library_reruns_what_uses_it(checkout):
    source = checkout / "groupsc/ops/prox.py"
    source.write_text(source.read_text() + "\n# A remark changes no result.\n")
    assert planned(cwd=checkout) == {}
    source.write_text(source.read_text() + "\nUNUSED = 1\n")
    jobs = planned(cwd=checkout)
    assert {"train", "evaluate"} <= set(jobs)
    assert "table=table4" in jobs["table"]
    assert not {"fetch", "experiment", "dictionary"} & set(jobs)


EVALUATED = {"evaluate", "figure"}
TABLES = {"table", "table7", "reproducibility", "page", "figure"}
USERS = {
    "api/denoising.py": set(),
    "cli/app.py": set(),
    "config/experiments.py": {"plan", "page"},
    "figures/style.py": {"figure", "reproducibility"},
    "pages/sliders.py": {"page"},
    "paper/layouts.py": TABLES,
    "training/loss.py": {"train"},
    "training/dictionary_learning.py": {"dictionary"},
    "benchmark/averages.py": TABLES | {"metrics", "summary"},
    "benchmark/evaluation.py": {"evaluate"},
    "guards/white_noise.py": set(),
    "inference/restoration.py": {"train", "evaluate"},
    "weights/files.py": {"train", "page"} | EVALUATED,
    "baselines/filters.py": set(),
    "data/degradations.py": {"train"} | EVALUATED,
    "io/codecs/exif.py": set(),
    "noise/maps.py": set(),
    "models/similarity.py": {"train", "plan", "page"} | EVALUATED,
    "ops/window.py": {"train", "plan", "page"} | EVALUATED,
    "utils/memory.py": {"train", "evaluate"},
}
"""A file of every package, and the rules that run anew when its code is edited, figures and tables by their kind."""


def test_an_edited_module_reruns_the_rules_that_use_it(checkout):
    assert {file.partition("/")[0] for file in USERS} == {
        path.name for path in (ROOT / "groupsc").iterdir() if (path / "__init__.py").exists()
    }
    unused = tuple(file for file, users in USERS.items() if not users)
    for files, users in ((unused, set()), *(((file,), users) for file, users in USERS.items() if users)):
        sources = {checkout / "groupsc" / file: (checkout / "groupsc" / file).read_text() for file in files}
        for source, before in sources.items():
            source.write_text(before + "\nUNUSED = 1\n")
        said = snakemake("--dry-run", cwd=checkout)
        for source, before in sources.items():
            source.write_text(before)
        jobs = re.split(r"^(?:local)?rule ", said.stdout + said.stderr, flags=re.M)[1:]
        planned_rules = {_kind(job) for job in jobs}
        edited_rules = {_kind(job) for job in jobs if re.search(r"^ +reason: .*Params have changed", job, re.M)}
        # Of rules whose input is made anew Snakemake names that reason alone.
        assert edited_rules <= users <= planned_rules, files
        assert bool(planned_rules) == bool(users), files


def _kind(job):
    """The rule of a job; figures by their kind, and the table of settings apart."""
    if "wildcards: table=table7\n" in job:
        return "table7"
    return kind(job.partition(":")[0])
