"""Evaluation: rows that can be trusted, resumed, and told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import groupsc as library
from groupsc.api.guarded_method import GuardedMethod
from groupsc.benchmark import measurement, metrics, validation
from groupsc.benchmark.evaluation import evaluate, evaluate_to_csv
from groupsc.benchmark.rows import COLUMNS, MEASURED_BY, SETTINGS, read_rows
from groupsc.config.definitions import ModelConfig
from groupsc.data import datasets
from groupsc.data.degradations import add_noise, noise_generator
from groupsc.data.registry import registry
from groupsc.data.stress_set import stress_pictures
from groupsc.inference.restoration import restore
from groupsc.io.images import read_image, write_image
from groupsc.models.coder import SparseCoder
from groupsc.utils.errors import GroupSCError
from groupsc.weights.files import load_weights, save_weights

MEASURED = [column for column in COLUMNS if column not in ("seconds", "peak_memory_mb")]


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    """A data set of three small photographs in place of those of the registry."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "images"
    for name in ("01", "02", "03"):
        smooth = np.cumsum(rng.standard_normal((3, 24, 30)), axis=2)
        write_image(folder / f"{name}.png", ((smooth - smooth.min()) / np.ptp(smooth)).astype(np.float32))
    paths = sorted(folder.glob("*.png"))
    named = {path.stem: path for path in paths}
    monkeypatch.setattr(datasets, "named_paths", lambda name, root, *, images=None: dict(list(named.items())[:images]))
    return "Small"


@pytest.fixture
def weights(tmp_path):
    return make_weights(tmp_path / "weights.safetensors")


def make_weights(path, *, task="gray", method="sc", level=25.0, penalty="l1", threshold=0.02):
    config = ModelConfig(
        channels=1 if task == "gray" else 3, patch_size=3, n_atoms=12, n_iterations=2, penalty=penalty, window=5
    )
    model = SparseCoder(config)
    with torch.no_grad():
        model.thresholds.fill_(threshold)
    save_weights(path, model, {"name": "any", "task": task, "method": method, "level": level})
    return path


def quiet(weights, dataset, **options):
    return evaluate(weights, dataset, device="cpu", progress=False, **options)


def test_the_degraded_image_itself(dataset, tmp_path):
    rows = quiet("input", dataset, task="gray", level=25, repetitions=2)
    assert list(rows.columns) == COLUMNS
    assert len(rows) == 6
    assert set(rows["experiment"]) == {"gray-input-sigma25"}
    assert rows["psnr"].between(19, 23).all()
    assert rows["psnr"].nunique() == 6
    clean = read_image(tmp_path / "images" / "02.png", channels=1)
    noise = add_noise(torch.from_numpy(clean), 25, noise_generator(dataset, "02", 25.0, 1))
    row = rows[(rows["image"] == "02") & (rows["repetition"] == 1)].iloc[0]
    assert row["psnr"] == pytest.approx(metrics.psnr(noise.numpy(), clean), abs=1e-4)
    assert row["ssim"] == pytest.approx(metrics.ssim(noise.numpy(), clean), abs=1e-6)


@pytest.mark.parametrize(("mode", "stride"), [("block", 5), ("block", 2), ("whole", None)])
def test_a_model_is_restored_by_the_library(dataset, weights, tmp_path, mode, stride):
    given = stride if stride == 2 else None  # 5 is the default.
    rows = quiet(weights, dataset, images=1, mode=mode, stride=given)
    clean = read_image(tmp_path / "images" / "01.png", channels=1)
    noisy = add_noise(torch.from_numpy(clean), 25, noise_generator(dataset, "01", 25.0, 0))[None]
    model, _ = load_weights(weights)
    expected = metrics.psnr(restore(model, noisy, mode=mode, stride=given)[0].numpy(), clean)
    row = rows.iloc[0]
    assert row["psnr"] == pytest.approx(expected, abs=1e-4)
    assert (row["experiment"], row["level"], row["mode"]) == ("gray-sc-sigma25", 25.0, mode)
    assert pd.isna(row["stride"]) if stride is None else row["stride"] == stride
    assert (row["height"], row["width"]) == (24, 30)
    assert row["parameters"] == model.number_of_parameters == 3 * 9 * 12 + 2 * 12
    assert row["seconds"] > 0
    assert not row["peak_memory_mb"] <= 10
    assert row["device"]
    assert len(row["weights_sha256"]) == 64


def test_color_and_mosaics(dataset, tmp_path):
    color = quiet("input", dataset, task="color", level=25)
    assert (color["psnr"] != color["psnr_channels"]).all()
    path = make_weights(tmp_path / "m.safetensors", task="mosaic", method="groupsc", level=None, penalty="group")
    mosaic = quiet(path, dataset, repetitions=5)
    assert set(mosaic["experiment"]) == {"mosaic-groupsc"}
    assert len(mosaic) == 3
    assert mosaic["level"].isna().all()


def test_jpeg_is_measured_once(dataset):
    rows = quiet("input", dataset, task="jpeg", level=10, repetitions=3)
    assert len(rows) == 3
    assert (quiet("input", dataset, task="jpeg", level=40)["psnr"] > rows["psnr"]).all()


def test_an_interrupted_evaluation_goes_on(dataset, weights, tmp_path, monkeypatch):
    whole = evaluate_to_csv(tmp_path / "whole.csv", weights, dataset, device="cpu", progress=False)
    restored = []

    def restore_two(*arguments, **options):
        if len(restored) == 2:
            raise KeyboardInterrupt
        restored.append(1)
        return restore(*arguments, **options)

    path = tmp_path / "rows" / "rows.csv"
    monkeypatch.setattr(measurement, "restore", restore_two)
    with pytest.raises(KeyboardInterrupt):
        evaluate_to_csv(path, weights, dataset, device="cpu", progress=False)
    assert not path.exists()
    assert len(read_rows([path.with_name("rows.csv.partial")])) == 2

    monkeypatch.setattr(measurement, "restore", lambda *a, **o: restored.append(1) or restore(*a, **o))
    again = evaluate_to_csv(path, weights, dataset, device="cpu", progress=False)
    assert len(restored) == 3
    assert [file.name for file in path.parent.iterdir()] == ["rows.csv"]
    pd.testing.assert_frame_equal(again[MEASURED], whole[MEASURED])
    assert again["image"].tolist() == ["01", "02", "03"]

    evaluate_to_csv(path, weights, dataset, device="cpu", progress=False, images=2)
    assert len(restored) == 3
    assert len(read_rows([path])) == 2


def test_rows_of_other_code_are_not_continued(dataset, weights, tmp_path, monkeypatch):
    rows, restored = quiet(weights, dataset), []
    partial = tmp_path / "rows.csv.partial"
    rows.iloc[:2].assign(code_version="0.1.0+0123456789").to_csv(partial, index=False)
    monkeypatch.setattr(measurement, "restore", lambda *a, **o: restored.append(1) or restore(*a, **o))
    again = evaluate_to_csv(tmp_path / "rows.csv", weights, dataset, device="cpu", progress=False)
    assert len(restored) == 3
    assert again["code_version"].nunique() == 1


def test_pictures_of_images_that_are_not_restored_are_refused(dataset, tmp_path):
    options = {"task": "gray", "level": 25, "pictures": tmp_path}
    quiet("input", dataset, names=["02"], **options)
    assert {path.name.split("-")[0] for path in tmp_path.glob("*.png")} == {"02"}
    for images, name in ((1, "02"), (None, "04")):
        with pytest.raises(GroupSCError, match=f"no image '{name}' of Small is restored; choose among 01"):
            quiet("input", dataset, names=[name], images=images, **options)


def test_a_changed_image_of_an_own_folder_is_measured_again(weights, tmp_path):
    folder, images = tmp_path / "mine", np.random.default_rng(0).random((3, 1, 24, 30)).astype(np.float32)
    for name, image in zip("ab", images[:2], strict=True):
        write_image(folder / f"{name}.png", image)
    options = {"task": "gray", "device": "cpu", "progress": False}

    def measured():
        rows = evaluate_to_csv(tmp_path / "rows.csv", weights, str(folder), **options)
        return rows.set_index("image")[["psnr", "seconds"]]

    before = measured()
    write_image(tmp_path / "other.png", images[2])
    (tmp_path / "other.png").replace(folder / "b.png")
    after = measured()
    pd.testing.assert_series_equal(after.loc["a.png"], before.loc["a.png"])
    assert after.loc["b.png", "psnr"] != before.loc["b.png", "psnr"]


def test_another_number_of_threads_or_cpu_measures_nothing_again(dataset, weights, tmp_path, monkeypatch):
    path = tmp_path / "rows.csv"
    first = evaluate_to_csv(path, weights, dataset, device="cpu", progress=False, images=2)
    rows = pd.read_csv(path, dtype=str)
    rows["device"] = "Another CPU, 64 threads"
    rows.to_csv(path, index=False)
    restored = []
    monkeypatch.setattr(measurement, "restore", lambda *a, **o: restored.append(1) or restore(*a, **o))
    found = evaluate_to_csv(path, weights, dataset, device="cpu", progress=False)
    assert len(restored) == 1, "the third image alone"
    assert found["psnr"].tolist()[:2] == first["psnr"].tolist()
    assert found["device"].eq("Another CPU, 64 threads").tolist() == [True, True, False]


@pytest.mark.parametrize("change", ["weights", "stride", "damage"])
def test_rows_of_other_settings_are_measured_anew(dataset, weights, tmp_path, monkeypatch, change):
    path = tmp_path / "rows.csv"
    first = evaluate_to_csv(path, weights, dataset, device="cpu", progress=False)
    restored = []
    monkeypatch.setattr(measurement, "restore", lambda *a, **o: restored.append(1) or restore(*a, **o))
    options = {"mode": "block", "stride": 3} if change == "stride" else {}
    if change == "weights":
        make_weights(weights, threshold=0.05)
    if change == "damage":
        path.write_text("half a fi")
    rows = evaluate_to_csv(path, weights, dataset, device="cpu", progress=False, **options)
    assert len(restored) == 3
    assert len(rows) == 3
    assert rows[SETTINGS].drop_duplicates().shape[0] == 1
    assert (rows["psnr"] == first["psnr"]).all() == (change == "damage")


def test_rows_measured_before_are_taken_over_from_any_code_and_beyond_the_first_images(dataset, weights, tmp_path):
    options = {"device": "cpu", "progress": False, "repetitions": 2}
    earlier, path = tmp_path / "earlier.csv", tmp_path / "rows.csv"
    evaluate_to_csv(earlier, weights, dataset, **options)
    rows = pd.read_csv(earlier, dtype=str)
    rows["code_version"], rows["device"], rows["psnr"] = "older", "another", "12.34"
    rows[rows["image"] != "02"].to_csv(earlier, index=False)

    found = evaluate_to_csv(path, weights, dataset, cached_results=earlier, images=2, **options)
    assert found["image"].tolist() == ["01", "01", "02", "02", "03", "03"]
    assert ((found["psnr"] == 12.34) == (found["image"] != "02")).all()
    assert ((found["code_version"] == "older") == (found["image"] != "02")).all()
    options["repetitions"] = 1
    assert evaluate_to_csv(path, weights, dataset, cached_results=earlier, images=2, **options)["image"].tolist() == [
        "01", "02", "03",
    ]  # fmt: skip

    options["repetitions"] = 3
    found = evaluate_to_csv(path, weights, dataset, cached_results=earlier, images=2, **options)
    assert found["image"].tolist() == ["01", "01", "01", "02", "02", "02"], "03 was not measured three times"
    assert found[found["image"] == "01"]["psnr"].eq(12.34).tolist() == [True, True, False], "two of three are reused"
    options["repetitions"] = 1
    blocks = evaluate_to_csv(
        path, weights, dataset, cached_results=earlier, images=2, mode="block", stride=3, **options
    )
    make_weights(weights, threshold=0.05)
    others = evaluate_to_csv(path, weights, dataset, cached_results=earlier, images=2, **options)
    for anew in (blocks, others):
        assert anew["image"].tolist() == ["01", "02"]
        assert (anew["psnr"] != 12.34).all()

    earlier.write_text("half a fi")
    with pytest.raises(GroupSCError, match="groupsc evaluate"):
        evaluate_to_csv(path, weights, dataset, cached_results=earlier, **options)


def test_rows_that_the_repository_holds_are_of_whole_files_and_of_images_of_their_sets():
    images = registry().groupby("dataset")["file"].agg(lambda paths: {Path(path).stem for path in paths}).to_dict()
    images["stress"] = set(stress_pictures(3))
    files = sorted((Path(__file__).parents[2] / "data/measured").glob("*/*.csv"))
    assert files
    for file in files:
        rows = read_rows([file])
        assert set(rows["experiment"]) == {file.parent.name}
        assert set(rows["dataset"]) == {file.stem}
        assert set(rows["image"]) <= images[file.stem]
        assert not rows.duplicated(["image", "repetition"]).any()
        assert rows[[name for name in SETTINGS if name not in MEASURED_BY]].drop_duplicates().shape[0] == 1


def test_the_stress_set_is_measured_as_the_rule_of_release_does(weights):
    """Without clipping: some pictures exceed [0, 1], and clipping would remove half of the noise of black and white."""
    rows = quiet(weights, "stress", repetitions=2).sort_values(["image", "repetition"], ignore_index=True)
    noisy = quiet("input", "stress", task="gray", level=25, images=3)
    expected = validation.stress(*load_weights(weights), repetitions=2)
    found = expected.sort_values(["case", "repetition"], ignore_index=True)
    assert rows["image"].tolist() == found["case"].tolist()
    np.testing.assert_allclose(rows["psnr"].astype(float), found["after"], atol=1e-3)
    np.testing.assert_allclose(
        noisy["psnr"].astype(float), expected["before"][expected["repetition"] == 0][:3], atol=1e-3
    )
    with pytest.raises(GroupSCError, match="is for gray and color, not for jpeg"):
        quiet("input", "stress", task="jpeg", level=10)


def test_the_guard_is_measured_as_denoise_restores(weights, groupsc, tmp_path):
    clean = stress_pictures(1)["bars 1"]
    noisy = add_noise(clean, 25, noise_generator("stress", "bars 1", 25))
    restored = library.denoise(noisy[0].numpy(), sigma=25 / 255, weights=weights)
    options = ("--task", "gray", "--level", "25", "--dataset", "stress", "--images", "1", "--output", "rows.csv")
    groupsc("evaluate", weights, "--guard", *options, cwd=tmp_path)
    (row,) = read_rows([tmp_path / "rows.csv"]).to_dict("records")
    assert (row["experiment"], row["method"]) == ("gray-sc-guarded-sigma25", "sc-guarded")
    assert row["psnr"] == pytest.approx(metrics.psnr(restored[None], clean.numpy(), clip=False), abs=1e-3)
    assert row["psnr"] > quiet(weights, "stress", images=1)["psnr"].item() + 5, "the model alone removes the bars"
    digest = GuardedMethod(weights).digest("gray", 25)
    make_weights(weights, threshold=0.03)
    assert row["weights_sha256"] == digest != GuardedMethod(weights).digest("gray", 25)
    with pytest.raises(GroupSCError, match="the guard is for gray and color"):
        GuardedMethod(make_weights(tmp_path / "mosaic.safetensors", task="mosaic", level=None))


def test_pictures_of_chosen_images(dataset, weights, tmp_path):
    folder = tmp_path / "pictures"
    options = {"device": "cpu", "progress": False, "pictures": folder, "names": ["02"]}
    evaluate_to_csv(tmp_path / "rows.csv", weights, dataset, **options)
    assert sorted(file.name for file in folder.iterdir()) == ["02-clean.png", "02-degraded.png", "02-restored.png"]
    np.testing.assert_array_equal(
        read_image(folder / "02-clean.png"), read_image(tmp_path / "images" / "02.png", channels=1)
    )
    (folder / "02-restored.png").unlink()
    before = (tmp_path / "rows.csv").read_bytes()
    evaluate_to_csv(tmp_path / "rows.csv", weights, dataset, **options)
    assert (folder / "02-restored.png").exists()
    assert (tmp_path / "rows.csv").read_bytes() == before, "a picture is no new measurement"


def test_a_changed_model_needs_a_name(dataset, weights):
    model = library.load(weights, device="cpu", trainable=True)
    released = evaluate(model, dataset, images=1, progress=False)
    with torch.no_grad():
        model.coder.D.mul_(1.1)
    with pytest.raises(GroupSCError, match="were changed after it was loaded; give the model a name"):
        evaluate(model, dataset, images=1, progress=False)
    tuned = evaluate(model, dataset, name="tuned", images=1, progress=False)
    columns = ["task", "method", "level"]
    assert tuned[columns].to_dict("records") == [{"task": "gray", "method": "tuned", "level": 25.0}]
    assert tuned["psnr"].item() != released["psnr"].item()


def test_wrong_requests_give_a_hint(dataset, weights, tmp_path):
    for options, words in [
        ({"task": "gray", "level": 50, "mode": "block"}, "trained for sigma 25"),
        ({"task": "color"}, "trained for the task 'gray'"),
        ({"task": "grey"}, "choose one of gray"),
    ]:
        with pytest.raises(GroupSCError, match=words):
            quiet(weights, dataset, **options)
    for method, options, words in [
        (weights, {"name": "mine"}, "has a name of its own"),
        (weights, {"seed": 3}, "no option 'seed'; choose among cached_results, data_dir"),
        (weights, {"sigma": [15, 25]}, r"level is \[15, 25\]; give one number"),
        ("input", {"task": "mosaic", "sigma": 5}, "'mosaic' has no noise"),
        (torch.nn.Identity, {"sigma": 25}, r"Identity is a class; give an instance, such as Identity\(\)"),
    ]:
        with pytest.raises(GroupSCError, match=words):
            evaluate(method, dataset, progress=False, **options)
    with pytest.raises(GroupSCError, match="needs a level"):
        quiet("input", dataset, task="gray")
    with pytest.raises(GroupSCError, match="task is needed"):
        quiet("input", dataset)
    with pytest.raises(GroupSCError, match="groupsc evaluate"):
        read_rows([tmp_path / "absent.csv"])
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(GroupSCError, match="no column"):
        read_rows([tmp_path / "other.csv"])
    assert read_rows([]).empty
