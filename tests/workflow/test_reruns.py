"""What runs again when one key of the configuration has another value: the table of config/README.md, row by row."""

from __future__ import annotations

import re
import shutil

import pandas as pd
import pytest
import yaml
from checkouts import ROOT, change, kind, planned, snakemake

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("workflow")]

PAGE = (ROOT / "config/README.md").read_text(encoding="utf-8").split("## What reruns when")[1].split("\n## ")[0]
SHOWS = {"table", "figure", "reproducibility", "metrics", "manifest", "summary", "page"}
RELEASED = "data/weights/gray-sc-sigma25.safetensors.dvc"
VALUES = {
    "`repetitions`": {"repetitions": 2},
    "`mode`": {"mode": "block"},
    "`stride`": {"mode": "block", "stride": 8},
    "`images`": {"images": 3},
    "`cached_results`": {"cached_results": "earlier"},
    "`model`": {"model": {"n_atoms": 8}},
    "`training`": {"training": {"seed": 1}},
    "`budget`": {"budget": "cpu"},
    "`tasks`: another level": {"tasks": {"gray": {"levels": [25, 50]}}},
    "`weights`": {"weights": "released"},
    "`tables`": {"tables": ["table4", "table7", "table8", "table9"]},
    "`compare_with`": {"compare_with": "groupsc"},
    "`figures`: another figure": {"figures": {"figure3": {"figure": "step"}}},
    "`figures`: another image": {"figures": {"denoising": {"images": ["brick"]}}},
    "`blocks`": {
        "blocks": {"experiments": ["gray-sc-sigma25"], "strides": [8], "datasets": ["Bundled"]},
        "tables": ["table4", "table7", "table8", "table1"],
    },
    "`stress`": {
        "stress": {"methods": ["sc"], "baselines": ["input"], "levels": [25]},
        "tables": ["table4", "table7", "table8", "robustness"],
    },
    "`index`": {"index": "page.md"},
    "`datasets`: a folder that nothing uses": {"datasets": {"mine": {"path": "results/ci/pictures"}}},
    "`output`": {"output": "results/empty"},
    "`device`": {"device": "auto"},
    "`threads`": {"threads": {"train": 2, "evaluate": 2}},
    "`data_dir`": {"data_dir": "elsewhere"},
    "`mirror`": {"mirror": "elsewhere"},
    "`base`": {"base": "config/ci.yaml"},
}
"""What is changed for each row of the table, in the finished run of config/ci.yaml."""


def rows():
    """{first column: second column} of the table."""
    lines = [line.strip("| ").split(" | ") for line in PAGE.splitlines() if line.startswith("| `")]
    return {changed: text for changed, text in lines}


def expected(text):
    """The kinds of rules that a row names, for a grid of trained models that writes no index."""
    if text.startswith("everything"):
        return SHOWS | {"experiment", "dictionary", "train", "curve", "evaluate", "plan"}
    return set(re.findall(r"`(\w+)`", text)) | (SHOWS if "output rules" in text else set())


@pytest.fixture
def finished_with_earlier_rows(finished):
    """The finished run, with rows of one model measured earlier, and a pointer to one released model."""
    shutil.copytree(finished / "results/ci/rows/gray-sc-sigma25", finished / "earlier/gray-sc-sigma25")
    (finished / RELEASED).parent.mkdir(parents=True)
    (finished / RELEASED).write_text("outs: []\n")
    yield finished
    shutil.rmtree(finished / "earlier")
    shutil.rmtree((finished / RELEASED).parent)


def test_the_table_has_every_key():
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    assert rows().keys() == VALUES.keys()
    assert {re.match(r"`(\w+)`", changed)[1] for changed in rows()} == set(schema["properties"])


@pytest.mark.parametrize("changed", VALUES)
def test_one_changed_key_reruns_what_the_table_says(changed, finished_with_earlier_rows, tmp_path):
    more = tmp_path / "more.yaml"
    more.write_text(yaml.safe_dump(VALUES[changed]))
    plain = all(isinstance(value, (str, int)) for value in VALUES[changed].values())
    words = ["--config", *(f"{key}={value}" for key, value in VALUES[changed].items())] if plain else []
    config = "config/ci.yaml" if plain else ["config/ci.yaml", more]
    jobs = planned(*words, cwd=finished_with_earlier_rows, config=config)
    found = {kind(rule) for rule in jobs} - {"all"}
    wanted = expected(rows()[changed])
    if "weights" in VALUES[changed]:
        wanted -= {"train"}
    assert found == wanted
    if "another level" in changed:
        assert jobs["train"] == {"name=gray-sc-sigma50", "name=gray-groupsc-sigma50"}
    if "another image" in changed:
        assert jobs["evaluate"] == {f"name=gray-{method}-sigma25, dataset=Bundled" for method in ("sc", "groupsc")}
    if "cached_results" in VALUES[changed]:
        assert jobs["evaluate"] == {"name=gray-sc-sigma25, dataset=Bundled"}


def test_more_repetitions_and_another_image_reach_rows_tables_and_figures(checkout):
    shown = {"denoising": {"task": "gray", "level": 25, "dataset": "Bundled", "images": ["brick"]}}
    task = {"methods": ["sc"], "levels": [25], "datasets": ["Bundled"]}
    change(checkout / "config/ci.yaml", figures=shown, tables=["table4"], tasks={"gray": task})
    table = "results/ci/tables/table4.md"
    snakemake("--config", "repetitions=2", "--", table, cwd=checkout)
    found = pd.read_csv(checkout / "results/ci/rows/gray-sc-sigma25/Bundled.csv")
    assert set(zip(found["image"], found["repetition"], strict=True)) == {
        (image, number) for image in ("astronaut", "brick") for number in (0, 1)
    }
    assert "±" in (checkout / table).read_text()
    assert (checkout / "results/ci/pictures/gray-sc-sigma25/Bundled/brick-restored.png").stat().st_size > 0
    assert planned("--config", "repetitions=2", "--", table, cwd=checkout) == {}
