"""The model cards of released weights: front matter, numbers, commands and code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pandas as pd
import pytest
import yaml

from groupsc.benchmark.rows import table_of
from groupsc.data.registry import registry
from groupsc.models.sizes import number_of_parameters
from groupsc.pages.model_card import model_card
from groupsc.utils.errors import GroupSCError
from groupsc.weights.cards import config_of, read_card
from groupsc.weights.released import releases
from groupsc.weights.scores import scores_of

ROOT = Path(__file__).resolve().parents[2]


def front_matter(text: str) -> dict:
    return yaml.safe_load(re.match(r"---\n(.*?)\n---\n\n# ", text, re.S)[1])


@pytest.mark.parametrize(
    ("name", "sets", "words"),
    [
        ("gray-groupsc-sigma25", {"BSD68": "σ = 25", "Set12": "σ = 25"}, ["68,434", "σ = 25 only", "| 29.20 |"]),
        ("mosaic-sc", {"CBSD68": "", "Kodak24": ""}, ["mean over the three channels", "| 42.34 |"]),
        ("jpeg-sc-quality10", {"Classic5": "quality 10"}, ["CBSD400", "quality 10 only"]),
    ],
)
def test_the_command_writes_the_card_with_the_means_of_the_cached_results(groupsc, tmp_path, name, sets, words):
    ended = groupsc("weights", "card", name, "--output", tmp_path / "README.md", cwd=tmp_path)
    assert ended.returncode == 0, ended.said
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    found = front_matter(text)
    assert found["license"] == "mit"
    assert found["pipeline_tag"] == "image-to-image"
    assert found["metrics"] == ["psnr", "ssim"]
    (model,) = found["model-index"]
    assert model["name"] == name
    assert {result["dataset"]["type"] for result in model["results"]} == set(sets)
    for result in model["results"]:
        dataset = result["dataset"]["type"]
        rows = pd.read_csv(ROOT / f"data/measured/{name}/{dataset}.csv")
        whole = len(registry()[registry()["dataset"] == dataset])
        part = "" if len(rows) == whole else f", {len(rows)} of {whole} images"
        assert result["dataset"]["name"] == f"{dataset} {sets[dataset]}".strip() + part
        mean = rows["psnr_channels" if name.startswith("mosaic") else "psnr"].mean()
        psnr, ssim = (metric["value"] for metric in result["metrics"])
        assert psnr == round(mean, 2)
        assert ssim == round(rows["ssim"].mean(), 4)
        images = rf"{len(rows)}|{len(rows)} of \d+ images"  # The second where a part of the set was measured.
        assert re.search(rf"\| {dataset} \| {re.escape(sets[dataset])} \| ({images}) \| {psnr:.2f} \|", text)
    assert [word for word in words if word not in text] == []


def test_an_unknown_name_is_refused(groupsc, tmp_path):
    assert "choose among" in groupsc("weights", "card", "gray-magic", cwd=tmp_path).complaint


def test_every_release_has_a_card_whose_commands_and_code_are_right():
    known = releases()
    scores = scores_of(known)
    for name, release in known.items():
        card = read_card(release.find())
        size = number_of_parameters(config_of(release.path, card))
        text = model_card(card, table_of([]), parameters=size, md5=release.md5, score=scores.get(name))
        assert front_matter(text)["tags"][0] == "image-restoration"
        assert "non-commercial research" in text  # The terms of the training images.
        assert f"`{release.md5}`" in text
        (code,) = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
        calls = [node.func.attr for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
        assert calls[-1] == "load"
        restore = {"gray": "denoise", "color": "denoise", "mosaic": "demosaick", "jpeg": "deblock"}[card["task"]]
        assert calls[0] == restore
        assert f"\ngroupsc {restore} " in text
        assert ("cases" in text) == (name in scores)


def test_a_training_set_without_a_source_is_refused():
    card = read_card(releases()["gray-sc-sigma25"].find())
    card["training"]["dataset"] = "mine"
    with pytest.raises(GroupSCError, match=r"data/sources\.csv"):
        model_card(card, table_of([]), parameters=1, md5="0")
