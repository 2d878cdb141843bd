"""Crops and validation blocks of a training: determinism, places, Bayer phases, the grid of JPEG."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from tiny_experiments import tiny_experiment

from groupsc.data.datasets import load_images
from groupsc.data.degradations import bayer_mask, degrade
from groupsc.training.batches import Batches
from groupsc.training.validation_blocks import validation_blocks


@pytest.mark.parametrize("task", ["gray", "color", "mosaic", "jpeg"])
def test_batches_are_functions_of_seed_and_step(task):
    channels = 3 if task in ("color", "mosaic") else 1
    images = [torch.from_numpy(image) for image in load_images("Bundled", channels=channels, images=3).values()]
    level = {"gray": 25, "color": 25, "mosaic": None, "jpeg": 10}[task]
    experiment = dataclasses.replace(tiny_experiment(), task=task, level=level)
    first, again = Batches(images, experiment), Batches(images, experiment)
    for x, y in zip(first.at(7), again.at(7), strict=True):
        assert (x is None and y is None) or torch.equal(x, y)
    assert not torch.equal(first.at(7)[0], first.at(8)[0])
    reseeded = dataclasses.replace(experiment, training=dataclasses.replace(experiment.training, seed=1))
    assert not torch.equal(first.at(7)[0], Batches(images, reseeded).at(7)[0])


def test_crops_are_places_of_the_images_turned_and_mirrored():
    side = 16
    ramp = torch.arange(20 * 23, dtype=torch.float32).view(1, 20, 23) / 460
    batches = Batches([ramp], tiny_experiment(batch_size=64))
    places = {}
    for top in range(5):
        for left in range(8):
            crop = ramp[:, top : top + side, left : left + side]
            for turns in range(4):
                turned = torch.rot90(crop, turns, (1, 2))
                places[turned.numpy().tobytes()] = turns, False, top, left
                places[turned.flip(2).numpy().tobytes()] = turns, True, top, left
    seen = {places[crop.numpy().tobytes()] for step in range(20) for crop in batches.at(step)[0]}
    assert len({(turns, mirrored) for turns, mirrored, *_ in seen}) == 8
    assert len({(top, left) for _, _, top, left in seen}) == 5 * 8


def test_mosaic_crops_begin_at_every_phase():
    images = [torch.rand(3, 20, 20)]
    batches = Batches(images, dataclasses.replace(tiny_experiment(batch_size=32), task="mosaic", level=None))
    clean, degraded, mask, _ = batches.at(0)
    assert torch.equal(degraded, clean * mask)
    assert {tuple(m[:, 0, 0].tolist()) + tuple(m[:, 0, 1].tolist()) for m in mask} == {
        (1, 0, 0, 0, 1, 0),
        (0, 1, 0, 1, 0, 0),
        (0, 1, 0, 0, 0, 1),
        (0, 0, 1, 0, 1, 0),
    }


def test_mosaic_crops_of_one_phase_begin_with_red():
    experiment = dataclasses.replace(tiny_experiment(batch_size=32, any_phase=False), task="mosaic", level=None)
    mask = Batches([torch.rand(3, 20, 20)], experiment).at(0).mask
    assert torch.equal(mask, bayer_mask(16, 16).expand_as(mask))


def test_jpeg_crops_see_the_grid_of_the_whole_image():
    """Both crops of a pair are the same place of the image and of its compressed version."""
    image = torch.rand(1, 43, 45, generator=torch.Generator().manual_seed(0))
    batches = Batches([image], dataclasses.replace(tiny_experiment(batch_size=32), task="jpeg", level=10))
    images, side, pairs = (image, degrade(image, "jpeg", 10, None)[0]), 16, {}
    for top, left, turns, mirrored in itertools.product(range(28), range(30), range(4), (False, True)):
        crops = [torch.rot90(x[:, top : top + side, left : left + side], turns, (1, 2)) for x in images]
        clean, degraded = (crop.flip(2) if mirrored else crop for crop in crops)
        pairs[clean.numpy().tobytes()] = degraded
    batch = batches.at(0)
    for clean, degraded in zip(batch.clean, batch.degraded, strict=True):
        assert torch.equal(pairs[clean.numpy().tobytes()], degraded)


def test_the_error_of_jpeg_is_a_root_mean_square():
    generator = torch.Generator().manual_seed(0)
    images = [contrast * torch.rand(1, 24, 32, generator=generator) for contrast in (0.2, 1.0)]
    batches = Batches(images, dataclasses.replace(tiny_experiment(), task="jpeg", level=10))
    errors = [(image - degrade(image, "jpeg", 10, None)[0]).numpy() for image in images]
    assert batches.spread() == pytest.approx(float(np.sqrt(np.mean(np.square(errors)))), rel=1e-5)


def test_jpeg_blocks_are_parts_of_the_compressed_image():
    experiment = dataclasses.replace(tiny_experiment(), task="jpeg", level=10)
    blocks = validation_blocks(experiment, "unused", block=20)
    images = load_images("Bundled", channels=1, images=3).values()
    for image, clean, degraded in zip(images, blocks.clean, blocks.degraded, strict=True):
        compressed = degrade(torch.from_numpy(image), "jpeg", 10, None)[0].numpy()
        places = np.lib.stride_tricks.sliding_window_view(image[0], (20, 20))
        (place,) = np.argwhere((places == clean[0].numpy()).all((2, 3)))
        top, left = place
        np.testing.assert_array_equal(degraded[0].numpy(), compressed[0, top : top + 20, left : left + 20])
