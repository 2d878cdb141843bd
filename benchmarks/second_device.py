"""Measure images again on this machine and print the differences from the cached results of other devices.

    python benchmarks/second_device.py gray-sc-sigma50 gray-groupsc-sigma25 --dataset Set12 --images 3

Images with cached results of this kind of device are measured too; their differences show changes of the code alone.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from groupsc.benchmark.evaluation import evaluate_to_csv
from groupsc.benchmark.rows import read_rows
from groupsc.weights.released import with_released

METRICS = ("psnr", "ssim")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", help="released models")
    parser.add_argument("--dataset", default="Set12")
    parser.add_argument("--images", type=int, default=3)
    arguments = parser.parse_args()
    print(f"{'model':<22} {'image':<10} {'dB':>8} {'SSIM':>9}   cached device -> this device")
    for name in arguments.names:
        (weights,) = with_released([Path(name)])
        cached = read_rows([Path("data/measured") / name / f"{arguments.dataset}.csv"])
        with tempfile.TemporaryDirectory() as folder:
            output = Path(folder) / "rows.csv"
            evaluate_to_csv(output, weights, arguments.dataset, images=arguments.images)
            fresh = read_rows([output])
        pairs = fresh.merge(cached, on=["image", "repetition", "weights_sha256"], suffixes=("", "_cached"))
        for line in pairs.itertuples(index=False):
            psnr, ssim = (getattr(line, metric) - getattr(line, f"{metric}_cached") for metric in METRICS)
            print(f"{name:<22} {line.image:<10} {psnr:+8.4f} {ssim:+9.6f}   {line.device_cached} -> {line.device}")


if __name__ == "__main__":
    main()
