"""Test paired differences against scipy's paired t-test, and their table and figure against numbers written by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from groupsc.benchmark.rows import table_of
from groupsc.figures.paired import paired
from groupsc.paper.paired import paired_differences, paired_table, per_image
from groupsc.utils.errors import GroupSCError


def results(method, values, **given):
    """Per-image results of a method, one image per value."""
    same = {
        "experiment": f"gray-{method}-sigma25", "task": "gray", "method": method, "level": 25.0, "dataset": "BSD68",
        "mode": "whole", "repetition": 0, "device": "A CPU, 1 threads", "code_version": "1", **given,
    }  # fmt: skip
    return [{**same, "image": f"{number:03}", "psnr": value} for number, value in enumerate(values)]


def drawn(count=20, seed=0):
    """PSNR of two methods on the same images: the images differ by several dB, the methods by 0.2 dB."""
    generator = np.random.default_rng(seed)
    first = generator.uniform(22, 36, count)
    return first, first + generator.normal(0.2, 0.1, count)


def test_interval_is_that_of_a_paired_t_test():
    sc, groupsc = drawn()
    (found,) = paired_differences(table_of(results("sc", sc) + results("groupsc", groupsc)), "sc").itertuples()
    low, high = stats.ttest_rel(groupsc, sc).confidence_interval(0.95)
    assert (found.difference - found.interval, found.difference + found.interval) == pytest.approx((low, high))
    assert (found.images, found.better) == (20, (groupsc > sc).sum())


def test_only_images_and_settings_that_both_have_are_matched():
    rows = results("sc", [30.0, 31.0, 32.0]) + results("groupsc", [30.5, 31.1], repetition=0)
    rows += results("groupsc", [99.0], level=15.0) + results("groupsc", [99.0], mode="block", stride=12.0)
    rows += results("groupsc", [99.0], repetition=1) + results("input", [20.0], mode=None)
    found = per_image(table_of(rows), "sc")
    assert found[["method", "image"]].to_numpy().tolist() == [["groupsc", "000"], ["groupsc", "001"]]
    assert found["difference"].to_list() == pytest.approx([0.5, 0.1])


def test_repetitions_are_averaged_and_the_channels_of_mosaics_too():
    rows = results("sc", [30.0]) + results("sc", [32.0], repetition=1)
    rows += results("groupsc", [31.0]) + results("groupsc", [32.0], repetition=1)
    assert per_image(table_of(rows), "sc")["difference"].to_list() == [0.5]
    mosaic = [
        {**row, "task": "mosaic", "level": None, "psnr": 0.0, "psnr_channels": row["psnr"]}
        for row in results("sc", [40.0]) + results("groupsc", [41.0])
    ]
    assert per_image(table_of(mosaic), "sc")[["reference", "difference"]].to_numpy().tolist() == [[40.0, 1.0]]


@pytest.mark.parametrize(
    ("given", "remark"),
    [
        ({}, ""),
        ({"device": "A CPU, 2 threads"}, ""),
        ({"device": "B CPU, 1 threads"}, "other device"),
        ({"code_version": "2"}, "other code"),
        ({"device": "B GPU", "code_version": "2"}, "other device, other code"),
    ],
)
def test_table_marks_other_devices_and_code(given, remark):
    rows = table_of(results("sc", [30.0, 31.0]) + results("groupsc", [30.1, 31.3], **given))
    made = paired_table(rows, "sc", {"BSD68": 68})
    assert made.values["remark"].to_list() == [remark]
    assert made.values["images_of"].to_list() == [68]
    mark, half = "*" * bool(remark), stats.t.ppf(0.975, 1) * 0.1
    assert f"| Denoising, σ = 25 | BSD68    | 2 of 68 | +0.200 ± {half:.3f}; 2 of 2{mark} |" in made.to_markdown()


def test_own_methods_and_variants_have_columns_and_baselines_have_none():
    methods = ["sc", "groupsc", "sc-mine", "mine", "nlm", "drunet", "bm3d", "sc-short"]
    rows = table_of([row for number, method in enumerate(methods) for row in results(method, [30.0 + number])])
    made = paired_table(rows, "sc", {"BSD68": 68})
    assert made.header == ["Task", "Data set", "Images", "GroupSC", "sc-mine", "mine"]
    assert set(made.values["method"]) == {*methods} - {"sc"}


def test_one_image_has_no_interval():
    rows = table_of(results("sc", [30.0]) + results("groupsc", [29.75]))
    assert pd.isna(paired_differences(rows, "sc")["interval"].iloc[0])
    assert "1 of 68 | −0.250; 0 of 1 |" in paired_table(rows, "sc").to_markdown()


def test_figure_has_a_point_for_each_image():
    rows = table_of(results("sc", [30.0, 31.0]) + results("groupsc", [30.1, 31.3]))
    (ax,) = paired(rows=rows).axes
    assert np.allclose(ax.collections[0].get_offsets(), [[30.0, 0.1], [31.0, 0.3]])
    rows = table_of(results("sc", [30.0, 31.0]) + results("csr", [30.1]) + results("groupsc", [30.1, 31.3]))
    labels = {text.get_text() for text in paired(rows=rows).legends[0].get_texts()}
    assert {label.endswith("(1 image)") for label in labels if label.startswith("CSR")} == {True}
    assert {label.endswith("dB") for label in labels if label.startswith("GroupSC")} == {True}
    rows = rows[rows["method"] != "csr"]
    with pytest.raises(GroupSCError, match="no method has an image of BSD68 in common with 'csr'"):
        paired(rows=rows, baseline="csr")
