"""Test the README: its length, and its numbers against `data/measured` and the paper's published values."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from groupsc.benchmark.averages import average
from groupsc.benchmark.metrics import measure_of
from groupsc.benchmark.rows import read_rows
from groupsc.paper.tables import read_published

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
TASKS = {"grayscale": "gray", "color": "color", "demosaicking": "mosaic", "JPEG": "jpeg"}
ROWS = [
    [cell.strip() for cell in line.strip("| ").split("|")]
    for line in TEXT.splitlines()
    if re.match(r"\| (grayscale|color|demosaicking|JPEG)", line)
]


def averages(task, method, level, dataset):
    kind = {"gray": f"-sigma{level}", "color": f"-sigma{level}", "mosaic": "", "jpeg": f"-quality{level}"}[task]
    found = average(read_rows([ROOT / f"data/measured/{task}-{method}{kind}/{dataset}.csv"]))
    return next(found.itertuples(index=False))


def test_it_is_short():
    assert len(TEXT.split()) <= 700
    assert 1 <= len(ROWS) <= 8


@pytest.mark.parametrize("row", ROWS, ids=lambda row: " ".join(row[:2]))
def test_its_table_is_what_was_measured(row):
    place, model, ours, paper, baseline, seconds = row
    task, dataset = TASKS[re.split(r"\W", place)[0]], place.split()[-1]
    level = next(iter(re.findall(r"(?:σ = |quality )(\d+)", place)), None)
    ran = averages(task, model.lower(), level, dataset)
    assert f"{getattr(ran, measure_of(task)):.2f}" == ours
    assert ran.images == ran.images_of
    assert float(f"{ran.seconds:.2g}") == float(seconds.removesuffix(", GPU"))
    assert ran.device.startswith("NVIDIA H200") == seconds.endswith(", GPU")
    name, value = baseline.split()
    assert f"{getattr(averages(task, name.lower(), level, dataset), measure_of(task)):.2f}" == value
    published = read_published().query("task == @task and method == @model.lower() and metric == 'psnr'")
    published = published[(published["dataset"] == dataset) & (published["variant"] == "")]
    if level:
        published = published[published["level"] == float(level)]
    assert float(paper) in published["value"].to_list()
