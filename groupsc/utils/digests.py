"""Compute checksums of files and of the parameters of models."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from groupsc.utils.typing import PathLike

if TYPE_CHECKING:
    import torch


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


def parameters_digest(model: torch.nn.Module) -> str:
    """Compute the sha256 over the names and bytes of all parameters; bitwise equal models have equal digests.

    Parameters
    ----------
    model : torch.nn.Module

    Returns
    -------
    str
        Hexadecimal digits.

    Examples
    --------
    >>> import torch
    >>> len(parameters_digest(torch.nn.Linear(2, 1)))
    64
    """
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
