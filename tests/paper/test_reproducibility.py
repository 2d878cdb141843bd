"""Test the count of reproduced numbers against numbers written by hand, and the table of settings."""

from __future__ import annotations

import pandas as pd
import pytest

from groupsc.figures.reproducibility import chart
from groupsc.paper.reproducibility import VERDICTS, build_reproducibility, read_cells, verdicts
from groupsc.paper.settings import build_settings
from groupsc.paper.table import CELL_COLUMNS
from groupsc.utils.errors import GroupSCError


def cell(row, difference, status="all images", **given):
    """A PSNR cell of the paper's own model at 30 dB."""
    values = {
        "table": 4, "row": row, "column": "σ = 25", "dataset": "BSD68", "level": 25.0, "metric": "psnr",
        "published": 30.0, "printed": "30.00", "source": "ours", "status": status, "difference": difference,
        "ours": None if difference is None else 30 + difference, "images": 68, "images_of": 68, "mode": "whole",
        "weights_sha256": "abc",
    }  # fmt: skip
    return {**values, **given}


def written(folder, *cells):
    path = folder / "table4.csv"
    pd.DataFrame(cells, columns=CELL_COLUMNS).to_csv(path, index=False)
    return path


def test_numbers_fall_into_bins_by_their_difference_in_either_direction(tmp_path):
    gaps = {"a": 0.05, "b": -0.049, "c": 0.1, "d": -0.06, "e": 0.12, "f": -0.11, "g": 0.0, "j": 0.2}
    cells = [cell(row, gap) for row, gap in gaps.items()]
    cells += [cell("h", None, "5 of 68 images", ours=29.9, images=5), cell("i", None, "not run", images=None)]
    counts = verdicts(read_cells([written(tmp_path, *cells)]))["verdict"].value_counts()
    assert counts.to_dict() == {
        "reproduced": 3, "nearly": 2, "above the paper": 2, "below the paper": 1, "part of the images": 1, "not run": 1,
    }  # fmt: skip


def test_of_two_runs_of_a_figure_the_one_over_all_images_counts_once(tmp_path):
    part = cell("SC", None, "5 of 68 images", ours=30.0, images=5)
    found = verdicts(read_cells([written(tmp_path, part, cell("SC", 0.2), cell("SC", 0.04, mode="block"))]))
    assert found["verdict"].to_list() == ["reproduced"]


@pytest.mark.parametrize(
    ("gap", "verdict"),
    [(0.002, "reproduced"), (-0.002, "reproduced"), (0.0021, "above the paper"), (-0.003, "below the paper")],
)
def test_ssim_has_its_own_bound(tmp_path, gap, verdict):
    cells = read_cells(
        [written(tmp_path, cell("SC", gap, metric="ssim", published=0.9, ours=0.9 + gap), cell("SC", 0.0))]
    )
    assert verdicts(cells).set_index("metric")["verdict"].to_dict() == {"ssim": verdict, "psnr": "reproduced"}
    counts = build_reproducibility(cells).values.set_index("metric")
    assert counts.loc["ssim", [verdict, "median difference"]].to_list() == [1, gap]


def test_seconds_and_baselines_that_were_not_run_are_not_counted(tmp_path):
    cells = [
        cell("SC", 0.0, metric="seconds"),
        cell("DnCNN", None, "quoted", source="[52]"),
    ]
    assert verdicts(read_cells([written(tmp_path, *cells)])).empty


def test_panel_counts_and_names_the_reasons(tmp_path):
    cells = [
        cell("SC", -0.2),
        cell("GroupSC", None, "not run", weights_sha256=None),
        cell("DnCNN", 0.01, source="[52]"),
    ]
    made = build_reproducibility(
        read_cells([written(tmp_path, *cells)]), {"abc": {"steps": 800, "training": {"init_from": "sc"}}}
    )
    ours, others = made.values.to_dict("records")
    assert (ours["figures"], ours["below the paper"], ours["not run"], ours["median difference"]) == (2, 1, 1, -0.2)
    assert (others["figures"], others["reproduced"]) == (1, 1)
    assert "schedule: at least 800 steps" in ours["reasons"]
    assert "whole images" in ours["reasons"]
    assert "1 not trained" in ours["reasons"]
    assert sum(ours[verdict] for verdict in VERDICTS) == ours["figures"]
    assert "| Table 4 | paper's models" in made.to_markdown()


def test_the_last_rows_count_all_tables_together(tmp_path):
    cells = [
        cell("SC", -0.2),
        cell("SC", 0.02, table=5),
        cell("GroupSC", -0.6, table=5),
        cell("SC", -0.003, table=8, metric="ssim", published=0.9, ours=0.897),
        cell("DnCNN", 0.01, source="[52]"),
    ]
    made = build_reproducibility(read_cells([written(tmp_path, *cells)]))
    sums = made.values[made.values["table"] == "all"].set_index(["of", "metric"])
    assert sums.index.to_list() == [("paper's models", "psnr"), ("paper's models", "ssim"), ("baselines", "psnr")]
    ours = sums.loc["paper's models", "psnr"]
    assert ours[["figures", "reproduced", "below the paper", "median difference"]].to_list() == [3, 1, 2, -0.2]
    single = made.values[made.values["table"] != "all"]
    counted = ["figures", *VERDICTS]
    assert sums[counted].equals(single.groupby(["of", "metric"])[counted].sum().loc[sums.index])
    shown = [line.split("|")[1].strip() for line in made.to_markdown().splitlines() if line.startswith("|")]
    assert shown[-3:] == ["All tables"] * 3
    assert "All tables" in made.caption


def test_of_one_table_there_are_no_sums(tmp_path):
    made = build_reproducibility(read_cells([written(tmp_path, cell("SC", -0.2))]))
    assert made.values["table"].to_list() == [4]
    assert "All tables" not in made.to_markdown()


def test_the_page_of_counts_has_a_heading(tmp_path):
    text = build_reproducibility(read_cells([written(tmp_path, cell("SC", -0.2))])).to_markdown()
    assert text.startswith("# Reproducibility\n\nNumber of the paper's values")


def test_chart_has_a_bar_of_every_table(tmp_path):
    figure = chart(read_cells([written(tmp_path, cell("SC", -0.2), cell("SC", 0.0, table=5))]))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["Table 4", "Table 5"]


def test_a_file_that_is_no_table_is_named(tmp_path):
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    with pytest.raises(GroupSCError, match=r"rows.csv has no column .*make it again"):
        read_cells([tmp_path / "rows.csv"])
    with pytest.raises(GroupSCError, match="can't be read as a table"):
        read_cells([tmp_path / "missing.csv"])


def test_settings_stand_beside_the_papers():
    card = {
        "task": "gray", "method": "groupsc", "steps": 800,
        "model": {
            "patch_size": 9, "n_atoms": 256, "n_iterations": 24, "similarity_interval": 6, "middle_averaging": True,
        },
        "training": {"batch_size": 16},
    }  # fmt: skip
    made = build_settings({"gray-groupsc-sigma25": card})
    gray = made.values[made.values["task"] == "gray"].set_index("row")
    assert gray.loc["Batch size", ["published", "ours", "difference"]].to_list() == [32, 16, -16]
    assert gray.loc["Nr epochs", "ours"] == 2
    assert set(made.values.loc[made.values["task"] == "color", "status"]) == {"not run"}
    assert "2 (800 steps)" in made.to_markdown()


def test_without_tables_nothing_is_counted(tmp_path):
    empty = build_reproducibility(read_cells([]))
    assert empty.body == []
    assert len(empty.write(tmp_path / "empty")) == 4
    assert chart(read_cells([])).axes
