"""Time until `groupsc denoise` prints its first line, beside the time that Python takes to import torch.

    python benchmarks/first_line.py [--runs 5]

Medians in seconds. The speeds of the models on this machine are measured before, as by the first call on a machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

COMMAND = [sys.executable, "-m", "groupsc", "denoise"]


def noisy_photograph(path: Path) -> Path:
    """Write a photograph of 512×512 pixels with noise of σ = 25."""
    camera = skimage.data.camera()
    noise = 25 * np.random.default_rng(0).standard_normal(camera.shape)
    Image.fromarray((camera + noise).clip(0, 255).astype(np.uint8)).save(path)
    return path


def seconds_to_first_line(command: list[str], environment: dict[str, str]) -> float:
    """Start a command, wait for the first characters that it prints, and stop it."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)
    assert process.stdout is not None
    os.read(process.stdout.fileno(), 4096)
    seconds = time.perf_counter() - start
    process.kill()
    process.communicate()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        photograph = noisy_photograph(Path(folder, "noisy.png"))
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        denoise = [*COMMAND, str(photograph), "-o", str(Path(folder, "out.png"))]
        commands = {
            "import torch": [sys.executable, "-c", "import torch; print(0, flush=True)"],
            "first line, σ given": [*denoise, "--sigma", "25"],
            "first line, σ estimated": denoise,
        }
        subprocess.run([*denoise, "--dry-run"], env=environment, capture_output=True, check=True)
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(options.runs):
            for name, command in commands.items():
                times[name].append(seconds_to_first_line(command, environment))
    for name, found in times.items():
        print(f"{name:24} {statistics.median(found):.2f} s")


if __name__ == "__main__":
    main()
