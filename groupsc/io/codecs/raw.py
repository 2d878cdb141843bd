"""Decode camera raw files: mosaics of linear values, with what is needed to develop them.

rawpy (LibRaw) reads the mosaic, its black level, white level, white balance and colour matrix. It does not read the
noise profile of a DNG, which tifffile reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from groupsc.io.codecs import exif
from groupsc.io.samples import Decoded, Metadata, require_size
from groupsc.utils.errors import GroupSCError

NOISE_PROFILE, DNG_VERSION, SUB_IFDS, CFA, LINEAR_RAW = 51041, 50706, 330, 32803, 34892
SIGNATURES = (b"FUJIFILM", b"IIRO", b"IIRS", b"MMOR", b"IIU\0")
"""First bytes of raw files that are not TIFF files."""
TURNS = {0: 0, 3: 2, 5: 1, 6: 3}
"""Counterclockwise quarter turns that bring an image upright, by LibRaw's code of the orientation."""


@dataclass(frozen=True, eq=False)
class Sensor:
    """How the values of a Bayer sensor become colours.

    Parameters
    ----------
    pattern : str
        Colours of the 2×2 cell in raster order, such as "RGGB".
    gains : (float, float, float)
        Factors of red, green and blue for the white balance; the smallest is 1.
    matrix : ndarray (3, 3)
        From white-balanced camera colours to linear sRGB.
    noise : ndarray (3, 2), optional
        S and O of red, green and blue: a linear value x in [0, 1] has the noise variance S x + O (NoiseProfile of DNG).
    turns : int
        Counterclockwise quarter turns that bring the developed image upright.

    Examples
    --------
    >>> Sensor("RGGB").gains
    (1.0, 1.0, 1.0)
    """

    pattern: str
    gains: tuple[float, float, float] = (1.0, 1.0, 1.0)
    matrix: np.ndarray | None = None
    noise: np.ndarray | None = None
    turns: int = 0


def is_raw(tiff) -> bool:
    """Return whether an open TIFF file is a camera raw file.

    Parameters
    ----------
    tiff : tifffile.TiffFile

    Returns
    -------
    bool

    Examples
    --------
    >>> is_raw(tifffile.TiffFile("photo.dng"))  # doctest: +SKIP
    True
    """
    first = tiff.pages[0]
    return bool(
        DNG_VERSION in first.tags
        or first.photometric in (CFA, LINEAR_RAW)
        or (SUB_IFDS in first.tags and first.subfiletype & 1 and 271 in first.tags)
    )


def decode_raw(file: BinaryIO) -> Decoded:
    """Decode the visible part of the mosaic in a camera raw file.

    Parameters
    ----------
    file : binary file
        Open for reading, seekable, and at its start.

    Returns
    -------
    Decoded
        Its samples (H, W, 1) are float32 and linear, with 0 for black and 1 for the saturation of the sensor. The
        pattern of its sensor is that of the first row and column of the visible part.

    Raises
    ------
    GroupSCError
        When rawpy is missing, or the sensor has no Bayer pattern. The message starts with the verb.
    Exception
        Any kind of exception, when the file is damaged.

    Examples
    --------
    >>> found = decode_raw(open("photo.dng", "rb"))  # doctest: +SKIP
    """
    try:
        import rawpy
    except ImportError as error:
        raise GroupSCError("is a camera raw file; install the extra to read it: pip install 'groupsc[raw]'") from error
    try:
        file.seek(0)
        opened = rawpy.imread(file)
    except rawpy.LibRawError as error:
        raise GroupSCError(f"can't be read as a camera raw file ({error}); choose another file") from error
    with opened as raw:
        pattern = raw.raw_pattern
        if raw.raw_type != rawpy.RawType.Flat or pattern is None or pattern.shape != (2, 2):
            raise GroupSCError("has no Bayer pattern (such as X-Trans); develop it with another program")
        require_size(raw.raw_image_visible.size)
        colors = raw.raw_colors_visible
        letters = "".join(raw.color_desc.decode()[number] for number in colors[:2, :2].flat)
        if sorted(letters) != sorted("RGGB"):
            raise GroupSCError(f"has a sensor with the colours {letters}; develop it with another program")
        black = np.array(raw.black_level_per_channel, np.float32)[colors]
        mosaic = (raw.raw_image_visible - black) / (np.float32(raw.white_level) - black)
        matrix = np.array(raw.color_matrix)[:, :3]
        gains = _gains(raw.camera_whitebalance, raw.daylight_whitebalance)
        turns = TURNS.get(raw.sizes.flip, 0)
    sensor = Sensor(letters, gains, matrix if np.abs(matrix).sum() > 0 else None, _noise_profile(file), turns)
    noted = exif.of_tiff(file, None)
    if exif.ORIENTATION in noted:
        noted[exif.ORIENTATION] = 1
    kept = exif.HEAD + noted.tobytes().removeprefix(exif.HEAD) if len(noted) else None
    return Decoded(mosaic[..., None], "RAW", Metadata(exif=kept), sensor=sensor)


def _gains(*balances) -> tuple[float, float, float]:
    """Return the first white balance that is there, with 1 as its smallest factor."""
    for balance in balances:
        found = np.array(balance[:3], float)
        if (found > 0).all():
            red, green, blue = (found / found.min()).tolist()
            return red, green, blue
    return 1.0, 1.0, 1.0


def _noise_profile(file: BinaryIO) -> np.ndarray | None:
    """Read the noise profile of a DNG, (3, 2); None if there is none."""
    import tifffile

    file.seek(0)
    try:
        with tifffile.TiffFile(file) as tiff:
            first: Any = tiff.pages[0]
            value = first.tags.valueof(NOISE_PROFILE)
    except tifffile.TiffFileError:  # Not all raw files are TIFF files.
        return None
    profile = np.array(() if value is None else value, float)
    if profile.size not in (2, 6) or not np.isfinite(profile).all() or (profile.reshape(-1, 2)[:, 0] <= 0).any():
        return None
    return np.broadcast_to(profile.reshape(-1, 2), (3, 2))
