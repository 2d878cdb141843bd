"""Commands for users' images: denoise, demosaick, deblock, explain."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from groupsc.cli import terminal
from groupsc.cli.batch.demosaicking import Demosaicking
from groupsc.cli.batch.denoising import Denoising, noise_in
from groupsc.cli.batch.operations import Deblocking, refuse_raw
from groupsc.cli.batch.run import restore_all
from groupsc.cli.batch.settings import Settings
from groupsc.cli.options import AsJson, Device, Mode, Stride, pixel
from groupsc.utils.errors import GroupSCError

Paths = Annotated[
    list[Path],
    Argument(
        metavar="IN... [OUT]",
        help="Images, folders or globs, then a file or a folder. - is the input or output stream.",
    ),
]
Method = Annotated[str, Option(help="groupsc, csr, sc, or best.", autocompletion=terminal.methods)]
NoiseMethod = Annotated[
    str,
    Option(
        help="groupsc, csr, sc, groupsc-fast (gray: one of four patches, ten times faster than groupsc), sc-short "
        "(fewer iterations, a half to a third of the time of sc), or best.",
        autocompletion=terminal.methods,
    ),
]
JpegMethod = Annotated[
    str,
    Option(
        help="groupsc, sc, sc-short (fewer iterations, a half to a third of the time of sc), or best.",
        autocompletion=terminal.methods,
    ),
]
Weights = Annotated[
    str | None,
    Option(
        help="Released weights or a file; by default selected by method and level.", autocompletion=terminal.weights
    ),
]
Sigmas = Annotated[
    str,
    Option(
        help="Noise level in the units of the file, such as 25 for 8 bits, one per channel (5,8,12), or auto to "
        "estimate it."
    ),
]
Sigma = Annotated[
    str, Option(help="Noise level in the units of the file, such as 25 for 8 bits, or auto to estimate it.")
]
Memory = Annotated[str | None, Option(help="Memory limit, such as 4GB; by default at most half of the free memory.")]
Overwrite = Annotated[bool, Option("--overwrite", help="Replace files that exist.")]
Output = Annotated[
    Path | None,
    Option("--output", "-o", help="File or folder to write; by default the last argument. - is the output stream."),
]
Speed = Annotated[
    str | None,
    Option(
        help="fast, which takes the fastest model; balanced, which takes the best model that needs at most a minute "
        "per image; or best. By default the best model that needs at most ten minutes.",
        autocompletion=terminal.speeds,
    ),
]
Jobs = Annotated[int | None, Option(min=1, help="Images restored at the same time; by default as many as are useful.")]
SkipExisting = Annotated[
    bool,
    Option(
        "--skip-existing",
        help="Skip images whose output exists; in a folder, only those that were made with the same options.",
    ),
]
DryRun = Annotated[bool, Option("--dry-run", help="Print model, level and expected time of each image, and end.")]

UNITS = {"B": 1, "KB": 1e3, "MB": 1e6, "GB": 1e9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


def denoise(
    paths: Paths,
    output: Output = None,
    sigma: Sigmas = "auto",
    sigma_map: Annotated[
        Path | None, Option(help="Image of the same size whose values are the noise levels in the units of the file.")
    ] = None,
    noise: Annotated[str, Option(help="white, or poisson for images that are linear in light.")] = "white",
    gain: Annotated[float | None, Option(help="Poisson noise: units of the file per photon.")] = None,
    offset: Annotated[float | None, Option(help="Poisson noise: value without light, in units of the file.")] = None,
    read_noise: Annotated[
        float | None, Option(help="Poisson noise: standard deviation without light, in units of the file.")
    ] = None,
    strength: Annotated[float, Option(help="Factor of the noise level: above 1 removes more.")] = 1.0,
    method: NoiseMethod = "best",
    weights: Weights = None,
    speed: Speed = None,
    device: Device = "auto",
    mode: Mode = "whole",
    stride: Stride = None,
    memory: Memory = None,
    guard: Annotated[
        bool, Option(help="Replace the restoration by a simpler method where the model removed more than noise.")
    ] = True,
    jobs: Jobs = None,
    overwrite: Overwrite = False,
    skip_existing: SkipExisting = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Remove noise from photographs."""
    settings = Settings(
        method=method, weights=weights, speed=speed, device=device, mode=mode, stride=stride, memory=_bytes(memory),
        jobs=jobs, overwrite=overwrite, skip_existing=skip_existing, dry_run=dry_run, as_json=as_json,
    )  # fmt: skip
    operation = Denoising(
        sigma=None if sigma == "auto" else tuple(_number(part, "--sigma") for part in sigma.split(",")),
        sigma_map=None if sigma_map is None else str(sigma_map), noise=noise, gain=gain, offset=offset,
        read_noise=read_noise, strength=strength, guard=guard,
    )  # fmt: skip
    restore_all(operation, paths, output, settings)


def demosaick(
    paths: Paths,
    output: Output = None,
    pattern: Annotated[
        str | None, Option(help="RGGB, BGGR, GRBG or GBRG; by default RGGB, or that of a camera raw file.")
    ] = None,
    black_level: Annotated[float | None, Option(help="Value of black in a linear mosaic.")] = None,
    white_level: Annotated[float | None, Option(help="Value of saturation in a linear mosaic.")] = None,
    white_balance: Annotated[str | None, Option(metavar="R,G,B", help="Factors of red, green and blue.")] = None,
    denoise: Annotated[bool, Option(help="Remove the noise of a raw file or a linear mosaic.")] = True,
    linear: Annotated[bool, Option("--linear", help="Write linear values of a raw file or a linear mosaic.")] = False,
    method: Method = "best",
    weights: Weights = None,
    speed: Speed = None,
    device: Device = "auto",
    mode: Mode = "whole",
    stride: Stride = None,
    memory: Memory = None,
    guard: Annotated[
        bool, Option(help="Keep the measured values, and interpolate where the colours have no common structure.")
    ] = True,
    jobs: Jobs = None,
    overwrite: Overwrite = False,
    skip_existing: SkipExisting = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Reconstruct colours from mosaics of a Bayer sensor.

    The input images are camera raw files, or gray with one measured value per pixel. Gray images are taken as
    white-balanced and gamma-encoded, unless a level or a white balance is given: then they are linear.
    """
    settings = Settings(
        method=method, weights=weights, speed=speed, device=device, mode=mode, stride=stride, memory=_bytes(memory),
        jobs=jobs, overwrite=overwrite, skip_existing=skip_existing, dry_run=dry_run, as_json=as_json,
    )  # fmt: skip
    operation = Demosaicking(
        pattern=pattern, black_level=black_level, white_level=white_level, denoise=denoise, linear=linear, guard=guard,
        white_balance=None if white_balance is None else _three_numbers(white_balance),
    )  # fmt: skip
    restore_all(operation, paths, output, settings)


def deblock(
    paths: Paths,
    output: Output = None,
    quality: Annotated[
        str, Option(help="JPEG quality factor, or auto to find it in the file and its pixels.")
    ] = "auto",
    method: JpegMethod = "best",
    weights: Weights = None,
    speed: Speed = None,
    device: Device = "auto",
    mode: Mode = "whole",
    stride: Stride = None,
    memory: Memory = None,
    guard: Annotated[
        bool,
        Option(help="Use what the file says about the picture, and keep the input where the model is not reliable."),
    ] = True,
    jobs: Jobs = None,
    overwrite: Overwrite = False,
    skip_existing: SkipExisting = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Remove JPEG artefacts from luma and chroma.

    The quality is that of the file. If the pixels show an earlier compression of lower quality on the same grid of 8×8
    blocks, its quality is used, and the command says so.
    """
    settings = Settings(
        method=method, weights=weights, speed=speed, device=device, mode=mode, stride=stride, memory=_bytes(memory),
        jobs=jobs, overwrite=overwrite, skip_existing=skip_existing, dry_run=dry_run, as_json=as_json,
    )  # fmt: skip
    operation = Deblocking(quality=None if quality == "auto" else _number(quality, "--quality"), guard=guard)
    restore_all(operation, paths, output, settings)


def explain(
    image: Annotated[Path, Argument(metavar="IMAGE")],
    at: Annotated[str, Option(metavar="X,Y", help="Column and row of the pixel to explain.")],
    output: Annotated[
        list[Path] | None, Option("--output", "-o", help="A .png, .pdf or .svg file; may be given several times.")
    ] = None,
    sigma: Sigma = "auto",
    method: NoiseMethod = "groupsc",
    weights: Weights = None,
    overwrite: Overwrite = False,
) -> None:
    """Show how a denoising model restores a pixel.

    The command prints the number of similar patches and the atoms in use, and draws both.
    """
    import torch

    from groupsc.api import load, noisy_channels
    from groupsc.figures.explanation import draw_explanation
    from groupsc.figures.style import save
    from groupsc.inference.explanation import explain as explain_pixel
    from groupsc.io.photographs import read_photograph
    from groupsc.weights.selection import choose

    _check_outputs(image, output or [], overwrite=overwrite)
    x, y = pixel(at)
    photo = read_photograph(image)
    refuse_raw(photo)
    given = None if sigma == "auto" else _number(sigma, "--sigma")
    task, used, found = noise_in(photo, given)
    level = found.level(used)
    chosen = weights or choose(task, method, level)
    model = load(chosen, device="cpu")
    pixels = torch.from_numpy(found.to_unit(noisy_channels(model, photo.stored)))
    gain, _ = model.scaling(pixels[None], level)
    explained = explain_pixel(model.coder, pixels, x, y, level=level, gain=float(gain))
    print(json.dumps({"weights": chosen, "sigma": float(f"{used:.3g}"), **explained.summary()}, indent=1))
    if output:
        save(draw_explanation(explained), output)


def _check_outputs(image: Path, targets: list[Path], *, overwrite: bool) -> None:
    if any(target.exists() and target.samefile(image) for target in targets if image.exists()):
        raise GroupSCError(f"{image} would be replaced by the figure; choose another name")
    existing = [str(target) for target in targets if target.exists()]
    if existing and not overwrite:
        raise GroupSCError(f"{existing[0]} exists; choose another name, or replace it with --overwrite")


def _bytes(text: str | None) -> float | None:
    if text is None:
        return None
    match = re.fullmatch(r"([0-9.]+)\s*((?:[KMG]i?)?B)", text.strip(), re.IGNORECASE)
    number = 0.0 if match is None else _number(match[1], "--memory") * UNITS[match[2].upper()]
    if number <= 0:
        raise GroupSCError(f"--memory is {text!r}; write it like 4GB or 500MB")
    return number


def _three_numbers(text: str) -> tuple[float, float, float]:
    parts = [_number(part, "--white-balance") for part in text.split(",")]
    if len(parts) != 3:
        raise GroupSCError(f"--white-balance is {text!r}; write the factors of red, green and blue like 2.1,1,1.6")
    return parts[0], parts[1], parts[2]


def _number(text: str, option: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise GroupSCError(f"{option} is {text!r}; give a number") from error


COMMANDS = (denoise, deblock, demosaick, explain)
