"""The guard of `deblock`: projection against loops, real JPEG files, broken models, pictures of unknown grids."""

from __future__ import annotations

import io

import numpy as np
import pytest
import scipy.fft
import skimage.data
from photographs_of_skimage import psnr
from PIL import Image

import groupsc
from groupsc.api import deblock_with_facts
from groupsc.data.stress_set import stress_pictures
from groupsc.guards.jpeg import NARROW, ROUNDING, Grid, decoded_chroma, find_grid, guard_jpeg
from groupsc.inference.restorer import Restorer
from groupsc.io.jpeg_history import LUMA


def compressed(image, quality, **options):
    """The decoded image and its quantisation tables, as Pillow gives them."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, **options)
    found = Image.open(file)
    return np.asarray(found), [np.reshape(table, (8, 8)) for table in found.quantization.values()]


def naive_projection(decoded, restored, steps, width, top=0, left=0):
    """Block by block and coefficient by coefficient."""
    found = restored.astype(float).copy()
    for row in range(top, decoded.shape[0] - 7, 8):
        for column in range(left, decoded.shape[1] - 7, 8):
            here = (slice(row, row + 8), slice(column, column + 8))
            C, H = (scipy.fft.dctn(plane[here], norm="ortho") for plane in (decoded.astype(float), found))
            for u, v in np.ndindex(8, 8):
                half = width * steps[u, v] / 2 + ROUNDING[u, v]
                H[u, v] = min(max(H[u, v], C[u, v] - half), C[u, v] + half)
            found[here] = scipy.fft.idctn(H, norm="ortho")
    return found


@pytest.mark.parametrize(("shape", "top", "left"), [((16, 24), 0, 0), ((21, 30), 3, 5), ((5, 40), 0, 0)])
def test_the_projection_is_the_one_of_loops(shape, top, left):
    rng = np.random.default_rng(0)
    decoded, steps = rng.uniform(1, 254, shape), rng.integers(20, 90, (8, 8)).astype(float)
    restored = decoded + 15 * rng.standard_normal(shape)
    guarded, weights = guard_jpeg(decoded, restored, Grid(top, left, steps), projected=True, contrast=np.zeros(shape))
    assert weights.mean() < 0.5
    projected = naive_projection(decoded, restored, steps, NARROW, top, left)
    np.testing.assert_allclose(guarded, projected + weights * (decoded - projected), atol=1e-9)


@pytest.mark.parametrize("quality", [10, 40, 75, 92])
def test_the_projection_onto_the_cells_of_a_file_never_leads_away_from_the_truth(quality):
    rng = np.random.default_rng(quality)
    for name in ("camera", "astronaut"):
        image = getattr(skimage.data, name)()[100:164, 150:230]
        decoded, tables = compressed(image, quality)
        planes = [(x @ LUMA if x.ndim == 3 else x).astype(float) for x in (image, decoded)]
        for scale in (3, 30):
            before = planes[0] + scale * rng.standard_normal(planes[0].shape)
            after = naive_projection(planes[1], before, tables[0], 1.0)
            errors = [((x - planes[0]) ** 2).reshape(8, 8, 10, 8).sum((1, 3)) for x in (before, after)]
            values = decoded.reshape(8, 8, 10, 8, -1)
            kept = (values.min((1, 3, 4)) > 0) & (values.max((1, 3, 4)) < 255)  # Clipping moves coefficients.
            assert kept.sum() > 40
            assert (errors[1] <= errors[0] + 1e-9)[kept].all(), name


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_the_decoded_chroma_has_coefficients_near_multiples_of_the_steps(subsampling):
    decoded, tables = compressed(skimage.data.coffee()[100:196, 200:328], 40, subsampling=subsampling)
    rows, columns = {"4:4:4": (1, 1), "4:2:2": (1, 2), "4:2:0": (2, 2)}[subsampling]
    blue = 128 + (decoded[..., 2] - decoded @ LUMA) / 1.772
    means = blue.reshape(96 // rows, rows, 128 // columns, columns).mean((1, 3))
    plane = decoded_chroma(means, tuple(axis for axis, factor in enumerate((rows, columns)) if factor > 1))
    assert find_grid(plane, tables[1].astype(float)) is not None
    assert (
        find_grid(plane + 15 * np.random.default_rng(0).standard_normal(plane.shape), tables[1].astype(float)) is None
    )


def test_the_grid_of_cropped_and_turned_pictures_is_found():
    decoded, tables = compressed(skimage.data.camera()[100:220, 150:290], 30)
    for picture, place, steps in (
        (decoded, (0, 0), tables[0]),
        (decoded[3:, 6:], (5, 2), tables[0]),
        (decoded.T[5:], (3, 0), tables[0].T),
    ):
        grid = find_grid(picture.astype(float), tables[0].astype(float))
        assert (grid.top, grid.left) == place
        np.testing.assert_array_equal(grid.steps, steps)
    noise = decoded + 12 * np.random.default_rng(0).standard_normal(decoded.shape)
    assert find_grid(noise, tables[0].astype(float)) is None


@pytest.mark.parametrize("failure", [lambda x: 0 * x, lambda x: 30 * x, lambda x: 1 - x, lambda x: x * np.nan])
@pytest.mark.parametrize("colors", [False, True])
def test_a_model_that_fails_ends_at_its_input(monkeypatch, failure, colors):
    clean = skimage.data.astronaut()[100:164, 130:210]
    decoded, _ = compressed(clean if colors else clean[..., 1], 20)
    clean = clean if colors else clean[..., 1]
    monkeypatch.setattr(Restorer, "restore", lambda self, image, **options: failure(image))
    restored, facts = deblock_with_facts(decoded, 20, method="sc", channel_axis=-1 if colors else None)
    assert psnr(restored / 255, clean / 255) > psnr(decoded / 255, clean / 255) - 0.1
    assert facts["share"] > 0.9


@pytest.mark.parametrize("quality", [10, 30])
@pytest.mark.parametrize("channels", [1, 3])
def test_no_picture_of_the_stress_set_gets_worse(quality, channels):
    for name, picture in stress_pictures(channels).items():
        if picture.max() <= 1:
            clean = np.round(255 * picture.numpy().transpose(1, 2, 0)).astype(np.uint8)
            clean = clean if channels == 3 else clean[..., 0]
            decoded, _ = compressed(clean, quality)
            if (decoded == clean).all():
                continue
            restored = groupsc.deblock(decoded, quality, method="sc", channel_axis=-1 if channels == 3 else None)
            assert psnr(restored / 255, clean / 255) > psnr(decoded / 255, clean / 255) - 0.1, name


def test_photographs_gain_and_the_guard_can_be_switched_off():
    clean = skimage.data.chelsea()[100:164, 130:210]
    decoded, _ = compressed(clean, 30)
    found = {guard: groupsc.deblock(decoded, 30, method="sc", channel_axis=-1, guard=guard) for guard in (True, False)}
    assert psnr(found[True] / 255, clean / 255) > psnr(found[False] / 255, clean / 255)
    gray = decoded[..., 1]
    alone = groupsc.load("jpeg-sc-quality30", device="cpu").restore(np.float32(gray / 255)[None])[0]
    expected = np.round(255 * alone.clip(0, 1)).astype(np.uint8)
    np.testing.assert_array_equal(groupsc.deblock(gray, 30, method="sc", guard=False), expected)
