"""Restore 50 small pictures of ten formats, three of them damaged: kill the call in the middle and give it again.

python benchmarks/batches.py
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

FORMATS = (".png", ".jpg", ".webp", ".bmp", ".pgm", ".npy", ".tif", ".tiff", ".gif", ".jp2")
DAMAGED = ("10.png", "22.webp", "37.tiff")
KILLED_AFTER = 20
COMMAND = [sys.executable, "-m", "groupsc", "denoise", "in", "out", "--speed", "fast", "--sigma", "20"]


def make_pictures(folder: Path) -> None:
    """Write five pictures of each format: gray, RGB, transparent, 16 bits, below zero, and stacks."""
    rng = np.random.default_rng(0)
    for number in range(50):
        suffix = FORMATS[number % len(FORMATS)]
        path = folder / f"{number:02}{suffix}"
        gray = (np.add.outer(np.arange(20), 3.0 * np.arange(22)) + 60 + rng.normal(0, 20, (20, 22))).astype(np.uint8)
        if suffix == ".npy":
            np.save(path, gray.astype(np.int16) - 100)
        elif suffix == ".tif":
            tifffile.imwrite(path, gray.astype(np.uint16) * 200)
        elif suffix == ".tiff":
            tifffile.imwrite(path, np.stack([gray, gray]), imagej=True)
        elif suffix in (".jpg", ".webp"):
            Image.fromarray(np.dstack([gray] * (3 if suffix == ".jpg" else 4))).save(path)
        else:
            Image.fromarray(gray).save(path)
    for name in DAMAGED:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[:90])


def restored(folder: Path) -> dict[str, int]:
    """Return the restored pictures and when they were written."""
    found = [path for path in folder.glob("[!.]*") if path.suffix != ".jsonl"]
    return {path.name: path.stat().st_mtime_ns for path in found}


def main() -> None:
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "in").mkdir()
        make_pictures(Path(place) / "in")
        first = subprocess.Popen(COMMAND, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while len(restored(Path(place) / "out")) < KILLED_AFTER and first.poll() is None:
            time.sleep(0.01)
        first.kill()
        print(f"killed: exit code {first.wait()}, {len(before := restored(Path(place) / 'out'))} pictures restored")
        again = subprocess.run([*COMMAND, "--skip-existing"], cwd=place, capture_output=True, text=True)
        after = restored(Path(place) / "out")
        print(f"again: exit code {again.returncode}, {len(after)} pictures restored")
        print(f"pictures of the first call written again: {sum(after[name] != before[name] for name in before)}")
        print(again.stdout[again.stdout.index(f"{len(before)} of 50") :], end="")


if __name__ == "__main__":
    main()
