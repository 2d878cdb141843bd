"""`denoise` on noise that is not white with one known σ, and the command."""

from __future__ import annotations

import json

import numpy as np
import pytest
import skimage.data
from PIL import Image

import groupsc
from groupsc.api import denoise_with_facts
from groupsc.utils.errors import GroupSCError


def psnr(x, truth, peak=255.0) -> float:
    return float(-10 * np.log10(np.square((x.astype(float) - truth) / peak).mean()))


@pytest.mark.parametrize(
    ("name", "least", "word"),
    [("phone_photo.jpg", 32, "correlated"), ("small48_sigma25.png", 27, None), ("red_on_blue_sigma5.png", 36, None)],
)
def test_cases_with_known_truth(shared, name, least, word):
    noisy = np.asarray(Image.open(shared / "cases" / name))
    truth = np.asarray(Image.open(shared / "cases" / f"{name.split('.')[0].partition('_sigma')[0]}_clean.png"))
    axis = None if noisy.ndim == 2 else -1
    restored, facts = denoise_with_facts(noisy, method="sc", channel_axis=axis, device="cpu")
    assert psnr(restored, truth) > least
    assert word is None or word in facts["noise"]


def test_poisson_noise_with_and_without_its_gain():
    photons = skimage.data.camera()[200:264, 200:264] / 255 * 50
    counts = np.random.default_rng(0).poisson(photons).astype(np.uint8)
    options = {"method": "sc", "device": "cpu"}
    white = psnr(groupsc.denoise(counts, **options), photons, 50)
    known = groupsc.denoise(counts, noise="poisson", gain=1, **options)
    estimated, facts = denoise_with_facts(counts, noise="poisson", **options)
    assert min(psnr(known, photons, 50), psnr(estimated, photons, 50)) > white + 1
    assert 0.5 < facts["gain"][0] < 2
    assert known.dtype == np.uint8


def test_clean_pictures_change_by_at_most_two_levels():
    clean = skimage.data.coffee()[100:164, 200:264]
    restored = groupsc.denoise(clean, method="sc", channel_axis=-1, device="cpu").astype(int)
    assert np.abs(restored - clean).max() <= 2


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"noise": "pink"}, "choose one of white, poisson"),
        ({"noise": "white", "gain": 2}, "choose the noise poisson"),
        ({"noise": "poisson", "sigma": 5}, "no single sigma"),
        ({"strength": 0}, "above 0"),
        ({"sigma": [5, 6]}, "one per channel"),
    ],
)
def test_contradictions_are_refused(options, hint):
    with pytest.raises(GroupSCError, match=hint):
        groupsc.denoise(np.zeros((32, 32)), **options)


def test_the_command_takes_maps_kinds_and_strengths(groupsc, tmp_path):
    rng = np.random.default_rng(0)
    clean = skimage.data.chelsea()[100:148, 100:148]
    sigma = np.full((48, 48), 5, np.uint8)
    sigma[:, 24:] = 40
    noisy = (clean + sigma[..., None] * rng.standard_normal(clean.shape)).clip(0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(tmp_path / "noisy.png")
    Image.fromarray(sigma).save(tmp_path / "sigma.png")
    Image.fromarray(rng.poisson(clean[..., 0] / 4).astype(np.uint8)).save(tmp_path / "counts.png")
    for words in (
        ["noisy.png", "map.png", "--sigma-map", "sigma.png"],
        ["noisy.png", "channels.png", "--sigma", "5,20,40"],
        ["noisy.png", "weak.png", "--sigma", "40", "--strength", "0.125"],
        ["noisy.png", "strong.png", "--sigma", "40"],
        ["counts.png", "poisson.png", "--noise", "poisson", "--gain", "1"],
    ):
        result = groupsc("denoise", *words, "--method", "sc", "--device", "cpu", "--json", cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        (facts,) = json.loads(result.stdout)
        assert (tmp_path / words[1]).exists()
    assert facts["gain"] == [1.0]
    mapped, weak, strong = (
        psnr(np.asarray(Image.open(tmp_path / f"{name}.png")), clean) for name in ("map", "weak", "strong")
    )
    assert mapped > max(weak, strong)
    result = groupsc("denoise", "noisy.png", "x.png", "--sigma", "5", "--sigma-map", "sigma.png", cwd=tmp_path)
    assert result.returncode == 2
    assert "leave one out" in result.stderr
