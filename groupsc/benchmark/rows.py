"""Rows: one line per image and repetition, what evaluations write and all tables and figures are made from."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from groupsc.utils.atomic import replacing
from groupsc.utils.errors import GroupSCError, unreadable

SETTINGS = [
    "experiment", "task", "method", "level", "dataset", "mode", "stride", "device",
    "parameters", "weights_sha256", "code_version",
]  # fmt: skip
"""Columns that say under which conditions a row was made."""

MEASURED_BY = ("device", "code_version")
"""Those that may differ within a file, where rows were taken over from an earlier evaluation."""

COLUMNS = [
    "experiment", "task", "method", "level", "dataset", "image", "repetition", "mode", "stride",
    "psnr", "psnr_channels", "ssim", "seconds", "device", "peak_memory_mb",
    "height", "width", "parameters", "weights_sha256", "code_version",
]  # fmt: skip

TEXTS = ["experiment", "task", "method", "dataset", "image", "code_version"]
NUMBERS = ["repetition", "psnr", "psnr_channels", "ssim", "seconds", "height", "width", "parameters"]
"""Columns that no row may leave empty."""


def read_rows(paths) -> pd.DataFrame:
    """The rows of several files made by `evaluate_to_csv`, one below the other.

    Raises
    ------
    GroupSCError
        When a file is missing, truncated, or no file of rows.
    """
    tables = [_read_rows(path) for path in paths]
    return table_of([]) if not tables else pd.concat(tables, ignore_index=True).infer_objects()


def _read_rows(path) -> pd.DataFrame:
    try:
        content = Path(path).read_bytes()
        table = pd.read_csv(io.BytesIO(content), dtype={"image": str, "weights_sha256": str})
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise unreadable(error)(f"{path} can't be read as rows ({error}); make it with `groupsc evaluate`") from error
    missing = sorted(set(COLUMNS) - set(table.columns))
    if missing:
        raise GroupSCError(f"{path} has no column {', '.join(missing)}; make it anew with `groupsc evaluate`")
    numbers = table[NUMBERS].apply(pd.to_numeric, errors="coerce")
    wrong = (table[TEXTS].isna().any(axis=1) | numbers.isna().any(axis=1)).to_numpy()
    if wrong.any() or not content.endswith(b"\n"):
        line = 2 + (wrong.argmax() if wrong.any() else len(table) - 1)
        raise GroupSCError(f"{path} is damaged in line {line}; make it anew with `groupsc evaluate`")
    return table[COLUMNS].astype(object)


def table_of(rows) -> pd.DataFrame:
    """Rows, given as dictionaries, with the columns `COLUMNS`."""
    return pd.DataFrame(list(rows), columns=COLUMNS)


def write_rows(path: Path, table: pd.DataFrame) -> None:
    """Write a table so that `path` is at every moment absent, old or complete."""
    with replacing(path) as fresh:
        table.to_csv(fresh, index=False, lineterminator="\n")


def complete(measured: Iterable[tuple[str, int]], times: int) -> set[str]:
    """The images of which all of `times` repetitions are among those measured, given as (image, repetition)."""
    measured = set(measured)
    return {image for image, _ in measured if all((image, number) in measured for number in range(times))}


def earlier_rows(path, settings: dict, times: int) -> dict:
    """Rows of an earlier evaluation of the same, by (image, repetition), of images with all repetitions."""
    found = _agreeing(read_rows([path]), settings, [name for name in SETTINGS if name not in MEASURED_BY])
    images = complete(found, times)
    return {(image, number): row for (image, number), row in found.items() if image in images and number < times}


def finished_rows(paths: list[Path], settings: dict) -> dict:
    """Rows of earlier runs under the same settings, by (image, repetition)."""
    found = {}
    for path in paths:
        try:
            rows = read_rows([path])
        except GroupSCError:
            continue
        found |= _agreeing(rows, settings, SETTINGS)
    return found


def _agreeing(rows: pd.DataFrame, settings: dict, columns: list[str]) -> dict:
    """Rows that agree with the settings in some columns, by (image, repetition)."""
    return {
        (row["image"], row["repetition"]): row
        for row in rows.to_dict("records")
        if all(_same(row[key], settings[key]) for key in columns)
    }


def _same(one, other) -> bool:
    return one == other or bool(pd.isna(one) and pd.isna(other))
