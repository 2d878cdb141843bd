"""Measure seconds of restored images, each beside the plain model and the rates of this machine, in one run.

    python benchmarks/seconds.py [--rows "gray GroupSC" "gray SC"] [--output results/bench/seconds.json]
    python benchmarks/seconds.py --weights mine.safetensors

One image of 481×321 pixels of BSD68 or CBSD68 with noise of σ = 25, and 12 megapixels in colour. Columns:

    seconds        the model alone, as the library restores it on this machine
    with guard     `groupsc.denoise` with the known σ
    torch          the model alone without compiled functions, on a CPU
    plain          ratio of the seconds of `SparseCoder.forward` in float32 on blocks of 56 at stride 48 to `seconds`;
                   some of the blocks are timed
    products       share of the machine's rate of matrix products: operations of the model, without pairs of patches
                   outside the window, through seconds times rate
    memory         share of the machine's rate of copies: bytes of Σ and codes that each iteration reads and writes,
                   through seconds times rate; 0 for SC, whose codes stay in the cache
    largest        largest difference of a pixel to float64 in gray levels of 255, on the central 96×96 pixels

12 megapixels are one region of one megapixel, times 12.2.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from groupsc import denoise, load
from groupsc.benchmark.cost.operation_counts import image_operations, matmul_rate
from groupsc.benchmark.cost.operation_counts import seconds as seconds_per_call
from groupsc.config.definitions import BLOCK, ModelConfig
from groupsc.data.datasets import image_paths
from groupsc.data.degradations import degrade, noise_generator
from groupsc.inference.sliding_window import restore_whole
from groupsc.io.images import read_image
from groupsc.models.coder import SparseCoder
from groupsc.models.sizes import number_of_blocks
from groupsc.utils.device import device_name, fast_matmul_dtype, pick_device
from groupsc.utils.memory import keep_freed_memory
from groupsc.utils.version import code_version

SIGMA = 25
STRIDE, BLOCKS = 48, 2
"""Stride of the plain blocks, and the number of blocks that are timed."""


class Row(NamedTuple):
    """What a row measures: weights, the window if it is not theirs, and the megapixels if it is not one image."""

    weights: str
    window: int | None = None
    megapixels: float | None = None


ROWS = {
    "gray GroupSC": Row("gray-groupsc-sigma25"),
    "gray GroupSC, window 48": Row("gray-groupsc-sigma25", window=48),
    "gray GroupSC, every second patch": Row("gray-groupsc-fast-sigma25"),
    "gray CSR": Row("gray-csr-sigma25"),
    "gray SC": Row("gray-sc-sigma25"),
    "gray SC, 8 iterations": Row("gray-sc-short-sigma25"),
    "colour GroupSC": Row("color-groupsc-sigma25"),
    "colour SC": Row("color-sc-sigma25"),
    "12 megapixels, colour SC": Row("color-sc-sigma25", megapixels=12.2),
    "12 megapixels, colour SC, 12 iterations": Row("color-sc-short-sigma25", megapixels=12.2),
}


def timed(function: Callable[[], object], device: torch.device) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    function()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - began


def copy_rate(device: torch.device) -> float:
    """Bytes per second that a copy reads and writes."""
    one, other = (torch.ones(2**27, dtype=torch.uint8, device=device) for _ in range(2))
    return 2 * 2**27 / seconds_per_call(lambda: other.copy_(one), device, repetitions=3)


def bytes_moved(config: ModelConfig, pixels: int, dtype: torch.dtype) -> int:
    """Bytes of Σ, read once per iteration, and of codes, read twice and written once."""
    if config.penalty == "l1":
        return 0
    patches = pixels // config.patch_stride**2
    return config.n_iterations * patches * (config.grid_window**2 + 3 * config.n_atoms) * dtype.itemsize


def noisy_image(channels: int, side: int | None, dataset: str | None, data_dir: Path) -> Tensor:
    """The first image of a data set with noise (1, c, H, W), repeated to a square of `side` pixels if given."""
    dataset = dataset or ("BSD68" if channels == 1 else "CBSD68")
    path = image_paths(dataset, data_dir, images=1)[0]
    clean = torch.from_numpy(read_image(path, channels=channels))[None]
    if side is not None:
        clean = clean.repeat(1, 1, *(math.ceil(side / length) for length in clean.shape[-2:]))[..., :side, :side]
    return degrade(clean, "gray", SIGMA, noise_generator(dataset, path.stem, SIGMA))[0]


def plain_seconds(model: SparseCoder, image: Tensor) -> float:
    """Estimate the seconds of `SparseCoder.forward` in float32 on overlapping blocks."""
    blocks = math.prod(number_of_blocks(length, BLOCK, STRIDE) for length in image.shape[-2:])
    some = image[..., :BLOCK, :BLOCK].expand(BLOCKS, -1, -1, -1)
    return blocks / BLOCKS * timed(lambda: model(some), image.device)


def largest_difference(model: SparseCoder, image: Tensor, dtype: torch.dtype) -> float:
    """Largest difference of a pixel to float64, in gray levels, on the central 96×96 pixels."""
    top, left = ((length - 96) // 2 for length in image.shape[-2:])
    part = image[..., top : top + 96, left : left + 96].cpu()
    fast = restore_whole(model, part.to(image.device), matmul_dtype=dtype).cpu()
    exact = restore_whole(model.to("cpu").double(), part.double(), matmul_dtype=torch.float64)
    model.to(image.device, torch.float32)
    return 255 * (fast - exact).abs().max().item()


def measure(name: str, options: argparse.Namespace, device: torch.device, rates: tuple[float, float]) -> dict:
    """Measure one row, or weights that are given by their name or file."""
    weights, window, megapixels = ROWS.get(name, Row(name))
    model = load(weights, device=str(device)).coder.requires_grad_(False)
    if window is not None:
        model = model.with_settings(window=window)
    config, dtype = model.config, fast_matmul_dtype(device)
    side, factor = (None, 1.0) if megapixels is None else (1000, megapixels)
    image = noisy_image(config.channels, side, options.dataset, options.data_dir).to(device)
    pixels = image.shape[-2] * image.shape[-1]
    run = functools.partial(restore_whole, model, image, matmul_dtype=dtype)
    restore_whole(model, image[..., :64, :64], matmul_dtype=dtype)  # Starts threads and loads kernels.
    seconds = timed(run, device)
    row = {"row": name, "weights": weights, "window": config.window, "seconds": factor * seconds}
    if window is None:
        array = image[0].movedim(0, -1).squeeze(-1).cpu().numpy()
        axis = -1 if config.channels > 1 else None
        guarded = functools.partial(denoise, array, SIGMA / 255, weights=weights, channel_axis=axis, device=str(device))
        row["with guard"] = factor * timed(guarded, device)
    if device.type == "cpu":
        row["torch"] = factor * timed(functools.partial(run, compiled=False), device)
    if config.patch_stride == 1:
        row["plain"] = plain_seconds(model, image) / seconds
    row["products"] = image_operations(config, pixels) / seconds / rates[0]
    row["memory"] = bytes_moved(config, pixels, dtype) / seconds / rates[1]
    row["largest"] = largest_difference(model, image, dtype)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto")
    parser.add_argument("--data-dir", type=Path, default=Path("data/raw"))
    parser.add_argument("--dataset", help="by default BSD68 or CBSD68")
    parser.add_argument("--rows", nargs="+", default=list(ROWS), choices=list(ROWS), metavar="ROW")
    parser.add_argument("--weights", nargs="+", help="denoising models to measure instead of the rows")
    parser.add_argument("--output", type=Path, default=Path("results/bench/seconds.json"))
    options = parser.parse_args()
    device = pick_device(options.device)
    keep_freed_memory()  # As the commands do.
    dtype = fast_matmul_dtype(device)
    rates = matmul_rate(device, dtype), copy_rate(device)
    print(f"{device_name(device)}, {dtype}: products {rates[0] / 1e9:.0f} GFLOP/s, copies {rates[1] / 1e9:.1f} GB/s")
    columns = ("seconds", "with guard", "torch", "plain", "products", "memory", "largest")
    print(f"{'':40}" + "".join(f"{column:>11}" for column in columns))
    rows = []
    with torch.inference_mode():
        for name in options.weights or options.rows:
            rows.append(measure(name, options, device, rates))
            print(
                f"{name:40}" + "".join(f"{_shown(rows[-1].get(column), column):>11}" for column in columns), flush=True
            )
    report = {
        "device": device_name(device), "torch": torch.__version__, "code_version": code_version(),
        "products_per_second": rates[0], "copied_bytes_per_second": rates[1], "rows": rows,
    }  # fmt: skip
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(report, indent=2) + "\n")


def _shown(value: float | None, column: str) -> str:
    if value is None:
        return "–"
    return f"{value:.0%}" if column in ("products", "memory") else f"{value:.3g}"


if __name__ == "__main__":
    main()
