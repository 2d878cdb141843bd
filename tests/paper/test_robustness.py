"""The table of robustness, against values written by hand."""

from __future__ import annotations

import pandas as pd
from measured_rows import make_rows

from groupsc.paper.latex import LONGEST
from groupsc.paper.robustness import build_robustness


def rows_of(method, values, *, task="gray", level=25.0, dataset="stress"):
    """Two realisations whose mean is the value of each picture."""
    parts = [
        make_rows(method, level, dataset, [value + change for value in values], task=task, repetition=repetition)
        for repetition, change in enumerate((-0.5, 0.5))
    ]
    return pd.concat(parts, ignore_index=True)


def lines_of(table):
    return [[("*" if part.rank else "") + part.text for cell in row for part in cell.parts] for row in table.body]


def test_values_are_means_and_the_best_of_a_line_are_bold():
    parts = [
        rows_of("input", [20.0, 21.0]),
        rows_of("input", [34.0, 35.0], task="color", level=5.0),
        rows_of("bm3d", [30.0, 20.004]),
        rows_of("cbm3d", [36.0], task="color", level=5.0),
        rows_of("sc-robust", [19.0, 30.0]),
        rows_of("sc-robust-guarded", [20.0, 30.003]),
        rows_of("sc", [99.0], dataset="BSD68"),
    ]
    table = build_robustness(pd.concat(parts, ignore_index=True))
    assert table.header == ["Noise", "Picture", "Noisy", "BM3D", "SC, robust", "SC, robust, guard"]
    assert lines_of(table) == [
        ["Gray, σ = 25", "00", "20.00", "*30.00", "19.00", "20.00"],
        ["", "01", "21.00", "20.00", "*30.00", "*30.00"],
        ["", "mean", "20.50", "*25.00", "24.50", "*25.00"],
        ["", "worst change", "–", "−1.00", "−1.00", "*+0.00"],
        ["Color, σ = 5", "00", "34.00", "*36.00", "–", "–"],
        ["", "01", "*35.00", "–", "–", "–"],
        ["", "mean", "*34.50", "–", "–", "–"],
        ["", "worst change", "–", "–", "–", "–"],
    ]
    own = table.values.set_index(["task", "picture", "method"])
    assert own.loc[("gray", "01", "bm3d"), ["psnr", "change", "repetitions"]].tolist() == [20.004, -0.996, 2]
    assert own.loc[("color", "00", "cbm3d"), "change"] == 2
    assert "2 noise realisations per picture" in table.provenance


def test_a_long_table_is_continued_between_two_groups():
    parts = [rows_of("sc", [30.0] * 20, level=level) for level in (5.0, 15.0, 25.0)]
    pages = build_robustness(pd.concat(parts, ignore_index=True)).to_latex().split(r"\midrule")[1:]
    assert [page.count("Gray") for page in pages] == [2, 1]
    assert all(page.count("30.00") <= LONGEST for page in pages)
    assert "Continued." in pages[0]
