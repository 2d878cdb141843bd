"""A finished run of the toy configuration, shared by the tests of the workflow."""

from __future__ import annotations

import shutil

import pytest
from checkouts import copy_checkout, snakemake


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A copy of the checkout in which the toy configuration ran to its end."""
    folder = copy_checkout(tmp_path_factory.mktemp("finished"))
    snakemake(cwd=folder)
    return folder


@pytest.fixture
def checkout(finished, tmp_path):
    """A copy of it for one test to change; what is in it is as fresh as it was."""
    shutil.copytree(finished, tmp_path / "checkout", symlinks=True)
    return tmp_path / "checkout"
