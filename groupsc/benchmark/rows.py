"""Read and write per-image results: one row per image and repetition, from which all tables and figures are made."""

from __future__ import annotations

import csv
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
"""Columns with the settings under which a row was measured."""

MEASURED_BY = ("device", "code_version")
"""Settings that may differ within a file, since cached results keep their own."""

COLUMNS = [
    "experiment", "task", "method", "level", "dataset", "image", "repetition", "mode", "stride",
    "psnr", "psnr_channels", "ssim", "seconds", "device", "peak_memory_mb",
    "height", "width", "parameters", "weights_sha256", "code_version",
]  # fmt: skip

TEXTS = ["experiment", "task", "method", "dataset", "image", "code_version"]
NUMBERS = ["repetition", "psnr", "psnr_channels", "ssim", "seconds", "height", "width", "parameters"]
"""Columns that must have a value in every row."""


def read_rows(paths) -> pd.DataFrame:
    """Read and concatenate files of per-image results.

    Parameters
    ----------
    paths : list of paths
        Files that `groupsc.benchmark.evaluation.evaluate_to_csv` wrote.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`.

    Raises
    ------
    GroupSCError
        When a file is missing, truncated, or not a file of per-image results.

    Examples
    --------
    >>> read_rows([]).columns.to_list() == COLUMNS
    True
    """
    tables = [_read_rows(path) for path in paths]
    return table_of([]) if not tables else pd.concat(tables, ignore_index=True).infer_objects()


def _read_rows(path) -> pd.DataFrame:
    try:
        content = Path(path).read_bytes()
        texts = dict.fromkeys([*TEXTS, "mode", "device", "weights_sha256"], str)
        # A data set or a method can have a name such as 2024 or NA.
        table = pd.read_csv(io.BytesIO(content), dtype=texts, keep_default_na=False, na_values=[""])
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        raise unreadable(error)(
            f"{path} can't be read as per-image results ({error}); make it with `groupsc evaluate`"
        ) from error
    missing = sorted(set(COLUMNS) - set(table.columns))
    if missing:
        raise GroupSCError(f"{path} has no column {', '.join(missing)}; make it again with `groupsc evaluate`")
    numbers = table[NUMBERS].apply(pd.to_numeric, errors="coerce")
    wrong = (table[TEXTS].isna().any(axis=1) | numbers.isna().any(axis=1)).to_numpy()
    if wrong.any() or not content.endswith(b"\n"):
        line = 2 + (wrong.argmax() if wrong.any() else len(table) - 1)
        raise GroupSCError(f"{path} is damaged in line {line}; make it again with `groupsc evaluate`")
    return table[COLUMNS].astype(object)


def table_of(rows) -> pd.DataFrame:
    """Make a table with the columns `COLUMNS` from rows given as dictionaries.

    Parameters
    ----------
    rows : iterable of dict
        Missing keys become missing values.

    Returns
    -------
    pandas.DataFrame

    Examples
    --------
    >>> table_of([{"image": "01", "psnr": 29.0}])[["image", "psnr"]].to_dict("records")
    [{'image': '01', 'psnr': 29.0}]
    """
    return pd.DataFrame(list(rows), columns=COLUMNS)


def write_rows(path: Path, table: pd.DataFrame) -> None:
    """Write a table atomically: at any time `path` is absent, unchanged or complete.

    Parameters
    ----------
    path : path
    table : pandas.DataFrame

    Raises
    ------
    GroupSCError
        When the file can't be written.

    Examples
    --------
    >>> write_rows("rows.csv", table_of([]))  # doctest: +SKIP
    """
    with replacing(path) as fresh:
        table.to_csv(fresh, index=False, lineterminator="\n")


def complete(measured: Iterable[tuple[str, int]], times: int) -> set[str]:
    """Find the images of which all repetitions were measured.

    Parameters
    ----------
    measured : iterable of (str, int)
        Image and repetition.
    times : int
        Number of repetitions.

    Returns
    -------
    set of str

    Examples
    --------
    >>> complete([("01", 0), ("01", 1), ("02", 0)], 2)
    {'01'}
    """
    measured = set(measured)
    return {image for image, _ in measured if all((image, number) in measured for number in range(times))}


def measured_places(path, settings: dict | None = None) -> set[tuple[str, int]]:
    """List the (image, repetition) in a file of per-image results.

    The file is read without a table, ten times faster than by `read_rows`; plans ask this of some hundred files.

    Parameters
    ----------
    path : path
    settings : dict, optional
        Values of the columns `SETTINGS`; rows that differ in other columns than `MEASURED_BY` are left out.

    Returns
    -------
    set of (str, int)

    Raises
    ------
    GroupSCError
        When the file is missing, truncated, or not a file of per-image results.

    Examples
    --------
    >>> measured_places("rows.csv")  # doctest: +SKIP
    {('01', 0), ('02', 0)}
    """
    wanted = {} if settings is None else {name: settings[name] for name in SETTINGS if name not in MEASURED_BY}
    try:
        content = Path(path).read_text(encoding="utf-8")
        head, *lines = csv.reader(content.splitlines())
        image, repetition = head.index("image"), head.index("repetition")
        columns = [(head.index(name), value) for name, value in wanted.items()]
        if content.endswith("\n") and {*COLUMNS} <= {*head}:
            return {
                (line[image], int(line[repetition]))
                for line in lines
                if all(_means(line[column], value) for column, value in columns)
            }
    except (OSError, ValueError, IndexError, csv.Error):
        pass
    rows = read_rows([path])  # Names the fault of a file.
    return {*(_agreeing(rows, wanted, [*wanted]) if wanted else zip(rows["image"], rows["repetition"], strict=True))}


def _means(text: str, value) -> bool:
    """Whether the text of a cell is a value; an empty cell is a missing value."""
    if pd.isna(value) or not text:
        return bool(pd.isna(value)) and not text
    return text == value if isinstance(value, str) else float(text) == value


def earlier_rows(path, settings: dict, times: int) -> dict:
    """Read the cached results that agree with the settings, except for device and code version.

    An image may have fewer repetitions than wanted; the evaluation measures those that are missing.

    Parameters
    ----------
    path : path
        File of an earlier evaluation.
    settings : dict
        Values of the columns `SETTINGS`.
    times : int
        Number of repetitions; results of later ones are left out.

    Returns
    -------
    dict
        Rows by (image, repetition).

    Raises
    ------
    GroupSCError
        As `read_rows`.

    Examples
    --------
    >>> earlier_rows("rows.csv", settings, 1)  # doctest: +SKIP
    """
    found = _agreeing(read_rows([path]), settings, [name for name in SETTINGS if name not in MEASURED_BY])
    return {(image, number): row for (image, number), row in found.items() if number < times}


def finished_rows(paths: list[Path], settings: dict) -> dict:
    """Read the rows of interrupted or earlier runs with the same settings; unreadable files are ignored.

    The device is not compared: another number of threads, or another CPU, repeats no measurement. Each row keeps the
    device that measured it.

    Parameters
    ----------
    paths : list of paths
    settings : dict
        Values of the columns `SETTINGS`.

    Returns
    -------
    dict
        Rows by (image, repetition).

    Examples
    --------
    >>> finished_rows([Path("absent.csv")], {})
    {}
    """
    found: dict[tuple[str, int], dict] = {}
    for path in paths:
        try:
            rows = read_rows([path])
        except GroupSCError:
            continue
        found |= _agreeing(rows, settings, [name for name in SETTINGS if name != "device"])
    return found


def _agreeing(rows: pd.DataFrame, settings: dict, columns: list[str]) -> dict:
    """Return the rows that agree with the settings in the given columns, by (image, repetition)."""
    return {
        (row["image"], row["repetition"]): row
        for row in rows.to_dict("records")
        if all(_same(row[key], settings[key]) for key in columns)
    }


def _same(one, other) -> bool:
    return one == other or bool(pd.isna(one) and pd.isna(other))
