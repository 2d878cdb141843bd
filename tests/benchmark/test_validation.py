"""Validation and stress of trained models: against the parts that they are made of, and as commands."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
import torch
from small_models import perturbed_coder

from groupsc.benchmark import metrics
from groupsc.benchmark.validation import (
    TOLERANCE,
    facts,
    measure_file,
    stress,
    stress_changes,
    validate,
)
from groupsc.data.datasets import load_images
from groupsc.data.degradations import bayer_mask, degrade, interpolate_mosaic, noise_generator
from groupsc.data.stress_set import STRESS_LEVELS, stress_pictures
from groupsc.inference.restoration import restore
from groupsc.io.images import read_image, write_image
from groupsc.weights import selection
from groupsc.weights.files import read_tensors, save_weights
from groupsc.weights.released import releases
from groupsc.weights.scores import Score, read_scores, scores_of, write_scores
from groupsc.weights.selection import validation_psnr

CARDS = {
    "gray": {"task": "gray", "level": 25.0},
    "mosaic": {"task": "mosaic", "level": None},
    "jpeg": {"task": "jpeg", "level": 10},
}


def coder(task: str, **options):
    return perturbed_coder(channels=3 if task == "mosaic" else 1, **options).float()


def test_validation_is_the_psnr_of_the_central_part_of_every_image():
    model = coder("gray")
    rows = validate(model, CARDS["gray"], "unused", dataset="Bundled", images=2)
    images = load_images("Bundled", channels=1, images=2)
    assert list(rows["case"]) == list(images)
    for row, image in zip(rows.itertuples(), images.values(), strict=True):
        top, left = (length // 2 - 64 for length in image.shape[1:])
        clean = torch.from_numpy(image[:, top : top + 128, left : left + 128])
        noisy, _ = degrade(clean[None], "gray", 25.0, noise_generator("Bundled", row.case, 25.0))
        assert row.before == pytest.approx(-10 * math.log10(float((noisy[0] - clean).square().mean())), abs=1e-4)
        assert row.after == pytest.approx(metrics.psnr(restore(model, noisy)[0], clean), abs=1e-4)


def test_blind_models_are_validated_over_the_range_of_their_levels():
    model = coder("gray", levels=(0.0, 55.0), interpolate=True)
    card = {"task": "gray", "level": None}
    rows = validate(model, card, "unused", dataset="Bundled", images=5)
    assert list(rows["level"]) == pytest.approx([5.5, 16.5, 27.5, 38.5, 49.5])
    assert list(rows["before"]) == pytest.approx([-20 * math.log10(level / 255) for level in rows["level"]], abs=0.2)
    images = load_images("Bundled", channels=1, images=5)
    for row in rows.itertuples():
        top, left = (length // 2 - 64 for length in images[row.case].shape[1:])
        clean = torch.from_numpy(images[row.case][:, top : top + 128, left : left + 128])
        noisy, _ = degrade(clean[None], "gray", row.level, noise_generator("Bundled", row.case, row.level))
        restored = restore(model, noisy, level=row.level)[0]
        assert row.after == pytest.approx(metrics.psnr(restored, clean), abs=1e-3)
    changes = stress_changes(stress(model, card, repetitions=1))
    assert sorted(set(changes.index.get_level_values("level"))) == list(STRESS_LEVELS)


def test_jpeg_is_compressed_before_the_crop(tmp_path):
    """The crop of this image does not begin at a block of the compression."""
    image = load_images("Bundled", channels=1, images=1).popitem()[1][:, :301, :333]
    write_image(tmp_path / "photos/a.png", image)
    image = read_image(tmp_path / "photos/a.png", channels=1)
    rows = validate(coder("jpeg"), CARDS["jpeg"], "unused", dataset=str(tmp_path / "photos"), images=1)
    decoded, _ = degrade(torch.from_numpy(image), "jpeg", 10, None)
    top, left = (length // 2 - 64 for length in image.shape[1:])
    error = (decoded.numpy() - image)[:, top : top + 128, left : left + 128]
    assert rows["before"].item() == pytest.approx(-10 * math.log10(np.square(error).mean()), abs=1e-4)


@pytest.mark.parametrize("task", ["mosaic", "jpeg"])
def test_mosaics_start_from_their_interpolation_and_jpeg_from_the_decoded_image(task):
    model, card = coder(task), CARDS[task]
    rows = pd.concat([validate(model, card, "unused", dataset="Bundled", images=1), stress(model, card)])
    assert (rows["repetition"] == 0).all()
    image = next(iter(load_images("Bundled", channels=model.config.channels, images=1).values()))
    if task == "jpeg":
        decoded, _ = degrade(torch.from_numpy(image), "jpeg", 10, None)
        top, left = (length // 2 - 64 for length in image.shape[1:])
        error = (decoded.numpy() - image)[:, top : top + 128, left : left + 128]
        assert rows["before"].iloc[0] == pytest.approx(-10 * math.log10(np.square(error).mean()), abs=1e-4)
        assert not any("x2" in case or "x3" in case for case in rows["case"])
        assert rows["before"].max() == 60, "bars of one pixel come through JPEG unchanged"
    else:
        assert rows["before"].iloc[0] > 25
        assert "photograph x3" in set(rows["case"])


def test_bilinear_interpolation_is_the_mean_of_the_measured_neighbours():
    image, mask = torch.rand(1, 3, 7, 8, dtype=torch.float64), bayer_mask(7, 8)[None].double()
    found = interpolate_mosaic(image * mask, mask)[0]
    weights = {(0, 0): 4, (0, 1): 2, (1, 0): 2, (1, 1): 1}
    for c in range(3):
        for y in range(7):
            for x in range(8):
                near = [
                    (weights[abs(dy), abs(dx)], image[0, c, y + dy, x + dx])
                    for dy in (-1, 0, 1)
                    for dx in (-1, 0, 1)
                    if 0 <= y + dy < 7 and 0 <= x + dx < 8 and mask[0, c, y + dy, x + dx]
                ]
                mean = sum(w * value for w, value in near) / sum(w for w, _ in near)
                expected = image[0, c, y, x] if mask[0, c, y, x] else mean
                assert found[c, y, x].item() == pytest.approx(expected.item())


def test_a_model_that_leaves_images_alone_fails_no_case():
    """With thresholds of 0 and D = C = W of orthonormal rows, every iteration gives the image back."""
    model = coder("gray", penalty="l1", patch_size=3, n_atoms=9)
    with torch.no_grad():
        model.thresholds.zero_()
        for matrix in (model.D, model.C, model.W):
            matrix.copy_(torch.eye(9))
    rows = stress(model, CARDS["gray"])
    assert stress_changes(rows).abs().max() < 1e-3
    assert facts(model, rows)["failed"] == 0
    assert facts(model, rows)["rho"] == 0
    with torch.no_grad():
        model.thresholds.fill_(10.0)  # Nothing but the mean of every patch is left.
    rows = stress(model, CARDS["gray"])
    found, changes = facts(model, rows), stress_changes(rows)
    assert found["failed"] == (changes < -TOLERANCE).sum() > 3
    assert found["worst_change"] == round(changes.min(), 2)
    assert changes[found["worst_case"], 25.0] == changes.min()


def test_noise_is_the_same_for_every_model_and_another_in_every_repetition():
    first, second = (stress(coder("gray", n_atoms=n_atoms), CARDS["gray"]) for n_atoms in (12, 14))
    assert list(first["before"]) == list(second["before"])
    assert first.groupby("case")["before"].nunique().eq(3).all()
    assert set(first["case"]) == set(stress_pictures(1))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "toy.safetensors"
    save_weights(path, coder("gray", penalty="l1"), {"name": "toy", "method": "sc", **CARDS["gray"]})
    return path


def test_commands_measure_and_compare(groupsc, weights, tmp_path):
    shown = groupsc("stress", weights, cwd=tmp_path).said
    assert shown.count("\n") == 12
    assert "photograph x3" in shown
    options = ("--dataset", "Bundled", "--details", "kept")
    ended = groupsc("validate", weights, *options, "--index", "scores.csv", cwd=tmp_path)
    assert ended.returncode == 0, ended
    (score,) = read_scores(tmp_path / "scores.csv").values()
    assert (score.model, score.images, score.cases) == ("toy", 10, 11)
    (kept,) = (tmp_path / "kept").iterdir()
    pd.testing.assert_frame_equal(
        pd.read_csv(kept), measure_file(weights, dataset="Bundled"), check_dtype=False, atol=1e-3
    )
    ended = groupsc("compare", weights, weights, *options, cwd=tmp_path)
    assert ended.said == "not released: validation +0.0000 ± 0.0000 dB\n"
    whole = kept.read_text()
    for damaged in ("", "\0", "a,b\n1,2\n", whole[: len(whole) - 30], whole.replace("after", "later")):
        kept.write_text(damaged)
        ended = groupsc("compare", weights, weights, *options, cwd=tmp_path)
        assert ended.returncode == 2
        assert "remove it to measure the model again" in ended.said


def a_score(name: str, **changes) -> Score:
    facts = {"psnr": 26.5, "images": 32, "rho": 1.2, "worst_case": "bars 2 at 5", "worst_change": -0.7, "failed": 1}
    return Score(model=name, md5="0" * 32, cases=11, device="a CPU", code_version="1", **{**facts, **changes})


def test_scores_are_kept_one_a_model(tmp_path):
    path = tmp_path / "scores.csv"
    write_scores(path, [a_score("b"), a_score("a")])
    write_scores(path, [a_score("b", psnr=27.25)])
    assert list(read_scores(path)) == ["a", "b"]
    assert read_scores(path)["b"] == a_score("b", psnr=27.25)
    assert read_scores(tmp_path / "none.csv") == {}


@pytest.mark.parametrize("text", ["model,md5\na,b\n", "\0", "model,md5,psnr\na,b,c\n"])
def test_damaged_scores_are_one_sentence(tmp_path, text):
    (tmp_path / "scores.csv").write_text(text)
    with pytest.raises(ValueError, match="can't be read as scores"):
        read_scores(tmp_path / "scores.csv")


def test_every_score_is_of_a_released_file():
    known = releases()
    assert {name: score.md5 for name, score in read_scores().items()} == {
        name: known[name].md5 for name in read_scores()
    }


def test_models_are_compared_by_scores_only_where_all_have_one(monkeypatch):
    known = releases()
    scores = scores_of(known)
    assert set(scores) == set(known)
    names = list(scores)[:2]
    assert validation_psnr(names) == {name: scores[name].psnr for name in names}
    monkeypatch.setattr(selection, "scores_of", lambda known: {names[0]: scores[names[0]]})
    assert validation_psnr(names) == {name: read_tensors(known[name].find())[1]["validation_psnr"] for name in names}


def test_scores_of_other_files_do_not_count():
    known = releases()
    name = next(iter(scores_of(known)))
    altered = dataclasses.replace(known[name], md5="f" * 32)
    assert scores_of({name: known[name]})[name].md5 == known[name].md5
    assert scores_of({name: altered}) == {}
