"""Training where a compiler exists but does not work: one trial, one sentence, and the plain functions."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

TRIAL = """
import warnings, torch
from groupsc.ops import pointwise
from groupsc.ops.compilation import fused
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    chains = [fused(f, torch.zeros(1, 512, 512), training=True) for f in (pointwise.soft, pointwise.squared)]
said = [str(one.message) for one in said if "trial compilation" in str(one.message)]
print(chains == [pointwise.soft, pointwise.squared], len(said), *said)
"""


@pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++, which the broken ones stand for")
@pytest.mark.slow
@pytest.mark.parametrize("fault", ["false", "openmp", "folder"])
def test_a_compiler_that_does_not_work(tmp_path, fault):
    environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": os.getcwd()}
    if fault == "false":
        environment["CXX"] = "/bin/false"
    elif fault == "openmp":
        compiler = tmp_path / "g++"
        compiler.write_text(
            '#!/bin/sh\ncase " $* " in *" -fopenmp "*) echo "error: unrecognized option -fopenmp" >&2; exit 1;; esac\n'
            f'exec {shutil.which("g++")} "$@"\n'
        )
        compiler.chmod(0o755)
        environment["CXX"] = str(compiler)
    else:
        (tmp_path / "cache").write_text("a file where a folder is needed")
    found = subprocess.run(
        [sys.executable, "-c", TRIAL], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    plain, times, sentence = found.stdout.split(" ", 2)
    assert (plain, times) == ("True", "1"), found.stdout
    assert "takes longer" in sentence
    assert "Check the compiler (CXX)" in sentence
    assert len(sentence) < 500
