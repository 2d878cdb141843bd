"""Convert errors of pydantic into one sentence with the key, its place, and the hint."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError
from pydantic_core import ArgsKwargs, PydanticCustomError

from groupsc.config.values import REFUSED
from groupsc.utils.errors import GroupSCError

KEYS = "keys"
"""Type of the errors of unknown and missing keys; their message continues a sentence that begins with the place."""


@contextlib.contextmanager
def in_one_sentence(whole: str) -> Iterator[None]:
    """Raise `GroupSCError` in place of pydantic's error; `whole` is the name of values without a place."""
    try:
        yield
    except ValidationError as error:
        raise GroupSCError(sentence(error, whole)) from None


def sentence(error: ValidationError, whole: str) -> str:
    """Return the first error as a sentence: the place, the value, and the hint.

    Parameters
    ----------
    error : ValidationError
        Raised by a model of this package.
    whole : str
        Name of the checked values, such as "the configuration".
    """
    first = error.errors()[0]
    place, value, message = first["loc"], first["input"], first["msg"]
    if first["type"] == "value_error":
        return str(first["ctx"]["error"])
    if first["type"] == KEYS:
        return f"{_spelled(place) or whole} {message}"
    if place and place[-1] == "[key]":
        return f"{_spelled(place[:-2]) or whole} names {value!r}; {message}"
    if first["type"] in ("list_type", "tuple_type"):
        message = "give a list"
    elif first["type"] == "dict_type":
        message = "give a mapping"
    elif first["type"] == "too_short":
        message = f"give at least {first['ctx']['min_length']}"
    elif first["type"] == "too_long":
        message = f"give at most {first['ctx']['max_length']}"
    elif first["type"] != REFUSED:
        message = f"it is refused: {message}"
    return f"{_spelled(place) or whole} is {value!r}; {message}"


def check_keys(kind: Any, values: Any, hints: Mapping[str, str]) -> Any:
    """Check that values are a mapping with known keys only and all required keys.

    Parameters
    ----------
    kind : class
        A pydantic model or dataclass.
    values
        Values that the model will be made from.
    hints : mapping
        Hints of errors for unknown keys, by key.

    Returns
    -------
    The values.

    Raises
    ------
    PydanticCustomError
        If a key is unknown or missing; the message lists the known keys.
    """
    if isinstance(values, kind):
        return values
    given = (values.kwargs or {}) if isinstance(values, ArgsKwargs) else values
    fields = kind.__pydantic_fields__
    known = ", ".join(fields)
    if not isinstance(given, Mapping):
        raise PydanticCustomError(REFUSED, "give a mapping with {known}", {"known": known})
    unknown = [key for key in given if key not in fields]
    if unknown:
        named = ", ".join(map(str, unknown))
        hint = "".join(f"; {hints[key]}" for key in unknown if key in hints)
        raise PydanticCustomError(
            KEYS, "has no {named}{hint}; it has {known}", dict(named=named, hint=hint, known=known)
        )
    missing = [name for name, field in fields.items() if field.is_required() and name not in given]
    if missing:
        raise PydanticCustomError(KEYS, "lacks {named}; it has {known}", {"named": ", ".join(missing), "known": known})
    return values


def now_called(*former: Mapping[str, str]) -> dict[str, str]:
    """Return hints for former keys.

    Examples
    --------
    >>> now_called({"rate": "lr", "steps": "max_steps"}, {"steps": "n_iterations"})
    {'rate': 'rate is now lr', 'steps': 'steps is now max_steps or n_iterations'}
    """
    names: dict[str, list[str]] = {}
    for old, new in (pair for names_of_one in former for pair in names_of_one.items()):
        names.setdefault(old, []).append(new)
    return {old: f"{old} is now {' or '.join(new)}" for old, new in names.items()}


def _spelled(place: tuple[int | str, ...]) -> str:
    """Return a place as users write it: `tasks.gray.levels[0]`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")
