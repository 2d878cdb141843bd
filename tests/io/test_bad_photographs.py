"""Files that are damaged, hostile or of a kind that is not taken end in one sentence, and nothing is written."""

from __future__ import annotations

import io
import itertools
import os
import random
import struct
import zlib
from pathlib import Path

import numpy as np
import png
import pytest
import tifffile
from photograph_files import PROFILES, camera, lzw_file, pillow_file, png_chunks, png_file, samples, tiff_file
from PIL import Image

from groupsc.io.photographs import Photograph, read_photograph, write_photograph
from groupsc.utils.errors import GroupSCError

RGB8, RGB16, RGBF = (samples(depth, "RGB") for depth in ("uint8", "uint16", "float32"))
LA16 = samples("uint16", "LA")
EXTRAS = {"exif": camera(6), "icc_profile": PROFILES["RGB"]}
FILES = {
    "png8": pillow_file(RGB8, "PNG", **EXTRAS),
    "png16": png_chunks(png_file(RGB16), (b"eXIf", camera(8)[6:])),
    "png16 gray, interlaced": png_file(samples("uint16", "L"), interlace=True),
    "png16 gray and alpha": png_file(LA16),
    "png of two colors": pillow_file(samples("uint8", "L") > 99, "PNG"),
    "png with palette": png_file(
        samples("uint8", "L") % 4, palette=[(0, 0, 0, 9), (9, 9, 9), (90, 1, 9), (99, 99, 99)], bitdepth=2,
        greyscale=None,
    ),
    "tiff8": pillow_file(RGB8, "TIFF", **EXTRAS),
    "tiff8, LZW": pillow_file(RGB8, "TIFF", compression="tiff_lzw"),
    "tiff8, JPEG": pillow_file(RGB8, "TIFF", compression="jpeg"),
    "tiff16": tiff_file(RGB16, iccprofile=PROFILES["RGB"], extratags=[(274, "H", 1, 5, True)]),
    "tiff16, LZW": lzw_file(RGB16),
    "tiff16, ZIP": tiff_file(LA16, compression="zlib", predictor=True),
    "tiff16, tiles": tiff_file(RGB16, tile=(16, 16)),
    "tiff of floats": tiff_file(RGBF, compression="zlib"),
    "BigTIFF": tiff_file(RGBF, bigtiff=True, byteorder=">"),
    "jpeg": pillow_file(RGB8, "JPEG", **EXTRAS),
    "jpeg, progressive": pillow_file(samples("uint8", "L"), "JPEG", progressive=True),
    "webp": pillow_file(samples("uint8", "RGBA"), "WEBP", **EXTRAS),
    "webp, lossless": pillow_file(RGB8, "WEBP", lossless=True),
}  # fmt: skip


def bomb(width=50000, height=50000):
    """A PNG of a few hundred bytes that claims 2.5 gigapixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    parts = [struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff_bomb():
    """A TIFF whose tags claim 2.5 gigapixels of floats."""
    path_like = tiff_file(RGBF)
    return patched(path_like, ImageWidth=50000, ImageLength=50000)


def patched(content, **tags):
    stream = io.BytesIO(content)
    with tifffile.TiffFile(stream, mode="r+b") as tiff:
        for name, value in tags.items():
            tiff.pages[0].tags[name].overwrite(value)
    return stream.getvalue()


def endless():
    """A TIFF of 4000 pages of one tag each."""
    page = struct.pack("<H", 1) + struct.pack("<HHII", 256, 4, 1, 9)
    pages = b"".join(page + struct.pack("<I", 8 + 18 * (n + 1)) for n in range(4000))
    return b"II*\0" + struct.pack("<I", 8) + pages


def with_value(value):
    pixels = RGBF.copy()
    pixels[3, 4, 1] = value
    return tiff_file(pixels)


def animation(format):
    frames = [Image.fromarray(np.roll(RGB8, n, axis=1)) for n in range(3)]
    stream = io.BytesIO()
    frames[0].save(stream, format, save_all=True, append_images=frames[1:])
    return stream.getvalue()


def imagej_stack():
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.zeros((5, 7, 9), np.uint16), imagej=True)
    return stream.getvalue()


def npy_file(array, **options):
    stream = io.BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


BAD = {
    "no bytes": (b"", "is not an image of a known format"),
    "a page": (b"<html>not found</html>", "is not an image of a known format; convert it"),
    "a program": (b"#!/bin/sh\nrm -r /\n", "is not an image of a known format"),
    "a TIFF's first bytes": (b"II*\0", "can't be read as an image"),
    "a PNG that claims too much": (bomb(), "has more than 179 megapixels"),
    "a TIFF that claims too much": (tiff_bomb(), "has more than 179 megapixels"),
    "a small TIFF that claims much": (
        patched(tiff_file(RGB16, tile=(16, 16)), ImageWidth=10000, ImageLength=9000),
        "declares 90000000 pixels, more than",
    ),
    "a TIFF of thousands of pages": (endless(), "contains several images"),
    "NaN": (with_value(np.nan), "contains NaN or infinity"),
    "infinity": (with_value(-np.inf), "contains NaN or infinity"),
    "an animated PNG": (animation("PNG"), "is animated; save one of its 3 frames"),
    "an animated WebP": (animation("WEBP"), "is animated; save one of its 3 frames"),
    "many pages": (animation("TIFF"), "contains several images"),
    "a stack of ImageJ": (imagej_stack(), "contains several images"),
    "animated GIF": (animation("GIF"), "is animated; save one of its 3 frames"),
    "a program for Ghostscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is not an image of a known"),
    "numbers of 64 bits": (tiff_file(RGB16.astype(np.int64)), "has samples of 64 bits and type int64"),
    "an array of objects": (npy_file(np.array([[{}]]), allow_pickle=True), "Object arrays cannot be loaded"),
    "an array of complex numbers": (npy_file(RGBF[..., 0] + 1j), "contains values of type complex64"),
    "a stack of arrays": (npy_file(np.zeros((5, 7, 9))), r"shape \(5, 7, 9\); restore it in Python"),
    "an array with NaN": (npy_file(np.full((7, 9), np.nan)), "contains NaN or infinity"),
    "two channels": (tiff_file(LA16, extrasamples=["unspecified"]), "has 2 channels"),
    "four channels": (tiff_file(samples("uint8", "RGBA"), extrasamples=["unspecified"]), "has 4 channels"),
    "five channels": (
        tiff_file(np.zeros((7, 9, 5), np.uint8), photometric="minisblack", extrasamples=None), "has 5 channels",
    ),
    "inks and alpha": (
        tiff_file(np.zeros((7, 9, 5), np.uint8), photometric="separated", extrasamples=["unassalpha"]),
        "has 5 channels",
    ),
    "complex numbers": (tiff_file(RGBF[..., :1] + 1j), "type complex"),
    "inks of 16 bits": (
        tiff_file(samples("uint16", "RGBA"), photometric="separated", extrasamples=None),
        "has SEPARATED colours of 16 bits",
    ),
    "floats, compressed as tifffile can't": (
        patched(tiff_file(RGBF), Compression=5), "uses LZW compression, which is not supported for float32|lzw_decode",
    ),
    "planes of gray and alpha": (
        tiff_file(
            samples("uint8", "LA").transpose(2, 0, 1), photometric="minisblack", planarconfig="separate",
            extrasamples=["unassalpha"], compression="zlib",
        ),
        "stores gray and alpha as separate planes",
    ),
    "previews alone": (tiff_file(RGB8, subfiletype=1), "contains only preview images"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_files_that_are_not_taken(tmp_path, kind):
    content, sentence = BAD[kind]
    path = tmp_path / "a.png"
    path.write_bytes(content)
    with pytest.raises(GroupSCError, match=sentence) as caught:
        read_photograph(path)
    assert str(caught.value).startswith(f"{path} ")
    assert "\n" not in str(caught.value)


def test_large_photographs_are_taken_in_silence(tmp_path, recwarn, monkeypatch):
    (tmp_path / "a.png").write_bytes(FILES["png8"])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40)
    assert read_photograph(tmp_path / "a.png").mode == "RGB"
    assert not recwarn.list
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 30)
    with pytest.raises(GroupSCError, match="cut it into parts"):
        read_photograph(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    (tmp_path / "a.tif").write_bytes(FILES["tiff16"])
    for name in ("a.png", "a.tif"):
        assert read_photograph(tmp_path / name).mode == "RGB"


def test_paths_that_are_no_files(tmp_path):
    with pytest.raises(GroupSCError, match=r"absent\.png does not exist"):
        read_photograph(tmp_path / "absent.png")
    with pytest.raises(GroupSCError, match="is a folder or a device"):
        read_photograph(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        with pytest.raises(GroupSCError, match="is a folder or a device"):
            read_photograph(tmp_path / "pipe.png")


@pytest.mark.parametrize("kind", FILES)
def test_files_are_whole(tmp_path, kind):
    path = tmp_path / "a"
    path.write_bytes(FILES[kind])
    assert read_photograph(path).pixels.shape[1:] in ((7, 9), (9, 7))


CUTTABLE = {
    "png8": lambda: pillow_file(large("uint8", "RGB"), "PNG"),
    "png16": lambda: png_file(large("uint16", "RGB")),
    "png16 gray and alpha": lambda: png_file(large("uint16", "LA")),
    "tiff8": lambda: pillow_file(large("uint8", "RGB"), "TIFF"),
    "tiff16": lambda: tiff_file(large("uint16", "RGB")),
    "tiff16, ZIP": lambda: tiff_file(large("uint16", "RGB"), compression="zlib", rowsperstrip=4),
    "jpeg": lambda: pillow_file(large("uint8", "RGB"), "JPEG"),
    "webp": lambda: pillow_file(large("uint8", "RGB"), "WEBP"),
}


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("kind", CUTTABLE)
def test_a_photograph_that_was_cut_off(tmp_path, kind, part):
    whole = CUTTABLE[kind]()
    path = tmp_path / "a"
    path.write_bytes(whole[: int(part * len(whole))])
    with pytest.raises(GroupSCError, match=r"choose another file|is not an image"):
        read_photograph(path)


def large(depth, mode):
    return samples(depth, mode, height=64, width=80)


NUMBERS = (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\x7f\xff\xff\xff")


def mutations(seed):
    """Damaged copies of all `FILES` in turn, without end: (name, content)."""
    rng = random.Random(seed)
    while True:
        for name, whole in FILES.items():
            yield name, damaged(rng, whole, name)


def damaged(rng, whole, name):
    content = bytearray(whole)
    for _ in range(rng.choice((1, 1, 2, 5))):
        where, kind = rng.randrange(len(content) or 1), rng.randrange(7)
        if not content:
            return b""
        if kind == 0:
            del content[where:]
        elif kind == 1:
            content[where] ^= 1 << rng.randrange(8)
        elif kind == 2:  # The header, or the tags at the end of a TIFF.
            content[min(rng.randrange(300), len(content) - 1) * rng.choice((1, -1))] = rng.choice((0, 1, 2, 127, 255))
        elif kind == 3:
            content[where : where + 4] = rng.choice(NUMBERS)
        elif kind == 4:
            del content[where : where + rng.randrange(1, 20)]
        elif kind == 5:
            content[where:where] = content[: rng.randrange(1, 40)]
        else:
            other = rng.choice(list(FILES.values()))
            content[where : where + 30] = other[where : where + 30]
    return with_right_checksums(bytes(content)) if name.startswith("png") and rng.random() < 0.7 else bytes(content)


def with_right_checksums(content):
    """A damaged PNG whose checksums hide it, so that decoders go further."""
    fixed, place = bytearray(content), 8
    while place + 12 <= len(fixed):
        length = int.from_bytes(fixed[place : place + 4], "big")
        if place + 12 + length > len(fixed):
            break
        checksum = zlib.crc32(fixed[place + 4 : place + 8 + length])
        fixed[place + 8 + length : place + 12 + length] = checksum.to_bytes(4, "big")
        place += 12 + length
    return bytes(fixed)


def refused(error, path):
    """That an error is one sentence about the file; not that the file was read."""
    assert str(error).startswith(f"{path} ")
    return False


def survives(folder, content):
    """Read a file; what is an image is written and read again."""
    path = folder / "damaged"
    path.write_bytes(content)
    try:
        found = read_photograph(path)
    except GroupSCError as error:
        return refused(error, path)
    assert isinstance(found, Photograph)
    assert found.pixels.ndim == 3
    assert len(found.pixels) in (1, 3)
    if found.depth != "float32":
        assert found.pixels.min() >= 0
        assert found.pixels.max() <= 1
    suffix = ("tif", "png")[len(content) % 2] if found.depth in ("uint8", "uint16") else "tif"
    if found.pixels.size > 1e6:
        return True
    write_photograph(folder / f"again.{suffix}", found, overwrite=True)
    again = read_photograph(folder / f"again.{suffix}")
    np.testing.assert_array_equal(again.pixels, found.pixels)
    return True


def test_damaged_files_end_in_a_sentence_or_an_image(tmp_path):
    outcomes = [survives(tmp_path, content) for _, (_, content) in zip(range(400), mutations(0), strict=False)]
    assert 20 < sum(outcomes) < 380, "the damage is too light or too heavy to tell anything"
    assert {file.name for file in tmp_path.iterdir()} <= {"damaged", "again.tif", "again.png"}


@pytest.mark.slow
def test_many_damaged_files(tmp_path):
    for number, (name, content) in enumerate(itertools.islice(mutations(1), 4000)):
        try:
            survives(tmp_path, content)
        except BaseException:
            Path(tmp_path / "culprit").write_bytes(content)
            print(f"mutation {number}, of {name}, is kept as {tmp_path / 'culprit'}")
            raise
    assert {file.name for file in tmp_path.iterdir()} <= {"damaged", "again.tif", "again.png"}


def test_an_orientation_that_is_text_is_left_out_of_a_tiff(tmp_path):
    """Pillow reads such a tag, of type ASCII and empty, and fails where it writes it."""
    entry = struct.pack("<HHII", 274, 2, 1, 0)
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0" + entry + b"\0\0\0\0"
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(tmp_path / "a.jpg", exif=exif)
    found = read_photograph(tmp_path / "a.jpg")
    write_photograph(tmp_path / "a.tif", found)
    np.testing.assert_array_equal(read_photograph(tmp_path / "a.tif").pixels, found.pixels)


def test_pypng_agrees_that_the_checksums_are_right():
    assert [kind for kind, _ in png.Reader(bytes=with_right_checksums(FILES["png8"])).chunks()][-1] == b"IEND"
