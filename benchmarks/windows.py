"""Measure PSNR and seconds of whole images for several sides of the window and patch strides, with given weights.

python benchmarks/windows.py --weights data/weights/gray-groupsc-sigma25.safetensors --images 3 --sides 16 24 32 48
"""

from __future__ import annotations

import argparse
import dataclasses

import pandas as pd

from groupsc.benchmark.measurement import Evaluation
from groupsc.models.coder import SparseCoder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="data/weights/gray-groupsc-sigma25.safetensors")
    parser.add_argument("--dataset", default="BSDval32")
    parser.add_argument("--images", type=int, default=3, help="number of images, from the first on")
    parser.add_argument("--sides", type=int, nargs="+", default=[16, 20, 24, 28, 32, 40, 48], help="in patch positions")
    parser.add_argument("--patch-stride", type=int, help="in pixels; by default that of the weights")
    parser.add_argument("--source-weight", type=float, help="weight of the similar patches; by default of the weights")
    parser.add_argument("--data-dir", default="data/raw")
    options = parser.parse_args()
    evaluation = Evaluation(
        options.weights, options.dataset, data_dir=options.data_dir, images=options.images, progress=False
    )
    trained = evaluation.model
    given = {"patch_stride": options.patch_stride, "source_weight": options.source_weight}
    grid = {name: value for name, value in given.items() if value is not None}
    print(
        f"{options.weights}, window {trained.config.window} in training; {options.images} images of {options.dataset}"
    )
    print(f"{'window':>6} {'PSNR':>8} {'seconds':>8}")
    for side in options.sides:
        evaluation.model = SparseCoder(dataclasses.replace(trained.config, window=side, **grid)).to(evaluation.where)
        evaluation.model.requires_grad_(False).load_state_dict(trained.state_dict())
        means = pd.DataFrame(evaluation.rows())[["psnr", "seconds"]].mean()
        print(f"{side:6} {means['psnr']:8.3f} {means['seconds']:8.2f}", flush=True)


if __name__ == "__main__":
    main()
