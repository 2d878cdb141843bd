"""What commands load: torch only where images are restored, and then no other slow parts of libraries."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from measured_rows import make_rows
from PIL import Image
from processes import ROOT

from groupsc.weights.released import find_weights

WATCHED = (
    "torch",
    "torch._dynamo",
    "scipy.fft",
    "scipy.ndimage",
    "scipy.signal",
    "scipy.stats",
    "pandas",
    "matplotlib",
    "skimage",
    "groupsc.config.grid",
    "groupsc.cli.app",
)
"""What takes long to load, also the classes of a grid, and one module that every command loads."""

PROGRAM = f"""
import sys
from groupsc.cli import main
try:
    main()
finally:
    print("loaded:", *(name for name in {WATCHED} if name in sys.modules))
"""


def loaded(*arguments, cwd):
    """Which of `WATCHED` a process has loaded at the end of a command."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PROGRAM, *map(str, arguments)]
    result = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return set(result.stdout.splitlines()[-1].removeprefix("loaded: ").split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("table", "table4", "rows.csv", "--output", "table4"),
        ("table", "table7", find_weights("gray-sc-sigma25"), "--output", "table7"),
        ("metrics", "rows.csv", "--output", "metrics.json"),
        ("summary", "rows.csv"),
        ("plan", "--configfile", ROOT / "config/ci.yaml"),
        ("plan", "--configfile", ROOT / "config/quick.yaml"),
        ("reproducibility", "--output", "count"),
        ("experiment", "--config", ROOT / "config/paper.yaml"),
        ("fetch",),
        ("denoise", "-h"),
    ],
    ids=lambda arguments: "-".join(os.path.basename(word) for word in arguments[:3]),
)
def test_torch_is_not_loaded(tmp_path, arguments):
    make_rows().to_csv(tmp_path / "rows.csv", index=False)
    modules = loaded(*arguments, cwd=tmp_path)
    assert "groupsc.cli.app" in modules
    assert not {"torch", "matplotlib", "scipy.ndimage", "scipy.stats"} & modules


@pytest.mark.parametrize("options", [(), ("--dry-run",)], ids=["restored", "planned"])
def test_an_image_is_restored_without_the_slow_parts_of_torch_and_scipy(tmp_path, options):
    Image.radial_gradient("L").resize((64, 64)).save(tmp_path / "in.png")
    modules = loaded("denoise", "in.png", "out.png", "--method", "sc", "--device", "cpu", *options, cwd=tmp_path)
    assert modules == {"torch", "groupsc.cli.app"}
