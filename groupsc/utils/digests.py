"""Compute checksums of files."""

import hashlib

from groupsc.utils.typing import PathLike


def file_digest(path: PathLike) -> str:
    """Return the sha256 of a file.

    Parameters
    ----------
    path : path

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    OSError
        When the file can't be read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile() as empty:
    ...     file_digest(empty.name)[:12]
    'e3b0c44298fc'
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
