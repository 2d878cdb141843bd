"""Read and write the scores of released models: `data/weights/validation.csv`, one row per model.

All scores are measured in the same way, by `groupsc.benchmark.validation`. So is the validation PSNR in a card with the
key `validation`; in older cards it is that of blocks of the size of the training crops.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from pathlib import Path

from groupsc.utils.atomic import write_text
from groupsc.utils.errors import GroupSCError
from groupsc.utils.resources import data_places

FILE = "weights/validation.csv"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Score:
    """The validation results of one model.

    Attributes
    ----------
    model : str
        Name of the model.
    md5 : str
        Checksum of its weights file, as in the pointer of the release.
    psnr : float
        Mean PSNR in dB over the validation images.
    images : int
        Number of validation images.
    rho : float
        Spectral radius ρ(I − D Cᵀ), see `groupsc.models.stability`.
    worst_case : str
        Case of the stress set with the smallest gain of the output over the input.
    worst_change : float
        PSNR of the output minus that of the input in dB at that case.
    failed : int
        Number of cases at which the output is more than 0.5 dB below the input.
    cases : int
        Number of all cases; a blind model has one per picture and level.
    device : str
        Device of the measurement.
    code_version : str

    Examples
    --------
    >>> Score(model="gray-sc-sigma25", md5="0123", psnr=28.9, images=32, rho=0.99, worst_case="bars",
    ...       worst_change=-0.2, failed=0, cases=11, device="CPU", code_version="1.0").psnr
    28.9
    """

    model: str
    md5: str
    psnr: float
    images: int
    rho: float
    worst_case: str
    worst_change: float
    failed: int
    cases: int
    device: str
    code_version: str


COLUMNS = [field.name for field in dataclasses.fields(Score)]

TYPES = {"psnr": float, "images": int, "rho": float, "worst_change": float, "failed": int, "cases": int}
"""Types of the numeric columns."""


def read_scores(path=None) -> dict[str, Score]:
    """Read scores by model.

    Parameters
    ----------
    path : path, optional
        CSV file; the default is that of the checkout or the installed package.

    Returns
    -------
    dict of str to Score
        Empty if the file does not exist.

    Raises
    ------
    GroupSCError
        When the file is damaged.

    Examples
    --------
    >>> read_scores("absent.csv")
    {}
    """
    if path is None:
        found = (place / FILE for place in data_places())
        path = next((place for place in found if place.is_file()), None)
    if path is None or not Path(path).exists():
        return {}
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            rows = list(reader)
        if reader.fieldnames != COLUMNS:
            raise ValueError(f"its columns are {reader.fieldnames}")
        scores = [Score(**{key: TYPES.get(key, str)(row[key]) for key in COLUMNS}) for row in rows]
    except (OSError, UnicodeDecodeError, ValueError, TypeError) as error:
        raise GroupSCError(
            f"{path} can't be read as scores ({error}); restore it with git, or make it with `groupsc validate`"
        ) from error
    return {score.model: score for score in scores}


def write_scores(path, scores) -> None:
    """Add scores to a file in alphabetical order; a new score replaces the old score of the same model.

    Parameters
    ----------
    path : path
    scores : iterable of Score

    Raises
    ------
    GroupSCError
        When the file is damaged or can't be written.

    Examples
    --------
    >>> write_scores("validation.csv", [score])  # doctest: +SKIP
    """
    known = read_scores(path) | {score.model: score for score in scores}
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(dataclasses.asdict(known[name]) for name in sorted(known))
    write_text(path, text.getvalue())


def scores_of(releases: dict) -> dict[str, Score]:
    """Return the scores of releases whose checksum equals that of the measured file.

    Parameters
    ----------
    releases : dict of str to Release
        As `groupsc.weights.released.releases` returns them.

    Returns
    -------
    dict of str to Score

    Examples
    --------
    >>> scores_of({})
    {}
    """
    scores = read_scores()
    return {
        name: scores[name] for name, release in releases.items() if name in scores and scores[name].md5 == release.md5
    }
