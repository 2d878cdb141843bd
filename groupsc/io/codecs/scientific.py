"""Read and write arrays in .npy and FITS files."""

from __future__ import annotations

import io
from typing import BinaryIO

import numpy as np

from groupsc.io.samples import Decoded, Metadata, require_size
from groupsc.utils.errors import GroupSCError

NPY_SIGNATURE, FITS_SIGNATURE = b"\x93NUMPY", b"SIMPLE  ="
SCALING = ("BSCALE", "BZERO", "BLANK", "DATAMIN", "DATAMAX")
"""Keywords of a FITS header that describe how the values were stored."""


def decode_npy(file: BinaryIO) -> Decoded:
    """Decode an array (H, W), or (H, W, n) with 1 to 4 channels.

    Parameters
    ----------
    file : binary file
        Open for reading, seekable, and at its start.

    Returns
    -------
    Decoded

    Raises
    ------
    GroupSCError
        When the array has another shape, or contains neither integers nor floats. The message starts with the verb.
    Exception
        Any kind of exception, when the file is damaged.

    Examples
    --------
    >>> decode_npy(io.BytesIO(encode_npy(np.zeros((4, 6, 1), ">u2")))).samples.shape
    (4, 6, 1)
    """
    array = np.load(file, allow_pickle=False)
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[2] not in range(1, 5):
        raise GroupSCError(f"contains an array of shape {array.shape}; restore it in Python with groupsc.denoise")
    return Decoded(_native(array), "npy")


def decode_fits(file: BinaryIO) -> Decoded:
    """Decode the first image of a FITS file.

    Parameters
    ----------
    file : binary file
        Open for reading, seekable, and at its start.

    Returns
    -------
    Decoded
        The rows have the order of the file.

    Raises
    ------
    GroupSCError
        When astropy is missing, or the file contains no image (H, W). The message starts with the verb.
    Exception
        Any kind of exception, when the file is damaged.

    Examples
    --------
    >>> found = decode_fits(open("stars.fits", "rb"))  # doctest: +SKIP
    """
    fits = _fits()
    with fits.open(file, memmap=False) as units:
        images = [unit for unit in units if unit.is_image and unit.header.get("NAXIS", 0) >= 2]
        if not images:
            raise GroupSCError("contains no image; choose another file")
        shape = images[0].shape
        require_size(int(np.prod(shape)))
        if np.prod(shape[:-2]) != 1:
            raise GroupSCError(f"contains an array of shape {shape}; restore it in Python with groupsc.denoise")
        samples = _native(images[0].data.reshape(*shape[-2:], 1))
        lost = ("further parts of the file",) if len(units) > 1 else ()
        return Decoded(samples, "FITS", Metadata(header=images[0].header.tostring(sep="\n"), lost=lost))


def encode_npy(samples: np.ndarray) -> bytes:
    """Encode samples (H, W, n) as an array (H, W), or (H, W, n) if n > 1.

    Examples
    --------
    >>> encode_npy(np.zeros((4, 6, 1)))[1:6]
    b'NUMPY'
    """
    stream = io.BytesIO()
    np.save(stream, samples[..., 0] if samples.shape[2] == 1 else samples, allow_pickle=False)
    return stream.getvalue()


def encode_fits(samples: np.ndarray, header: str | None) -> bytes:
    """Encode samples (H, W, 1) as a FITS image.

    Parameters
    ----------
    samples : ndarray (H, W, 1)
    header : str or None
        Header of an earlier file; its keywords are kept, except those of the storage.

    Returns
    -------
    bytes

    Raises
    ------
    GroupSCError
        When astropy is missing.

    Examples
    --------
    >>> content = encode_fits(np.zeros((4, 6, 1), np.float32), None)  # doctest: +SKIP
    """
    fits = _fits()
    kept = fits.Header.fromstring(header, sep="\n") if header else fits.Header()
    for name in SCALING:
        kept.remove(name, ignore_missing=True)
    kept.pop("XTENSION", None)
    stream = io.BytesIO()
    fits.PrimaryHDU(samples[..., 0], kept).writeto(stream, output_verify="silentfix+ignore")
    return stream.getvalue()


def _native(array: np.ndarray) -> np.ndarray:
    """Return the array in the byte order of this machine."""
    if array.dtype.kind not in "uif":
        raise GroupSCError(f"contains values of type {array.dtype}; save it with integers or floats")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _fits():
    try:
        from astropy.io import fits
    except ImportError as error:
        raise GroupSCError("needs a library for FITS; install the extra: pip install 'groupsc[formats]'") from error
    return fits
