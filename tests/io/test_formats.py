"""Formats beyond PNG, TIFF, JPEG and WebP, types beyond 8 and 16 bits, and metadata that are kept or named."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest
import tifffile
from photograph_files import PROFILES, camera, floats, noted, pillow_file, samples
from PIL import PngImagePlugin

from groupsc.io.codecs.formats import FORMATS, READ_ONLY
from groupsc.io.paths import photographs, targets
from groupsc.io.photographs import Photograph, lost_metadata, read_photograph, storable_path, write_photograph
from groupsc.io.restoring import restore_file
from groupsc.utils.errors import GroupSCError

RGB8, RGB16, GRAY8, GRAY16 = (samples(f"uint{b}", mode) for mode in ("RGB", "L") for b in (8, 16))
SAME = lambda photo: (photo.pixels, {})  # noqa: E731
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def fits(array, **keywords):
    library = pytest.importorskip("astropy.io.fits", reason="needs the extra formats")
    stream = io.BytesIO()
    library.PrimaryHDU(array, library.Header(keywords)).writeto(stream)
    return stream.getvalue()


def coded(name, array, **options):
    library = pytest.importorskip("imagecodecs", reason="needs the extra formats")
    return getattr(library, f"{name}_encode")(array, **options)


def heic(array, quality=-1):
    library = pytest.importorskip("pillow_heif", reason="needs the extra formats")
    stream = io.BytesIO()
    mode = "RGB" if array.dtype == np.uint8 else "RGB;16"
    library.from_bytes(mode=mode, size=array.shape[1::-1], data=array.tobytes()).save(
        stream, quality=quality, chroma=444, matrix_coefficients=0
    )
    return stream.getvalue()


READ = {
    "ppm": (lambda: pillow_file(RGB8, "PPM"), RGB8),
    "pgm": (lambda: pillow_file(GRAY8, "PPM"), GRAY8),
    "ppm of 16 bits": (lambda: b"P6 9 7 65535\n" + RGB16.astype(">u2").tobytes(), RGB16),
    "pgm of 16 bits": (lambda: b"P5\n9 7\n65535\n" + GRAY16.astype(">u2").tobytes(), GRAY16),
    "bmp": (lambda: pillow_file(RGB8, "BMP"), RGB8),
    "gif": (lambda: pillow_file(GRAY8, "GIF"), GRAY8.repeat(3, 2)),
    "qoi": (lambda: pillow_file(RGB8, "QOI"), RGB8),
    "tga": (lambda: pillow_file(RGB8, "TGA"), RGB8),
    "jpeg 2000": (lambda: pillow_file(RGB8, "JPEG2000"), RGB8),
    "jpeg 2000 of 16 bits": (lambda: coded("jpeg2k", RGB16, level=0, reversible=True), RGB16),
    "jpeg 2000, gray, of 16 bits": (lambda: pillow_file(GRAY16, "JPEG2000"), GRAY16),
    "heic": (lambda: heic(RGB8), RGB8),
    "npy": (lambda: npy(GRAY16[..., 0].astype(">u2")), GRAY16),
    "npy of colors": (lambda: npy(RGB16 / 65535), RGB16 / 65535),
    "npy of counts": (lambda: npy(np.int64(GRAY16[..., 0]) - 9000), np.int64(GRAY16) - 9000),
    "fits": (lambda: fits(GRAY16[..., 0]), GRAY16),
    "fits of floats": (lambda: fits(np.float32(GRAY16[..., 0]) / 7), np.float32(GRAY16) / 7),
}


@pytest.mark.parametrize("kind", READ)
def test_formats_that_are_read(tmp_path, kind):
    make, expected = READ[kind]
    (tmp_path / "a").write_bytes(make())
    found = read_photograph(tmp_path / "a")
    assert found.pixels.dtype == np.float32
    np.testing.assert_allclose(
        np.moveaxis(found.stored, 0, 2).astype(np.float64), expected.astype(np.float64), rtol=2e-7, atol=0.01
    )
    np.testing.assert_array_equal(found.scaled(found.stored).round(4), found.pixels.round(4))
    if expected.dtype in (np.uint8, np.uint16):
        np.testing.assert_allclose(found.pixels, floats(expected), rtol=1e-6)


def test_bits_beyond_eight_of_avif_and_heic(tmp_path):
    ramp = np.linspace(0, 65535, 64 * 48).reshape(48, 64, 1).repeat(3, 2).astype(np.uint16)
    (tmp_path / "a.avif").write_bytes(coded("avif", ramp >> 6, bitspersample=10, level=100))
    (tmp_path / "a.heic").write_bytes(heic(ramp, quality=95))
    for name in ("a.avif", "a.heic"):
        found = read_photograph(tmp_path / name)
        assert found.depth == "uint16"
        np.testing.assert_allclose(found.pixels[0], ramp[..., 0] / 65535, atol=0.004)
        assert len(np.unique(found.pixels[0])) > 300


@pytest.mark.parametrize(
    ("suffix", "stored"),
    [
        *((suffix, RGB8) for suffix in ("bmp", "ppm", "pnm", "jp2", "npy")),
        *((suffix, GRAY8) for suffix in ("pgm", "bmp", "jp2", "npy", "fits")),
        ("ppm", RGB16), ("pgm", GRAY16), ("npy", GRAY16), ("fits", GRAY16),
        ("npy", samples("uint16", "RGBA")), ("npy", GRAY16 / 65535), ("npy", np.float16(GRAY8) / 4),
        *((suffix, GRAY16.astype(kind) - 9000) for kind in (np.int16, np.int32) for suffix in ("tif", "npy", "fits")),
        ("tif", np.uint32(GRAY16) * 60000), ("tif", np.float32(GRAY16) - 500), ("tif", np.int32(RGB16)),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.dtype} {value.shape[2]}",
)  # fmt: skip
def test_what_comes_back_has_the_format_type_and_values_that_were_given(tmp_path, suffix, stored):
    if suffix == "fits":
        pytest.importorskip("astropy", reason="needs the extra formats")
    np.save(tmp_path / "a.npy", stored)
    written, facts = restore_file(tmp_path / "a.npy", tmp_path / f"new/b.{suffix}", SAME)
    assert (written.name, facts) == (f"b.{suffix}", {})
    again = np.moveaxis(read_photograph(written).stored, 0, 2)
    tolerance = 2e-7 * float(np.ptp(stored.astype(float)))
    if suffix not in ("tif", "jp2"):
        assert again.dtype == stored.dtype
    np.testing.assert_allclose(again.astype(float), stored[..., : again.shape[2]].astype(float), rtol=0, atol=tolerance)
    if suffix == "tif":
        other = tifffile.imread(written).reshape(stored.shape)
        assert other.dtype == stored.dtype
        np.testing.assert_allclose(other.astype(float), stored.astype(float), rtol=0, atol=tolerance)


def test_negative_noise_of_floats_is_kept(tmp_path):
    noisy = np.random.default_rng(0).normal(0.02, 0.1, (9, 8)).astype(np.float32)
    tifffile.imwrite(tmp_path / "a.tif", noisy)
    np.testing.assert_array_equal(read_photograph(tmp_path / "a.tif").pixels[0], noisy)
    restore_file(tmp_path / "a.tif", tmp_path / "b.tif", SAME)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), noisy)


@pytest.mark.parametrize(
    ("name", "one", "chosen"),
    [
        ("a.jpg", Photograph(pixels=np.zeros((1, 4, 6)), depth="uint16"), "a.png"),
        ("a.jpg", Photograph(pixels=np.zeros((1, 4, 6)), alpha=np.zeros((4, 6))), "a.png"),
        ("a.pgm", Photograph(pixels=np.zeros((3, 4, 6))), "a.png"),
        ("a.jp2", Photograph(pixels=np.zeros((3, 4, 6)), depth="uint16"), "a.png"),
        ("a.png", Photograph(pixels=np.zeros((3, 4, 6)), depth="float32"), "a.tif"),
        ("a.webp", Photograph(pixels=np.zeros((3, 4, 6)), depth="int32"), "a.tif"),
        ("a.png", Photograph(pixels=np.zeros((3, 4, 6))), "a.png"),
    ],
)
def test_the_nearest_lossless_format_is_chosen(tmp_path, name, one, chosen):
    assert storable_path(tmp_path / name, one).name == chosen
    write_photograph(tmp_path / chosen, one)


def test_folders_contain_all_formats_that_are_read(tmp_path):
    for suffix in (*FORMATS, *READ_ONLY):
        (tmp_path / f"{suffix[1:]}{suffix}").touch()
    (tmp_path / "notes.txt").touch()
    found = photographs([tmp_path])
    assert len(found) == len(FORMATS) + len(READ_ONLY)
    named = {source.name: target.name for source, target in targets(found, tmp_path / "out")}
    assert (named["gif.gif"], named["heic.heic"], named["bmp.bmp"]) == ("gif.png", "heic.png", "bmp.bmp")


def with_everything(format, **more):
    options = {"exif": camera(6), "icc_profile": PROFILES["RGB"], "dpi": (300, 150), "xmp": XMP, **more}
    if format == "PNG":
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP.decode())
        options["pnginfo"].add_text("Author", "Émile")
    return pillow_file(RGB8, format, **options)


KEPT = {
    ("PNG", "png"): [], ("JPEG", "jpg"): [], ("JPEG", "png"): [], ("JPEG", "tif"): ["texts"],
    ("PNG", "tif"): ["texts"], ("PNG", "jpg"): ["texts"], ("PNG", "webp"): ["resolution", "texts"],
    ("PNG", "ppm"): ["ICC profile", "EXIF", "resolution", "XMP", "texts"], ("AVIF", "avif"): [], ("WEBP", "webp"): [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("format", "suffix", "depth"),
    [(*pair, depth) for pair in KEPT for depth in ("uint8", "uint16") if depth == "uint8" or pair[1] in ("png", "tif")],
)
def test_metadata_are_kept_or_named(tmp_path, format, suffix, depth):
    (tmp_path / "a").write_bytes(with_everything(format, **({"comment": b"hello"} if format == "JPEG" else {})))
    photo = dataclasses.replace(read_photograph(tmp_path / "a"), depth=depth, black=None, white=None)
    lost = KEPT[format, suffix]
    write_photograph(tmp_path / f"c.{suffix}", photo)
    facts = restore_file(tmp_path / "a", tmp_path / f"b.{suffix}", SAME)[1]
    assert facts == ({"not kept": ", ".join(lost)} if lost else {})
    found = read_photograph(tmp_path / f"c.{suffix}")
    assert found.depth == depth
    assert found.xmp == (None if "XMP" in lost else XMP.replace(b'"6"', b'"1"'))
    assert found.profile == (None if "ICC profile" in lost else PROFILES["RGB"])
    assert (found.exif and noted(found.exif)["orientation"]) in ((None,) if "EXIF" in lost else (1, None))
    if format in ("PNG", "JPEG") and "resolution" not in lost:
        assert found.dpi == pytest.approx((150, 300), rel=1e-3)
    if suffix == "png":
        assert dict(found.texts) == ({"Author": "Émile"} if format == "PNG" else {"Comment": "hello"})


@pytest.mark.parametrize("depth", ["uint8", "uint16"])
@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp"])
def test_metadata_that_are_too_large_for_a_format_are_named(tmp_path, suffix, depth):
    large = {
        "XMP": {"xmp": b"x" * 65505}, "texts": {"texts": (("Comment", "x" * 65534),)}, "resolution": {"dpi": (1e8, 1e8)}
    }  # fmt: skip
    unlimited = {"jpg": (), "png": ("XMP", "texts"), "bmp": ()}[suffix]
    for name, fields in large.items():
        photo = Photograph(
            pixels=np.zeros((1, 4, 6), np.float32), depth=depth if suffix == "png" else "uint8", **fields
        )
        write_photograph(tmp_path / f"a.{suffix}", photo, overwrite=True)
        assert lost_metadata(tmp_path / f"a.{suffix}", photo) == ([] if name in unlimited else [name])
        assert name not in unlimited or read_photograph(tmp_path / f"a.{suffix}").names() == [name]


@pytest.mark.parametrize(("offset", "step", "kind"), [(10**9, 1, np.int32), (1e6, 1 / 255, np.float64)])
def test_values_with_a_large_offset_keep_their_digits(tmp_path, offset, step, kind):
    values = (offset + step * GRAY8[..., 0].astype(np.float64)).astype(kind)
    np.save(tmp_path / "a.npy", values)
    restore_file(tmp_path / "a.npy", tmp_path / "b.npy", SAME)
    np.testing.assert_allclose(np.load(tmp_path / "b.npy"), values, rtol=0, atol=step / 100)


def test_the_header_of_fits_is_kept(tmp_path):
    (tmp_path / "a.fits").write_bytes(fits(GRAY16[..., 0], OBJECT="M31", EXPTIME=30.0))
    assert restore_file(tmp_path / "a.fits", tmp_path / "b.fits", SAME)[1] == {}
    assert restore_file(tmp_path / "a.fits", tmp_path / "b.png", SAME)[1] == {"not kept": "FITS header"}
    library = pytest.importorskip("astropy.io.fits", reason="needs the extra formats")
    with library.open(tmp_path / "b.fits") as units:
        assert (units[0].header["OBJECT"], units[0].header["EXPTIME"]) == ("M31", 30.0)
        np.testing.assert_array_equal(units[0].data, GRAY16[..., 0])


def test_tags_that_are_not_kept_are_named(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", RGB8, metadata=None, extratags=[(37706, 2, None, "TVIPS", False)])
    assert restore_file(tmp_path / "a.tif", tmp_path / "b.tif", SAME)[1] == {"not kept": "TVIPS"}


@pytest.mark.parametrize(
    ("library", "content"),
    [
        ("astropy.io", b"SIMPLE  =                    T".ljust(2880)),
        ("pillow_heif", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
        ("imagecodecs", READ["jpeg 2000 of 16 bits"][0]),
    ],
)
def test_a_missing_library_is_named(tmp_path, monkeypatch, library, content):
    (tmp_path / "a").write_bytes(content if isinstance(content, bytes) else content())
    monkeypatch.setitem(__import__("sys").modules, library, None)
    with pytest.raises(GroupSCError, match=r"pip install 'groupsc\[formats\]'"):
        read_photograph(tmp_path / "a")
