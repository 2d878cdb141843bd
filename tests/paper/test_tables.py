"""Tables: what is printed, what was measured, and what may be compared."""

from __future__ import annotations

import io
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from measured_rows import make_rows

from groupsc.benchmark.averages import average, metrics_json, plain, summary
from groupsc.benchmark.rows import COLUMNS, read_rows
from groupsc.paper.overview import build_overview
from groupsc.paper.tables import TABLES, build, read_published
from groupsc.utils.errors import GroupSCError
from groupsc.weights.dvc_file import RESULTS

ROOT = Path(__file__).resolve().parents[2]

SIZES = {"BSD68": 4, "Set12": 2, "Kodak24": 2}
"""Data sets small enough to be complete in a test."""


def nothing():
    return pd.DataFrame(columns=COLUMNS)


def texts(table, label):
    """The texts of the row that begins with a label, by column."""
    row = next(row for row in table.body if row[0].parts and row[0].parts[0].text == label)
    return dict(zip(table.header, ["/".join(part.text for part in cell.parts) for cell in row], strict=True))


def printed_numbers(name):
    """The paper's numbers of a table; a number for all strides stands at each."""
    layout = TABLES[name]
    published = read_published().query("table == @layout.number and metric in @layout.metrics")
    every = published[published["column"] == "all strides"]
    return pd.concat([published.drop(every.index), *([every] * len(layout.columns))])


@pytest.mark.parametrize("name", TABLES)
def test_every_table_can_be_made_from_nothing(name):
    table = build(name, nothing(), sizes=SIZES)
    assert "not run" in table.to_markdown()
    published = printed_numbers(name)
    statuses = np.where(published["source"] == "ours", "not run", "quoted")
    assert sorted(table.values["status"]) == sorted(statuses)
    assert table.values["ours"].isna().all()


@pytest.mark.parametrize("name", TABLES)
def test_every_printed_number_stands_in_the_table(name):
    table = build(name, nothing(), sizes=SIZES)
    shown = [part for row in table.body for cell in row for part in cell.parts if cell.kind == "paper"]
    figures = sorted((part.text, part.rank) for part in shown if part.text[0].isdigit() and "." in part.text)
    printed = printed_numbers(name)
    expected = sorted(zip(printed["printed"], printed["rank"], strict=True))
    sizes = [figure for figure in figures if figure[0].endswith("M")]
    assert [figure for figure in figures if figure not in sizes] == expected


def test_a_full_run_is_compared():
    table = build("table4", make_rows(psnr=(28.0, 29.0, 29.0, 30.0)), sizes=SIZES)
    cell = table.values.query("method == 'sc' and level == 25").iloc[0]
    assert (cell["published"], cell["ours"], cell["images"], cell["status"]) == (28.90, 29.0, 4, "all images")
    assert cell["difference"] == pytest.approx(0.10)
    after = [row for row in table.body if row[0].parts[0].text in ("SC (baseline)", "↳ this run", "↳ difference")][:3]
    column = table.header.index("σ = 25")
    assert [row[column].parts[0].text for row in after] == ["28.90", "29.00", "+0.10"]
    assert [row[column].kind for row in after] == ["paper", "run", "difference"]


def test_a_subset_says_so_and_is_not_compared():
    table = build("table4", make_rows(psnr=(28.0, 29.0, 29.0)), sizes=SIZES)
    cell = table.values.query("method == 'sc' and level == 25").iloc[0]
    assert (cell["status"], cell["images"], cell["images_of"]) == ("subset", 3, 4)
    assert math.isnan(cell["difference"])
    assert "28.67 (3 of 4 images)" in table.to_markdown()
    assert "difference*" not in table.to_markdown()
    assert "BSD68, 3 of 4 images" in table.provenance


def test_other_photographs_get_rows_of_their_own():
    table = build("table4", make_rows(dataset="Bundled", psnr=(30.0, 31.0)), sizes=SIZES)
    assert texts(table, "SC (baseline) on Bundled, this run")["σ = 25"] == "30.50"
    assert texts(table, "↳ this run")["σ = 25"] == "not run"
    cell = table.values.query("dataset == 'Bundled' and level == 25").iloc[0]
    assert cell["status"] == "other images"
    assert math.isnan(cell["published"])
    both = build("table8", make_rows("groupsc", dataset="Bundled", psnr=(30.0, 31.0)), sizes=SIZES)
    assert [part.text for cell in both.body[-2][:2] for part in cell.parts] == ["Bundled", "25"]
    assert "30.50/0.8000 (2 images)" in both.to_markdown()


def test_spread_over_noise_and_parameters_as_counted():
    rows = pd.concat([make_rows(psnr=(29.0,) * 4), make_rows(psnr=(29.2,) * 4, repetition=1)])
    table = build("table4", rows, sizes=SIZES)
    cell = table.values.query("method == 'sc' and level == 25").iloc[0]
    assert cell["repetitions"] == 2
    assert cell["ours"] == pytest.approx(29.1)
    assert cell["spread"] == pytest.approx(0.2 / math.sqrt(2))
    run = texts(table, "↳ this run")
    assert run["σ = 25"] == "29.10±0.14"
    assert run["Params"] == "68.4k"
    assert "2 noise realisations" in table.provenance


def test_repetitions_of_other_images_are_left_out():
    rows = pd.concat(
        [make_rows(psnr=(29.0, 30.0, 31.0)).iloc[:2], make_rows(psnr=(0.0, 40.0, 41.0), repetition=1).iloc[1:]]
    )
    (line,) = average(rows, SIZES).to_dict("records")
    assert (line["psnr"], line["images"], line["repetitions"]) == (29.5, 2, 1)


def test_one_image_that_was_slowed_down_does_not_change_the_seconds():
    psnr = (29.0, 30.0, 31.0)
    first = make_rows(psnr=psnr).assign(seconds=(3.0, 2000.0, 4.0))
    rows = pd.concat([first, make_rows(psnr=psnr, repetition=1).assign(seconds=6.0)])
    (line,) = average(rows, SIZES).to_dict("records")
    assert line["seconds"] == 5


def test_modes_stand_side_by_side():
    rows = pd.concat([make_rows(psnr=(29.0,) * 4), make_rows(psnr=(28.9,) * 4, mode="block", stride=12.0)])
    table = build("table4", rows, sizes=SIZES)
    assert texts(table, "↳ this run, whole image")["σ = 25"] == "29.00"
    assert texts(table, "↳ this run, blocks at stride 12")["σ = 25"] == "28.90"


def test_mosaics_are_compared_by_the_mean_of_channels():
    rows = make_rows("groupsc", None, "Kodak24", (42.0, 43.0), task="mosaic")
    table = build("table6", rows, sizes=SIZES)
    cell = table.values.query("method == 'groupsc' and dataset == 'Kodak24'").iloc[0]
    assert cell["ours"] == pytest.approx(42.8)
    assert cell["difference"] == pytest.approx(0.09)
    assert "mean of the three per-channel values" in table.caption


def test_the_degraded_images_are_a_method():
    rows = make_rows("input", 10.0, "Classic5", (27.8, 27.84), task="jpeg", mode=None, device=None, parameters=0)
    table = build("table5", rows, sizes={"Classic5": 2})
    cell = table.values.query("method == 'input' and level == 10").iloc[0]
    assert (cell["published"], cell["status"]) == (27.82, "all images")
    assert cell["difference"] == pytest.approx(0, abs=1e-6)
    below = texts(table, "qf = 10"), texts(table, "↳ this run"), texts(table, "↳ difference")
    assert [line["jpeg"] for line in below] == ["27.82", "27.82", "0.00"]


def test_contradicting_rows_are_refused():
    once = make_rows()
    with pytest.raises(GroupSCError, match="twice"):
        average(pd.concat([once, once]), SIZES)
    with pytest.raises(GroupSCError, match="different weights"):
        average(pd.concat([once, make_rows(psnr=(1.0, 2.0), weights_sha256="bb").iloc[1:]]), SIZES)
    with pytest.raises(GroupSCError, match="no table"):
        build("table99", once, sizes=SIZES)


def test_files_in_four_formats(tmp_path):
    table = build("table8", make_rows("groupsc", 15.0, "Set12", (32.0, 34.0)), sizes=SIZES)
    paths = table.write(tmp_path / "new" / "table8")
    assert [path.name for path in paths] == ["table8.md", "table8.csv", "table8.tex", "table8.html"]
    markdown, csv, latex, html = (path.read_text() for path in paths)
    assert "**33.16**/**0.9070**" in markdown
    assert "<u>32.85</u>/<u>0.9063</u>" in markdown
    assert "+0.15/−0.1063" in markdown
    assert r"\toprule" in latex
    assert r"\textbf{33.16}/\textbf{0.9070}" in latex
    assert r"\textit{+0.15/$-$0.1063}" in latex
    assert "<strong>33.16</strong>/<strong>0.9070</strong>" in html
    assert latex.count("{") == latex.count("}")
    assert latex.isascii()
    back = pd.read_csv(io.StringIO(csv))
    assert back.query("dataset == 'Set12' and level == 15 and method == 'groupsc' and metric == 'psnr'")[
        "difference"
    ].item() == pytest.approx(0.15)


def test_lines_of_markdown_have_equal_cells():
    for name in TABLES:
        lines = [line for line in build(name, nothing(), sizes=SIZES).to_markdown().split("\n") if line.startswith("|")]
        assert len({line.replace(r"\|", "").count("|") for line in lines}) == 1


def test_metrics_and_summary():
    rows = pd.concat([make_rows(psnr=(28.0, 29.0)), make_rows(psnr=(28.0,), mode="block", stride=12.0)])
    assert metrics_json(rows, SIZES) == {"gray-sc-sigma25 on 2 of BSD68": 28.5}, "whole images come before blocks"
    text = summary(rows, ["results/tables/table4.md"], ["results/figures/figure4.png"], SIZES)
    assert "results/tables/table4.md" in text
    assert "28.50 dB   2 of 4 images, whole image" in text
    assert metrics_json(nothing(), SIZES) == {}


def test_variants_stand_in_the_lines_of_the_ablation():
    """Strides are columns, the whole image another; both of the paper's lines without refresh are one model."""
    measured = [
        make_rows(method, 15.0, "BSD68", [30.0 + number] * 4, mode="block", stride=stride, seconds=float(stride))
        for number, method in enumerate(["groupsc", "groupsc-refresh8raw", "groupsc-norefresh"])
        for stride in (56, 24)
    ]
    measured.append(make_rows("groupsc", 15.0, "BSD68", [34.0] * 4))
    measured.append(make_rows("groupsc", 25.0, "BSD68", [20.0] * 4))
    table = build("table12", pd.concat(measured, ignore_index=True), sizes=SIZES)
    ours = table.values.query("metric == 'psnr' and ours.notna()")
    found = {(line.row, line.column): line.ours for line in ours.itertuples()}
    assert found == {
        ("✓ | 6", "s = 56"): 30, ("✓ | 6", "s = 24"): 30, ("✓ | 6", "whole image"): 34,
        ("✗ | 8", "s = 56"): 31, ("✗ | 8", "s = 24"): 31,
        ("✗ | ∞", "s = 56"): 32, ("✗ | ∞", "s = 24"): 32, ("✓ | ∞", "s = 56"): 32, ("✓ | ∞", "s = 24"): 32,
    }  # fmt: skip
    assert texts(table, "NLRN")["s = 24"] == "23.02/31.88"
    settings = {(line.column, line.dataset, line.level, line.mode, plain(line.stride)) for line in ours.itertuples()}
    assert settings == {
        ("s = 56", "BSD68", 15, "block", 56), ("s = 24", "BSD68", 15, "block", 24),
        ("whole image", "BSD68", 15, "whole", None),
    }  # fmt: skip
    seconds = table.values.query("metric == 'seconds' and ours.notna() and column == 's = 24'")
    assert set(seconds["ours"]) == {24.0}


def test_sizes_of_patches_and_dictionaries_stand_where_the_paper_has_them():
    measured = [
        make_rows("groupsc-patch9atoms512", 25.0, "BSD68", [29.0] * 4),
        make_rows("groupsc-patch11atoms128", 5.0, "BSD68", [37.0] * 4),
        make_rows("sc-patch9atoms512", 25.0, "BSD68", [10.0] * 4),
        make_rows("groupsc", 25.0, "BSD68", [11.0] * 4),
    ]
    table = build("table13", pd.concat(measured, ignore_index=True), sizes=SIZES)
    ours = table.values.query("ours.notna()")
    assert {(line.row, line.column): (line.ours, line.published) for line in ours.itertuples()} == {
        ("25 | k=9", "512"): (29.0, 29.20),
        ("5 | k=11", "n=128"): (37.0, 37.89),
    }


def test_a_measured_baseline_stands_below_the_paper_s_line():
    rows = make_rows("bm3d", psnr=(28.0, 29.0, 29.0, 30.0), parameters=0, weights_sha256=None)
    table = build("table4", pd.concat([make_rows(), rows]), sizes=SIZES)
    labels = [row[0].parts[0].text for row in table.body]
    line, column = labels.index("BM3D [7]"), table.header.index("σ = 25")
    assert labels[line : line + 3] == ["BM3D [7]", "↳ this run", "↳ difference"]
    assert [row[column].parts[0].text for row in table.body[line : line + 3]] == ["28.57", "29.00", "+0.43"]
    cell = table.values.query("method == 'bm3d' and level == 25").iloc[0]
    assert (cell["source"], cell["published"], cell["ours"]) == ("[7]", 28.57, 29.0)


@pytest.mark.parametrize(("name", "figures"), [("table4", ["27.00"]), ("table8", ["27.00", "0.8000"])])
def test_a_baseline_that_the_paper_does_not_quote_has_lines_of_its_own(name, figures):
    table = build(name, make_rows("nlm", psnr=(27.0,) * 4, parameters=0, weights_sha256=None), sizes=SIZES)
    column = table.header.index("σ = 25" if name == "table4" else "nlm")
    found = [row for row in table.body if [part.text for part in row[column].parts] == figures]
    assert [row[column].kind for row in found] == ["run"]
    if name == "table4":
        assert found[0][0].parts[0].text == "nlm, this run"
    assert "nlm" in set(table.values["method"])
    assert table.values.query("method == 'nlm' and level == 25")["published"].isna().all()


def test_ablations_take_no_baselines():
    table = build("table1", make_rows("nlm", 15.0, psnr=(27.0,) * 4), sizes=SIZES)
    assert "nlm" not in set(table.values["method"])


@pytest.mark.parametrize("method", ["sc", "csr", "groupsc"])
def test_a_level_that_the_paper_lacks_has_a_column(method):
    table = build("table4", make_rows(method, 10.0, psnr=(33.0,) * 4), sizes=SIZES)
    assert table.header[-1] == "σ = 10"
    shown = [row[-1].parts[0].text for row in table.body if row[-1].parts and row[-1].kind == "run"]
    assert shown == ["33.00"]


def test_models_of_several_sizes_are_told_with_the_smallest_and_the_largest():
    rows = [
        make_rows(f"groupsc-patch{patch}atoms128", 15.0, psnr=(30.0,) * 4, parameters=parameters)
        for patch, parameters in ((7, 21_900), (9, 34_300))
    ]
    table = build("table13", pd.concat(rows, ignore_index=True), sizes=SIZES)
    sizes = table.body[[row[0].parts[0].text if row[0].parts else "" for row in table.body].index("Params") + 1]
    assert [part.text for part in sizes[table.header.index("n=128")].parts] == ["21.9k–34.3k"]


def test_headline_numbers_are_few_and_the_most_important_ones():
    rows = [
        make_rows(method, level, dataset, (20.0 + level / 10,), task=task)
        for task, level, dataset in [
            *(("color", level, "CBSD68") for level in (5.0, 10.0, 15.0, 25.0, 30.0, 50.0)),
            *(("mosaic", 0.0, dataset) for dataset in ("Kodak24", "CBSD68")),
            *(("jpeg", level, "Classic5") for level in (12.0, 40.0)),
        ]
        for method in ("sc", "groupsc", "groupsc-blind", "dncnn")
    ]
    rows = pd.concat(rows, ignore_index=True)
    rows.loc[rows["task"] == "mosaic", "level"] = None
    found = metrics_json(rows, SIZES)
    color = {name: value for name, value in found.items() if name.startswith("color")}
    assert color == {
        "color-groupsc-sigma25 on CBSD68": 22.5, "color-groupsc-sigma5 on CBSD68": 20.5,
        "color-groupsc-sigma15 on CBSD68": 21.5, "color-groupsc-sigma50 on CBSD68": 25.0,
        "color-sc-sigma25 on CBSD68": 22.5,
    }  # fmt: skip
    assert [value for name, value in found.items() if name.startswith("mosaic")] == [20.3, 20.3], "the mean of channels"
    jpeg = [name for name in found if name.startswith("jpeg")]
    assert [name.partition(" on ")[0] for name in jpeg] == [
        "jpeg-groupsc-quality40", "jpeg-groupsc-quality12", "jpeg-sc-quality40",
    ]  # fmt: skip


def test_the_metrics_of_the_repository_are_those_of_its_rows():
    committed = json.loads((ROOT / RESULTS / "metrics.json").read_text())
    places = [name.partition(" on ") for name in committed]
    kept = [ROOT / f"data/measured/{experiment}/{place.split()[-1]}.csv" for experiment, _, place in places]
    kept = metrics_json(read_rows([path for path in kept if path.is_file()]))
    assert len(kept) > 15
    assert kept.items() <= committed.items()


def test_a_caption_says_what_its_table_shows():
    by_level = build("table4", make_rows("groupsc", 25.0), sizes=SIZES)
    assert "in bold" in by_level.caption
    assert "Mode: whole image." in by_level.provenance
    by_stride = build("table1", make_rows("groupsc", 15.0), sizes=SIZES)
    assert "bold" not in by_stride.caption, "the paper ranks nothing there"
    assert "Mode" not in by_stride.provenance, "the columns name it"


def test_a_caption_names_each_code_version_and_device_once():
    mixed = make_rows(psnr=(29.0, 30.0))
    mixed.loc[1, ["code_version", "device"]] = ["0.1.0+bb", "Another"]
    caption = build("table4", pd.concat([mixed, make_rows(level=50.0)]), sizes=SIZES).to_markdown().splitlines()[0]
    assert "Device: A CPU; Another." in caption
    assert "Code 0.1.0+aa, 0.1.0+bb." in caption


def test_own_variants_and_own_methods_have_rows_of_their_own():
    """In the table of the task and in the overview; variants of the paper's other tables stay there."""
    methods = ["groupsc", "groupsc-tuned", "smooth", "sc-trained25", "groupsc-norefresh", "groupsc-blind", "input"]
    rows = pd.concat(
        [make_rows(method, 15.0, "BSD68", (30.0 + n, 31.0 + n)) for n, method in enumerate(methods)], ignore_index=True
    )
    table = build("table4", rows, sizes=SIZES)
    shown = [row[0].parts[0].text for row in table.body]
    own = ["groupsc-tuned, this run", "sc-trained25, this run", "smooth, this run"]
    assert [text for text in shown if text.endswith(", this run")] == own
    assert "trained on BSD400" in table.caption
    assert "In the paper" in table.caption
    overview = build_overview(rows, sizes=SIZES)
    by_method = {row[3].parts[0].text: row[6].parts[0].text for row in overview.body}
    assert by_method == {method: f"{30.5 + n:.2f}" for n, method in enumerate(methods)}
    assert list(by_method) == methods[::-1]
    assert overview.to_latex()
    assert list(pd.read_csv(io.StringIO(overview.to_csv()))["method"]) == methods[::-1]
