"""Stacks of ImageJ and OME and files with several images, checked with tifffile."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import tifffile
from PIL import Image

from groupsc.io.restoring import first_image, restore_file
from groupsc.io.stacks import is_stack
from groupsc.utils.errors import GroupSCError

STACK = np.random.default_rng(0).integers(0, 60000, (2, 3, 4, 9, 11)).astype(np.uint16)
LABELS = [f"slice {number}" for number in range(24)]
OME = {
    "axes": "TZCYX", "PhysicalSizeX": 0.25, "PhysicalSizeXUnit": "µm", "TimeIncrement": 2.5,
    "Channel": {"Name": ["DAPI", "GFP", "RFP", "Cy5"]},
}  # fmt: skip
WRITTEN = {
    "ImageJ": {"imagej": True, "resolution": (4.5, 5), "metadata": {"axes": "TZCYX", "unit": "um", "Labels": LABELS}},
    "ImageJ, big-endian": {"imagej": True, "byteorder": ">", "metadata": {"axes": "TZCYX", "spacing": 0.5}},
    "OME": {"ome": True, "metadata": OME},
    "OME, compressed": {"ome": True, "metadata": OME, "compression": "zlib"},
    "OME, BigTIFF": {"ome": True, "bigtiff": True, "metadata": OME},
    "tifffile": {"metadata": {"axes": "TZCYX"}},
    "pages": {"metadata": None},
}


def inverted(photo):
    return 1 - photo.pixels, {"sigma": round(float(photo.pixels.mean()), 3), "weights": "w"}


@pytest.mark.parametrize("kind", WRITTEN)
def test_axes_and_pixel_sizes_are_kept(tmp_path, kind):
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="minisblack", **WRITTEN[kind])
    assert is_stack(tmp_path / "a.tif")
    written, facts = restore_file(tmp_path / "a.tif", tmp_path / "b.tif", inverted)
    assert (written, facts["pages"], facts["weights"]) == (tmp_path / "b.tif", 24, "w")
    assert facts["sigma"].partition(" to ")[0] < facts["sigma"].partition(" to ")[2]
    assert "not kept" not in facts
    with tifffile.TiffFile(tmp_path / "a.tif") as a, tifffile.TiffFile(tmp_path / "b.tif") as b:
        assert (b.series[0].axes, b.series[0].shape) == (a.series[0].axes, a.series[0].shape)
        np.testing.assert_array_equal(b.series[0].asarray(), 65535 - a.series[0].asarray())
        assert (b.imagej_metadata, b.ome_metadata) == (a.imagej_metadata, a.ome_metadata)
        assert (b.byteorder, b.is_bigtiff, b.is_ome) == (a.byteorder, a.is_bigtiff, a.is_ome)
        for tag in ("XResolution", "YResolution", "ResolutionUnit", "Software"):
            assert b.pages[0].tags.valueof(tag) == a.pages[0].tags.valueof(tag)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.int16])
def test_a_single_image_of_imagej_keeps_its_pixel_size(tmp_path, dtype):
    image = (STACK[0, 0, 0] / 300).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", image, ome=dtype == np.int16, imagej=dtype != np.int16, resolution=(9, 9))
    restore_file(tmp_path / "a.tif", tmp_path / "b.tif", lambda photo: (photo.pixels, {}))
    with tifffile.TiffFile(tmp_path / "b.tif") as b:
        np.testing.assert_allclose(b.asarray(), image, rtol=1e-6)
        assert b.asarray().dtype == dtype
        assert b.pages[0].tags.valueof("XResolution") == (9, 1)


def test_the_images_of_a_large_imagej_file_have_one_page(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", STACK, imagej=True, truncate=True, metadata={"axes": "TZCYX"}, photometric="minisblack"
    )
    with tifffile.TiffFile(tmp_path / "a.tif") as a:
        assert len(a.pages) == 1
    assert restore_file(tmp_path / "a.tif", tmp_path / "b.tif", inverted)[1]["pages"] == 24
    with tifffile.TiffFile(tmp_path / "b.tif") as b:
        assert b.series[0].axes == "TZCYX"
        np.testing.assert_array_equal(b.asarray(), 65535 - STACK)


def test_pages_of_different_kinds(tmp_path):
    color = STACK[0, 0, :3].transpose(1, 2, 0).copy()
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(color, photometric="rgb", metadata=None)
        tiff.write(color[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
        tiff.write((color[..., 0] >> 8).astype(np.uint8), photometric="minisblack", compression="zlib", metadata=None)
        tiff.write(color[:5, :, 0] / np.float32(65535), photometric="minisblack", metadata=None)
    Image.fromarray(np.arange(99, dtype=np.uint8).reshape(9, 11)).convert("P").save(tmp_path / "p.tif")
    assert restore_file(tmp_path / "a.tif", tmp_path / "b.tif", lambda photo: (photo.pixels, {}))[1]["pages"] == 3
    with tifffile.TiffFile(tmp_path / "a.tif") as a, tifffile.TiffFile(tmp_path / "b.tif") as b:
        for one, other in zip([a.pages[0], a.pages[2], a.pages[3]], b.pages, strict=True):
            np.testing.assert_array_equal(other.asarray(), one.asarray())


def test_a_restored_mosaic_has_other_axes(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK[0, 0], imagej=True, photometric="minisblack")
    _, facts = restore_file(tmp_path / "a.tif", tmp_path / "b.tif", lambda photo: (photo.pixels.repeat(3, 0), {}))
    assert facts == {"pages": 4, "not kept": "axes and description"}
    assert tifffile.imread(tmp_path / "b.tif").shape == (4, 9, 11, 3)


def test_only_one_page_is_in_memory(tmp_path):
    pages, shape = 30, (400, 500)
    blank = (np.ones(shape, np.uint16) for _ in range(pages))
    tifffile.imwrite(tmp_path / "a.tif", blank, shape=(pages, *shape), dtype=np.uint16)
    restore_file(tmp_path / "a.tif", tmp_path / "b.tif", inverted, overwrite=True)
    tracemalloc.start()
    restore_file(tmp_path / "a.tif", tmp_path / "b.tif", inverted, overwrite=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    page = 2 * shape[0] * shape[1]
    assert peak < 20 * page < pages * page


def test_stacks_need_a_tiff_and_damaged_pages_are_named(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK[0, 0], photometric="minisblack", compression="zlib")
    assert first_image(tmp_path / "a.tif").pixels.shape == (1, 9, 11)
    with pytest.raises(GroupSCError, match="several images; write them to a TIFF"):
        restore_file(tmp_path / "a.tif", tmp_path / "b.png", inverted)
    with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
        place = tiff.pages[2].dataoffsets[0]
    with open(tmp_path / "a.tif", "r+b") as file:
        file.seek(place)
        file.write(b"damaged")
    with pytest.raises(GroupSCError, match=r"page 3 of .*a\.tif can't be read"):
        restore_file(tmp_path / "a.tif", tmp_path / "c.tif", inverted)
    assert not (tmp_path / "c.tif").exists()

    def failing(photo):
        raise GroupSCError("is too dark")

    with pytest.raises(GroupSCError, match="page 1: is too dark"):
        restore_file(tmp_path / "a.tif", tmp_path / "c.tif", failing)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tif"]
