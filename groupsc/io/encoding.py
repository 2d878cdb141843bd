"""From samples to the content of files: PNG, TIFF, JPEG and WebP, each with what it can hold."""

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
DEPTHS = {"uint8": "8 bits", "uint16": "16 bits", "float32": "floats"}


@dataclass(frozen=True)
class Format:
    """What a kind of file can hold: `side` is its greatest width and height, `exif` the most bytes of EXIF data."""

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
    """The format that the suffix of `path` names, which holds an image of such depth, alpha, greatest side and bytes of
    EXIF data.

    Raises
    ------
    GroupSCError
        When it is unknown or can't hold it; the sentence names the suffixes that can.
    """
    found = FORMATS.get(path.suffix.lower())
    fitting = [suffix for suffix, kind in FORMATS.items() if not _lacks(kind, **needs)]
    choice = f"let the name end in {' or '.join(fitting)}"
    if found is None:
        raise GroupSCError(f"{path} can't be written, for its suffix names no format; {choice}")
    if lacks := _lacks(found, **needs):
        raise GroupSCError(f"{path} can't be written, for {found.name} holds no {' and no '.join(lacks)}; {choice}")
    return found


def _lacks(kind: Format, *, depth: str, alpha: bool, side: int, exif: int) -> list[str]:
    return [
        *([DEPTHS[depth]] if depth not in kind.depths else []),
        *(["transparency"] if alpha and not kind.alpha else []),
        *([f"side of {side} pixels"] if side > kind.side else []),
        *([f"EXIF data of {exif} bytes"] if exif > kind.exif else []),
    ]


def encode(samples: np.ndarray, kind: Format, *, profile: bytes | None, exif: bytes | None, quality: int) -> bytes:
    """The content of a file with samples (H, W, n) of uint8, uint16 or float32; n as in `PIXEL_MODES`.

    A colour profile of gray is left out from a colour image and the other way round: readers refuse such files.

    Nothing is encoded to a file on the disk, since Pillow takes no notice of a disk that becomes full meanwhile.
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
    """Samples of 8 bits for Pillow."""
    return Image.fromarray(np.ascontiguousarray(samples[..., 0] if samples.shape[2] == 1 else samples))


def _encode_tiff(samples: np.ndarray, profile: bytes | None, exif: bytes | None) -> bytes:
    """Uncompressed. Pillow writes no colours of more than 8 bits, but it writes the bytes of these as an image of 8
    bits that is wider; what it says of width and type is put right afterwards."""
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
        with tifffile.TiffFile(stream, mode="r+b") as tiff:
            written = tiff.pages[0].tags
            written["ImageWidth"].overwrite(width)
            written["BitsPerSample"].overwrite((8 * size,) * channels)
    return stream.getvalue()


def _encode_deep_png(samples: np.ndarray, profile: bytes | None, exif: bytes | None) -> bytes:
    """A PNG of 16 bits."""
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
