"""Restore the pages of a TIFF file one after the other: ImageJ and OME hyperstacks, and files with several images.

Only one page is in memory. The description of an ImageJ or OME file contains its axes and its pixel size; it is copied,
because the restored pages have the order, the shape and the type of the others.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from groupsc.io.codecs.decoding import TIFF_SIGNATURES, damage, without_warnings
from groupsc.io.codecs.exif import DESCRIPTION
from groupsc.io.codecs.raw import is_raw
from groupsc.io.codecs.tiff import PREVIEW, decode_page
from groupsc.io.photograph import Photograph, photograph_of
from groupsc.io.photographs import check_target
from groupsc.io.samples import Decoded
from groupsc.utils.atomic import replacing
from groupsc.utils.errors import GroupSCError

IMAGEJ_TAGS = (50838, 50839)
COPIED = {271: "Make", 272: "Model", 315: "Artist", 33432: "Copyright", 51123: "MicroManagerMetadata"}
"""Tags with a text that are copied to a restored page, apart from those that tifffile writes by itself."""

CLASSIC = 2**32 - 2**25
"""Largest size of a TIFF file whose offsets have 32 bits, less a reserve for the tags."""


def is_stack(path) -> bool:
    """Return whether a TIFF file contains several images, or metadata of ImageJ or OME.

    Parameters
    ----------
    path : path

    Returns
    -------
    bool
        False for files that are damaged or not a TIFF.

    Examples
    --------
    >>> import tempfile
    >>> import tifffile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tifffile.imwrite(f"{folder}/a.tif", np.zeros((3, 8, 9), np.uint16), imagej=True)
    ...     is_stack(f"{folder}/a.tif")
    True
    """
    try:
        with open(path, "rb") as file:
            if file.read(4) not in TIFF_SIGNATURES:
                return False
        with Stack(path) as stack:
            return (len(stack) > 1 or stack.described) and not stack.raw
    except Exception:  # tifffile raises exceptions of many types for damaged files; reading them reports the damage.
        return False


class Stack:
    """The pages of an open TIFF file, without previews and masks.

    Parameters
    ----------
    path : path

    Raises
    ------
    GroupSCError
        While the pages are read: when a page is damaged or not supported.

    Examples
    --------
    >>> import tempfile
    >>> import tifffile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tifffile.imwrite(f"{folder}/a.tif", np.zeros((3, 8, 9), np.uint16), imagej=True)
    ...     with Stack(f"{folder}/a.tif") as stack:
    ...         len(stack), next(iter(stack)).pixels.shape
    (3, (1, 8, 9))
    """

    def __init__(self, path):
        self.path = Path(path)
        with without_warnings():
            self._open()

    def _open(self) -> None:
        import tifffile

        self._tiff = tifffile.TiffFile(self.path)
        try:
            self._numbers, self.bytes = [], 0
            pages: Any = self._tiff.pages
            for page in pages:
                if not page.subfiletype & PREVIEW:
                    self._numbers.append(page.index)
                    self.bytes += page.nbytes
            images = (self._tiff.imagej_metadata or {}).get("images", 1)
            # A large ImageJ file has one page, which is followed by the samples of the other images.
            self._hidden = len(self._numbers) == 1 and images > 1 and self.page(0).compression == 1
            if self._hidden:
                self._numbers *= images
                self.bytes *= images
        except Exception:
            self._tiff.close()
            raise
        self.described = bool(self._tiff.is_imagej or self._tiff.is_ome)
        self.raw = is_raw(self._tiff)

    def __enter__(self) -> Stack:
        return self

    def __exit__(self, *error) -> None:
        self._tiff.close()

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[Photograph]:
        with open(self.path, "rb") as file:
            for number in range(len(self)):
                yield self._photograph(file, number)

    def photograph(self, number: int) -> Photograph:
        """Decode one page."""
        with open(self.path, "rb") as file:
            return self._photograph(file, number)

    def page(self, number: int) -> Any:
        """Return the page of tifffile with the tags of an image."""
        with without_warnings():
            return self._tiff.pages[self._numbers[number]]

    def _photograph(self, file, number: int) -> Photograph:
        try:
            with without_warnings():
                return photograph_of(self._decoded(file, number))
        except GroupSCError as error:
            raise GroupSCError(f"page {number + 1} of {self.path} {error}") from error
        except Exception as error:  # The libraries raise exceptions of many types for damaged files.
            raise GroupSCError(
                f"page {number + 1} of {self.path} can't be read ({damage(error)}); choose another file"
            ) from error

    def _decoded(self, file, number: int) -> Decoded:
        page = self.page(number)
        found = decode_page(file, self._tiff, page)
        if not self._hidden or number == 0:
            return found
        file.seek(page.dataoffsets[0] + number * page.nbytes)
        kind = np.dtype(self._tiff.byteorder + page.dtype.char)
        values = np.frombuffer(file.read(page.nbytes), kind).astype(page.dtype).reshape(found.samples.shape)
        return dataclasses.replace(found, samples=values)

    @property
    def layout(self) -> dict[str, Any]:
        """Byte order of the file, and whether its offsets have 64 bits."""
        return {"byteorder": self._tiff.byteorder, "bigtiff": self._tiff.is_bigtiff}

    def notes(self, number: int, *, same: bool) -> dict[str, Any]:
        """Return the arguments with which tifffile copies the tags of a page.

        Parameters
        ----------
        number : int
        same : bool
            Whether the restored page has the same channels, so that the description of the file remains true.
        """
        if number and self._hidden:
            return {"software": False}
        with without_warnings():
            tags = self.page(number).tags
            notes: dict[str, Any] = {"software": tags.valueof(305, default=False) or False}
        if same and DESCRIPTION in tags:
            self._tiff.filehandle.seek(tags[DESCRIPTION].valueoffset)  # Its text can have any encoding.
            notes["description"] = self._tiff.filehandle.read(tags[DESCRIPTION].count).rstrip(b"\0")
        if isinstance(moment := tags.valueof(306), str):
            notes["datetime"] = moment
        if 282 in tags and 283 in tags:
            notes["resolution"] = (tags.valueof(282), tags.valueof(283))
            notes["resolutionunit"] = tags.valueof(296, default=1)
        extra: list[Any] = [
            (code, 2, None, tags.valueof(code), False) for code in COPIED if isinstance(tags.valueof(code), str)
        ]
        if same and IMAGEJ_TAGS[1] in tags:
            import tifffile

            extra += tifffile.imagej_metadata_tag(tags.valueof(IMAGEJ_TAGS[1]), self._tiff.byteorder)
        return {**notes, "extratags": extra}


def write_stack(
    path, stack: Stack, restored: Iterable[tuple[Photograph, np.ndarray]], *, overwrite: bool = False
) -> list[str]:
    """Write restored pages with the axes, the pixel size and the tags of a stack.

    The file is replaced in one step. Only one page is in memory.

    Parameters
    ----------
    path : path
        A name that ends in .tif or .tiff.
    stack : Stack
        The pages that were restored.
    restored : iterable of (Photograph, array)
        Each page in the order of the stack, with its restored samples (H, W, n) as `stored_samples` returns them.
    overwrite : bool
        Whether an existing file is replaced.

    Returns
    -------
    list of str
        Names of the metadata that were not written.

    Raises
    ------
    GroupSCError
        When the path is not that of a TIFF file or can't be written.

    Examples
    --------
    >>> import tempfile
    >>> import tifffile
    >>> from groupsc.io.photographs import stored_samples
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tifffile.imwrite(f"{folder}/a.tif", np.zeros((3, 8, 9), np.uint16), imagej=True, metadata={"axes": "ZYX"})
    ...     with Stack(f"{folder}/a.tif") as stack:
    ...         write_stack(f"{folder}/b.tif", stack, ((page, stored_samples("b.tif", page)) for page in stack))
    ...     tifffile.TiffFile(f"{folder}/b.tif").series[0].axes
    []
    'ZYX'
    """
    import tifffile

    path = Path(path)
    if path.suffix.lower() not in (".tif", ".tiff"):
        raise GroupSCError(f"{path} can't be written, because only a TIFF stores a stack; use a name that ends in .tif")
    pages = iter(restored)
    first = page, samples = next(pages)
    check_target(path, page, overwrite=overwrite)
    grown = samples.nbytes / max(1, stack.page(0).nbytes)
    layout = stack.layout
    layout["bigtiff"] = layout["bigtiff"] or grown * stack.bytes > CLASSIC
    lost: dict[str, None] = {}
    with replacing(path) as partial, tifffile.TiffWriter(partial, **layout) as tiff:
        for number, (page, samples) in enumerate(chain([first], pages)):
            same = samples.shape[2] == stack.page(number).samplesperpixel
            lost |= dict.fromkeys(name for name in page.lost if name not in (*COPIED.values(), *_IMAGEJ))
            lost |= {} if same else {"axes and description": None}
            _write_page(tiff, samples, page, stack.notes(number, same=same))
    return list(lost)


_IMAGEJ = ("IJMetadata", "IJMetadataByteCounts")


def _write_page(tiff, samples: np.ndarray, page: Photograph, notes: dict[str, Any]) -> None:
    channels = samples.shape[2]
    tiff.write(
        samples[..., 0] if channels == 1 else samples,
        photometric="rgb" if channels > 2 else "minisblack",
        planarconfig="contig" if channels > 1 else None,
        extrasamples=["unassalpha"] if channels % 2 == 0 else None,
        iccprofile=page.profile,
        metadata=None,
        contiguous=False,
        **notes,
    )
