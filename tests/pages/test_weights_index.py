"""The index of released weights: from cards and per-image results, with the paper's numbers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from measured_rows import make_rows

from groupsc.benchmark.rows import COLUMNS
from groupsc.pages.weights_index import index
from groupsc.paper.tables import read_published
from groupsc.weights.released import releases
from groupsc.weights.scores import Score

ROOT = Path(__file__).resolve().parents[2]


SCORE = Score(
    model="gray-groupsc-sigma25", md5="0" * 32, psnr=27.494, images=32, rho=1.1, worst_case="checkerboard",
    worst_change=-10.12, failed=2, cases=11, device="Processor X, 2 threads", code_version="1",
)  # fmt: skip


EARLIER = [{"name": "gray-sc-sigma25", "steps": steps, "minutes": 1.0, "device": "GPU"} for steps in (1000, 500)]


def card(task: str, method: str, level, variant=None) -> dict:
    training = {"batch_size": 8, "crop_size": 40, "seed": 3, "dataset": "BSD400", "init_from": "sc"}
    return {
        "task": task, "method": method, "level": level, "variant": variant, "steps": 1200, "minutes": 19.6,
        "device": "Processor X, 2 threads", "validation_psnr": 26.849, "training": training,
    }  # fmt: skip


def line_of(page: str, name: str) -> str:
    (line,) = [line for line in page.splitlines() if line.startswith(f"| `{name}`")]
    return line


@pytest.fixture(scope="module")
def page() -> str:
    models = {
        "gray-groupsc-sigma25": (card("gray", "groupsc", 25) | {"note": "chosen later", "earlier": EARLIER}, 68434),
        "gray-sc-sigma15": (card("gray", "sc", 15), 68352),
        "color-sc-blind": (card("color", "sc", None, "blind"), 125184),
        "mosaic-sc": (card("mosaic", "sc", None), 119040),
    }
    measured = pd.concat(
        [
            make_rows("groupsc", 25.0, "BSD68", [29.0, 29.2]),
            make_rows("sc-blind", 15.0, "CBSD68", [33.5] * 68, task="color"),
            make_rows("sc-blind", 25.0, "CBSD68", [30.5] * 68, task="color"),
            make_rows("sc", None, "Kodak24", [40.0] * 24, task="mosaic"),
        ],
        ignore_index=True,
    )
    return index(models, {SCORE.model: SCORE}, measured, read_published())


def test_a_remark_on_how_a_model_was_made_stands_below_the_table(page):
    assert page.endswith("\n\n- `gray-groupsc-sigma25`: chosen later.\n")


def test_metrics_stand_beside_the_paper_s_with_their_number_of_images(page):
    line = line_of(page, "gray-groupsc-sigma25")
    assert "68,434" in line
    assert "1,200 steps from sc after 1,500 earlier steps, in 20 min |" in line
    assert "8 of 40×40" in line
    assert "| 27.49 | checkerboard -10.1 (2 of 11 fail) |" in line
    assert "BSD68 29.10 (paper 29.20, 2 of 68 images)" in line


def test_blind_models_are_listed_at_every_level(page):
    assert "CBSD68 at 15 33.50 (paper 33.72); CBSD68 at 25 30.50 (paper 30.91)" in line_of(page, "color-sc-blind")


def test_mosaics_are_compared_by_channels(page):
    assert "Kodak24 40.30 (paper 42.34)" in line_of(page, "mosaic-sc")


def test_what_was_not_measured_says_so(page):
    assert line_of(page, "gray-sc-sigma15").endswith("| not run |")
    empty = index({"gray-sc-sigma15": (card("gray", "sc", 15), 1)}, {}, pd.DataFrame(columns=COLUMNS), read_published())
    assert "not run" in empty


def test_the_command_writes_the_page_of_all_releases(groupsc, tmp_path):
    result = groupsc("weights", "index", "--output", tmp_path / "page.md", cwd=ROOT)
    assert result.returncode == 0, result.stderr
    text = (tmp_path / "page.md").read_text()
    for name in releases():
        line_of(text, name)
