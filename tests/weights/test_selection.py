"""The choice of a released model by task, method and level."""

from __future__ import annotations

import pytest

from groupsc.utils.errors import GroupSCError
from groupsc.weights.selection import choose, faster


def test_the_model_is_trained_near_the_level_or_blind_or_the_nearest():
    known = dict.fromkeys(
        ["gray-sc-sigma15", "gray-sc-sigma50", "gray-groupsc-sigma25", "jpeg-sc-quality10", "jpeg-sc-quality40"], 25.0
    )
    blind = {**known, "gray-sc-blind": 25.0}
    assert choose("gray", "sc", 15, known) == "gray-sc-sigma15"
    assert choose("gray", "sc", 27, known) == "gray-sc-sigma15"
    assert choose("gray", "sc", 28, known) == "gray-sc-sigma50"
    assert choose("gray", "sc", 28, blind) == "gray-sc-blind"
    assert choose("gray", "sc", 50, blind) == "gray-sc-sigma50"
    assert choose("jpeg", "sc", 30, known) == "jpeg-sc-quality40"
    assert choose("gray", "best", 15, known) == "gray-sc-sigma15"
    assert choose("gray", "best", 20, known) == "gray-groupsc-sigma25"
    assert choose("gray", "best", 20, blind) == "gray-groupsc-sigma25"
    assert choose("gray", "best", 15.3, blind) == "gray-sc-sigma15"
    assert choose("gray", "sc", 20, {"gray-sc-sigma10": 30.0, "gray-sc-sigma40": 20.0}) == "gray-sc-sigma40"
    assert choose("gray", "best", 3, blind) == "gray-sc-blind"
    assert choose("gray", "best", 0, blind) == "gray-sc-blind"
    assert choose("gray", "sc", 0, {**blind, "gray-sc-sigma5": 30.0}) == "gray-sc-sigma5"
    for level in (-5, float("inf"), float("nan")):
        with pytest.raises(GroupSCError, match="at least 0"):
            choose("gray", "best", level, known)
    assert choose("jpeg", "best", 15, known) == "jpeg-sc-quality10"
    with pytest.raises(GroupSCError, match="gray-groupsc-sigma25"):
        choose("gray", "csr", 25, known)
    with pytest.raises(GroupSCError, match="other tasks"):
        choose("mosaic", "sc", None, known)


def test_the_best_of_several_models_did_best_in_validation():
    known = {"color-sc-blind": 30.1, "color-groupsc-blind": 30.0, "color-sc-sigma25": 30.2, "color-csr-sigma25": 30.3}
    assert choose("color", "best", 25, known) == "color-csr-sigma25"
    assert choose("color", "best", 20, known) == "color-csr-sigma25"
    assert choose("color", "best", 50, known) == "color-sc-blind"
    assert choose("color", "groupsc", 20, known) == "color-groupsc-blind"


@pytest.mark.parametrize(("gain", "method"), [(0.01, "sc"), (0.03, "groupsc"), (-0.5, "sc")])
def test_a_slower_model_is_chosen_for_a_gain_that_counts(gain, method):
    known = {"jpeg-sc-quality40": 30.7, "jpeg-csr-quality40": 30.2, "jpeg-groupsc-quality40": 30.7 + gain}
    assert choose("jpeg", "best", 90, known) == f"jpeg-{method}-quality40"


def test_a_faster_model_is_near_the_level_or_at_the_level_of_sc():
    jpeg = dict.fromkeys(["jpeg-sc-quality40", "jpeg-sc-short-quality40"], 30.0)
    assert faster("jpeg", 90, jpeg) == ["jpeg-sc-quality40", "jpeg-sc-short-quality40"]
    gray = dict.fromkeys(
        ["gray-sc-sigma50", "gray-sc-blind", "gray-sc-short-sigma50", "gray-groupsc-fast-sigma50"], 24.0
    )
    assert faster("gray", 100, gray) == ["gray-sc-blind"]
    assert faster("gray", 70, gray) == ["gray-groupsc-fast-sigma50", "gray-sc-sigma50", "gray-sc-short-sigma50"]
