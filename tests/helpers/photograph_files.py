"""Small image files of every kind that people have, made by Pillow, pypng and tifffile, with what stands in them."""

from __future__ import annotations

import io

import numpy as np
import png
import tifffile
from PIL import ExifTags, Image, ImageCms

PROFILES = {"RGB": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()}
PROFILES["L"] = PROFILES["RGB"][:16] + b"GRAY" + PROFILES["RGB"][20:]
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}


def samples(depth, mode, *, height=7, width=9, seed=0):
    """Random samples (H, W, n)."""
    rng, shape = np.random.default_rng(seed), (height, width, CHANNELS[mode])
    return (
        rng.random(shape, dtype=depth) if depth == "float32" else rng.integers(0, np.iinfo(depth).max + 1, shape, depth)
    )


def floats(stored):
    """What the samples (H, W, n) mean: (n, H, W) in [0, 1], each the float32 next to the fraction."""
    white = 1 if stored.dtype.kind == "f" else np.iinfo(stored.dtype).max
    return (stored.transpose(2, 0, 1).astype(np.float64) / white).astype(np.float32)


def camera(orientation=None):
    """EXIF data with tags of all three parts, as bytes."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Voigtländer".encode("ascii", "replace").decode()
    exif[ExifTags.Base.DateTime] = "2020:12:09 10:11:12"
    if orientation is not None:
        exif[ExifTags.Base.Orientation] = orientation
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ExposureTime] = 0.004
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.ISOSpeedRatings] = 400
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitudeRef] = "N"
    return exif.tobytes()


def noted(exif):
    """The tags of `camera` in Pillow's EXIF data or bytes of them."""
    if isinstance(exif, bytes):
        stored, exif = exif, Image.Exif()
        exif.load(stored)
    details = exif.get_ifd(ExifTags.IFD.Exif)
    return {
        "make": exif.get(ExifTags.Base.Make),
        "date": exif.get(ExifTags.Base.DateTime),
        "orientation": exif.get(ExifTags.Base.Orientation),
        "exposure": float(details.get(ExifTags.Base.ExposureTime, 0)),
        "speed": details.get(ExifTags.Base.ISOSpeedRatings),
        "latitude": exif.get_ifd(ExifTags.IFD.GPSInfo).get(ExifTags.GPS.GPSLatitudeRef),
    }


def pillow_file(stored, format, **options):
    """8 bits by Pillow, as bytes."""
    stream = io.BytesIO()
    Image.fromarray(stored[..., 0] if stored.shape[2] == 1 else stored).save(stream, format, **options)
    return stream.getvalue()


def png_file(stored, **options):
    """A PNG of 8 or 16 bits by pypng, as bytes."""
    height, width, channels = stored.shape
    stream = io.BytesIO()
    kind = {"greyscale": channels < 3, "alpha": channels % 2 == 0, "bitdepth": 8 * stored.itemsize, **options}
    png.Writer(width, height, **kind).write(stream, stored.reshape(height, -1).tolist())
    return stream.getvalue()


def png_chunks(content, *extra):
    """A PNG with more chunks behind its header."""
    chunks = list(png.Reader(bytes=content).chunks())
    stream = io.BytesIO()
    png.write_chunks(stream, [chunks[0], *extra, *chunks[1:]])
    return stream.getvalue()


def tiff_file(stored, **options):
    """A TIFF by tifffile, as bytes."""
    channels = stored.shape[2]
    kind = {"photometric": "rgb" if channels > 2 else "minisblack", "planarconfig": "contig", "metadata": None}
    if channels % 2 == 0:
        kind["extrasamples"] = ["unassalpha"]
    stream = io.BytesIO()
    tifffile.imwrite(stream, stored[..., 0] if channels == 1 else stored, **{**kind, **options})
    return stream.getvalue()


def lzw_file(stored, **options):
    """A TIFF of 16 bits compressed by LZW: an image of 8 bits, twice as wide, whose tags are then put right."""
    height, width, channels = stored.shape
    wide = np.ascontiguousarray(stored.astype("<u2")).view(np.uint8).reshape(height, 2 * width, channels)
    stream = io.BytesIO(pillow_file(wide, "TIFF", compression="tiff_lzw", **options))
    with tifffile.TiffFile(stream, mode="r+b") as tiff:
        tiff.pages[0].tags["ImageWidth"].overwrite(width)
        tiff.pages[0].tags["BitsPerSample"].overwrite((16,) * channels)
    return stream.getvalue()


XYZ_TO_CAMERA = (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)
"""A camera whose colours are those of linear sRGB."""


def dng_file(mosaic, *, pattern=(0, 1, 1, 2), repeated=(2, 2), active=None, noise=None, orientation=1):
    """A DNG with black level 512, white level 4095 and a white balance of 2, 1, 1.6."""

    def fractions(values):
        return [part for value in values for part in (round(value * 10000), 10000)]

    tags = [
        (271, 2, None, "Maker", True), (272, 2, None, "Model", True), (274, 3, 1, orientation, True),
        (33421, 3, 2, repeated, True), (33422, 1, len(pattern), bytes(pattern), True),
        (50706, 1, 4, bytes([1, 4, 0, 0]), True), (50708, 2, None, "Maker Model", True),
        (50714, 3, 1, 512, True), (50717, 3, 1, 4095, True), (50721, 10, 9, fractions(XYZ_TO_CAMERA), True),
        (50728, 5, 3, fractions((0.5, 1, 0.625)), True), (50778, 3, 1, 21, True),
    ]  # fmt: skip
    tags += [(50829, 3, 4, active, True)] if active else []
    tags += [(51041, 12, len(noise), noise, True)] if noise else []
    stream = io.BytesIO()
    tifffile.imwrite(stream, mosaic, photometric=32803, metadata=None, extratags=tags)
    return stream.getvalue()


def drawing(dtype=np.uint8) -> np.ndarray:
    """An image without noise."""
    image = np.full((64, 64), 200, dtype)
    image[20:30] = 40
    return image
