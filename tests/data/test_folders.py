"""Folders of own images as data sets: names, digests, errors, training, evaluation, configuration."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from groupsc.benchmark import configuration_checks
from groupsc.benchmark.cost import plan
from groupsc.config.experiments import experiments
from groupsc.config.files import complete_grid
from groupsc.data import datasets, registry
from groupsc.data.configured import data_dir_of, image_names
from groupsc.data.fetching import fetch
from groupsc.data.folders import DataDir, data_dir_with, images_in, state_of
from groupsc.data.manifests import data_digest
from groupsc.training.batches import training_images
from groupsc.training.validation_blocks import validation_blocks
from groupsc.utils.errors import GroupSCError

NAMES = ["Été 2020/IMG_0001.PNG", "IMG_0001.PNG", "IMG_0001.jpg", "b c.TIF"]


@pytest.fixture
def folder(tmp_path):
    """Images of odd sizes with blanks, accents and upper case in their names, two of them with one stem."""
    place = tmp_path / "my photos"
    for number, name in enumerate(NAMES):
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 255, (21 + number, 24 + number, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    (place / "notes.txt").write_text("no image")
    (place / "._IMG_0001.jpg").write_text("a file of macOS")
    (place / "loop").symlink_to(place)
    return place


def test_every_image_has_a_name_of_its_own(folder):
    assert list(datasets.named_paths(str(folder))) == sorted(NAMES)
    assert {image.shape[1:] for image in datasets.load_images(str(folder), channels=1).values()} == {
        (21 + number, 24 + number) for number in range(len(NAMES))
    }
    assert datasets.set_name(str(folder)) == "my photos"
    assert datasets.image_path("mine", "b c.TIF", DataDir("data/raw", {"mine": folder})) == folder / "b c.TIF"


def test_equal_stems_in_the_registry_are_refused(monkeypatch):
    rows = registry.registry().query("dataset == 'Set12'")
    twice = pd.concat([rows, rows[:1].assign(file="01.jpg")])
    monkeypatch.setattr(registry, "_registry", lambda: twice)
    with pytest.raises(GroupSCError, match=r"two images of the name '01', 01.jpg and 01.png; rename"):
        datasets.named_paths("Set12")


def test_the_manifest_has_the_checksums_and_nothing_is_copied(folder, tmp_path):
    manifest = fetch(str(folder), tmp_path / "raw")
    assert not (tmp_path / "raw").exists()
    assert {row["file"]: row["sha256"] for row in manifest["files"]} == {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in NAMES
    }
    before = data_digest(str(folder)), state_of(folder)
    Image.new("L", (30, 30)).save(folder / "b c.TIF")
    after = data_digest(str(folder)), state_of(folder)
    assert before[0] == manifest["digest"] != after[0]
    assert before[1] != after[1]


@pytest.mark.parametrize(
    ("dataset", "folders", "words"),
    [
        ("absent/photos", {}, "absent/photos does not exist; correct its path"),
        ("mine", {"mine": "{tmp}/empty"}, "contains no images; put files there"),
        ("{tmp}/BSD68", {}, "has the name of the public data set BSD68"),
        ("BSD86", {}, "or the path of a folder with images"),
    ],
)
def test_errors_say_what_to_write(tmp_path, dataset, folders, words):
    for name in ("empty", "BSD68"):
        (tmp_path / name).mkdir()
    where = DataDir("data/raw", {name: path.format(tmp=tmp_path) for name, path in folders.items()})
    with pytest.raises(GroupSCError, match=words):
        datasets.named_paths(dataset.format(tmp=tmp_path), where)


@pytest.mark.parametrize("text", ["photos", "my set=photos", "mine="])
def test_the_option_has_one_form(text):
    with pytest.raises(GroupSCError, match="write NAME=FOLDER"):
        data_dir_with("data/raw", [text])


def configuration(folder, **keys):
    gray = {"methods": ["sc"], "levels": [25], "datasets": ["mine"]}
    training = {"dataset": "mine", "validation": "mine", "crop_size": 16, "init_from": None}
    given = {"tasks": {"gray": gray}, "training": training, "weights": "trained", "budget": "cpu"}
    return complete_grid({**given, "datasets": {"mine": {"path": str(folder)}}, **keys})


def test_a_configuration_names_folders(folder, tmp_path):
    config = configuration(folder, output=str(tmp_path / "out"))
    found = experiments(config)
    configuration_checks.check(config, found)
    assert image_names({**config, "images": 2}, "mine") == sorted(NAMES)[:2]
    assert plan.plan(config).download == 0
    images = training_images(found["gray-sc-sigma25"], data_dir_of(config))
    assert len(images) == len(NAMES)
    with pytest.raises(GroupSCError, match=r"datasets.BSD68 has the name of a public data set"):
        configuration_checks.check({**config, "datasets": {"BSD68": {"path": str(folder)}}}, found)
    with pytest.raises(GroupSCError, match=r"In datasets.mine.path: the folder absent does not exist"):
        configuration_checks.check({**config, "datasets": {"mine": {"path": "absent"}}}, found)


def test_errors_about_images_name_the_file(folder):
    Image.new("L", (90, 5)).save(folder / "strip.png")
    config = configuration(folder)
    experiment, where = experiments(config)["gray-sc-sigma25"], data_dir_of(config)
    with pytest.raises(GroupSCError, match=r"the image strip.png of the training set mine is 5×90 pixels"):
        training_images(experiment, where)
    with pytest.raises(GroupSCError, match=r"the image strip.png of the validation set mine"):
        validation_blocks(experiment, where, block=16)


def test_a_file_name_that_results_cannot_contain_is_named(tmp_path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png")).touch()
    with pytest.raises(GroupSCError, match=r"caf.*not valid UTF-8; rename it"):
        images_in(tmp_path)


def test_commands_take_a_folder(folder, tmp_path):
    """`fetch`, `dictionary`, `train` and `evaluate`, as a user calls them; no file of a checkout is changed."""
    experiment = experiments(configuration(folder, model={"n_atoms": 8, "patch_size": 5, "n_iterations": 1}))
    settings = json.loads(json.dumps(experiment["gray-sc-sigma25"], default=vars))
    settings["training"] |= {"max_steps": 1, "batch_size": 1, "micro_batch_size": 1, "validation_images": 1}
    (tmp_path / "sc.yaml").write_text(yaml.safe_dump(settings))
    code = (
        "import sys; from groupsc.cli.app import app\nfor line in sys.argv[1:]: app(eval(line), standalone_mode=False)"
    )
    named = ["--folder", f"mine={folder}"]
    outputs = subprocess.run(
        [
            sys.executable, "-c", code,
            repr(["fetch", "mine", *named, "--manifest", "mine.json"]),
            repr(["dictionary", str(folder), "--patch-size", "5", "--n-atoms", "8", "--output", "d.safetensors"]),
            repr(["train", "sc.yaml", *named, "--dictionary", "d.safetensors", "--output", "run"]),
            repr(["evaluate", "run/weights.safetensors", "--dataset", str(folder), "--output", "rows.csv"]),
        ],
        cwd=tmp_path, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.getcwd()},
    )  # fmt: skip
    assert outputs.returncode == 0, outputs.stderr
    assert "mine: 4 files" in outputs.stdout
    rows = pd.read_csv(tmp_path / "rows.csv")
    assert sorted(rows["image"]) == sorted(NAMES)
    assert set(rows["dataset"]) == {"my photos"}
    from groupsc.weights.cards import read_card

    card = read_card(tmp_path / "run/weights.safetensors")
    assert card["training"]["dataset"] == "mine"
    assert card["data_digest"] == json.loads((tmp_path / "mine.json").read_text())["digest"]
    assert str(folder) not in json.dumps(card)
    assert not Path(os.getcwd(), "my photos").exists()
