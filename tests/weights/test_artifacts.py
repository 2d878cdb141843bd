"""What DVC offers of the repository: released weights by tag, and the settings that two commits differ in."""

from __future__ import annotations

import json

import pytest
from checkouts import ROOT, run

from groupsc.weights.released import md5_of, releases

NAME = "gray-groupsc-sigma25"


@pytest.fixture
def clone(tmp_path):
    """A clone of the checkout, without the files that `dvc pull` brings."""
    if run("git", "rev-parse", "HEAD", cwd=ROOT, check=False).returncode:
        pytest.skip("this checkout is no Git repository with a commit to clone")
    run("git", "clone", "--quiet", "--no-tags", ROOT, tmp_path / "clone", cwd=tmp_path)
    return tmp_path / "clone"


def test_an_annotated_tag_makes_weights_available(clone, tmp_path):
    def get(*options):
        return run("dvc", "artifacts", "get", clone, NAME, "--force", *options, cwd=tmp_path, check=False)

    assert get().returncode, "without a tag, DVC knows no version of the weights"
    run("git", "tag", f"{NAME}@v1.0.0", cwd=clone)
    assert get().returncode, "a tag without annotation is no version for DVC"
    run("git", "tag", "--delete", f"{NAME}@v1.0.0", cwd=clone)
    run("git", "tag", "--annotate", "--message", "First release", f"{NAME}@v1.0.0", cwd=clone)
    for options in ((), ("--rev", "v1.0.0"), ("--out", "named.safetensors")):
        result = get(*options)
        assert result.returncode == 0, result.stderr
    released = releases([ROOT / "data"])[NAME]
    for file in (f"{NAME}.safetensors", "named.safetensors"):
        assert md5_of(tmp_path / file) == released.md5


def test_settings_that_differ_are_shown(clone):
    config = clone / "config/quick.yaml"
    config.write_text(config.read_text().replace("images: 1\n", "images: 2\n"))
    assert json.loads(run("dvc", "params", "diff", "--json", cwd=clone).stdout) == {
        "config/quick.yaml": {"images": {"old": 1, "new": 2, "diff": 1}}
    }
