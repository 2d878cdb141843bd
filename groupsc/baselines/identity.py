"""Identify an own function or network by its code and values, so that results of a changed one are not reused."""

from __future__ import annotations

import functools
import hashlib
import inspect
import secrets
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from groupsc.utils.digests import file_digest, parameters_digest

if TYPE_CHECKING:
    import torch

PLAIN = bool | int | float | complex | str | bytes | np.generic | np.dtype | np.ufunc | PurePath | range | slice
"""Types whose values are identified by their text."""


class _UnknownError(Exception):
    """A part of the method can't be identified."""


def identity(function: Any) -> str:
    """Compute the sha256 of the code and the values that a callable uses.

    It covers the source file, captured variables and defaults of a function, the arguments of a `functools.partial`,
    and the source files, parameters, buffers and attributes of a torch module. It does not cover hooks, and
    global variables only by the source file.

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

    if value is None or isinstance(value, PLAIN | torch.dtype | torch.device):
        yield type(value).__name__, str(value)
    elif isinstance(value, torch.Tensor):
        dense = value.detach().cpu().to_dense().contiguous()
        yield str(dense.dtype), tuple(dense.shape), *_parts(dense.flatten().view(torch.uint8).numpy())
    elif isinstance(value, np.ndarray) and not value.dtype.hasobject:
        yield str(value.dtype), value.shape, hashlib.sha256(value.tobytes()).hexdigest()
    elif isinstance(value, set | frozenset):
        yield sorted(repr(list(_parts(item))) for item in value)
    elif isinstance(value, list | tuple | dict):
        for item in value.items() if isinstance(value, dict) else value:
            yield list(_parts(item))
    elif isinstance(value, torch.nn.Module):
        yield from _parts_of_module(value)
    elif isinstance(value, functools.partial | type) or inspect.isroutine(value):
        yield from _parts_of_code(value)
    elif hasattr(value, "__dict__") and not any(vars(kind).get("__slots__") for kind in type(value).__mro__):
        yield _source(type(value)), list(_parts(vars(value)))
    else:
        raise _UnknownError


def _parts_of_module(module: torch.nn.Module) -> Iterator[Any]:
    """Yield what identifies a torch module."""
    import torch

    yield parameters_digest(module)
    base = vars(torch.nn.Module())
    for name, part in module.named_modules():
        own = {key: x for key, x in vars(part).items() if key not in base}
        if type(part).__module__.startswith("torch."):  # Caches of torch's own layers.
            own = {key: x for key, x in own.items() if not key.startswith("_")}
        unsaved = [part.get_buffer(key) for key in sorted(part._non_persistent_buffers_set)]
        yield name, _source(type(part)), list(_parts([own, unsaved]))


def _parts_of_code(code: Any) -> Iterator[Any]:
    """Yield what identifies a function, a method, a class or a partial function."""
    if isinstance(code, functools.partial):
        yield from _parts([code.func, code.args, code.keywords])
    elif inspect.ismethod(code):
        yield from _parts([code.__self__, code.__func__])
    elif inspect.isfunction(code):
        cells = [cell.cell_contents for cell in code.__closure__ or ()]
        yield _source(code), list(_parts([cells, code.__defaults__, code.__kwdefaults__]))
    else:
        yield code.__module__, code.__qualname__


def _source(code: Any) -> tuple[str, str, str]:
    """Return the names and the digest of the source file of a function or a class."""
    try:
        file = inspect.getsourcefile(code)
    except TypeError as error:
        raise _UnknownError from error
    if file is None or not Path(file).is_file():
        raise _UnknownError
    return code.__module__, code.__qualname__, file_digest(file)
