"""What a camera noted, from file to file; told by Pillow."""

from __future__ import annotations

import numpy as np
import pytest
from photograph_files import camera, floats, noted, pillow_file, samples
from PIL import Image

from groupsc.io.photographs import read_photograph, write_photograph


@pytest.mark.parametrize("target", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("source", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_what_the_camera_noted_goes_from_any_format_to_any_other(tmp_path, source, target):
    (tmp_path / "a").write_bytes(pillow_file(samples("uint8", "RGB"), source, exif=camera()))
    write_photograph(tmp_path / f"b.{target}", read_photograph(tmp_path / "a"))
    with Image.open(tmp_path / f"b.{target}") as image:
        assert noted(image.getexif()) == noted(camera())


def test_dimensions_in_exif_turn_with_the_picture(tmp_path):
    exif = Image.Exif()
    exif.load(camera(6))
    exif.get_ifd(0x8769).update({0xA002: 9, 0xA003: 7})
    (tmp_path / "a.png").write_bytes(pillow_file(samples("uint8", "RGB"), "PNG", exif=exif))
    found = read_photograph(tmp_path / "a.png")
    exif.load(found.exif)
    details = exif.get_ifd(0x8769)
    assert found.pixels.shape == (3, details[0xA003], details[0xA002]) == (3, 9, 7)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_senseless_camera_notes_do_no_harm(tmp_path, orientation):
    (tmp_path / "a.png").write_bytes(pillow_file(samples("uint8", "L"), "PNG", exif=camera(orientation)))
    np.testing.assert_array_equal(read_photograph(tmp_path / "a.png").pixels, floats(samples("uint8", "L")))
    (tmp_path / "b.png").write_bytes(pillow_file(samples("uint8", "L"), "PNG", exif=b"Exif\0\0II*\0" + b"\xff" * 9))
    found = read_photograph(tmp_path / "b.png")
    np.testing.assert_array_equal(found.pixels, floats(samples("uint8", "L")))
    write_photograph(tmp_path / "c.tif", found)
