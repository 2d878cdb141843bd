"""The scripts and the notebook of `examples/`, on small images."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skimage.data
from PIL import Image

from groupsc.baselines import method
from groupsc.io.images import write_image
from groupsc.weights.cards import read_card

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
NOISY = 20 * np.log10(255 / 25)
"""PSNR in dB of an image with noise of σ = 25."""


def python(script, *arguments, cwd):
    """Run a script in a folder and return what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    command = [sys.executable, script, *arguments]
    ended = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def numbers(pattern, text):
    return [float(number) for number in re.findall(pattern, text, re.M)]


def denoise_photograph(said, folder):
    assert numbers(r"^estimated σ: ([\d.]+)", said) == [pytest.approx(25, abs=3)]
    once, twice = numbers(r"residual ([\d.]+)", said)
    assert once < 25.5
    assert once < twice
    assert numbers(r"PSNR ([\d.]+)", said)[0] > NOISY + 7
    with Image.open(folder / "results/examples/denoise_photograph.png") as picture:
        assert picture.size == (1080, 768)


def train_toy_model(said, folder):
    psnr = numbers(r"^step \d+: ([\d.]+) dB", said)
    assert len(psnr) == 4
    assert psnr[-1] > psnr[0] + 2
    assert (folder / "results/examples/train_toy_model.png").is_file()


def compare_with_bm3d(said, folder):
    psnr = {name: float(value) for name, value in re.findall(r"^(\S+) +([\d.]+) +[\d.]+ +[\d.]+$", said, re.M)}
    assert NOISY < psnr["noisy"] < NOISY + 1.5  # Clipped to [0, 1].
    assert min(psnr["SC"], psnr["GroupSC"]) > NOISY + 6
    others = set(psnr) - {"noisy", "SC", "GroupSC"}
    assert others <= {"bm3d", "tv"}
    assert all(psnr[name] > NOISY + 4 for name in others)
    assert others or "bm3d is left out: " in said
    with Image.open(folder / "results/examples/compare_with_bm3d.png") as picture:
        assert picture.size == (360 * len(psnr), 396)


def table4(said, folder):
    for level, paper in ((15, 31.71), (25, 29.20), (50, 26.17)):
        mean = pd.read_csv(ROOT / f"data/measured/gray-groupsc-sigma{level}/BSD68.csv")["psnr"].mean()
        (found,) = re.findall(rf"^ *groupsc +{level}\.0 +(\S+) +(\S+) +(\S+)$", said, re.M)
        assert [float(value) for value in found] == pytest.approx([mean, paper, mean - paper], abs=0.006)
        assert f"{mean:.2f}" in (folder / "results/examples/table4.md").read_text(encoding="utf-8")


def deblur_plug_and_play(said, folder):
    blurred, deblurred = numbers(r"^(?:de)?blurred: ([\d.]+) dB", said)
    assert deblurred > blurred + 1
    assert (folder / "results/examples/deblur_plug_and_play.png").is_file()


def export_onnx(said, folder):
    assert numbers(r"difference from torch in one block: (\S+)", said)[0] < 1e-4
    psnr = dict(re.findall(r"^(noisy|by blocks|whole image): ([\d.]+) dB", said, re.M))
    assert float(psnr["by blocks"]) == pytest.approx(float(psnr["whole image"]), abs=0.5)
    assert float(psnr["by blocks"]) > NOISY + 5
    (onnx, safetensors) = numbers(r": ([\d.]+) MB", said)
    assert onnx == pytest.approx((folder / "results/examples/gray-sc-sigma25-24.onnx").stat().st_size / 1e6, abs=0.01)
    assert safetensors == pytest.approx(0.27, abs=0.05)  # 68,352 numbers of 4 bytes.


def own_images(said, folder):
    table = re.findall(r"^\| gray +\| test +\| 20 +\| (\S+) .*\| +([\d.]+) \| +[\d.]+ \| +[\d.]+ \|$", said, re.M)
    assert [method for method, _ in table][-1] == "input"
    psnr = {method: float(value) for method, value in table}
    assert set(psnr) == {"sc-tuned-trained25", "sc-trained25", "tv", "input"}
    assert psnr["input"] + 4 < min(psnr["sc-tuned-trained25"], psnr["sc-trained25"])
    assert read_card(folder / "results/own_images/tuned.safetensors")["level"] == 25


CASES = [
    (denoise_photograph, ["--size", "40"], ""),
    (train_toy_model, ["--steps", "40"], ""),
    (compare_with_bm3d, ["--size", "32", "--method", "tv"], ""),
    (compare_with_bm3d, ["--size", "32"], ""),
    (table4, [], ""),
    (deblur_plug_and_play, ["--size", "48", "--iterations", "4", "--weights", "gray-sc-blind"], "deepinv"),
    (export_onnx, ["--size", "48", "--block", "24", "--weights", "gray-sc-sigma25"], "onnxruntime onnxscript"),
    (own_images, ["train", "test", "--steps", "2", "--baseline", "tv"], ""),
]


@pytest.mark.slow
@pytest.mark.parametrize(("check", "arguments", "packages"), CASES)
def test_a_script_runs(tmp_path, check, arguments, packages):
    for package in packages.split():
        pytest.importorskip(package, exc_type=ImportError)
    if check is own_images:
        camera = skimage.data.camera()[None] / 255
        for name, left in (("train/a.png", 100), ("train/sub/b.png", 200), ("test/c.png", 300)):
            write_image(tmp_path / name, camera[:, 100:148, left : left + 52])
    said = python(EXAMPLES / f"{check.__name__}.py", *arguments, cwd=tmp_path)
    check(said, tmp_path)
    if check is compare_with_bm3d and "tv" not in arguments and method("bm3d").skip("gray", 25) is not None:
        pytest.skip("bm3d, whose licence allows only non-commercial use, is not installed; the script ran without it")


@pytest.mark.slow
def test_the_cells_of_the_notebook_run(tmp_path):
    notebook = json.loads((EXAMPLES / "fine_tune.ipynb").read_text(encoding="utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]
    code = "\n\n".join(cells)
    for value, small in (("SIDE = 80, 4, 32", "SIDE = 2, 1, 16"), ("TEST = 96", "TEST = 32")):
        assert value in code
        code = code.replace(value, small)
    (tmp_path / "cells.py").write_text(code, encoding="utf-8")
    said = python("cells.py", cwd=tmp_path)
    before = numbers(r"^\w+: ([\d.]+) dB before", said)
    assert len(before) == 3
    assert min(before) > NOISY + 2
    card = read_card(tmp_path / "tuned.safetensors")
    assert (card["name"], card["level"]) == ("gray-sc-tuned-sigma25", 25)
    assert card["earlier"][-1]["name"] == "gray-sc-sigma25"


def test_the_notebook_is_valid_and_has_no_outputs():
    text = (EXAMPLES / "fine_tune.ipynb").read_text(encoding="utf-8")
    code = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)
    assert "pip" in "".join(code[0]["source"])
    if importlib.util.find_spec("nbformat"):
        import nbformat

        nbformat.validate(nbformat.reads(text, as_version=4))


def test_every_script_is_run_and_listed_and_says_what_it_shows_and_how_long_it_takes():
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    scripts = {path.stem: path.read_text(encoding="utf-8") for path in EXAMPLES.glob("*.py")}
    assert set(scripts) == {check.__name__ for check, *_ in CASES}
    for name, text in scripts.items():
        assert re.search(r"Wall time: \d+ s", ast.get_docstring(ast.parse(text))), name
        assert f"({name}.py)" in listed
