"""The command `groupsc evaluate`: measure a model, a baseline or an own method on a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from groupsc.cli.options import DataDir, Device, Folders, Images, Mode, Stride
from groupsc.utils.errors import GroupSCError


def evaluate(
    weights: Annotated[
        str | None,
        Argument(
            metavar="[NAME|WEIGHTS.safetensors|METHOD|input]",
            help="A release, a weights file, a baseline of `groupsc methods`, or `input` for the degraded images.",
        ),
    ] = None,
    *,
    dataset: Annotated[str, Option(help="Data set to restore, a folder with images, or `stress` for the stress set.")],
    method: Annotated[
        str | None,
        Option(metavar="MODULE:FUNCTION", help="Own function or torch module to measure, instead of weights."),
    ] = None,
    output: Annotated[
        Path | None, Option(help="CSV file for the per-image results; by default they are not kept.")
    ] = None,
    task: Annotated[str | None, Option(help="gray, color, mosaic or jpeg; by default that of the weights.")] = None,
    level: Annotated[
        float | None, Option("--level", "--sigma", help="Noise σ in gray levels of 255, or JPEG quality.")
    ] = None,
    noise: Annotated[
        str, Option(help="Noise level for blind models: `estimated` from the image, or `known`.")
    ] = "estimated",
    guard: Annotated[
        bool, Option("--guard", help="Restore with the guard, as `groupsc denoise` does; gray and color models only.")
    ] = False,
    data_dir: DataDir = Path("data/raw"),
    folders: Folders = None,
    images: Images = None,
    repetitions: Annotated[int, Option(min=1, help="Noise realisations per image.")] = 1,
    mode: Mode = "whole",
    stride: Stride = None,
    device: Device = "auto",
    pictures: Annotated[Path | None, Option(help="Also write clean, degraded and restored PNG files here.")] = None,
    names: Annotated[list[str] | None, Option("--name", help="Image to write as PNG files; by default all.")] = None,
    cached_results: Annotated[
        Path | None,
        Option(help="CSV file of earlier per-image results; those of the same weights and settings are reused."),
    ] = None,
) -> None:
    """Measure PSNR and SSIM on a data set.

    The images are degraded, restored and compared with the clean images. A model that is measured at another σ than
    that of its training gets scaled images, as `groupsc denoise` scales them.
    """
    from groupsc.benchmark.earlier import cached_rows
    from groupsc.benchmark.rows import write_rows
    from groupsc.config.definitions import TASKS
    from groupsc.data.folders import data_dir_with

    if (weights is None) == (method is None):
        raise GroupSCError("the command measures one method; give either weights or --method MODULE:FUNCTION")
    plain = method is None and not guard
    if cached_results is not None and output is not None and pictures is None and plain and task in TASKS:
        rows = cached_rows(
            cached_results, weights, dataset, task, level, images=images, times=repetitions, mode=mode, stride=stride
        )
        if rows is not None:
            write_rows(output, rows)
            print(f"{dataset}: {rows['psnr'].mean():.2f} dB over {rows['image'].nunique()} images, measured before")
            return
    from groupsc.api.guarded_method import GuardedMethod
    from groupsc.baselines.own import named_function
    from groupsc.benchmark.evaluation import evaluate as measure
    from groupsc.benchmark.evaluation import evaluate_to_csv

    if output is None and cached_results is not None:
        raise GroupSCError("cached results are reused in a file only; give --output")
    options = {
        "task": task,
        "level": level,
        "noise": noise,
        "data_dir": data_dir_with(data_dir, folders),
        "images": images,
        "repetitions": repetitions,
        "mode": mode,
        "stride": stride,
        "device": device,
        "pictures": pictures,
        "names": names or None,
    }
    what = named_function(method) if method is not None else weights
    if guard:
        if weights is None:
            raise GroupSCError("the guard is for models of this project; leave out --guard or --method")
        what = GuardedMethod(weights, device=device, data_dir=data_dir)
        options |= {"task": task or what.tasks[0], "level": what.level if level is None else level}
    if output is None:
        rows = measure(what, dataset, **options)
    else:
        rows = evaluate_to_csv(output, what, dataset, **options, cached_results=cached_results)
    print(f"{rows['dataset'].iloc[0]}: {rows['psnr'].mean():.2f} dB over {rows['image'].nunique()} images")
