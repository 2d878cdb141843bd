"""Image files to arrays and back, through real files of every kind that users have."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from groupsc.io.images import read_image, write_image
from groupsc.utils.errors import GroupSCError

RNG = np.random.default_rng(0)
COLOR = RNG.integers(0, 256, (7, 9, 3), dtype=np.uint8)
GRAY = RNG.integers(0, 256, (7, 9), dtype=np.uint8)


def saved(path, pixels, mode=None, **options):
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def luma(pixels):
    """ITU-R 601 in the 16-bit fixed point that Pillow documents, rounded to 8 bits."""
    r, g, b = (pixels[..., n].astype(np.int64) for n in range(3))
    return (19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_color_files(tmp_path, suffix):
    path = saved(tmp_path / f"color.{suffix}", COLOR)
    for channels in (None, 3):
        image = read_image(path, channels=channels)
        assert image.dtype == np.float32
        assert image.flags.c_contiguous
        np.testing.assert_array_equal(image, COLOR.transpose(2, 0, 1).astype(np.float32) / 255)
    gray = read_image(path, channels=1)
    np.testing.assert_array_equal(gray, luma(COLOR)[None].astype(np.float32) / 255)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tif"])
def test_gray_files(tmp_path, suffix):
    path = saved(tmp_path / f"gray.{suffix}", GRAY)
    for channels, expected in ((None, GRAY[None]), (1, GRAY[None]), (3, np.stack([GRAY] * 3))):
        np.testing.assert_array_equal(read_image(path, channels=channels), expected.astype(np.float32) / 255)


def test_luma_of_a_photograph_is_that_of_its_decoded_pixels(tmp_path):
    smooth = np.cumsum(RNG.integers(0, 3, (40, 50, 3)), axis=0).astype(np.uint8)
    path = saved(tmp_path / "photograph.jpg", smooth, quality=90)
    decoded = (read_image(path) * 255).round().astype(np.uint8).transpose(1, 2, 0)
    np.testing.assert_array_equal((read_image(path, channels=1)[0] * 255).round(), luma(decoded))


@pytest.mark.parametrize(
    ("mode", "channels"), [("RGBA", 3), ("LA", 1), ("P", 3), ("1", 1), ("CMYK", 3)], ids=lambda value: str(value)
)
def test_other_modes_are_stored_as_gray_or_color(tmp_path, mode, channels):
    path = saved(tmp_path / "other.tif", COLOR, mode)
    assert read_image(path).shape == (channels, 7, 9)
    for wanted in (1, 3):
        image = read_image(path, channels=wanted)
        assert image.shape == (wanted, 7, 9)
        assert image.min() >= 0
        assert image.max() <= 1


def test_transparency_is_dropped(tmp_path):
    pixels = np.dstack([COLOR, RNG.integers(0, 256, (7, 9), dtype=np.uint8)])
    path = saved(tmp_path / "transparent.png", pixels)
    np.testing.assert_array_equal(read_image(path), COLOR.transpose(2, 0, 1).astype(np.float32) / 255)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_of_gray_are_kept(tmp_path, suffix):
    pixels = RNG.integers(0, 65536, (7, 9), dtype=np.uint16)
    path = saved(tmp_path / f"deep.{suffix}", pixels)
    expected = pixels.astype(np.float32) / 65535
    np.testing.assert_array_equal(read_image(path), expected[None])
    np.testing.assert_array_equal(read_image(path, channels=3), np.stack([expected] * 3))


def test_floating_point_files_are_refused(tmp_path):
    path = saved(tmp_path / "float.tif", RNG.standard_normal((7, 9)).astype(np.float32))
    with pytest.raises(GroupSCError, match="save it with 8 or 16 bits"):
        read_image(path)


def test_a_photograph_is_turned_as_its_camera_noted(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # The camera was held upright: row 0 of the file is the right side.
    path = saved(tmp_path / "upright.png", COLOR, exif=exif)
    expected = np.rot90(COLOR, k=-1).transpose(2, 0, 1).astype(np.float32) / 255
    np.testing.assert_array_equal(read_image(path), expected)


def test_files_that_are_no_images(tmp_path):
    (tmp_path / "page.png").write_text("<html>not found</html>")
    (tmp_path / "empty.png").write_bytes(b"")
    for name in ("page.png", "empty.png"):
        with pytest.raises(GroupSCError, match="can't be read as an image"):
            read_image(tmp_path / name)
    with pytest.raises(GroupSCError, match=r"absent\.png does not exist"):
        read_image(tmp_path / "absent.png")
    with pytest.raises(GroupSCError, match="can't be read"):
        read_image(tmp_path)
    with pytest.raises(GroupSCError, match="choose 1 or 3"):
        read_image(saved(tmp_path / "a.png", COLOR), channels=2)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF"])
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=st.floats(0, 1), what=st.integers(0, 255), cut=st.booleans())
def test_damaged_files_end_in_a_sentence_or_an_image(tmp_path, kind, where, what, cut):
    stream = io.BytesIO()
    Image.fromarray(COLOR).save(stream, kind)
    content = bytearray(stream.getvalue())
    position = min(int(where * len(content)), len(content) - 1)
    if cut:
        del content[position:]
    else:
        content[position] = what
    path = tmp_path / "damaged"
    path.write_bytes(content)
    try:
        image = read_image(path, channels=3)
    except GroupSCError as error:
        sentence = str(error)
    else:
        sentence = str(path)
        assert image.shape[0] == 3
        assert np.isfinite(image).all()
    assert str(path) in sentence


def test_errors_of_decoders_become_a_sentence(tmp_path):
    path = saved(tmp_path / "unknown.dds", COLOR, "RGBA")
    content = bytearray(path.read_bytes())
    content[80:84] = bytes(4)  # The flags of the pixel format; Pillow raises NotImplementedError for these.
    path.write_bytes(content)
    with pytest.raises(GroupSCError, match=r"unknown\.dds can't be read as an image"):
        read_image(path)


def test_all_gray_levels_survive_a_round_trip(tmp_path):
    levels = np.arange(256, dtype=np.float32).reshape(1, 16, 16) / 255
    write_image(tmp_path / "new/folder/levels.png", levels)
    np.testing.assert_array_equal(read_image(tmp_path / "new/folder/levels.png"), levels)
    color = COLOR.transpose(2, 0, 1) / 255
    write_image(tmp_path / "color.png", color)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "color.png")), COLOR)


def test_written_values_are_clipped_and_rounded(tmp_path):
    write_image(tmp_path / "a.png", np.array([[[-0.3, 0.0, 1.2, 99.4 / 255, 99.6 / 255]]]))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "a.png")), [[0, 0, 255, 99, 100]])


def test_images_that_can_not_be_written(tmp_path):
    for shape in ((5, 5), (2, 5, 5), (1, 0, 5), (1, 3, 5, 5)):
        with pytest.raises(GroupSCError, match="must be"):
            write_image(tmp_path / "a.png", np.zeros(shape))
    with pytest.raises(GroupSCError, match=r"floats in \[0, 1\]"):
        write_image(tmp_path / "a.png", COLOR.transpose(2, 0, 1))
    for value in (np.nan, np.inf):
        with pytest.raises(GroupSCError, match="NaN or infinity"):
            write_image(tmp_path / "a.png", np.full((1, 5, 5), value))
    with pytest.raises(GroupSCError, match=r"ends in \.png"):
        write_image(tmp_path / "a.jpg", np.zeros((1, 5, 5)))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(GroupSCError, match="can't be written"):
        write_image(tmp_path / "file/a.png", np.zeros((1, 5, 5)))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are set as on Unix")
def test_a_full_disk_keeps_the_old_picture(tmp_path):
    path = saved(tmp_path / "a.png", GRAY)
    code = (
        "import resource, sys, numpy as np; from groupsc.io.images import write_image\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try: write_image(sys.argv[1], np.random.default_rng(0).random((3, 99, 99)))\n"
        "except ValueError as error: sys.exit(f'sentence: {error}')"
    )
    result = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith(f"sentence: {path} can't be written")
    assert "free some space" in result.stderr
    np.testing.assert_array_equal(np.asarray(Image.open(path)), GRAY)
    assert [file.name for file in tmp_path.iterdir()] == ["a.png"]
