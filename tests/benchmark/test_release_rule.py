"""The rule of release, on made-up measurements."""

from __future__ import annotations

import pandas as pd
import pytest

from groupsc.benchmark.release_rule import compare
from groupsc.benchmark.validation import COLUMNS
from groupsc.utils.errors import GroupSCError

SPREAD = (-0.03, -0.01, 0.0, 0.01, 0.03)
"""Differences between images; their standard error is 0.01 dB."""


def rows(gain: float = 0.0, **changes) -> pd.DataFrame:
    """A model that is `gain` dB better on five images, and by `changes` on cases of which each began at its input."""
    found = [("validation", str(n), 25.0, 0, 20.0, 27.0 + gain + (x if gain else 0)) for n, x in enumerate(SPREAD)]
    for case, change in {"bars": 0.0, "text": 0.0, **changes}.items():
        found += [("stress", case, 25.0, repetition, 20.0, 20.0 + change) for repetition in range(3)]
    return pd.DataFrame(found, columns=COLUMNS)


@pytest.mark.parametrize(
    ("old", "new", "released"),
    [
        ({}, {"gain": 0.05}, True),
        ({}, {"gain": 0.015}, False),
        ({}, {"gain": -0.05}, False),
        ({}, {"gain": 0.05, "bars": -0.05}, True),
        ({}, {"gain": 0.05, "bars": -0.2}, False),
        ({"bars": -3.0}, {"gain": -0.005, "bars": 1.0}, True),
        ({"bars": -3.0}, {"gain": -0.02, "bars": 1.0}, False),
        ({"bars": -3.0}, {"gain": -0.005, "bars": -1.0}, False),
        ({"bars": -3.0}, {"gain": -0.005, "bars": 1.0, "text": -0.3}, True),
        ({"bars": -3.0}, {"gain": -0.005, "bars": 1.0, "text": -0.6}, False),
    ],
)
def test_what_is_released(old, new, released):
    assert compare(rows(**old), rows(**new)).released == released


def test_what_the_verdict_says():
    verdict = compare(rows(bars=-3.0), rows(gain=0.05, bars=1.0, text=-0.7))
    assert (verdict.gain, verdict.error) == (pytest.approx(0.05), pytest.approx(0.01))
    assert str(verdict) == (
        "not released: validation +0.0500 ± 0.0100 dB; worse on text at 25 by 0.70 dB; newly passes bars at 25; "
        "newly fails text at 25"
    )


def test_a_difference_within_its_errors_is_not_worse():
    new = rows(gain=0.05)
    new.loc[new["case"] == "bars", "after"] += [-0.9, 0.2, 0.1]
    assert compare(rows(), new).worse == {}


def test_mosaics_have_no_level():
    old, new = rows().assign(level=float("nan")), rows(gain=0.05, bars=-1.0).assign(level=float("nan"))
    assert compare(old, new).worse == {"bars": pytest.approx(-1.0)}


def test_models_of_other_levels_are_not_compared():
    with pytest.raises(GroupSCError, match="models of the same task and level"):
        compare(rows(), rows().assign(level=15.0))
