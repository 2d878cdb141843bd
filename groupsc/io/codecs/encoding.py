"""Encode samples as the content of a file."""

from __future__ import annotations

import dataclasses
import io
import struct
import zlib

import numpy as np
from PIL import ExifTags, Image, PngImagePlugin

from groupsc.io.codecs import exif as exif_data
from groupsc.io.codecs.formats import FITS, JPEG, NPY, PGM, PNG, PPM, TIFF, Format, fitting_profile, within_limits
from groupsc.io.codecs.scientific import encode_fits, encode_npy
from groupsc.io.samples import Metadata

XMP_KEYWORD = "XML:com.adobe.xmp"


def encode(samples: np.ndarray, kind: Format, *, metadata: Metadata, quality: int) -> bytes:
    """Encode samples as the content of a file.

    Parameters
    ----------
    samples : ndarray (H, W, n)
        Of a type in `kind.depths`; n is 1 to 4.
    kind : Format
    metadata : Metadata
        What `dropped` names is omitted. A gray colour profile is omitted from a colour image, and a colour profile from
        a gray image, because image readers refuse such files.
    quality : int
        Quality of JPEG, WebP and AVIF, 1 to 100; WebP is lossless at 100. The other formats ignore it.

    Returns
    -------
    bytes

    Notes
    -----
    The content is encoded in memory, because Pillow does not report a disk that becomes full while it writes a file.

    Examples
    --------
    >>> import numpy as np
    >>> encode(np.zeros((4, 6, 1), np.uint8), PNG, metadata=Metadata(), quality=95)[1:4]
    b'PNG'
    """
    profile = metadata.profile and fitting_profile(metadata.profile, kind, samples.shape[2])
    metadata = dataclasses.replace(within_limits(metadata, kind), profile=profile)
    if kind is TIFF:
        return _encode_tiff(samples, metadata)
    if kind in (NPY, FITS):
        return encode_npy(samples) if kind is NPY else encode_fits(samples, metadata.header)
    if kind in (PPM, PGM):
        return _encode_pnm(samples, color=kind is PPM)
    if samples.dtype == np.uint16:
        return _encode_deep_png(samples, metadata)
    stream = io.BytesIO()
    _image(samples).save(stream, kind.name, **_options(kind, metadata, quality))
    return stream.getvalue()


def _options(kind: Format, metadata: Metadata, quality: int) -> dict:
    """Return the options with which Pillow writes an image."""
    kinds: dict[str, dict] = {
        "JPEG": {"quality": quality, "subsampling": 0},
        "WebP": {"quality": quality, "lossless": quality == 100, "exact": True},
        "AVIF": {"quality": quality, "subsampling": "4:4:4"},
    }
    options = dict(kinds.get(kind.name, {}))
    fields = {"icc_profile": metadata.profile, "exif": metadata.exif, "xmp": metadata.xmp, "dpi": metadata.dpi}
    names = {"icc_profile": "ICC profile", "exif": "EXIF", "xmp": "XMP", "dpi": "resolution"}
    options |= {name: value for name, value in fields.items() if value and names[name] in kind.keeps}
    if kind is PNG:
        options.pop("xmp", None)
        options["pnginfo"] = PngImagePlugin.PngInfo()
        for keyword, text in _png_texts(metadata):
            options["pnginfo"].add_itxt(keyword, text)
    if kind is JPEG and (comment := dict(metadata.texts).get("Comment")):
        options["comment"] = comment.encode()
    return options


def _png_texts(metadata: Metadata) -> list[tuple[str, str]]:
    packet = [] if metadata.xmp is None else [(XMP_KEYWORD, metadata.xmp.decode("utf-8", "replace"))]
    return [*((keyword, text) for keyword, text in metadata.texts if 0 < len(keyword) < 80), *packet]


def _encode_pnm(samples: np.ndarray, *, color: bool) -> bytes:
    """Encode a PPM or a PGM of 8 or 16 bits."""
    height, width, channels = samples.shape
    if color and channels == 1:
        samples = samples.repeat(3, axis=2)
    head = f"P{6 if color else 5}\n{width} {height}\n{np.iinfo(samples.dtype).max}\n"
    return head.encode() + samples.astype(samples.dtype.newbyteorder(">")).tobytes()


def _image(samples: np.ndarray) -> Image.Image:
    """Convert 8-bit samples to a Pillow image."""
    return Image.fromarray(np.ascontiguousarray(samples[..., 0] if samples.shape[2] == 1 else samples))


def _encode_tiff(samples: np.ndarray, metadata: Metadata) -> bytes:
    """Encode an uncompressed TIFF.

    Pillow does not write colours of more than 8 bits. It therefore writes their bytes as a wider 8-bit image, and the
    tags of width and bit depth are corrected afterwards.
    """
    height, width, channels = samples.shape
    size = samples.itemsize
    tags = exif_data.of_bytes(metadata.exif) if metadata.exif else Image.Exif()
    if samples.dtype != np.uint8:
        tags[339] = ({"u": 1, "i": 2, "f": 3}[samples.dtype.kind],) * channels  # SampleFormat
    if metadata.xmp:
        tags[700] = metadata.xmp
    notes: dict = {"icc_profile": metadata.profile} if metadata.profile else {}
    if metadata.dpi and ExifTags.Base.XResolution not in tags:
        notes["dpi"] = metadata.dpi
    raw = np.ascontiguousarray(samples, dtype=samples.dtype.newbyteorder("<")).view(np.uint8)
    stream = io.BytesIO()
    _image(raw.reshape(height, width * size, channels)).save(stream, "TIFF", compression="raw", exif=tags, **notes)
    if size > 1:
        import tifffile

        stream.seek(0)
        with tifffile.TiffFile(stream, mode="r+") as tiff:
            written = tiff.pages.first.tags
            written["ImageWidth"].overwrite(width)
            written["BitsPerSample"].overwrite((8 * size,) * channels)
    return stream.getvalue()


def _encode_deep_png(samples: np.ndarray, metadata: Metadata) -> bytes:
    """Encode a 16-bit PNG."""
    import png

    height, width, channels = samples.shape
    stream = io.BytesIO()
    writer = png.Writer(width, height, bitdepth=16, greyscale=channels < 3, alpha=channels % 2 == 0)
    writer.write_packed(stream, (row.astype(">u2").tobytes() for row in samples))
    head, *data, end = png.Reader(bytes=stream.getvalue()).chunks()
    notes = []
    if metadata.profile:
        notes.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(metadata.profile)))
    if metadata.dpi:
        notes.append((b"pHYs", struct.pack(">IIB", *(round(number / 0.0254) for number in metadata.dpi), 1)))
    for keyword, text in _png_texts(metadata):
        notes.append((b"iTXt", keyword.encode("latin-1", "replace") + bytes(5) + text.encode()))
    if metadata.exif:
        data.append((b"eXIf", metadata.exif.removeprefix(exif_data.HEAD)))
    stream = io.BytesIO()
    png.write_chunks(stream, [head, *notes, *data, end])
    return stream.getvalue()
