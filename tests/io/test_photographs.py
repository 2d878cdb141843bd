"""Photographs of every kind to arrays and back; what stands in a file is told by Pillow, pypng and tifffile."""

from __future__ import annotations

import dataclasses
import io
import shutil
from pathlib import Path

import numpy as np
import png
import pytest
import skimage.data
import tifffile
from photograph_files import (
    PROFILES,
    camera,
    floats,
    lzw_file,
    noted,
    pillow_file,
    png_chunks,
    png_file,
    samples,
    tiff_file,
)  # fmt: skip
from PIL import Image, ImageCms

from groupsc.io.codecs.pillow_images import jpeg_quality
from groupsc.io.photographs import Photograph, check_target, read_photograph, write_photograph
from groupsc.utils.errors import GroupSCError

MODES = ["L", "LA", "RGB", "RGBA"]
LOSSLESS = [
    *(("png", depth, mode) for depth in ("uint8", "uint16") for mode in MODES),
    *(("tif", depth, mode) for depth in ("uint8", "uint16", "float32") for mode in MODES),
    *(("webp", "uint8", mode) for mode in ("RGB", "RGBA")),
]
SIDES = {
    1: ("top", "left"), 2: ("top", "right"), 3: ("bottom", "right"), 4: ("bottom", "left"),
    5: ("left", "top"), 6: ("right", "top"), 7: ("right", "bottom"), 8: ("left", "bottom"),
}  # fmt: skip
"""Orientation → which side of the scene the first row and the first column of the file are (Exif 2.32, 4.6.4)."""


def photograph(depth="uint8", mode="RGB", **others):
    planes = floats(samples(depth, mode))
    color = 3 if "RGB" in mode else 1
    return Photograph(pixels=planes[:color], alpha=planes[color] if "A" in mode else None, depth=depth, **others)


def stored_in(path):
    """Samples (H, W, n) by another library than the one that wrote them."""
    if path.suffix == ".tif":
        found = tifffile.imread(path)
    elif path.suffix == ".png":
        width, height, rows, kind = png.Reader(filename=path).read()
        found = np.array([list(row) for row in rows], dtype=f"uint{kind['bitdepth']}").reshape(height, width, -1)
    else:
        found = np.asarray(Image.open(path))
    return found.reshape(*found.shape[:2], -1)


def scene(stored, orientation):
    """The upright image of a file, sample by sample."""
    first_row, first_column = SIDES[orientation]
    height, width = stored.shape[:2]
    swapped = first_row in ("left", "right")
    found = np.empty((width, height, *stored.shape[2:]) if swapped else stored.shape, stored.dtype)
    rows, columns = found.shape[:2]
    for r in range(height):
        for c in range(width):
            place = {"top": 0, "left": 0, "bottom": rows - 1, "right": columns - 1}
            across, along = place[first_row], place[first_column]
            across += -r if first_row in ("bottom", "right") else r
            along += -c if first_column in ("bottom", "right") else c
            found[(along, across) if swapped else (across, along)] = stored[r, c]
    return found


def same(one, other):
    np.testing.assert_array_equal(one.pixels, other.pixels)
    assert one.pixels.dtype == other.pixels.dtype == np.float32
    assert (one.alpha is None) == (other.alpha is None)
    if one.alpha is not None:
        np.testing.assert_array_equal(one.alpha, other.alpha)
    assert (one.depth, one.mode, one.profile) == (other.depth, other.mode, other.profile)


@pytest.mark.parametrize(("suffix", "depth", "mode"), LOSSLESS)
def test_what_is_written_is_read_again(tmp_path, suffix, depth, mode):
    path = tmp_path / f"new/folder/a.{suffix}"
    profile = PROFILES["RGB" if "RGB" in mode else "L"]
    for kept in ({}, {"profile": profile, "exif": camera()}):
        one = photograph(depth, mode, **kept)
        write_photograph(path, one, overwrite=bool(kept), quality=100)
        np.testing.assert_array_equal(stored_in(path), samples(depth, mode))
        again = read_photograph(path)
        same(again, one)
        assert again.format == {"tif": "TIFF"}.get(suffix, suffix.upper())
        assert again.quality is None
        assert (again.exif and noted(again.exif)) == (kept.get("exif") and noted(kept["exif"]))
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg_keeps_all_but_the_last_bits(tmp_path, mode):
    smooth = np.linspace(0, 1, 48 * 64, dtype=np.float32).reshape(1, 48, 64).repeat(3 if mode == "RGB" else 1, axis=0)
    profile = PROFILES[mode]
    write_photograph(tmp_path / "a.jpg", Photograph(pixels=smooth, profile=profile, exif=camera()), quality=93)
    again = read_photograph(tmp_path / "a.jpg")
    assert (again.mode, again.depth, again.format, again.quality, again.profile) == (mode, "uint8", "JPEG", 93, profile)
    assert noted(again.exif) == noted(camera())
    np.testing.assert_allclose(again.pixels, smooth, atol=3 / 255)
    decoded = np.asarray(Image.open(tmp_path / "a.jpg"))
    np.testing.assert_array_equal(again.pixels, floats(decoded.reshape(48, 64, -1)))


def test_gray_and_color_webp(tmp_path):
    write_photograph(tmp_path / "a.webp", photograph(mode="LA", profile=PROFILES["L"]), quality=100)
    again = read_photograph(tmp_path / "a.webp")
    assert (again.mode, again.profile) == ("RGBA", None)
    np.testing.assert_array_equal(again.pixels, floats(samples("uint8", "LA"))[[0, 0, 0]])
    write_photograph(tmp_path / "b.webp", photograph(), quality=50)
    assert not np.array_equal(read_photograph(tmp_path / "b.webp").pixels, photograph().pixels)


FILES_WITH_ORIENTATION = {
    "png": lambda stored, exif, _: pillow_file(stored, "PNG", exif=exif),
    "png16": lambda stored, exif, _: png_chunks(png_file(stored * np.uint16(257)), (b"eXIf", exif[6:])),
    "tiff": lambda stored, exif, _: pillow_file(stored, "TIFF", exif=exif),
    "tiff16": lambda stored, _, n: tiff_file(stored * np.uint16(257), extratags=[(274, "H", 1, n, True)]),
    "tiff16, LZW": lambda stored, _, n: lzw_file(stored * np.uint16(257), tiffinfo={274: n}),
    "jpeg": lambda stored, exif, _: pillow_file(stored, "JPEG", exif=exif, quality=100, subsampling=0),
    "webp": lambda stored, exif, _: pillow_file(stored, "WEBP", exif=exif, lossless=True),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", FILES_WITH_ORIENTATION)
def test_pictures_stand_upright_once(tmp_path, kind, orientation):
    stored = samples("uint8", "RGB")
    content = FILES_WITH_ORIENTATION[kind](stored, camera(orientation), orientation)
    path = tmp_path / kind
    path.write_bytes(content)
    if kind == "jpeg":
        stored = np.asarray(Image.open(path))
    found = read_photograph(path)
    np.testing.assert_array_equal(found.pixels, floats(scene(stored, orientation)))
    for target in ("again.png", "again.tif"):
        write_photograph(tmp_path / target, found)
        same(read_photograph(tmp_path / target), found)
        tags = Image.open(tmp_path / target).getexif() if target.endswith("tif") or kind != "png16" else found.exif
        assert noted(tags)["orientation"] == 1
        if not kind.startswith("tiff16"):
            assert noted(tags) == noted(camera(1))


RGB16, RGB8 = samples("uint16", "RGB"), samples("uint8", "RGB")
GRAY16 = samples("uint16", "L")
FOREIGN = {
    **{f"png {mode} of 16 bits": (png_file(samples("uint16", mode)), samples("uint16", mode)) for mode in MODES},
    "interlaced png of 16 bits": (png_file(RGB16, interlace=True), RGB16),
    "tiff of 16 bits, LZW": (lzw_file(RGB16), RGB16),
    "gray tiff of 16 bits, LZW": (lzw_file(GRAY16), GRAY16),
    "tiff with alpha of 16 bits, LZW": (lzw_file(samples("uint16", "RGBA")), samples("uint16", "RGBA")),
    "tiff of 16 bits, ZIP": (tiff_file(RGB16, compression="zlib", predictor=True), RGB16),
    "tiff of the other byte order": (tiff_file(RGB16, byteorder=">"), RGB16),
    "tiff of separate planes": (
        tiff_file(RGB16.transpose(2, 0, 1).copy().reshape(3, 7, 9), planarconfig="separate", photometric="rgb"), RGB16,
    ),
    "tiff in tiles": (tiff_file(np.tile(RGB16, (5, 5, 1)), tile=(16, 16)), np.tile(RGB16, (5, 5, 1))),
    "BigTIFF": (tiff_file(RGB16, bigtiff=True), RGB16),
    "tiff, white at zero": (tiff_file(65535 - GRAY16, photometric="miniswhite"), GRAY16),
    "tiff of doubles": (tiff_file(RGB16 / 65536), (RGB16 / 65536).astype(np.float32)),
    "tiff of halves": (tiff_file((RGB8 / 256).astype(np.float16)), (RGB8 / 256).astype(np.float32)),
    "tiff as tifffile writes it when nothing is said": (tiff_file(RGB8, metadata={}), RGB8),
    "one pixel": (png_file(RGB16[:1, :1]), RGB16[:1, :1]),
    "one row": (tiff_file(RGB16[:1]), RGB16[:1]),
}  # fmt: skip


@pytest.mark.parametrize("kind", FOREIGN)
def test_files_of_other_programs(tmp_path, kind):
    content, expected = FOREIGN[kind]
    (tmp_path / "a").write_bytes(content)
    found = read_photograph(tmp_path / "a")
    planes = found.pixels if found.alpha is None else np.concatenate([found.pixels, found.alpha[None]])
    np.testing.assert_array_equal(planes, floats(expected))
    assert found.depth == expected.dtype.name


def test_preview_pages_are_passed_over(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tiff:
        tiff.write(RGB16, photometric="rgb", metadata=None)
        tiff.write(RGB16[::2, ::2], photometric="rgb", subfiletype=1, metadata=None)
    np.testing.assert_array_equal(read_photograph(tmp_path / "a.tif").pixels, floats(RGB16))


def test_transparent_colors_become_alpha(tmp_path):
    deep = RGB16.copy()
    deep[2, 3] = deep[4, 5] = (1, 2, 3)
    (tmp_path / "deep.png").write_bytes(png_file(deep, transparent=(1, 2, 3)))
    expected = np.ones((7, 9), np.float32)
    expected[2, 3] = expected[4, 5] = 0
    np.testing.assert_array_equal(read_photograph(tmp_path / "deep.png").alpha, expected)
    shallow = (deep % 251).astype(np.uint8)
    shallow[expected == 1] |= 128
    (tmp_path / "shallow.png").write_bytes(png_file(shallow, transparent=(1, 2, 3)))
    np.testing.assert_array_equal(read_photograph(tmp_path / "shallow.png").alpha, expected)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_transparent_grays_of_all_depths_become_alpha(tmp_path, bits):
    stored = np.arange(7 * 9).reshape(7, 9, 1) % 2**bits
    transparent = min(2, 2**bits - 1)
    content = png_file(stored.astype(np.uint16), bitdepth=bits, alpha=False, transparent=transparent)
    (tmp_path / "a.png").write_bytes(content)
    found = read_photograph(tmp_path / "a.png")
    np.testing.assert_allclose(found.pixels, stored.transpose(2, 0, 1) / (2**bits - 1), rtol=1e-6)
    np.testing.assert_array_equal(found.alpha, stored[..., 0] != transparent)


def test_colors_that_were_multiplied_with_alpha_are_divided_by_it(tmp_path):
    stored = samples("float32", "RGBA")
    (tmp_path / "a.tif").write_bytes(
        tiff_file(np.dstack([stored[..., :3] * stored[..., 3:], stored[..., 3]]), extrasamples=["assocalpha"])
    )
    np.testing.assert_allclose(read_photograph(tmp_path / "a.tif").pixels, floats(stored)[:3], rtol=1e-5)


def test_palettes_and_two_colors(tmp_path):
    image = Image.fromarray(RGB8).convert("P", palette=Image.Palette.ADAPTIVE, colors=16)
    image.save(tmp_path / "palette.png")
    expected = np.asarray(image.convert("RGB"))
    found = read_photograph(tmp_path / "palette.png")
    assert found.mode == "RGB"
    np.testing.assert_array_equal(found.pixels, floats(expected))
    image.save(tmp_path / "transparent.png", transparency=3)
    assert read_photograph(tmp_path / "transparent.png").mode == "RGBA"
    black_or_white = GRAY16[..., 0] > 32767
    for name in ("two.png", "two.tif"):
        Image.fromarray(black_or_white).save(tmp_path / name)
        np.testing.assert_array_equal(read_photograph(tmp_path / name).pixels[0], black_or_white.astype(np.float32))


@pytest.mark.parametrize("suffix", ["jpg", "tif"])
def test_inks_become_colors(tmp_path, suffix):
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / f"red.{suffix}", icc_profile=b"damaged")
    found = read_photograph(tmp_path / f"red.{suffix}")
    np.testing.assert_allclose(found.pixels[:, 5, 5], (1, 0, 0), atol=0.02)
    assert (found.mode, found.profile) == ("RGB", None)


def test_a_camera_file_with_a_preview_behind_it(tmp_path):
    one = Image.fromarray(RGB8)
    one.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[one.resize((4, 4))])
    assert Image.open(tmp_path / "a.jpg").format == "MPO"
    found = read_photograph(tmp_path / "a.jpg")
    assert (found.format, found.pixels.shape) == ("JPEG", (3, 7, 9))


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_quality_of_all_files_of_libjpeg(tmp_path, mode):
    for quality in range(1, 101):
        Image.new(mode, (8, 8)).save(tmp_path / "a.jpg", quality=quality)
        assert read_photograph(tmp_path / "a.jpg").quality == quality


def test_quality_of_other_tables_is_the_nearest():
    stream = io.BytesIO()
    Image.new("L", (8, 8)).save(stream, "JPEG", quality=40)
    table = np.array(Image.open(stream).quantization[0])
    assert jpeg_quality([table + np.arange(64) % 2]) == 40
    assert jpeg_quality({1: [255] * 64, 0: table.tolist()}) == 40


def test_restored_pixels_take_the_place_of_others(tmp_path):
    (tmp_path / "mosaic.png").write_bytes(pillow_file(samples("uint8", "L"), "PNG", icc_profile=PROFILES["L"]))
    mosaic = read_photograph(tmp_path / "mosaic.png")
    assert mosaic.profile == PROFILES["L"]
    write_photograph(tmp_path / "color.png", dataclasses.replace(mosaic, pixels=floats(RGB8)))
    color = read_photograph(tmp_path / "color.png")
    assert (color.mode, color.profile) == ("RGB", None)
    np.testing.assert_array_equal(color.pixels, floats(RGB8))


def test_values_are_clipped_and_rounded_unless_they_are_floats(tmp_path):
    pixels = np.array([[[-0.5, 0.49 / 255, 0.51 / 255, 1.5]]])
    write_photograph(tmp_path / "a.png", Photograph(pixels=pixels))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), [[0, 0, 1, 255]])
    write_photograph(tmp_path / "a.tif", Photograph(pixels=pixels, depth="float32"))
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), pixels[0].astype(np.float32))
    again = read_photograph(tmp_path / "a.tif")
    np.testing.assert_array_equal(again.stored, pixels.astype(np.float32))
    np.testing.assert_array_equal(again.scaled(again.stored), again.pixels)


@pytest.mark.parametrize(
    ("name", "one", "sentence"),
    [
        (
            "a.jpg",
            photograph("uint16"),
            r"JPEG can't store 16 bits per channel; use a name that ends in \.png or \.tif or \.tiff$",
        ),
        (
            "a.jpeg",
            photograph(mode="LA"),
            r"store transparency; use a name that ends in \.png or \.tif or \.tiff or \.webp$",
        ),
        ("a.webp", photograph("uint16"), r"WebP can't store 16 bits per channel"),
        (
            "a.png",
            photograph("float32"),
            r"PNG can't store floating-point values; use a name that ends in \.tif or \.tiff$",
        ),
        ("a.gif", photograph(), r"use a name that ends in \.png or"),
        ("a", photograph(), r"use a name that ends in \.png or"),
        (
            "a.webp",
            Photograph(pixels=np.zeros((1, 1, 16384))),
            r"a side of 16384 pixels; use a name that ends in \.png",
        ),
        ("a.jpg", photograph(exif=b"Exif\0\0" + bytes(70000)), r"JPEG can't store EXIF data of 70006 bytes"),
        ("a.png", Photograph(pixels=np.full((1, 2, 2), np.nan)), "NaN or infinity"),
        ("a.png", Photograph(pixels=np.zeros((1, 2, 2)), alpha=np.full((2, 2), np.inf)), "NaN or infinity"),
        ("a.png", Photograph(pixels=np.zeros((2, 2, 2))), r"must be \(1 or 3, H, W\)"),
        ("a.png", Photograph(pixels=np.zeros((3, 0, 2))), r"must be \(1 or 3, H, W\)"),
        ("a.png", Photograph(pixels=np.zeros((1, 2, 2), np.uint8)), r"floats in \[0, 1\]"),
        ("a.png", Photograph(pixels=np.zeros((1, 2, 2)), alpha=np.zeros((2, 3))), "alpha of shape"),
        ("a.png", Photograph(pixels=np.zeros((1, 2, 2)), depth="complex64"), "choose one of uint8, uint16, float32"),
    ],
)
def test_photographs_that_a_file_can_not_hold(tmp_path, name, one, sentence):
    with pytest.raises(GroupSCError, match=sentence):
        write_photograph(tmp_path / name, one)
    assert not list(tmp_path.iterdir())


def test_files_in_the_way(tmp_path):
    old = tmp_path / "old.png"
    write_photograph(old, photograph())
    content = old.read_bytes()
    for path, sentence in (
        (old, "exists; choose another name"),
        (tmp_path, "suffix is not of a supported format"),
        (old / "a.png", "is not a writable folder"),
    ):
        for call in (check_target, write_photograph):
            with pytest.raises(GroupSCError, match=sentence):
                call(path, photograph(mode="L"))
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(GroupSCError, match="is a folder; name a file"):
        write_photograph(tmp_path / "folder.png", photograph(), overwrite=True)
    for quality in (0, 101, 90.5):
        with pytest.raises(GroupSCError, match="choose a whole number from 1 to 100"):
            write_photograph(tmp_path / "a.jpg", photograph(), quality=quality)
    assert old.read_bytes() == content
    write_photograph(old, photograph(mode="L"), overwrite=True)
    assert read_photograph(old).mode == "L"


@pytest.mark.parametrize("name", ["astronaut.png", "horse.png", "chessboard_RGB.png", "page.png", "color.png"])
def test_pictures_of_scikit_image(tmp_path, name):
    path = Path(skimage.data.__file__).parent / name
    one = read_photograph(path)
    np.testing.assert_array_equal(
        np.concatenate([one.pixels, *([] if one.alpha is None else [one.alpha[None]])]), floats(stored_in(path))
    )
    for suffix in ("png", "tif"):
        write_photograph(tmp_path / f"a.{suffix}", one)
        same(read_photograph(tmp_path / f"a.{suffix}"), one)


def test_photographs_of_the_data_sets(tmp_path):
    raw = Path(__file__).resolve().parents[2] / "data/raw"
    paths = [*sorted((raw / "Kodak24").glob("*.png"))[:2], *sorted((raw / "BSDval32").glob("*.jpg"))[:4]]
    if not paths:
        pytest.skip("no photograph was fetched to data/raw/Kodak24 or data/raw/BSDval32")
    for path in paths:
        one = read_photograph(path)
        np.testing.assert_array_equal(one.pixels, floats(np.asarray(Image.open(path))))
        assert one.quality == (95 if path.suffix == ".jpg" else None)
        shutil.copy(path, tmp_path / "named-wrongly.tif")
        same(read_photograph(tmp_path / "named-wrongly.tif"), one)


def test_inks_with_a_profile_of_screens_are_taken_as_they_are(tmp_path):
    Image.new("CMYK", (4, 4), (255, 0, 0, 0)).save(tmp_path / "a.tif", icc_profile=PROFILES["RGB"])
    assert ImageCms.ImageCmsProfile(io.BytesIO(PROFILES["RGB"])).profile.xcolor_space.strip() == "RGB"
    np.testing.assert_allclose(read_photograph(tmp_path / "a.tif").pixels[:, 0, 0], (0, 1, 1), atol=0.02)
