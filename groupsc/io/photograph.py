"""An image with the metadata of its file."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from groupsc.io.codecs.formats import PIXEL_MODES
from groupsc.io.codecs.pillow_images import jpeg_quality
from groupsc.io.codecs.raw import Sensor
from groupsc.io.samples import Decoded, Metadata, planes_of, samples_of, value_range


@dataclass(frozen=True, kw_only=True, eq=False)
class Photograph(Metadata):
    """An image with the metadata of its file. `dataclasses.replace` returns a copy with other pixels.

    Parameters
    ----------
    pixels : ndarray
        float32 (c, H, W), upright; c = 1 (gray) or 3 (RGB). In [0, 1], except for float files, whose noise can exceed
        this range.
    alpha : ndarray, optional
        Opacity, float32 (H, W) in [0, 1]. The colours are not multiplied by it.
    depth : str
        Type of the samples in the file, a key of `DEPTHS`.
    black, white : float, optional
        Samples in the file for 0 and 1; by default 0 and the largest value of the type, or 1 for floats. An image of
        other integers, or of floats beyond [0, 1], has the range that `groupsc.io.samples.value_range` defines.
    format : str, optional
        Name of the file format, such as "PNG", if the image was read from a file.
    quality : int, optional
        libjpeg quality of a JPEG file, 1 to 100.
    steps : ndarray, optional
        Luminance quantisation table of a JPEG file, (64,), row by row.
    chroma_steps : ndarray, optional
        Chrominance quantisation table of a colour JPEG file, as `steps`.
    subsampling : str, optional
        Chroma subsampling of a colour JPEG file: "4:4:4", "4:2:2" or "4:2:0"; "4:4:0" if a "4:2:2" image was turned.
    sensor : groupsc.io.codecs.raw.Sensor, optional
        For a camera raw file, whose pixels are the linear mosaic of the sensor.
    **metadata
        The fields of `groupsc.io.samples.Metadata`. The orientation of the EXIF data is 1, because the pixels are
        upright.

    Examples
    --------
    >>> import numpy as np
    >>> Photograph(pixels=np.zeros((3, 4, 6), np.float32)).mode
    'RGB'
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    depth: str = "uint8"
    black: float | None = None
    white: float | None = None
    format: str | None = None
    quality: int | None = None
    steps: np.ndarray | None = None
    chroma_steps: np.ndarray | None = None
    subsampling: str | None = None
    sensor: Sensor | None = None

    @property
    def mode(self) -> str:
        """Pillow's mode of the image in a file: "L", "LA", "RGB" or "RGBA"."""
        return PIXEL_MODES[len(self.pixels) + (self.alpha is not None)]

    @property
    def stored(self) -> np.ndarray:
        """The pixels (c, H, W) in the type and the units of the file."""
        return np.moveaxis(samples_of(self.pixels, None, self.depth, self.black, self.white), 2, 0)

    def scaled(self, stored: np.ndarray) -> np.ndarray:
        """Return other pixels (c, H, W) in the units of the file as float32, in the units of `pixels`."""
        white = _highest_value(self.depth) if self.white is None else self.white
        black = 0.0 if self.black is None else self.black
        return ((stored.astype(np.float64) - black) / (white - black)).astype(np.float32)


def photograph_of(found: Decoded) -> Photograph:
    """Convert decoded samples to an image.

    Parameters
    ----------
    found : Decoded

    Returns
    -------
    Photograph

    Raises
    ------
    GroupSCError
        When the samples contain NaN or infinity. The message starts with the verb.

    Examples
    --------
    >>> photograph_of(Decoded(np.full((4, 6, 1), 255, np.uint8), "PNG")).pixels.max()
    np.float32(1.0)
    """
    samples = found.samples
    black, white = value_range(samples[..., : samples.shape[2] - (samples.shape[2] + 1) % 2])
    pixels, alpha = planes_of(samples, black, white)
    kept: dict = {field.name: getattr(found.metadata, field.name) for field in fields(Metadata)}
    kind: dict = {"depth": samples.dtype.name, "black": black, "white": white}
    if found.sensor is not None:  # Developed images have 16 bits.
        kind = {"depth": "uint16", "sensor": found.sensor}
    return Photograph(
        pixels=pixels,
        alpha=alpha,
        **kind,
        format=found.format,
        quality=jpeg_quality(found.tables) if found.tables else None,
        steps=np.asarray(found.tables[min(found.tables)]) if found.tables else None,
        chroma_steps=np.asarray(found.tables[max(found.tables)]) if found.tables and len(pixels) == 3 else None,
        subsampling=found.subsampling,
        **kept | {"profile": kept["profile"] or None},
    )


def _highest_value(depth: str) -> int:
    return 1 if np.dtype(depth).kind == "f" else int(np.iinfo(depth).max)
