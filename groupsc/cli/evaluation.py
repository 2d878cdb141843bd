"""The command `groupsc evaluate`: measure a model, a baseline or an own method on a data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
    from groupsc.data.folders import data_dir_with

    if (weights is None) == (method is None):
        raise GroupSCError("the command measures one method; give either weights or --method MODULE:FUNCTION")
    if guard and weights is None:
        raise GroupSCError("the guard is for models of this project; leave out --guard or --method")
    if output is None and cached_results is not None:
        raise GroupSCError("cached results are reused in a file only; give --output")
    common: dict[str, Any] = {"task": task, "level": level, "images": images, "mode": mode, "stride": stride}
    data = data_dir_with(data_dir, folders)
    plain = noise == "estimated" and pictures is None and not guard
    if cached_results is not None and output is not None and weights is not None and plain:
        if _copy_cached(cached_results, output, weights, dataset, times=repetitions, data_dir=data, **common):
            return
    from groupsc.benchmark.evaluation import evaluate as measure
    from groupsc.benchmark.evaluation import evaluate_to_csv

    options = {
        **common, "noise": noise, "repetitions": repetitions, "device": device, "pictures": pictures,
        "names": names or None, "data_dir": data,
    }  # fmt: skip
    what, implied = _measured(weights, method, guard=guard, device=device, data_dir=data_dir)
    options |= {key: value for key, value in implied.items() if options[key] is None}
    if output is None:
        rows = measure(what, dataset, **options)
    else:
        rows = evaluate_to_csv(output, what, dataset, **options, cached_results=cached_results)
    print(f"{rows['dataset'].iloc[0]}: {_summary(rows)}")


def _copy_cached(measured: Path, output: Path, weights: str, dataset: str, *, task: str | None, **options) -> bool:
    """Write complete cached results to the output, without torch; return False if they are not complete."""
    from groupsc.benchmark.cached_results import cached_rows
    from groupsc.benchmark.rows import write_rows
    from groupsc.config.definitions import TASKS

    level = options.pop("level")
    rows = cached_rows(measured, weights, dataset, task, level, **options) if task in TASKS else None
    if rows is None:
        return False
    write_rows(output, rows)
    print(f"{dataset}: {_summary(rows)}, measured before")
    return True


def _measured(
    weights: str | None, method: str | None, *, guard: bool, device: str, data_dir: Path
) -> tuple[Any, dict[str, Any]]:
    """Return what is measured, and the task and level that it implies if the command names none."""
    if method is not None:
        from groupsc.baselines.own import named_function

        return named_function(method), {}
    if guard and weights is not None:
        from groupsc.api.guarded_method import GuardedMethod

        guarded = GuardedMethod(weights, device=device, data_dir=data_dir)
        return guarded, {"task": guarded.tasks[0], "level": guarded.level}
    return weights, {}


def _summary(rows) -> str:
    return f"{rows['psnr'].mean():.2f} dB over {rows['image'].nunique()} images"
