"""Training crops of higher contrast and stronger colours."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from scipy import stats
from tiny_experiments import tiny_experiment

from groupsc.training.batches import Batches
from groupsc.training.contrast import (
    HIGHEST_GAIN,
    flat_shapes,
    saturated,
    unrelated_channels,
    with_gains,
    with_strong_colors,
)
from groupsc.training.patterns import with_patterns
from groupsc.training.validation_blocks import validation
from groupsc.utils.randomness import seeded


def crops(number: int = 4, channels: int = 3) -> torch.Tensor:
    return torch.rand(number, channels, 16, 16, generator=seeded("crops", number, channels))


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_share_of_the_crops_gets_gains_that_are_uniform_in_their_logarithm(share):
    gains = with_gains(torch.ones(4000, 1, 1, 1), share, seeded("gains")).flatten().numpy()
    chosen = gains[gains > 1]
    assert len(chosen) / len(gains) == pytest.approx(share, abs=0.03)
    if share:
        assert stats.kstest(np.log(chosen) / np.log(HIGHEST_GAIN), "uniform").pvalue > 0.01


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
@pytest.mark.parametrize("replace", [with_strong_colors, with_patterns])
def test_a_share_of_the_crops_is_replaced(replace, share):
    clean = crops(400)
    changed = (replace(clean, share, seeded("replaced")) != clean).flatten(1).any(1).float().mean().item()
    assert changed == pytest.approx(share, abs=0.07)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("replace", [with_strong_colors, with_patterns])
def test_replaced_crops_stay_in_range_and_follow_their_generator(replace, channels):
    clean = crops(60, channels)
    first, again = (replace(clean, 1.0, seeded("replaced")) for _ in range(2))
    assert torch.equal(first, again)
    assert not torch.equal(first, replace(clean, 1.0, seeded("other")))
    assert first.shape == clean.shape
    assert 0 <= first.min() <= first.max() <= 1


def test_saturation_spreads_the_channels_and_keeps_gray():
    clean = 0.4 + 0.2 * crops(20)
    spread = (clean.amax(1) - clean.amin(1)).mean((1, 2))
    strong = torch.stack([saturated(clean, number, seeded(number)) for number in range(20)])
    assert ((strong.amax(1) - strong.amin(1)).mean((1, 2)) >= spread - 1e-6).all()
    gray = clean[:, :1].expand(-1, 3, -1, -1)
    torch.testing.assert_close(saturated(gray, 0, seeded("gray")), gray[0])


def test_unrelated_channels_are_channels_of_the_batch():
    clean = crops()
    known = {channel.numpy().tobytes() for crop in clean for channel in crop}
    found = unrelated_channels(clean, 2, seeded("unrelated"))
    assert all(channel.numpy().tobytes() in known for channel in found)
    assert any(channel.numpy().tobytes() in {own.numpy().tobytes() for own in clean[2]} for channel in found)


@pytest.mark.parametrize("channels", [1, 3])
def test_flat_shapes_have_few_colors(channels):
    for seed in range(20):
        shapes = flat_shapes(crops(1, channels), 0, seeded("shapes", seed))
        assert len(torch.unique(shapes.flatten(1), dim=1).T) <= 13


@pytest.mark.parametrize("task", ["gray", "color", "mosaic", "jpeg"])
def test_crops_are_changed_before_they_are_degraded(task):
    """The noise of a crop with a gain is that of the task, a mosaic is measured from the changed crop, and JPEG crops
    have patterns, but neither gains nor strong colors."""
    channels = 3 if task in ("color", "mosaic") else 1
    images = [torch.rand(channels, 40, 40, generator=seeded("image", number)) for number in range(3)]
    level = {"gray": 25, "color": 25, "mosaic": None, "jpeg": 10}[task]
    changed = tiny_experiment(gain_share=0.5, strong_color_share=0.25, pattern_share=0.125, batch_size=64, crop_size=32)
    plain = tiny_experiment(batch_size=64, crop_size=32)
    experiments = [dataclasses.replace(experiment, task=task, level=level) for experiment in (changed, plain)]
    batch, unchanged = (Batches(images, experiment).at(3) for experiment in experiments)
    if task == "jpeg":
        same = (batch.clean == unchanged.clean).flatten(1).all(1)
        assert same.float().mean().item() == pytest.approx(0.875, abs=0.1)
        assert torch.equal(batch.degraded[same], unchanged.degraded[same])
        assert all(len(torch.unique(crop)) <= 2 for crop in batch.clean[~same])
        return
    same = (batch.clean == unchanged.clean).flatten(1).all(1)
    assert same.float().mean().item() == pytest.approx(0.5 * 0.75 * 0.875, abs=0.15)
    assert batch.clean.amax() > 1
    if task == "mosaic":
        assert torch.equal(batch.degraded, batch.clean * batch.mask)
    else:
        noise = (batch.degraded - batch.clean).flatten(1).std(1)
        torch.testing.assert_close(noise, torch.full_like(noise, 25 / 255), rtol=0.15, atol=0)


@pytest.mark.parametrize("gain_share", [0.0, 0.5])
@pytest.mark.parametrize("strong_color_share", [0.0, 0.5])
@pytest.mark.parametrize("pattern_share", [0.0, 0.0625])
def test_validation_has_the_changes_of_the_training_and_the_same_noise(gain_share, strong_color_share, pattern_share):
    experiment = tiny_experiment(
        gain_share=gain_share,
        strong_color_share=strong_color_share,
        pattern_share=pattern_share,
        validation_images=5,
    )
    plain, contrast = validation(experiment, "data/raw", block=32)
    if not gain_share + strong_color_share + pattern_share:
        assert contrast is None
        return
    gain = 3 if gain_share else 1
    torch.testing.assert_close(contrast.degraded - contrast.clean, plain.degraded - plain.clean)
    torch.testing.assert_close(contrast.clean[3::4], gain * plain.clean[3::4])
    colors = [len(torch.unique(block)) for block in contrast.clean[1::4]]
    assert (max(colors) <= 2) == bool(pattern_share)
    assert torch.equal(contrast.clean[::2], gain * plain.clean[::2]) == (not strong_color_share)


@pytest.mark.parametrize("pattern_share", [0.0, 0.0625])
def test_validation_of_jpeg_has_compressed_patterns(pattern_share):
    settings = {"gain_share": 0.5, "strong_color_share": 0.5, "pattern_share": pattern_share, "validation_images": 6}
    experiment = dataclasses.replace(tiny_experiment(**settings), task="jpeg", level=10)
    plain, contrast = validation(experiment, "data/raw", block=32)
    if not pattern_share:
        assert contrast is None
        return
    replaced = (contrast.clean != plain.clean).flatten(1).any(1)
    assert set(replaced.nonzero().flatten().tolist()) <= {1, 5}
    assert torch.equal(contrast.degraded[~replaced], plain.degraded[~replaced])
    errors = (contrast.degraded - contrast.clean).square().flatten(1).mean(1)
    assert errors.min() > 0
    assert replaced.any()
    assert all(len(torch.unique(block)) == 2 for block in contrast.clean[replaced])
