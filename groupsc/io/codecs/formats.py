"""What each file format can store."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path

from groupsc.io.samples import Metadata
from groupsc.utils.errors import GroupSCError

PIXEL_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}
DEPTHS = {
    "uint8": "8 bits per channel",
    "uint16": "16 bits per channel",
    "float32": "floating-point values",
    "float64": "floating-point values of 64 bits",
    "float16": "floating-point values of 16 bits",
    **{
        f"{kind}{bits}": f"{kind}{bits} values"
        for bits in (8, 16, 32, 64)
        for kind in ("int", "uint")
        if bits > 16 or kind == "int"
    },
}


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
    xmp, text : int
        Maximum size of the XMP packet and of a text in bytes.
    dpi : float
        Maximum resolution in pixels per inch.
    keeps : tuple of str
        Names of the metadata that the format stores, from `groupsc.io.samples.NAMES`.
    colors : bool
        Whether the format stores colours.

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
    xmp: int = 2**31 - 1
    text: int = 2**31 - 1
    dpi: float = math.inf
    keeps: tuple[str, ...] = ()
    colors: bool = True


_CAMERA = ("ICC profile", "EXIF", "XMP")
_INTEGERS = ("uint8", "uint16", "uint32", "int8", "int16", "int32")
_DPI_OF_METRES = (2**31 - 1) * 0.0254
"""Largest resolution of formats that store pixels per metre as 31 bits."""
PNG = Format("PNG", ("uint8", "uint16"), alpha=True, dpi=_DPI_OF_METRES, keeps=(*_CAMERA, "resolution", "texts"))
TIFF = Format("TIFF", (*_INTEGERS, "float32"), alpha=True, keeps=(*_CAMERA, "resolution"))
JPEG = Format(
    "JPEG", ("uint8",), alpha=False, side=65500, exif=65533, xmp=65504, text=65533, dpi=65535,
    keeps=(*_CAMERA, "resolution"),
)  # fmt: skip
WEBP = Format("WebP", ("uint8",), alpha=True, side=16383, keeps=_CAMERA)
AVIF = Format("AVIF", ("uint8",), alpha=True, side=65536, keeps=_CAMERA)
JPEG_2000 = Format("JPEG2000", ("uint8",), alpha=True)
BMP = Format("BMP", ("uint8",), alpha=False, dpi=_DPI_OF_METRES, keeps=("resolution",))
PPM = Format("PPM", ("uint8", "uint16"), alpha=False)
PGM = Format("PGM", ("uint8", "uint16"), alpha=False, colors=False)
NPY = Format("npy", tuple(DEPTHS), alpha=True)
FITS = Format(
    "FITS", ("uint8", "int16", "uint16", "int32", "uint32", "int64", "float32", "float64"), alpha=False, colors=False,
    keeps=("FITS header",),
)  # fmt: skip
COMMON = {".png": PNG, ".tif": TIFF, ".tiff": TIFF, ".jpg": JPEG, ".jpeg": JPEG, ".webp": WEBP}
FORMATS = {
    **COMMON,
    ".avif": AVIF, ".jp2": JPEG_2000, ".j2k": JPEG_2000, ".bmp": BMP, ".ppm": PPM, ".pnm": PPM, ".pgm": PGM,
    ".npy": NPY, ".fits": FITS, ".fit": FITS, ".fts": FITS,
}  # fmt: skip
"""Formats that can be written, by suffix."""

READ_ONLY = (
    ".heic", ".heif", ".gif", ".dib", ".ico", ".icns", ".pcx", ".psd", ".qoi", ".sgi", ".rgb", ".tga", ".dds", ".pbm",
    ".pfm", ".jfif", ".jpe", ".mpo", ".jpx", ".apng", ".xbm", ".ras",
)  # fmt: skip
"""Suffixes of further images that can be read; their restorations are written as PNG."""


RAW = (".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw")
"""Suffixes of camera raw files."""


def output_name(name: str) -> str:
    """Return the name of the restored image for the name of an image.

    Parameters
    ----------
    name : str

    Returns
    -------
    str
        The same name, or one with the suffix ".png", for a camera raw file ".tif", if the format can't be written.

    Examples
    --------
    >>> output_name("a.jpg"), output_name("a.heic")
    ('a.jpg', 'a.png')
    """
    path = Path(name)
    if path.suffix.lower() in RAW:
        return path.with_suffix(".tif").name
    return path.with_suffix(".png").name if path.suffix.lower() in READ_ONLY else name


def storable(path: Path, **needs) -> Path:
    """Return the path, with the suffix of a lossless format if the format that it names can't store an image.

    Parameters
    ----------
    path : Path
    **needs
        As for `format_for`.

    Returns
    -------
    Path
        With the suffix ".png" or ".tif" where the format that the suffix names can't store the image.

    Examples
    --------
    >>> storable(Path("a.jp2"), depth="uint16", alpha=False, side=100, exif=0, colors=True).name
    'a.png'
    """
    found = FORMATS.get(path.suffix.lower())
    if found is None or not _lacks(found, **needs):
        return path
    return path.with_suffix(".png" if not _lacks(PNG, **needs) else ".tif")


def dropped(metadata: Metadata, kind: Format, channels: int) -> list[str]:
    """Name the metadata of an image that a file of a format will not contain.

    Parameters
    ----------
    metadata : Metadata
    kind : Format
    channels : int
        Number of channels of the stored image, with alpha.

    Returns
    -------
    list of str

    Examples
    --------
    >>> dropped(Metadata(dpi=(300, 300), lost=("Photoshop data",)), WEBP, 3)
    ['resolution', 'Photoshop data']
    """
    small = within_limits(metadata, kind)
    names = [name for name in metadata.names() if name not in kind.keeps or name not in small.names()]
    if kind is JPEG and small.texts and all(keyword == "Comment" for keyword, _ in metadata.texts):
        names = [name for name in names if name != "texts"]
    if "ICC profile" in kind.keeps and metadata.profile and fitting_profile(metadata.profile, kind, channels) is None:
        names.append("ICC profile")
    return [*names, *metadata.lost]


def within_limits(metadata: Metadata, kind: Format) -> Metadata:
    """Return the metadata without those that are too large for a format.

    Examples
    --------
    >>> within_limits(Metadata(dpi=(1e5, 1e5)), JPEG).dpi is None, within_limits(Metadata(dpi=(300, 300)), JPEG).dpi
    (True, (300, 300))
    """
    return dataclasses.replace(
        metadata,
        xmp=None if len(metadata.xmp or b"") > kind.xmp else metadata.xmp,
        dpi=None if metadata.dpi and max(metadata.dpi) > kind.dpi else metadata.dpi,
        texts=tuple((keyword, text) for keyword, text in metadata.texts if len(text.encode()) <= kind.text),
    )


def format_for(path: Path, **needs) -> Format:
    """Return the format that the suffix of `path` names, after a check that it can store an image.

    Parameters
    ----------
    path : Path
    **needs
        Properties of the image: `depth` (a key of `DEPTHS`), `alpha` (bool), `side` (its longer side in pixels),
        `exif` (size of the EXIF data in bytes) and `colors` (bool, False by default).

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
    fitting = [suffix for suffix, kind in COMMON.items() if not _lacks(kind, **needs)]
    choice = f"use a name that ends in {' or '.join(fitting or ['.npy'])}"
    if found is None:
        raise GroupSCError(f"{path} can't be written, because its suffix is not of a supported format; {choice}")
    if lacks := _lacks(found, **needs):
        raise GroupSCError(f"{path} can't be written, because {found.name} can't store {' or '.join(lacks)}; {choice}")
    return found


def _lacks(kind: Format, *, depth: str, alpha: bool, side: int, exif: int, colors: bool = False) -> list[str]:
    return [
        *([DEPTHS[depth]] if depth not in kind.depths else []),
        *(["colours"] if colors and not kind.colors else []),
        *(["transparency"] if alpha and not kind.alpha else []),
        *([f"a side of {side} pixels"] if side > kind.side else []),
        *([f"EXIF data of {exif} bytes"] if exif > kind.exif and "EXIF" in kind.keeps else []),
    ]


def fitting_profile(profile: bytes, kind: Format, channels: int) -> bytes | None:
    """Return the colour profile if it is one for the stored channels."""
    stored = 3 if kind in (WEBP, AVIF) else channels - (channels + 1) % 2
    return profile if profile[16:20] == (b"GRAY" if stored == 1 else b"RGB ") else None
