"""`groupsc.deblock`: luma, chroma, and images of little compression."""

from __future__ import annotations

import io

import numpy as np
import pytest
import skimage.data
from photographs_of_skimage import psnr
from PIL import Image

import groupsc
from groupsc.io.photographs import read_photograph
from groupsc.utils.errors import GroupSCError


def luma_and_chroma(image):
    """Y, Cb and Cr of ITU-R BT.601, with Cb and Cr around 0.5."""
    y = image @ np.array([0.299, 0.587, 0.114])
    return y, 0.5 + (image[..., 2] - y) / 1.772, 0.5 + (image[..., 0] - y) / 1.402


def test_deblocking_restores_luma_and_chroma_as_gray_images(weights):
    image = 0.25 + 0.5 * skimage.data.astronaut()[100:140, 100:151] / 255
    before = luma_and_chroma(image)
    given = {"weights": weights["jpeg"], "device": "cpu", "guard": False}
    restored = luma_and_chroma(groupsc.deblock(image, 10, subsampling="4:4:4", channel_axis=-1, **given))
    for one, plane in zip(restored, before, strict=True):
        np.testing.assert_allclose(one, groupsc.deblock(plane, 10, **given), atol=1e-12)
        assert np.abs(one - plane).max() > 1e-3
    luma, *chroma = luma_and_chroma(groupsc.deblock(image, 10, channel_axis=-1, **given))
    np.testing.assert_allclose(luma, restored[0], atol=1e-12)
    for one, plane in zip(chroma, before[1:], strict=True):
        change = (one - plane)[:, :50]
        assert 1e-4 < np.abs(change).max()
        assert np.abs(np.diff(change, axis=0)).max() < np.abs(np.diff(restored[1] - before[1], axis=0)).max(), "smooth"
    with pytest.raises(TypeError, match="quality"):
        groupsc.deblock(before[0])
    with pytest.raises(GroupSCError, match="choose one of 4:4:4"):
        groupsc.deblock(image, 10, subsampling="4:1:0", channel_axis=-1)


@pytest.mark.parametrize(("subsampling", "gain"), [("4:2:0", 0.5), ("4:4:4", 0.3)])
def test_released_models_improve_the_chroma(subsampling, gain):
    clean = skimage.data.chelsea()[100:196, 130:226]
    file = io.BytesIO()
    Image.fromarray(clean).save(file, "JPEG", quality=10, subsampling=subsampling)
    decoded = np.asarray(Image.open(file)) / 255
    restored = groupsc.deblock(decoded, 10, subsampling=subsampling, method="sc", channel_axis=-1)
    planes = zip(luma_and_chroma(clean / 255), luma_and_chroma(decoded), luma_and_chroma(restored), strict=True)
    gains = [psnr(after, true) - psnr(before, true) for true, before, after in planes]
    assert min(gains) > gain


@pytest.mark.parametrize("channel", ["the luma alone", "the chroma too"])
def test_small_colour_images_are_restored(channel):
    """Chroma with fewer pixels than a patch is not changed."""
    side = 12 if channel == "the luma alone" else 48
    image = 0.25 + 0.5 * skimage.data.astronaut()[100 : 100 + side, 100 : 100 + side] / 255
    restored = groupsc.deblock(image, 10, channel_axis=-1, method="sc", device="cpu", guard=False)
    before, after = luma_and_chroma(image), luma_and_chroma(restored)
    changes = [np.abs(one - other).max() for one, other in zip(before, after, strict=True)]
    assert [change > 1e-6 for change in changes] == [True, *2 * [channel == "the chroma too"]]


def test_a_turned_image_is_restored_as_the_upright_one(tmp_path):
    """EXIF orientation 6 with chroma of half the columns: the pixels are turned, and so is the subsampling."""
    pixels = skimage.data.coffee()[150:230, 200:296]
    photos = []
    for orientation in (1, 6):
        exif = Image.Exif()
        exif[0x0112] = orientation
        Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=10, subsampling="4:2:2", exif=exif)
        photos.append(read_photograph(tmp_path / "a.jpg"))
    upright, turned = photos
    assert (upright.subsampling, turned.subsampling) == ("4:2:2", "4:4:0")
    clean = np.moveaxis(np.rot90(pixels, -1), -1, 0) / 255
    found, other = (
        psnr(groupsc.deblock(turned.pixels, 10, subsampling=kind, channel_axis=0, method="sc", device="cpu"), clean)
        for kind in ("4:4:0", "4:2:2")
    )
    assert found > other + 0.05


@pytest.mark.parametrize("quality", [75, 85, 95, 100])
def test_images_of_little_compression_get_no_worse(quality):
    clean = Image.fromarray(skimage.data.camera()[64:160, 216:312])
    file = io.BytesIO()
    clean.save(file, "JPEG", quality=quality)
    decoded = np.asarray(Image.open(file))
    restored = groupsc.deblock(decoded, quality)
    if quality == 100:
        np.testing.assert_array_equal(restored, decoded)
    assert psnr(restored / 255, np.asarray(clean) / 255) >= psnr(decoded / 255, np.asarray(clean) / 255)
