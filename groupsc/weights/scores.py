"""Scores of the released models: one row a model in `data/weights/validation.csv`.

All are measured in the same way (`groupsc.benchmark.validation`), while the cards of models hold what was measured
during their training, on blocks of the size of their crops.
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
    """One model in a few numbers.

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
        ρ(I − D Cᵀ), see `groupsc.models.stability`.
    worst_case : str
        Case of the stress set at which the output is furthest below the input, or least above it.
    worst_change : float
        PSNR of the output minus that of the input in dB at that case.
    failed : int
        Number of cases at which the output is more than 0.5 dB below the input.
    cases : int
        Number of all cases; a blind model has one a picture and level.
    device : str
        What measured it.
    code_version : str
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
"""Those of the columns that hold numbers."""


def read_scores(path=None) -> dict[str, Score]:
    """The scores in a file by model; without a path those of the checkout or the installed package, empty if there are
    none.

    Raises
    ------
    GroupSCError
        When the file is damaged.
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
            f"{path} can't be read as scores ({error}); get it back with git, or make it with `groupsc validate`"
        ) from error
    return {score.model: score for score in scores}


def write_scores(path, scores) -> None:
    """Add scores to a file, each in place of the one of its model, in alphabetical order."""
    known = read_scores(path) | {score.model: score for score in scores}
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(dataclasses.asdict(known[name]) for name in sorted(known))
    write_text(path, text.getvalue())


def scores_of(releases: dict) -> dict[str, Score]:
    """The scores of releases (`groupsc.weights.released.releases`) whose file is the one that was measured."""
    scores = read_scores()
    return {
        name: scores[name] for name, release in releases.items() if name in scores and scores[name].md5 == release.md5
    }
