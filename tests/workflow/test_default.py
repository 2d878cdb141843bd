"""Snakemake without --configfile: what it makes and says, with and without images, and the memory of jobs."""

from __future__ import annotations

import re

import pytest
from checkouts import ROOT, change, copy_checkout, empty_mirror, jobs_of, snakemake

from groupsc.benchmark.configuration_checks import TABLES

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workflow")]

PAPER = {name for name in TABLES if name.startswith("table")}
SETS = ("BSD68", "CBSD68", "Classic5", "Set12")
PEERS = ("peers-dncnn-gray", "peers-dncnn-color", "peers-dncnn-jpeg")
COST = (
    r"results/default takes about \S+ (?:min|hours) on \d+ cores? of this machine; cached_results=null .*: \S+ \w+; "
    r"weights=trained .*: \S+ hours; --configfile config/paper.yaml .*: \S+ hours\."
)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A checkout with released weights, which has neither images nor results."""
    folder = copy_checkout(tmp_path_factory.mktemp("fresh"))
    for name in ("weights", "store"):
        (folder / "data" / name).symlink_to(ROOT / "data" / name)
    return folder


@pytest.fixture
def without_images(monkeypatch, tmp_path):
    monkeypatch.setenv("GROUPSC_MIRROR", str(tmp_path / "none"))


def tables_of(jobs):
    """The tables that are planned; Table 7, which is made from weights, may have a rule of its own."""
    named = {name.removeprefix("table=") for name in jobs.get("table", ())}
    return named | {rule.removeprefix("table_") for rule in jobs if rule.startswith("table")}


def lines_of(result):
    return (result.stdout + result.stderr).splitlines()


def test_the_plain_command_says_what_it_costs_and_trains_nothing(fresh, tmp_path, monkeypatch):
    monkeypatch.setenv("GROUPSC_MIRROR", str(empty_mirror(tmp_path, *SETS, *PEERS)))
    result = snakemake("--dry-run", cwd=fresh, config=None)
    ours = [line for line in result.stderr.splitlines() if "profile" not in line]
    assert re.fullmatch(COST, ours[0]), ours[0]
    jobs = jobs_of(result)
    assert PAPER <= tables_of(jobs)
    assert {f"figure_figure{number}" for number in range(1, 10)} <= {*jobs}
    assert not {"train", "dictionary"} & {*jobs}
    assert {name.removeprefix("dataset=").split(",")[0] for name in jobs["fetch"]} <= {*SETS, *PEERS}
    assert "results/release" not in result.stdout + result.stderr, "tracked files stay as they are"


def test_without_images_one_sentence_names_the_sets_and_tables_are_planned(fresh, without_images):
    result = snakemake("--dry-run", cwd=fresh, config=None)
    (sentence,) = [line for line in lines_of(result) if "neither in data/raw nor can be fetched" in line]
    assert sentence.startswith(", ".join(SETS))
    assert "GROUPSC_MIRROR" in sentence
    jobs = jobs_of(result)
    assert PAPER <= tables_of(jobs)
    assert {"page", "figure_figure4", "figure_tradeoff"} <= {*jobs}
    assert not {"fetch", "figure_figure2", "figure_figure5", "figure_denoising"} & {*jobs}
    assert "name=gray-groupsc-sigma25, dataset=BSD68" in jobs["evaluate"]


def test_without_images_a_table_is_made_from_cached_results(fresh, without_images, tmp_path):
    config = tmp_path / "jpeg.yaml"
    task = {"methods": ["sc"], "levels": [10], "datasets": ["Classic5", "Set12"], "baselines": ["input"]}
    config.write_text("base: config/release.yaml\n")
    change(config, output="results/jpeg", tasks={"jpeg": task}, tables=["table5"], figures={}, index=None)
    result = snakemake("--", "results/jpeg/tables/table5.md", cwd=fresh, config=config)
    assert re.search(r"Provided resources: .*mem_mb", result.stdout + result.stderr), "the memory of this machine"
    assert "29.19" in (fresh / "results/jpeg/tables/table5.md").read_text()
    assert not (fresh / "data/raw").exists()
    rows = {str(path.relative_to(fresh / "results/jpeg/rows")) for path in (fresh / "results/jpeg/rows").rglob("*.csv")}
    assert rows == {"jpeg-sc-quality10/Classic5.csv", "jpeg-input-quality10/Classic5.csv"}


@pytest.mark.parametrize(
    ("given", "memory"), [((), {300, 4794, 1911}), (("--resources", "mem_mb=2000"), {300, 2000, 1911})]
)
def test_evaluations_state_their_memory(given, memory, fresh, tmp_path, monkeypatch):
    monkeypatch.setenv("GROUPSC_MIRROR", str(empty_mirror(tmp_path, "Classic5", "peers-dncnn-jpeg")))
    config = tmp_path / "jpeg.yaml"
    figure = {"figure": "denoising", "task": "jpeg", "level": 10, "dataset": "Classic5", "images": ["barbara"]}
    task = {"methods": ["sc", "groupsc"], "levels": [10], "datasets": ["Classic5"], "baselines": ["input"]}
    config.write_text("base: config/release.yaml\n")
    change(config, output="results/memory", tasks={"jpeg": task}, tables=[], figures={"figure6": figure}, index=None)
    said = "\n".join(lines_of(snakemake("--dry-run", *given, cwd=fresh, config=config)))
    blocks = [block for block in re.split(r"^(?:local)?rule ", said, flags=re.M) if block.startswith("evaluate:")]
    assert {int(re.search(r"mem_mb=(\d+)", block)[1]) for block in blocks} == memory
