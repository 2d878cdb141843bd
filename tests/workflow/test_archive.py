"""Where rule `release` gets weights from: the store, also in an archive without Git, and another remote."""

from __future__ import annotations

import shutil

import pytest
from checkouts import ROOT, planned, run, snakemake

from groupsc.weights.released import md5_of, releases

QUICK = "config/quick.yaml"
WEIGHTS = "results/quick/weights/mosaic-sc.safetensors"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workflow")]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The files of the last commit alone."""
    folder = tmp_path_factory.mktemp("archive")
    if run("git", "rev-parse", "HEAD", cwd=ROOT, check=False).returncode:
        pytest.skip("this checkout is no Git repository with a commit to pack")
    run("git", "archive", "--output", folder / "archive.tar", "HEAD", cwd=ROOT)
    (folder / "groupsc-main").mkdir()
    run("tar", "--extract", "--file", folder / "archive.tar", "--directory", folder / "groupsc-main", cwd=folder)
    assert run("git", "rev-parse", "HEAD", cwd=folder, check=False).returncode, "the folder is inside a repository"
    return folder / "groupsc-main"


def test_released_weights_are_taken_from_the_store(archive):
    snakemake("--", WEIGHTS, cwd=archive, config=QUICK)
    assert md5_of(archive / WEIGHTS) == releases([ROOT / "data"])["mosaic-sc"].md5


def test_the_first_command_of_the_readme_is_planned(archive):
    assert "make quick" in (archive / "README.md").read_text()
    assert f"snakemake --cores all --configfile {QUICK}" in run("make", "--dry-run", "quick", cwd=archive).stdout
    jobs = planned("--forceall", cwd=archive, config=QUICK)
    models = {name.removeprefix("name=") for name in jobs["release"]}
    assert len(models) >= 4
    assert models <= set(releases([archive / "data"]))
    assert not {"train", "dictionary"} & set(jobs)


def test_weights_that_the_store_lacks_come_from_the_remote_of_dvc(archive, tmp_path):
    clone = tmp_path / "clone"
    run("git", "clone", "--quiet", ROOT, clone, cwd=tmp_path)
    shutil.move(clone / "data/store", tmp_path / "remote")
    run("dvc", "remote", "modify", "store", "url", tmp_path / "remote", cwd=clone)
    snakemake("--", WEIGHTS, cwd=clone, config=QUICK)
    assert md5_of(clone / WEIGHTS) == releases([ROOT / "data"])["mosaic-sc"].md5
