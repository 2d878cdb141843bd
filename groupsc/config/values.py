"""Define the types of the values of settings: conversion from text, ranges, and hints of errors.

`snakemake --config 'model={"n_atoms": 128}'` gives values of nested keys as text. A value is therefore converted if
its meaning is clear ('128' for a whole number, 'no' for a truth value, 'null' for a key that may be null); any other
value is an error whose hint gives the allowed values.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import PydanticCustomError, core_schema

T = TypeVar("T")
NULL_WORDS = ("null", "Null", "NULL", "~", "")
"""Texts that YAML reads as null."""
TRUE_WORDS, FALSE_WORDS = ("true", "yes", "on"), ("false", "no", "off")
"""Texts that YAML 1.1 reads as truth values, in any case."""
LEFT_OUT: Any = None
"""Default of a key whose type has no null, but that may be missing."""
REFUSED = "refused"
"""Type of the errors whose message is the hint."""


def refused(phrase: str) -> PydanticCustomError:
    """Return the error for a value that is not one of the allowed values."""
    return PydanticCustomError(REFUSED, "choose {phrase}", {"phrase": phrase})


@dataclass(frozen=True)
class Allowed:
    """Annotation of a type: converts a value before the check, and gives the allowed values in an error.

    Parameters
    ----------
    phrase : str
        The allowed values, as in "choose {phrase}".
    convert : callable, optional
        Takes the value and returns it as the type; raises `ValueError` if that isn't possible.
    """

    phrase: str
    convert: Callable[[Any], Any] = lambda value: value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_wrap_validator_function(self.check, handler(source))

    def check(self, value: Any, inner: Callable[[Any], Any]) -> Any:
        """Return the converted value, checked by the annotated type."""
        try:
            return inner(self.convert(value))
        except (TypeError, ValueError, OverflowError):
            raise refused(self.phrase) from None


class AllowedNumber(Allowed):
    """As `Allowed`, for numbers: integers stay integers, so that 25 is not written as 25.0."""

    def check(self, value: Any, inner: Callable[[Any], Any]) -> Any:
        """Return the number, checked by the annotated type."""
        super().check(value, inner)
        return self.convert(value)


class AllowedNull(Allowed):
    """As `Allowed`, for null or a value of another type."""

    def check(self, value: Any, inner: Callable[[Any], Any]) -> Any:
        """Return None for null and its names, else the value converted by the other type."""
        if value is None or (isinstance(value, str) and value in NULL_WORDS):
            return None
        try:
            return inner(value)
        except ValidationError as error:
            first = error.errors()[0]
            if first["loc"] or first["type"] != REFUSED:
                raise
            phrase = f"{first['ctx']['phrase']}, or null"
            raise refused(phrase) from None


@dataclass(frozen=True)
class Choice:
    """Annotation of `str`: one of `words`, which are read when a value is checked."""

    words: Collection[str]

    @property
    def phrase(self) -> str:
        """The allowed values, as in "choose {phrase}"."""
        return alternatives(self.words)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_wrap_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "enum": list(self.words)}

    def check(self, value: Any, inner: Callable[[Any], Any]) -> Any:
        """Return the value if it is one of the words, else raise an error."""
        if isinstance(value, str) and value in self.words:
            return inner(value)
        raise refused(self.phrase)


def alternatives(words: Iterable[object]) -> str:
    """Return words as the end of "choose ".

    Examples
    --------
    >>> alternatives(["whole", "block"]), alternatives(["sc", "csr", "groupsc"])
    ('whole or block', 'one of sc, csr, groupsc')
    """
    texts = list(map(str, words))
    return " or ".join(texts) if len(texts) == 2 else f"one of {', '.join(texts)}"


def as_integer(value: Any) -> int:
    """Return a whole number from a number or a text, such as 3, 3.0, '3' or '1e3'.

    Raises
    ------
    ValueError
        For any other value, truth values included.
    """
    number = as_number(value)
    if number != int(number):
        raise ValueError(value)
    return int(number)


def as_number(value: Any) -> int | float:
    """Return a finite number from a number or a text.

    Raises
    ------
    ValueError
        For any other value, truth values included.

    Examples
    --------
    >>> as_number("25"), as_number("1e-8"), as_number(0.5)
    (25, 1e-08, 0.5)
    """
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            value = float(value)
    if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value):
        raise ValueError(value)
    return int(value) if isinstance(value, Integral) else float(value)


def as_truth(value: Any) -> bool:
    """Return a truth value from a truth value, or from a word that YAML reads as one.

    Raises
    ------
    ValueError
        For any other value, 0 and 1 included.

    Examples
    --------
    >>> as_truth("no"), as_truth(True)
    (False, True)
    """
    word = value.lower() if isinstance(value, str) else value
    if word is True or (isinstance(word, str) and word in TRUE_WORDS):
        return True
    if word is False or (isinstance(word, str) and word in FALSE_WORDS):
        return False
    raise ValueError(value)


def as_text(value: Any) -> str:
    """Return a text; a number is an error, because YAML reads the image name 05 as 5."""
    if not isinstance(value, str):
        raise ValueError(value)
    return value


def as_key(value: Any) -> str:
    """Return a text, or a whole number as text, because YAML reads the key 8 as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else as_text(value)


def _ascending(values: list[Any]) -> tuple[float, ...]:
    levels = tuple(float(as_number(value)) for value in values)
    if len(levels) < 2 or levels[0] < 0 or any(low >= high for low, high in itertools.pairwise(levels)):
        raise ValueError(values)
    return levels


def _unique(values: list[Any]) -> list[Any]:
    twice = [value for number, value in enumerate(values) if value in values[:number]]
    if twice:
        raise refused(f"each value once, {twice[0]!r} is there twice")
    return values


Natural = Annotated[int, Field(ge=0), Allowed("a whole number of at least 0", as_integer)]
Count = Annotated[int, Field(ge=1), Allowed("a whole number of at least 1", as_integer)]
Positive = Annotated[float, Field(gt=0), AllowedNumber("a number above 0", as_number)]
NonNegative = Annotated[float, Field(ge=0), AllowedNumber("a number of at least 0", as_number)]
Share = Annotated[float, Field(ge=0, le=1), AllowedNumber("a number from 0 to 1", as_number)]
Factor = Annotated[float, Field(gt=0, le=1), AllowedNumber("a number above 0, at most 1", as_number)]
Decay = Annotated[float, Field(ge=0, lt=1), AllowedNumber("a number from 0, below 1", as_number)]
Truth = Annotated[bool, Allowed("true or false", as_truth)]
Text = Annotated[str, Field(min_length=1), Allowed("a text", as_text)]
Folder = Annotated[str, Field(pattern=r"^[^{}]+$"), Allowed("a path without { and }", as_text)]
DataSet = Annotated[
    str,
    Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9-]*$"),
    Allowed("the name of a data set, public or in the key `datasets`, of letters, digits and dashes", as_text),
]
Ascending = Annotated[
    tuple[NonNegative, ...],
    Field(min_length=2),
    Allowed("two or more noise levels in ascending order", _ascending),
]
OrNull = Annotated[T | None, AllowedNull("null")]
if TYPE_CHECKING:
    OrComputed = Annotated[T, AllowedNull("null")]
else:
    OrComputed = OrNull
"""As `OrNull` in a file; an object has, instead of null, a value that is computed from other keys."""
Unique = Annotated[list[T], AfterValidator(_unique), Field(json_schema_extra={"uniqueItems": True})]
