"""Measure PSNR and seconds for several sides of the window and patch strides, with given weights.

Whole images, with the seconds of each:

    python benchmarks/windows.py --weights data/weights/gray-groupsc-sigma25.safetensors --images 3 --sides 16 24 32 48

The validation PSNR by which models are compared, with the mean difference to the first side and its standard error:

    python benchmarks/windows.py --weights color-groupsc-sigma25 --validation --sides 48 32

Weights with another window, which is stored in their card:

    python benchmarks/windows.py --weights color-groupsc-sigma25 --validation --sides 32 --output window32.safetensors
"""

from __future__ import annotations

import argparse
import time

import pandas as pd

from groupsc.benchmark.measurement import Evaluation
from groupsc.benchmark.validation import validate
from groupsc.weights.files import load_weights, save_weights
from groupsc.weights.released import find_weights


def whole_images(options, settings: dict) -> None:
    """Print the mean PSNR and the seconds per image of each side."""
    evaluation = Evaluation(
        options.weights, options.dataset, data_dir=options.data_dir, images=options.images, progress=False
    )
    trained = evaluation.model
    print(f"{options.weights}, window {trained.config.window}; {options.images} images of {options.dataset}")
    print(f"{'window':>6} {'PSNR':>8} {'seconds':>8}")
    for side in options.sides:
        evaluation.model = trained.with_settings(window=side, **settings)
        means = pd.DataFrame(evaluation.rows())[["psnr", "seconds"]].mean()
        print(f"{side:6} {means['psnr']:8.3f} {means['seconds']:8.2f}", flush=True)


def validation(options, settings: dict) -> None:
    """Print the validation PSNR of each side, the seconds, and the paired difference to the first side."""
    trained, card = load_weights(find_weights(options.weights))
    print(f"{options.weights}, window {trained.config.window}; validation")
    print(f"{'window':>6} {'PSNR':>8} {'gain':>8} {'s.e.':>7} {'seconds':>8}")
    first = None
    for side in options.sides:
        model = trained.with_settings(window=side, **settings)
        begin = time.perf_counter()
        psnr = validate(model, card, options.data_dir, dataset=options.dataset)["after"]
        seconds = time.perf_counter() - begin
        first = psnr if first is None else first
        gain = psnr - first
        print(f"{side:6} {psnr.mean():8.4f} {gain.mean():+8.4f} {gain.sem():7.4f} {seconds:8.1f}", flush=True)
        if options.output and side == options.sides[-1]:
            note = f"{card['note']}; " if card.get("note") else ""
            note += f"trained with a window of {trained.config.window} pixels, used with {side}"
            card = {key: value for key, value in card.items() if key != "validation"}  # Measured with the old window.
            save_weights(options.output, model, {**card, "note": note, "validation_psnr": round(psnr.mean(), 4)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", default="data/weights/gray-groupsc-sigma25.safetensors")
    parser.add_argument("--dataset", default="BSDval32")
    parser.add_argument("--images", type=int, default=3, help="number of whole images, from the first on")
    parser.add_argument("--validation", action="store_true", help="measure the validation PSNR instead of whole images")
    parser.add_argument("--sides", type=int, nargs="+", default=[16, 20, 24, 28, 32, 40, 48], help="in pixels")
    parser.add_argument("--patch-stride", type=int, help="in pixels; by default that of the weights")
    parser.add_argument("--source-weight", type=float, help="weight of the similar patches; by default of the weights")
    parser.add_argument("--output", help="with --validation, file for the weights with the last side")
    parser.add_argument("--data-dir", default="data/raw")
    options = parser.parse_args()
    if options.output and not options.validation:
        parser.error("--output needs --validation")
    given = {"patch_stride": options.patch_stride, "source_weight": options.source_weight}
    settings = {name: value for name, value in given.items() if value is not None}
    measure = validation if options.validation else whole_images
    measure(options, settings)


if __name__ == "__main__":
    main()
