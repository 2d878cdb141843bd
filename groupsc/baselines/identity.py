"""Identify an own function or network by its code and values, so that results of a changed one are not reused."""

from __future__ import annotations

import functools
import hashlib
import inspect
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from groupsc.utils.digests import file_digest, parameters_digest


class _UnknownError(Exception):
    """A part of the method can't be identified."""


def identity(function: Any) -> str:
    """Compute the sha256 of the code and the values that a callable uses.

    It covers the source file, captured variables and defaults of a function, the arguments of a `functools.partial`,
    and the source files, parameters, buffers and attributes of a torch module. Global variables are covered only by the
    source file.

    Parameters
    ----------
    function : callable or torch.nn.Module

    Returns
    -------
    str
        64 hexadecimal digits. They are random if a part can't be identified, such as a function that was typed into a
        console: then no results are reused.

    Examples
    --------
    >>> identity(functools.partial(round, ndigits=1)) == identity(functools.partial(round, ndigits=2))
    False
    """
    try:
        return hashlib.sha256(repr(list(_parts(function))).encode()).hexdigest()
    except (_UnknownError, RecursionError, ValueError):  # Cells without content, and functions that contain themselves.
        return secrets.token_hex(32)


def _parts(value: Any) -> Iterator[Any]:
    """Yield texts and numbers that identify a value."""
    import torch

    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        yield repr(value)
    elif isinstance(value, np.ndarray | torch.Tensor):
        array = np.asarray(value.detach().cpu() if isinstance(value, torch.Tensor) else value)
        yield str(array.dtype), array.shape, hashlib.sha256(array.tobytes()).hexdigest()
    elif isinstance(value, list | tuple | dict):
        for item in value.items() if isinstance(value, dict) else value:
            yield list(_parts(item))
    elif isinstance(value, torch.nn.Module):
        yield parameters_digest(value)
        for name, part in value.named_modules():
            own = {key: x for key, x in vars(part).items() if not key.startswith("_") and key != "training"}
            yield name, _source(type(part)), list(_parts(own))
    elif isinstance(value, functools.partial):
        yield from _parts([value.func, value.args, value.keywords])
    elif inspect.ismethod(value):
        yield from _parts([value.__self__, value.__func__])
    elif inspect.isfunction(value):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        yield _source(value), list(_parts([cells, value.__defaults__, value.__kwdefaults__]))
    elif inspect.isbuiltin(value) or inspect.isclass(value):
        yield value.__module__, value.__qualname__
    else:
        yield _source(type(value)), list(_parts(vars(value) if hasattr(value, "__dict__") else None))


def _source(code: Any) -> tuple[str, str, str]:
    """Return the names and the digest of the source file of a function or a class."""
    try:
        file = inspect.getsourcefile(code)
    except TypeError as error:
        raise _UnknownError from error
    if file is None or not Path(file).is_file():
        raise _UnknownError
    return code.__module__, code.__qualname__, file_digest(file)
