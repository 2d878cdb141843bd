"""Encode samples as PNG, TIFF, JPEG or WebP, and check what each format can store."""

from __future__ import annotations

import io
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from groupsc.io import exif as exif_data
from groupsc.utils.errors import GroupSCError

PIXEL_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
DEPTHS = {"uint8": "8 bits per channel", "uint16": "16 bits per channel", "float32": "floating-point values"}


@dataclass(frozen=True)
class Format:
    """What a file format can store.

    Parameters
    ----------
    name : str
        Name of the format.
    depths : tuple of str
        Types of samples, from `DEPTHS`.
    alpha : bool
        Whether the format stores transparency.
    side : int
        Maximum width and height in pixels.
    exif : int
        Maximum size of the EXIF data in bytes.

    Examples
    --------
    >>> FORMATS[".jpg"].depths
    ('uint8',)
    """

    name: str
    depths: tuple[str, ...]
    alpha: bool
    side: int = 2**31 - 1
    exif: int = 2**31 - 1


PNG = Format("PNG", ("uint8", "uint16"), alpha=True)
TIFF = Format("TIFF", ("uint8", "uint16", "float32"), alpha=True)
JPEG = Format("JPEG", ("uint8",), alpha=False, side=65500, exif=65533)
WEBP = Format("WebP", ("uint8",), alpha=True, side=16383)
FORMATS = {".png": PNG, ".tif": TIFF, ".tiff": TIFF, ".jpg": JPEG, ".jpeg": JPEG, ".webp": WEBP}


def format_for(path: Path, **needs) -> Format:
    """Return the format that the suffix of `path` names, after a check that it can store an image.

    Parameters
    ----------
    path : Path
    **needs
        Properties of the image: `depth` (a key of `DEPTHS`), `alpha` (bool), `side` (its longer side in pixels) and
        `exif` (size of the EXIF data in bytes). All four are required.

    Returns
    -------
    Format

    Raises
    ------
    GroupSCError
        When the suffix is unknown or the format can't store the image. The message names the suffixes that can.

    Examples
    --------
    >>> format_for(Path("a.tif"), depth="float32", alpha=False, side=100, exif=0).name
    'TIFF'
    """
    found = FORMATS.get(path.suffix.lower())
    fitting = [suffix for suffix, kind in FORMATS.items() if not _lacks(kind, **needs)]
    choice = f"use a name that ends in {' or '.join(fitting)}"
    if found is None:
        raise GroupSCError(f"{path} can't be written, because its suffix is not of a supported format; {choice}")
    if lacks := _lacks(found, **needs):
        raise GroupSCError(f"{path} can't be written, because {found.name} can't store {' or '.join(lacks)}; {choice}")
    return found


def _lacks(kind: Format, *, depth: str, alpha: bool, side: int, exif: int) -> list[str]:
    return [
        *([DEPTHS[depth]] if depth not in kind.depths else []),
        *(["transparency"] if alpha and not kind.alpha else []),
        *([f"a side of {side} pixels"] if side > kind.side else []),
        *([f"EXIF data of {exif} bytes"] if exif > kind.exif else []),
    ]


def encode(samples: np.ndarray, kind: Format, *, profile: bytes | None, exif: bytes | None, quality: int) -> bytes:
    """Encode samples as the content of a file.

    Parameters
    ----------
    samples : ndarray (H, W, n)
        uint8, uint16 or float32, of a type in `kind.depths`; n is a key of `PIXEL_MODES`.
    kind : Format
    profile : bytes or None
        ICC colour profile. A gray profile is omitted from a colour image, and a colour profile from a gray image,
        because image readers refuse such files.
    exif : bytes or None
        EXIF data.
    quality : int
        Quality of JPEG and WebP, 1 to 100; WebP is lossless at 100. The other formats ignore it.

    Returns
    -------
    bytes

    Notes
    -----
    The content is encoded in memory, because Pillow does not report a disk that becomes full while it writes a file.

    Examples
    --------
    >>> import numpy as np
    >>> encode(np.zeros((4, 6, 1), np.uint8), PNG, profile=None, exif=None, quality=95)[1:4]
    b'PNG'
    """
    stored = 3 if kind is WEBP else samples.shape[2] - (samples.shape[2] + 1) % 2
    if profile and profile[16:20] != (b"GRAY" if stored == 1 else b"RGB "):
        profile = None
    if kind is TIFF:
        return _encode_tiff(samples, profile, exif)
    if samples.dtype == np.uint16:
        return _encode_deep_png(samples, profile, exif)
    options = {
        "JPEG": {"quality": quality, "subsampling": 0},
        "WebP": {"quality": quality, "lossless": quality == 100, "exact": True},
    }.get(kind.name, {})
    notes = {name: value for name, value in {"icc_profile": profile, "exif": exif}.items() if value}
    stream = io.BytesIO()
    _image(samples).save(stream, kind.name, **options, **notes)
    return stream.getvalue()


def _image(samples: np.ndarray) -> Image.Image:
    """Convert 8-bit samples to a Pillow image."""
    return Image.fromarray(np.ascontiguousarray(samples[..., 0] if samples.shape[2] == 1 else samples))


def _encode_tiff(samples: np.ndarray, profile: bytes | None, exif: bytes | None) -> bytes:
    """Encode an uncompressed TIFF.

    Pillow does not write colours of more than 8 bits. It therefore writes their bytes as a wider 8-bit image, and the
    tags of width and bit depth are corrected afterwards.
    """
    height, width, channels = samples.shape
    size = samples.itemsize
    tags = exif_data.of_bytes(exif) if exif else Image.Exif()
    if size > 1:
        tags[339] = (3 if samples.dtype.kind == "f" else 1,) * channels  # SampleFormat
    raw = np.ascontiguousarray(samples, dtype=samples.dtype.newbyteorder("<")).view(np.uint8)
    notes = {"icc_profile": profile} if profile else {}
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


def _encode_deep_png(samples: np.ndarray, profile: bytes | None, exif: bytes | None) -> bytes:
    """Encode a 16-bit PNG."""
    import png

    height, width, channels = samples.shape
    stream = io.BytesIO()
    writer = png.Writer(width, height, bitdepth=16, greyscale=channels < 3, alpha=channels % 2 == 0)
    writer.write_packed(stream, (row.astype(">u2").tobytes() for row in samples))
    chunks = list(png.Reader(bytes=stream.getvalue()).chunks())
    if profile:
        chunks.insert(1, (b"iCCP", b"ICC Profile\0\0" + zlib.compress(profile)))
    if exif:
        chunks.insert(-1, (b"eXIf", exif.removeprefix(exif_data.HEAD)))
    stream = io.BytesIO()
    png.write_chunks(stream, chunks)
    return stream.getvalue()
