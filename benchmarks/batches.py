"""Restore many pictures or a large stack: kill the call in the middle and give it again.

python benchmarks/batches.py               50 small pictures of ten formats, three of them damaged
python benchmarks/batches.py --stack 2.1   one TIFF stack of 2.1 GB, with the peak of memory of each call
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
import torch
from PIL import Image

from groupsc.config.definitions import ModelConfig
from groupsc.models.coder import SparseCoder
from groupsc.weights.files import save_weights

FORMATS = (".png", ".jpg", ".webp", ".bmp", ".pgm", ".npy", ".tif", ".tiff", ".gif", ".jp2")
DAMAGED = ("10.png", "22.webp", "37.tiff")
KILLED_AFTER = 20
COMMAND = [sys.executable, "-m", "groupsc", "denoise", "in", "out", "--speed", "fast", "--sigma", "20"]
SIDE = 1024
"""Side of the pages of the stack, in pixels of float32."""
STACK = [sys.executable, "-m", "groupsc", "denoise", "in.tif", "out.tif", "--weights", "tiny.safetensors"]
STACK += ["--sigma", "0.08", "--no-guard", "--device", "cpu"]


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


def restore_pictures(place: Path) -> None:
    """Restore a folder, kill the call after some pictures, and give it again."""
    (place / "in").mkdir()
    make_pictures(place / "in")
    first = subprocess.Popen(COMMAND, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(restored(place / "out")) < KILLED_AFTER and first.poll() is None:
        time.sleep(0.01)
    first.kill()
    print(f"killed: exit code {first.wait()}, {len(before := restored(place / 'out'))} pictures restored")
    again = subprocess.run([*COMMAND, "--skip-existing"], cwd=place, capture_output=True, text=True)
    after = restored(place / "out")
    print(f"again: exit code {again.returncode}, {len(after)} pictures restored")
    print(f"pictures of the first call written again: {sum(after[name] != before[name] for name in before)}")
    print(again.stdout[again.stdout.index(f"{len(before)} of 50") :], end="")


def make_stack(place: Path, gigabytes: float) -> int:
    """Write a stack page by page and a tiny model; return the number of pages."""
    rng = np.random.default_rng(0)
    clean = np.add.outer(np.linspace(0.2, 0.5, SIDE), np.linspace(0.0, 0.3, SIDE))
    page = (clean + rng.normal(0, 0.08, clean.shape)).astype(np.float32)
    number = int(np.ceil(gigabytes * 1e9 / page.nbytes))
    with tifffile.TiffWriter(place / "in.tif", bigtiff=True) as tiff:
        for count in range(number):
            tiff.write(np.roll(page, count, axis=1), contiguous=False, metadata=None)
    torch.manual_seed(0)
    model = SparseCoder(ModelConfig(patch_size=3, n_atoms=4, n_iterations=1, penalty="l1"))
    save_weights(place / "tiny.safetensors", model, {"name": "tiny", "task": "gray", "method": "sc", "level": 20})
    return number


def ended(process: subprocess.Popen, start: float) -> str:
    """Wait for a call and describe its end."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    kilobytes = usage.ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    seconds = time.perf_counter() - start
    return f"exit code {process.returncode}, {seconds:.0f} s, at most {kilobytes * 1024 / 1e6:.0f} MB of memory"


def restore_stack(place: Path, gigabytes: float) -> None:
    """Restore a stack, kill the call after half of the pages, and give it again."""
    number = make_stack(place, gigabytes)
    print(f"{number} pages of {SIDE} x {SIDE} float32, {(place / 'in.tif').stat().st_size / 1e9:.2f} GB")
    begun = time.perf_counter()
    first = subprocess.Popen(STACK, cwd=place, stdout=subprocess.DEVNULL)
    middle = place / f".out.tif.unfinished/{number // 2 - 1:06}.safetensors"
    while not middle.exists() and time.perf_counter() - begun < 3600:
        time.sleep(0.01)
    first.kill()
    print(f"killed: {ended(first, begun)}; left: {', '.join(sorted(os.listdir(place)))}")
    begun = time.perf_counter()
    with open(place / "again.txt", "w") as output:
        again = subprocess.Popen([*STACK, "--skip-existing"], cwd=place, stdout=output)
        print(f"again: {ended(again, begun)}; left: {', '.join(sorted(os.listdir(place)))}")
    print((place / "again.txt").read_text(), end="")
    with tifffile.TiffFile(place / "out.tif") as tiff:
        print(f"out.tif: {len(tiff.pages)} pages, {(place / 'out.tif').stat().st_size / 1e9:.2f} GB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stack", type=float, metavar="GB", help="restore a stack of this size, not the folder")
    size = parser.parse_args().stack
    with tempfile.TemporaryDirectory() as place:
        if size is None:
            restore_pictures(Path(place))
        else:
            restore_stack(Path(place), size)


if __name__ == "__main__":
    main()
