"""The scripts of the folder benchmarks: all begin, and those of `make bench` run on toy inputs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from groupsc.config.definitions import ModelConfig
from groupsc.io.images import write_image
from groupsc.models.coder import SparseCoder
from groupsc.weights.files import save_weights

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted(path.name for path in (ROOT / "benchmarks").glob("*.py"))
EVERY_HELP = """
import contextlib, io, runpy, sys
for name in sys.argv[1:]:
    sys.argv = [name, "--help"]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        runpy.run_path(f"benchmarks/{name}", run_name="__main__")
    print(name, said.getvalue().startswith("usage: " + name))
"""


def run(*command):
    return subprocess.run([sys.executable, *map(str, command)], cwd=ROOT, capture_output=True, text=True, timeout=300)


def test_every_script_has_a_help():
    result = run("-c", EVERY_HELP, *SCRIPTS)
    assert result.stdout.splitlines() == [f"{name} True" for name in SCRIPTS], result.stderr


@pytest.mark.parametrize("penalty", ["l1", "group"])
def test_modes_of_inference_are_compared(tmp_path, penalty):
    coder = SparseCoder(ModelConfig(patch_size=9, n_atoms=8, n_iterations=2, penalty=penalty))
    method = {"l1": "sc", "group": "groupsc"}[penalty]
    save_weights(tmp_path / "toy.safetensors", coder, {"name": "toy", "task": "gray", "method": method, "level": 25.0})
    write_image(tmp_path / "images/a.png", np.random.default_rng(0).random((1, 64, 70)).astype(np.float32))
    given = ("--weights", tmp_path / "toy.safetensors", "--dataset", tmp_path / "images", "--device", "cpu")
    result = run("benchmarks/inference.py", *given, "--output", tmp_path / "report.json")
    assert result.returncode == 0, result.stderr
    rows = {row["mode"]: row for row in json.loads((tmp_path / "report.json").read_text())["rows"]}
    assert list(rows) == ["whole image, window 48", "fast blocks, stride 48", "plain float32 blocks, stride 48"]
    fast, plain = (rows[f"{kind} blocks, stride 48"]["psnr"] for kind in ("fast", "plain float32"))
    assert fast == pytest.approx(plain, abs=0.01)


@pytest.mark.parametrize("penalty", ["l1", "group"])
def test_seconds_stand_beside_the_rates_of_the_machine(tmp_path, penalty):
    coder = SparseCoder(ModelConfig(patch_size=9, n_atoms=8, n_iterations=2, penalty=penalty))
    method = {"l1": "sc", "group": "groupsc"}[penalty]
    weights = tmp_path / "toy.safetensors"
    save_weights(weights, coder, {"name": "toy", "task": "gray", "method": method, "level": 25.0})
    write_image(tmp_path / "images/a.png", np.random.default_rng(0).random((1, 100, 104)).astype(np.float32))
    given = ("--weights", weights, "--dataset", tmp_path / "images", "--device", "cpu")
    result = run("benchmarks/seconds.py", *given, "--output", tmp_path / "report.json")
    assert result.returncode == 0, result.stderr
    (row,) = json.loads((tmp_path / "report.json").read_text())["rows"]
    assert min(row[name] for name in ("seconds", "with guard", "torch", "plain", "products")) > 0
    assert 0 <= row["largest"] < 2
