"""data/published.csv against the text of the paper, and against itself."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from groupsc.config.definitions import LEVEL_NAMES, TASKS
from groupsc.paper.tables import read_published

NUMBERS = {1: 64, 2: 35, 3: 42, 4: 64, 5: 27, 6: 23, 7: 28, 8: 75, 9: 38, 10: 30, 11: 14, 12: 67, 13: 21}
"""How many numbers each table of the paper prints, counted by hand (Table 7: four check marks among them)."""

BEST = {2: 5, 3: 3, 4: 4, 5: 4, 6: 3, 8: 18, 9: 18, 10: 8, 11: 6}
SECOND = {2: 5, 3: 6, 4: 4, 5: 4, 6: 2, 8: 18, 9: 18, 10: 8, 11: 2}


@pytest.fixture(scope="module")
def published() -> pd.DataFrame:
    return read_published()


def numbers(published):
    return published[published["metric"] != "trainable"]


def test_count_of_numbers_in_every_table(published):
    assert numbers(published).groupby("table").size().to_dict() == NUMBERS


@pytest.mark.parametrize(("rank", "counts"), [("best", BEST), ("second", SECOND)])
def test_count_of_marks_in_every_table(published, rank, counts):
    marked = published[published["rank"] == rank]
    assert marked.groupby("table").size().to_dict() == counts


def test_every_cell_is_there_once(published):
    assert not published.duplicated(["table", "row", "column", "metric"]).any()


def test_keys_that_rows_are_joined_by(published):
    measured = published[published["metric"].isin(["psnr", "ssim", "seconds"])]
    assert set(published["task"]) == set(TASKS)
    assert (measured["method"] != "").all()
    assert set(measured["dataset"]) == {"BSD68", "CBSD68", "Set12", "Kodak24", "Urban100", "Classic5"}
    for task, rows in measured.groupby("task"):
        assert rows["level"].isna().all() == (LEVEL_NAMES[task] is None)
        assert rows["level"].notna().all() == (LEVEL_NAMES[task] is not None)
    color = measured[measured["task"].isin(["color", "mosaic"])]
    assert not (color["dataset"] == "BSD68").any()


def test_values_are_what_is_printed(published):
    factor = {"k": 1e3, "K": 1e3, "M": 1e6}
    for row in numbers(published).itertuples():
        if row.printed == "✓":
            expected = 1
        elif "/" in row.printed:
            expected = 1 / int(row.printed.split("/")[1])
        else:
            expected = float(row.printed.rstrip("kKM")) * factor.get(row.printed[-1], 1)
        assert row.value == pytest.approx(expected, rel=1e-12)


def test_values_are_plausible(published):
    values = published.groupby("metric")["value"]
    assert values.min()["psnr"] > 25
    assert values.max()["psnr"] < 43
    assert values.min()["ssim"] > 0.68
    assert values.max()["ssim"] < 1
    assert values.min()["parameters"] >= 45_000
    assert values.max()["parameters"] <= 8_960_000


def test_numbers_quoted_in_the_text(published):
    def value(table, row, column, metric="psnr"):
        found = published.query("table == @table and row == @row and column == @column and metric == @metric")
        return found["value"].item()

    assert value(4, "GroupSC (ours)", "25") == 29.20
    assert value(4, "SC (baseline)", "25") == 28.90
    assert value(4, "GroupSC (ours)", "Params", "parameters") == 68_000
    assert value(3, "RNAN [55]", "50") == 28.35
    assert value(2, "25", "GroupSC (ours)") == 31.25
    assert value(5, "qf = 10", "jpeg") == 27.82
    assert value(6, "GroupSC (ours)", "BSD68") == 42.91
    assert value(8, "BSD68 | 25", "GroupSC", "ssim") == 0.8336
    assert value(12, "✓ | 6", "s = 48", "seconds") == 2.35
    assert value(13, "25 | k=9", "512") == 29.20


def test_tables_that_repeat_each_other(published):
    """Tables 1 and 12 print the same study, and the two prints of every other cell differ only where a note says so."""
    study = published[published["table"].isin([1, 12]) & (published["method"] == "groupsc")]
    cells = study.pivot(index=["row", "column", "metric"], columns="table", values="value")
    assert (cells[1] == cells[12]).all()

    others = published[published["metric"].isin(["psnr", "ssim"]) & ~published["table"].isin([1, 12, 13])]
    for _, prints in others.groupby(["task", "method", "dataset", "level", "metric"], dropna=False):
        if prints["value"].nunique() > 1:
            assert (prints["notes"] != "").all(), prints[["table", "row", "column", "value"]]


@pytest.mark.parametrize("table", range(1, 14))
def test_agrees_with_the_text_of_the_paper(shared, published, table):
    """Every number of the paper's table is a row, in reading order and with its mark, and nothing else is."""
    ours = numbers(published[published["table"] == table])
    assert list(zip(ours["printed"], ours["rank"], strict=True)) == printed_numbers(shared / "paper.md", table)


@pytest.mark.parametrize("table", range(1, 14))
def test_empty_cells_are_empty(shared, published, table):
    """A dash of the paper is no row: every line of the table has as many cells with numbers as the CSV."""
    ours = numbers(published[published["table"] == table])
    cells = ours.drop_duplicates(["row", "column"]).groupby("row", sort=False).size().tolist()
    lines = [count for line in table_lines(shared / "paper.md", table) if (count := len(filled_cells(line, table)))]
    assert cells == lines


def table_lines(paper, table: int) -> list[str]:
    lines = paper.read_text().split("\n")
    first = next(i for i, line in enumerate(lines) if line.startswith(f"Table {table}:")) + 2
    last = next(i for i in range(first, len(lines)) if not lines[i].strip())
    return lines[first:last]


def filled_cells(line: str, table: int) -> list[str]:
    """The cells of a line that hold numbers; labels of rows, columns and levels are none."""
    labels = {1: 2, 2: 1, 3: 2, 4: 2, 5: 1, 6: 2, 7: 1, 8: 2, 9: 2, 10: 1, 11: 1, 12: 2, 13: 2}[table]
    if line.startswith("NLRN"):
        labels = 1
    cells = line.split("\t")[labels:]
    heading = line.split("\t")[0] in (
        "Method",
        "Noise ($\\sigma$)",
        "Noise ( $\\sigma$ )",
        "Quality factor",
        "Experiment",
    )
    if heading or "Stride" in line or "$s = " in line or (table in (3, 4) and line.startswith("\t")):
        return []
    if line.startswith(("Dataset", "Noise level")):
        cells = [match for cell in cells for match in re.findall(r" (\d+k)$", cell)]
    return [cell for cell in cells if cell.strip() not in ("", "-")]


def printed_numbers(paper, table: int) -> list[tuple[str, str]]:
    found = []
    for line in table_lines(paper, table):
        for cell in filled_cells(line, table):
            rank = ""
            for token in re.findall(r"</?[bu]>|\$\\checkmark\$|✓|1/\d|[\d.]+[kKM]?", cell):
                if token.startswith("<"):
                    rank = {"<b>": "best", "<u>": "second"}.get(token, "")
                else:
                    found.append((token, rank))
    return found
