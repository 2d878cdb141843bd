"""Commands that measure and compare trained models: `stress`, `validate`, `compare`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from groupsc.cli.options import DataDir, Folders

Weights = Annotated[str, Argument(metavar="NAME|WEIGHTS.safetensors", help="Released model, or weights file.")]
Dataset = Annotated[str, Option(help="Validation set.")]
Details = Annotated[
    Path | None, Option(help="Folder for the PSNR of every image; values in this folder are not measured again.")
]


def stress(weights: Weights) -> None:
    """Measure the PSNR of a model on the stress set.

    The stress set contains pictures unlike photographs. The command prints the PSNR before and after the restoration.
    """
    from groupsc.benchmark import validation
    from groupsc.weights.files import load_weights
    from groupsc.weights.released import find_weights

    rows = validation.stress(*load_weights(find_weights(weights)))
    means = rows.groupby(["case", "level"], dropna=False, sort=False)[["before", "after"]].mean()
    print(f"{'case':24} {'level':>6} {'before':>7} {'after':>7} {'change':>7}  dB")
    for (case, level), (before, after) in zip(means.index, means.to_numpy(), strict=True):
        shown = "" if math.isnan(level) else f"{level:g}"
        state = "  fails" if after - before < -validation.TOLERANCE else ""
        print(f"{case:24} {shown:>6} {before:7.2f} {after:7.2f} {after - before:+7.2f}{state}")


def validate(
    weights: Annotated[
        list[str] | None,
        Argument(
            metavar="[NAME|WEIGHTS.safetensors]...",
            help="Released models or weights files; by default all released models.",
        ),
    ] = None,
    dataset: Dataset = "BSDval32",
    data_dir: DataDir = Path("data/raw"),
    folders: Folders = None,
    details: Details = None,
    index: Annotated[
        Path | None, Option(help="CSV file to add the scores to, such as data/weights/validation.csv.")
    ] = None,
) -> None:
    """Measure models on validation set and stress set."""
    from groupsc.benchmark import validation
    from groupsc.data.folders import data_dir_with
    from groupsc.weights.released import find_weights, releases
    from groupsc.weights.scores import write_scores

    data = data_dir_with(data_dir, folders)
    for name in weights or releases():
        path = find_weights(name)
        score = validation.score(path, validation.measure_file(path, data, dataset=dataset, details=details))
        print(
            f"{score.model}: {score.psnr:.4f} dB over {score.images} images, rho {score.rho:.2f}, "
            f"{score.failed} of {score.cases} stress cases fail, worst {score.worst_case} {score.worst_change:+.2f} dB",
            flush=True,
        )
        if index is not None:
            write_scores(index, [score])


def compare(
    old: Annotated[str, Argument(metavar="OLD", help="Released model, or weights file.")],
    new: Annotated[str, Argument(metavar="NEW", help="Released model, or weights file, that may replace the old one.")],
    dataset: Dataset = "BSDval32",
    data_dir: DataDir = Path("data/raw"),
    folders: Folders = None,
    details: Details = None,
) -> None:
    """Compare two models by the rule of release.

    The command prints whether the new model replaces the old one.
    """
    from groupsc.benchmark.release_rule import compare as compare_rows
    from groupsc.benchmark.validation import measure_file
    from groupsc.data.folders import data_dir_with
    from groupsc.weights.released import find_weights

    data = data_dir_with(data_dir, folders)
    print(
        compare_rows(*(measure_file(find_weights(name), data, dataset=dataset, details=details) for name in (old, new)))
    )


COMMANDS = (stress, validate, compare)
"""Functions that are commands."""
