"""The file `dvc.yaml`: it is what the checkout makes of it, and DVC reads from it what it promises."""

from __future__ import annotations

import json
from pathlib import Path

import yaml
from checkouts import run

from groupsc.weights.cards import read_card, steps_text
from groupsc.weights.dvc_file import RESULTS, dvc_file
from groupsc.weights.released import releases

ROOT = Path(__file__).resolve().parents[2]
CONTENT = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))


def test_it_is_up_to_date(groupsc, tmp_path):
    cure = "run `groupsc weights dvc` and commit dvc.yaml"
    assert (ROOT / "dvc.yaml").read_text(encoding="utf-8") == dvc_file(ROOT), cure
    for name in ("config", "data/weights", "data/store"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).symlink_to(ROOT / name)
    ended = groupsc("weights", "dvc", cwd=tmp_path)
    assert ended.returncode == 0, ended
    made = yaml.safe_load((tmp_path / "dvc.yaml").read_text(encoding="utf-8"))
    assert made == {**CONTENT, "plots": []}, "without curves there are no plots"


def test_every_released_model_is_an_artifact_with_what_its_card_says():
    released = releases([ROOT / "data"])
    assert set(CONTENT["artifacts"]) == set(released)
    for name, artifact in CONTENT["artifacts"].items():
        card = read_card(released[name].find())
        assert (artifact["path"], artifact["type"]) == (f"data/weights/{name}.safetensors", "model")
        assert f"{steps_text(card)} training steps on {card['training']['dataset']}" in artifact["desc"]
        assert artifact["labels"][:2] == [card["task"], card["method"]]
    assert CONTENT["artifacts"]["gray-groupsc-refresh12-sigma15"]["labels"] == [
        "gray",
        "groupsc",
        "refresh12",
        "sigma15",
    ]
    assert CONTENT["artifacts"]["jpeg-sc-quality10"]["desc"].startswith(
        "SC for JPEG deblocking at quality 10; 68,352 parameters"
    )
    assert "GroupSC (blind) for color denoising;" in CONTENT["artifacts"]["color-groupsc-blind"]["desc"]


def test_curves_of_a_task_share_a_plot():
    curves = [path for plot in CONTENT["plots"] for entry in plot.values() for path in entry["y"]]
    kept = {f"{RESULTS}/curves/{path.name}" for path in (ROOT / RESULTS / "curves").glob("*.csv")}
    assert len(CONTENT["plots"]) == 4
    assert sorted(curves) == sorted(kept), "every curve stands in one plot"
    shown = json.loads(run("dvc", "plots", "show", "--json", cwd=ROOT).stdout)["data"]
    gray = shown["Training, gray denoising"][0]["content"]["data"]["values"]
    assert {"gray-sc-sigma25.csv", "gray-groupsc-blind.csv"} <= {point["filename"] for point in gray}
    assert all(point["validation_psnr"] for point in gray)


def test_metrics_are_flat_and_few():
    shown = json.loads(run("dvc", "metrics", "show", "--json", cwd=ROOT).stdout)[""]["data"]
    numbers = shown[f"{RESULTS}/metrics.json"]["data"]
    assert len(numbers) == 20
    assert all(20 < value < 45 for value in numbers.values())
    assert {name.partition("-")[0] for name in numbers} == {"gray", "color", "mosaic", "jpeg"}
    assert (ROOT / RESULTS / "metrics.json").stat().st_size < 1500
