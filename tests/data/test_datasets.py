"""The registry, the data sets on disk, and the pointers that say what was published."""

from __future__ import annotations

import functools
import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skimage.data
import yaml
from processes import store

from groupsc.data import datasets
from groupsc.data.bundled import CORNERS, FILES_OF, SIDE
from groupsc.data.fetching import fetch
from groupsc.data.registry import datasets as registered
from groupsc.data.registry import registry
from groupsc.io.images import read_image
from groupsc.utils.errors import GroupSCError

ROOT = Path(__file__).resolve().parents[2]
POINTERS = sorted((ROOT / "data/raw").glob("[!.]*.dvc"))
SIZES = {
    "BSD400": 400, "CBSD400": 400, "BSDval32": 32, "BSD68": 68, "CBSD68": 68, "Set12": 12, "Classic5": 5, "Kodak24": 24,
    "Kodak24-crop": 24, "Urban100": 100, "peers-dncnn-gray": 4, "peers-dncnn-color": 5, "peers-dncnn-jpeg": 1,
    "peers-ffdnet": 2,
}  # fmt: skip


@pytest.fixture
def mirror(shared, monkeypatch):
    monkeypatch.setenv("GROUPSC_MIRROR", str(shared / "mirror"))
    return shared / "mirror"


def sources():
    return pd.read_csv(ROOT / "data/sources.csv", keep_default_na=False).set_index("dataset")


def test_registry_has_every_data_set_in_full():
    assert registry().groupby("dataset").size().to_dict() == SIZES
    assert set(registered()) == {*SIZES, *FILES_OF}


def test_every_row_of_the_registry_can_be_fetched_and_verified():
    rows = registry()
    assert rows["sha256"].str.fullmatch("[0-9a-f]{64}").all()
    assert rows["commit"].str.fullmatch("[0-9a-f]{40}").all()
    assert rows["repo"].str.fullmatch(r"[\w.-]+/[\w.-]+").all()
    assert (rows["bytes"] > 0).all()
    assert rows["file"].str.fullmatch(r"\w[\w.-]*").all()
    # Not on any file system may one file of a set take the place of another.
    assert not rows.assign(file=rows["file"].str.lower()).duplicated(["dataset", "file"]).any()
    # `load_images` names images by their stems.
    assert not rows.assign(file=rows["file"].str.rpartition(".")[0]).duplicated(["dataset", "file"]).any()


def test_a_change_of_the_table_stays_with_the_caller():
    table = registry()
    table["sha256"] = ""
    assert registry()["sha256"].str.len().eq(64).all()


def test_training_validation_and_test_images_are_apart():
    files = registry().groupby("dataset")["sha256"].apply(set)
    tests = set().union(*(files[name] for name in ("BSD68", "CBSD68", "Set12", "Kodak24", "Urban100", "Classic5")))
    assert not (files["BSD400"] | files["CBSD400"] | files["BSDval32"]) & tests
    assert not files["CBSD400"] & files["BSDval32"]
    stems = registry().assign(stem=lambda rows: rows["file"].str.split(".").str[0])
    stems = stems.groupby("dataset")["stem"].apply(set)
    for one, other in (("CBSD400", "CBSD68"), ("BSDval32", "CBSD68"), ("CBSD400", "BSDval32")):
        assert not stems[one] & stems[other]


def test_every_data_set_has_source_licence_and_citation():
    table = sources()
    assert set(table.index) == set(registered())
    assert table.index.is_unique
    assert (table[["role", "source", "citation", "licence", "note"]] != "").all(axis=None)
    assert table["source"].str.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+").all()
    assert table["citation"].str.contains(r"https://doi\.org/10\.\d{4,}/\S|http://r0k\.us").all()
    for name, row in table.iterrows():
        images = 0 if name.startswith("peers") else len(FILES_OF[name]) if name in FILES_OF else SIZES[name]
        assert row["images"] == images
        repositories = registry().query("dataset == @name")["repo"].unique()
        assert all(row["source"] == f"https://github.com/{repository}" for repository in repositories)


def test_crops_are_parts_of_the_photographs(tmp_path):
    with pytest.raises(GroupSCError, match="groupsc fetch Bundled-crop"):
        datasets.image_paths("Bundled-crop", tmp_path)
    manifest = fetch("Bundled-crop", tmp_path, images=2)
    crops = datasets.load_images("Bundled-crop", tmp_path, channels=3, images=2)
    assert [row["file"] for row in manifest["files"]] == ["astronaut.png", "brick.png"]
    for name, crop in crops.items():
        whole = datasets.load_images("Bundled", channels=3, images=2)[name]
        left, top = CORNERS[f"{name}.png"]
        np.testing.assert_array_equal(crop, whole[:, top : top + SIDE, left : left + SIDE])


def test_bundled_photographs_need_neither_folder_nor_network(tmp_path, monkeypatch):
    monkeypatch.setenv("GROUPSC_MIRROR", "http://127.0.0.1:9")
    manifest = fetch("Bundled", tmp_path / "none")
    paths = datasets.image_paths("Bundled", tmp_path / "none")
    assert not (tmp_path / "none").exists()
    assert [path.name for path in paths] == sorted(FILES_OF["Bundled"]) == [row["file"] for row in manifest["files"]]
    for row, path in zip(manifest["files"], paths, strict=True):
        assert row["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert row["bytes"] == path.stat().st_size


def test_bundled_photographs_are_those_of_scikit_image():
    color, gray = (datasets.load_images("Bundled", channels=channels) for channels in (3, 1))
    for name in ("astronaut", "coffee", "chelsea", "rocket"):
        expected = getattr(skimage.data, name)() / np.float32(255)
        np.testing.assert_array_equal(color[name], expected.transpose(2, 0, 1))
        assert gray[name].shape == (1, *color[name].shape[1:])
    for name in ("camera", "brick", "coins", "grass", "gravel"):
        np.testing.assert_array_equal(gray[name][0], getattr(skimage.data, name)() / np.float32(255))
        np.testing.assert_array_equal(color[name], np.repeat(gray[name], 3, axis=0))
    left, _, _ = skimage.data.stereo_motorcycle()
    np.testing.assert_array_equal(color["motorcycle_left"], left.transpose(2, 0, 1) / np.float32(255))
    assert all(image.dtype == np.float32 for image in (*color.values(), *gray.values()))


def test_a_subset_is_the_beginning_of_the_sorted_list():
    every = datasets.image_paths("Bundled")
    assert datasets.image_paths("Bundled", images=3) == every[:3]
    assert list(datasets.load_images("Bundled", channels=1, images=2)) == [path.stem for path in every[:2]]
    assert datasets.image_paths("Bundled", images=1000) == every


@pytest.mark.parametrize("images", [0, -1])
def test_a_subset_has_at_least_one_image(images, tmp_path):
    for name in ("Bundled", "Set12"):
        for function in (fetch, datasets.image_paths):
            with pytest.raises(GroupSCError, match="at least 1"):
                function(name, tmp_path, images=images)
    assert not list(tmp_path.iterdir())


def test_unknown_data_set(tmp_path):
    for function in (fetch, datasets.image_paths):
        with pytest.raises(GroupSCError, match=r"no data set 'set12'; choose one of .*Set12.*Bundled"):
            function("set12", tmp_path)
    assert not list(tmp_path.iterdir())


def test_files_that_are_not_there_name_the_command_that_fetches(tmp_path):
    with pytest.raises(GroupSCError, match="12 of 12 files of Set12 are missing") as failure:
        datasets.image_paths("Set12", tmp_path)
    assert f"`groupsc fetch Set12 --data-dir {tmp_path}`" in str(failure.value)


def test_weights_of_other_methods_are_no_images(tmp_path):
    for name in SIZES:
        if name.startswith("peers"):
            with pytest.raises(GroupSCError, match=r"contains no images; choose one of BSD400.*Bundled$"):
                datasets.load_images(name, tmp_path, channels=1)


def test_manifest_is_plain_and_its_digest_covers_every_file(tmp_path):
    manifest = fetch("Bundled", images=3)
    assert json.loads(json.dumps(manifest)) == manifest
    listing = "".join(f"{row['sha256']}  {row['file']}\n" for row in manifest["files"])
    assert manifest["digest"] == hashlib.sha256(listing.encode()).hexdigest()
    assert manifest["digest"] != fetch("Bundled", images=2)["digest"]


def test_import_touches_neither_network_nor_torch():
    code = (
        "import sys; import groupsc.data.fetching; "
        "sys.exit(bool({'torch', 'requests', 'pooch', 'skimage'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_pointers_cover_what_the_registry_has():
    assert {pointer.stem for pointer in POINTERS} == {name for name in SIZES if not name.startswith("peers")}
    for pointer in POINTERS:
        (output,) = yaml.safe_load(pointer.read_text())["outs"]
        rows = registry().query("dataset == @pointer.stem")
        assert output["path"] == pointer.stem
        assert (output["nfiles"], output["size"]) == (len(rows), rows["bytes"].sum())


def test_no_image_can_be_committed():
    ignored = set((ROOT / "data/raw/.gitignore").read_text().split())
    assert ignored == {f"/{name}" for name in (*SIZES, "Bundled-crop")}


def folder_hash(folder):
    """The hash of a folder as DVC defines it: of a list of the md5 of every file."""
    files = sorted(path for path in folder.iterdir())
    listing = [{"md5": hashlib.md5(path.read_bytes()).hexdigest(), "relpath": path.name} for path in files]
    return hashlib.md5(json.dumps(listing, sort_keys=True).encode()).hexdigest() + ".dir"


@pytest.mark.parametrize("name", [pointer.stem for pointer in POINTERS])
def test_published_files_of_the_mirror(mirror, tmp_path, name):
    rows = registry().query("dataset == @name").sort_values("file")
    if not all((mirror / row.repo / row.commit / row.path).exists() for row in rows.itertuples()):
        pytest.skip(f"the mirror does not hold all images of {name}")
    manifest = fetch(name, tmp_path, progress=False)
    assert [row["sha256"] for row in manifest["files"]] == list(rows["sha256"])
    (output,) = yaml.safe_load((ROOT / f"data/raw/{name}.dvc").read_text())["outs"]
    assert folder_hash(tmp_path / name) == output["md5"]
    channels = {"1": 1, "3": 3}[sources().loc[name, "channels"]]
    images = datasets.load_images(name, tmp_path, channels=channels, images=5)
    as_stored = {path.stem: read_image(path) for path in datasets.image_paths(name, tmp_path, images=5)}
    for stem, image in images.items():
        np.testing.assert_array_equal(image, as_stored[stem])


def test_sizes_of_the_published_images(mirror, tmp_path):
    sides = {"BSD400": {(180, 180)}, "Kodak24": {(512, 768), (768, 512)}, "Kodak24-crop": {(500, 500)}}
    sides |= {"BSD68": {(321, 481), (481, 321)}, "CBSD68": {(321, 481), (481, 321)}, "Set12": {(256, 256), (512, 512)}}
    for name, expected in sides.items():
        fetch(name, tmp_path, progress=False)
        channels = int(sources().loc[name, "channels"])
        assert {
            image.shape[1:] for image in datasets.load_images(name, tmp_path, channels=channels).values()
        } == expected


def test_color_test_images_are_the_decoded_jpegs_of_their_source(mirror, tmp_path):
    fetch("BSDval32", tmp_path, progress=False)
    fetch("CBSD68", tmp_path, progress=False)
    validation, tests = (datasets.load_images(name, tmp_path, channels=3) for name in ("BSDval32", "CBSD68"))
    assert not {image.tobytes() for image in validation.values()} & {image.tobytes() for image in tests.values()}


def test_a_mirror_that_holds_a_part(mirror, tmp_path):
    assert len(fetch("Urban100", tmp_path, images=5, progress=False)["files"]) == 5
    assert all(
        image.shape[2] == 1024 for image in datasets.load_images("Urban100", tmp_path, channels=3, images=5).values()
    )
    if (mirror / "jbhuang0604/SelfExSR").is_dir() and len(list(mirror.rglob("img_*_HR.png"))) < 100:
        with pytest.raises(GroupSCError, match=r"img006\.png could not be fetched"):
            fetch("Urban100", tmp_path, progress=False)


def test_weights_of_other_methods_are_fetched_as_files(mirror, tmp_path):
    manifest = fetch("peers-dncnn-color", tmp_path, progress=False)
    assert {row["file"] for row in manifest["files"]} == {
        path.name for path in (tmp_path / "peers-dncnn-color").iterdir()
    }


@pytest.mark.slow
def test_dvc_tells_whether_the_data_at_hand_is_the_published_data(mirror, tmp_path):
    pytest.importorskip("dvc", reason="DVC comes with `pip install groupsc[workflow]`")
    run = functools.partial(store(), cwd=tmp_path)

    raw, weight = tmp_path / "data/raw", tmp_path / "data/weights/model.safetensors"
    for folder in (raw, weight.parent, tmp_path / ".dvc"):
        folder.mkdir(parents=True)
    shutil.copy(ROOT / ".dvc/config", tmp_path / ".dvc/config")
    assert run("config", "core.no_scm", "true").returncode == 0
    weight.write_bytes(b"weights")
    assert run("add", weight).returncode == run("push").returncode == 0
    for name in ("Set12", "Classic5"):
        shutil.copy(ROOT / f"data/raw/{name}.dvc", raw)
    assert re.findall(r"deleted: +data/raw/(\w+)", run("status").stdout) == ["Classic5", "Set12"]
    # A bare clone can be pulled: the store brings the weights, and the images are no business of it.
    weight.unlink()
    shutil.rmtree(tmp_path / ".dvc/cache")
    assert run("pull").returncode == 0
    assert weight.read_bytes() == b"weights"
    for name in ("Set12", "Classic5"):
        fetch(name, raw, progress=False)
    assert run("status", "--quiet").returncode == 0
    with (raw / "Set12/05.png").open("ab") as file:
        file.write(b"\0")
    assert re.findall(r"(\w+): +data/raw/(\w+)\n", run("status").stdout) == [("modified", "Set12")]
    fetch("Set12", raw, progress=False)
    assert run("status", "--quiet").returncode == run("push").returncode == 0
    assert len([path for path in (tmp_path / "data/store").rglob("*") if path.is_file()]) == 1
