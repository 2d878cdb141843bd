"""The scripts of `examples/`, on tiny data."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import skimage.data

from groupsc.io.images import write_image
from groupsc.weights.cards import read_card

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_own_images(tmp_path):
    camera = skimage.data.camera()[None] / 255
    for name, left in (("train/a.png", 100), ("train/sub/b.png", 200), ("test/c.png", 300)):
        write_image(tmp_path / name, camera[:, 100:148, left : left + 52])
    result = subprocess.run(
        [sys.executable, ROOT / "examples/own_images.py", "train", "test", "--steps", "2", "--baseline", "tv"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    table = re.findall(
        r"^\| gray +\| test +\| 20 +\| (\S+) .*\| +([\d.]+) \| +[\d.]+ \| +[\d.]+ \|$", result.stdout, re.M
    )
    assert [method for method, _ in table][-1] == "input"
    psnr = {method: float(value) for method, value in table}
    assert set(psnr) == {"sc-tuned", "sc-trained25", "tv", "input"}
    assert psnr["input"] + 4 < min(psnr["sc-tuned"], psnr["sc-trained25"])
    assert read_card(tmp_path / "results/own_images/tuned.safetensors")["level"] == 20
