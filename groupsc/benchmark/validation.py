"""Measure the PSNR of a trained model on the validation set and on the stress set.

Both are measured in the same way for every model, independent of the crops of its training, so that models can be
compared. Results have the columns `COLUMNS`: `part` is "validation" or "stress", `case` is an image of the validation
set or a picture of the stress set, `level` is σ or quality (missing for mosaics), `before` and `after` are the PSNR in
dB of the input and of the output. The input of a mosaic is its bilinear interpolation, the input of JPEG is the decoded
image.
"""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from groupsc.config.definitions import LEVEL_NAMES
from groupsc.data.bundled import STRESS
from groupsc.data.datasets import load_images, own_set, set_name
from groupsc.data.degradations import degrade, interpolate_mosaic, noise_generator
from groupsc.data.manifests import data_digest
from groupsc.data.stress_set import STRESS_LEVELS, stress_pictures
from groupsc.inference.restoration import restore
from groupsc.inference.sliding_window import restores_whole
from groupsc.models.coder import SparseCoder
from groupsc.models.stability import spectral_radius
from groupsc.utils.atomic import write_text
from groupsc.utils.device import device_name
from groupsc.utils.digests import file_digest
from groupsc.utils.errors import GroupSCError
from groupsc.utils.version import code_version
from groupsc.weights.cards import name_of
from groupsc.weights.files import load_weights
from groupsc.weights.released import md5_of
from groupsc.weights.scores import Score

VALIDATION_SET, VALIDATION_SIDE = "BSDval32", 128
"""Validation set, and side in pixels of the central part of each image that is restored."""

REPETITIONS = 3
"""Noise realisations of each picture of the stress set."""

TOLERANCE = 0.5
"""A model fails a case if its output is more than this many dB below the input."""

LEAST_ERROR = 1e-6
"""Smallest mean squared error, 60 dB. Smaller errors are invisible in 8 bits, and JPEG keeps some patterns exactly."""

COLUMNS = ["part", "case", "level", "repetition", "before", "after"]


def measure_file(path, data_dir="data/raw", *, dataset: str = VALIDATION_SET, details=None) -> pd.DataFrame:
    """Measure a weights file on the validation set and on the stress set.

    Parameters
    ----------
    path : path
    data_dir : path
        Data directory.
    dataset : str
        The validation set.
    details : path, optional
        Folder in which the results are stored, by the name of the model and the checksums of its file and of own
        images. Results that exist there are reused.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`.

    Raises
    ------
    GroupSCError
        When the weights or the validation set can't be read, or the output is not finite.

    Examples
    --------
    >>> measure_file("model.safetensors")  # doctest: +SKIP
    """
    model, card = load_weights(path)
    kept = None if details is None else Path(details) / _details_name(path, card, dataset, data_dir)
    if kept is not None and kept.exists():
        return _kept_rows(kept)
    rows = measure(model, card, data_dir, dataset=dataset)
    if kept is not None:
        write_text(kept, rows.to_csv(index=False))
    return rows


def _kept_rows(path: Path) -> pd.DataFrame:
    try:
        rows = pd.read_csv(path, dtype={"case": str})
    except (OSError, ValueError) as error:
        raise GroupSCError(f"{path} can't be read ({error}); remove it to measure the model again") from error
    if list(rows.columns) != COLUMNS or rows[COLUMNS[-1]].isna().any():
        raise GroupSCError(f"{path} is no complete result of a validation; remove it to measure the model again")
    return rows


def _details_name(path, card: dict, dataset: str, data_dir) -> str:
    """Return the name of the file for the results of weights; public images are checked when they are fetched."""
    parts = [name_of(path, card), file_digest(path)[:12], set_name(dataset, data_dir)]
    images = data_digest(dataset, data_dir) if own_set(dataset, data_dir) else None
    return "-".join(parts if images is None else [*parts, images[:12]]) + ".csv"


def measure(
    model: SparseCoder, card: dict, data_dir, *, dataset: str = VALIDATION_SET, images: int | None = None
) -> pd.DataFrame:
    """Measure a model on the validation set and on the stress set.

    Parameters
    ----------
    model, card, data_dir, dataset, images
        As for `validate`.

    Returns
    -------
    pandas.DataFrame
        The rows of `validate`, then those of `stress`.

    Raises
    ------
    GroupSCError
        As `validate`.

    Examples
    --------
    >>> measure(model, {"task": "gray", "level": 25}, "data/raw")  # doctest: +SKIP
    """
    parts = [validate(model, card, data_dir, dataset=dataset, images=images), stress(model, card)]
    return pd.concat(parts, ignore_index=True)


def validate(
    model: SparseCoder, card: dict, data_dir, *, dataset: str = VALIDATION_SET, images: int | None = None
) -> pd.DataFrame:
    """Restore the central part of every validation image, as a whole image with the window of the model.

    Parameters
    ----------
    model : SparseCoder
    card : dict
        Metadata of its weights file: `task` and `level`. For blind models the noise levels rise evenly from image to
        image over the range of the model.
    data_dir : path
        Data directory.
    dataset : str
    images : int, optional
        Number of images, from the first; the default is all.

    Returns
    -------
    pandas.DataFrame
        One row per image, columns `COLUMNS`.

    Raises
    ------
    GroupSCError
        When the validation set was not fetched, or the output is not finite.

    Examples
    --------
    >>> validate(model, {"task": "gray", "level": 25}, "data/raw", images=2)  # doctest: +SKIP
    """
    found = load_images(dataset, data_dir, channels=model.config.channels, images=images)
    number = len(found)
    levels = [card["level"]] * number if model.config.levels is None else spread_levels(model.config.levels, number)
    rows = []
    for (name, image), level in zip(found.items(), levels, strict=True):
        clean = torch.from_numpy(image)[None]
        before, after = _restored(
            model, card["task"], clean, level, noise_generator(set_name(dataset, data_dir), name, level), crop=True
        )
        clean = central(clean)
        rows.append(("validation", name, level, 0, _psnr(before, clean), _psnr(after.clamp(0, 1), clean)))
    return _table(rows)


def stress(model: SparseCoder, card: dict, *, repetitions: int = REPETITIONS) -> pd.DataFrame:
    """Restore the pictures of the stress set at the level of the model, or at `STRESS_LEVELS` for a blind model.

    Parameters
    ----------
    model : SparseCoder
    card : dict
        Metadata of its weights file: `task` and `level`.
    repetitions : int
        Noise realisations of each picture, for tasks with noise.

    Returns
    -------
    pandas.DataFrame
        One row per picture, level and repetition, columns `COLUMNS`. Outputs are not clipped, since pictures of higher
        contrast have values outside [0, 1].

    Raises
    ------
    GroupSCError
        When the output is not finite.

    Examples
    --------
    >>> stress(model, {"task": "gray", "level": 25}, repetitions=1)  # doctest: +SKIP
    """
    task = card["task"]
    pictures = stress_pictures(model.config.channels)
    if task == "jpeg":  # JPEG can't store values above 1.
        pictures = {name: clean for name, clean in pictures.items() if clean.max() <= 1}
    levels = STRESS_LEVELS if model.config.levels is not None else (card["level"],)
    rows = []
    for name, clean in pictures.items():
        for level in levels:
            for repetition in range(repetitions if LEVEL_NAMES[task] == "sigma" else 1):
                generator = noise_generator(STRESS, name, level, repetition)
                before, after = _restored(model, task, clean[None], level, generator)
                rows.append(("stress", name, level, repetition, _psnr(before, clean), _psnr(after, clean)))
    return _table(rows)


def facts(model: SparseCoder, rows: pd.DataFrame) -> dict:
    """Summarise the results of `measure`, with the keys of `groupsc.weights.scores.Score`.

    Parameters
    ----------
    model : SparseCoder
    rows : pandas.DataFrame
        Results of `measure`.

    Returns
    -------
    dict

    Examples
    --------
    >>> from groupsc.config.definitions import ModelConfig
    >>> model = SparseCoder(ModelConfig(patch_size=3, n_atoms=9, n_iterations=2, penalty="l1"))
    >>> rows = [("validation", "a", 25, 0, 20.0, 29.0), ("stress", "bars", 25, 0, 20.0, 19.0)]
    >>> values = facts(model, pd.DataFrame(rows, columns=COLUMNS))
    >>> values["psnr"], values["worst_case"], values["worst_change"], values["failed"]
    (29.0, 'bars', -1.0, 1)
    """
    validated, changes = rows[rows["part"] == "validation"], stress_changes(rows)
    case, level = changes.idxmin()
    return {
        "psnr": round(float(validated["after"].mean()), 4),
        "images": len(validated),
        "rho": round(spectral_radius(model.D, model.C), 4),
        "worst_case": case if model.config.levels is None else f"{case} at {level:g}",
        "worst_change": round(float(changes.min()), 2),
        "failed": int((changes < -TOLERANCE).sum()),
        "cases": len(changes),
    }


def score(path, rows: pd.DataFrame) -> Score:
    """Make the score of a weights file from the results of `measure_file`.

    Parameters
    ----------
    path : path
    rows : pandas.DataFrame

    Returns
    -------
    Score

    Raises
    ------
    GroupSCError
        When the weights can't be read.

    Examples
    --------
    >>> score("model.safetensors", measure_file("model.safetensors"))  # doctest: +SKIP
    """
    model, card = load_weights(path)
    return Score(
        model=name_of(path, card),
        md5=md5_of(Path(path)),
        device=device_name(torch.device("cpu")),
        code_version=code_version(),
        **facts(model, rows),
    )


def stress_changes(rows: pd.DataFrame) -> pd.Series:
    """Compute the PSNR gain, output minus input, of every case and level of the stress set.

    Parameters
    ----------
    rows : pandas.DataFrame
        Results of `measure` or `stress`.

    Returns
    -------
    pandas.Series
        Mean gain in dB over the noise realisations, by (case, level).

    Examples
    --------
    >>> rows = [("stress", "bars", 25.0, 0, 20.0, 19.0), ("stress", "bars", 25.0, 1, 20.0, 20.0)]
    >>> stress_changes(pd.DataFrame(rows, columns=COLUMNS)).to_dict()
    {('bars', 25.0): -0.5}
    """
    stressed = rows[rows["part"] == "stress"]
    change = stressed["after"] - stressed["before"]
    return change.groupby([stressed["case"], stressed["level"]], dropna=False, sort=False).mean()


def spread_levels(levels, number: int) -> list[float]:
    """Return `number` noise levels, evenly spaced over the range of the `levels` of a blind model."""
    low, high = levels[0], levels[-1]
    return [low + (high - low) * (place + 0.5) / number for place in range(number)]


def _restored(model: SparseCoder, task: str, clean: Tensor, level, generator, *, crop: bool = False):
    """Return the degraded image (1, c, H, W), interpolated for mosaics, and the output of the model.

    Images are restored as a whole, or in blocks where the penalty has no step for whole images.

    With `crop` only the central part is restored. JPEG compresses the whole image before the crop, to keep its 8×8
    grid.
    """
    if crop and task != "jpeg":
        clean = central(clean)
    degraded, mask = degrade(clean, task, level, generator)
    if crop and task == "jpeg":
        degraded = central(degraded)
    mask = None if mask is None else mask[None]
    blind_level = level if model.config.levels is not None else None
    device = model.D.device
    mode = "whole" if restores_whole(model) else "block"
    measured = None if mask is None else mask.to(device)
    after = restore(model, degraded.to(device), measured, level=blind_level, mode=mode).cpu()
    return degraded if mask is None else interpolate_mosaic(degraded, mask), after


def central(image: Tensor, side: int = VALIDATION_SIDE) -> Tensor:
    """Crop an image (…, H, W) to its central `side` pixels along both axes; keep smaller images."""
    height, width = (min(length, side) for length in image.shape[-2:])
    top, left = (image.shape[-2] - height) // 2, (image.shape[-1] - width) // 2
    return image[..., top : top + height, left : left + width]


def _psnr(x: Tensor, clean: Tensor) -> float:
    """Compute the PSNR in dB at data range 1, without clipping."""
    error = (x.double() - clean.double()).square().mean().item()
    if not math.isfinite(error):
        raise GroupSCError("the output of the model is not finite; train the model again with gain_share above 0")
    return -10 * math.log10(max(error, LEAST_ERROR))


def _table(rows) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"level": float})
