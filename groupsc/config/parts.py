"""Define base classes of settings and of mappings in a configuration file, and models of changes of settings."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, TypeVar, cast, dataclass_transform

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    SerializerFunctionWrapHandler,
    create_model,
    model_serializer,
    model_validator,
)
from pydantic.dataclasses import dataclass
from pydantic_core import core_schema

from groupsc.config.messages import check_keys, in_one_sentence, now_called

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Base of dataclasses of settings; an error for an unknown key lists the known keys and the new name of the key."""

    former: ClassVar[dict[str, str]] = {}

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, values: Any) -> Any:
        return check_keys(cls, values, now_called(cls.former))


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(Field,))
def settings(kind: type[T]) -> type[T]:
    """Make a class a frozen pydantic dataclass whose errors are one sentence, of type `GroupSCError`."""
    made: Any = dataclass(frozen=True, kw_only=True, config=ConfigDict(use_attribute_docstrings=True))(kind)
    init = made.__init__

    @functools.wraps(init)
    def init_with_our_errors(self: Any, **values: Any) -> None:
        with in_one_sentence(kind.__name__):
            init(self, **values)

    made.__init__ = init_with_our_errors
    return cast(type[T], made)


class Part(BaseModel):
    """A mapping of a configuration; its fields are the keys."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    hints: ClassVar[dict[str, str]] = {}
    """Hints of errors for unknown keys, by key."""

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, values: Any) -> Any:
        return check_keys(cls, values, cls.hints)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        found = handler(schema)
        handler.resolve_ref_schema(found)["additionalProperties"] = False
        return found


class Partial(Part):
    """A mapping whose keys have no defaults; missing keys are not added."""

    @model_serializer(mode="wrap")
    def _given(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if key in self.model_fields_set}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        found = super().__get_pydantic_json_schema__(schema, handler)
        for field in handler.resolve_ref_schema(found)["properties"].values():
            field.pop("default", None)
        return found


class _Described(Partial):
    """A mapping whose fields bring their descriptions: pydantic need not look for its source, which takes long."""

    model_config = ConfigDict(use_attribute_docstrings=False)


def changes(
    name: str, *kinds: Any, lists: bool = False, without: Mapping[str, str] = MappingProxyType({})
) -> type[Partial]:
    """Return the model of a mapping that changes some settings: keys of dataclasses, none of them required.

    Parameters
    ----------
    name : str
        Name of the model.
    *kinds : class
        Pydantic dataclasses, whose keys the mapping may have.
    lists : bool
        Whether each key has a list of values.
    without : mapping, optional
        Keys of the dataclasses that the mapping can't have, with the hints of their errors.
    """
    fields: dict[str, Any] = {}
    for kind in kinds:
        for key, field in kind.__pydantic_fields__.items():
            annotation: Any = Annotated[field.annotation, *field.metadata]
            if key not in without:
                annotation = Annotated[list[annotation], Field(min_length=1)] if lists else annotation
                # The schema would otherwise repeat every explanation for each combination of kinds.
                description = field.description if len(kinds) == 1 else None
                fields[key] = (annotation, Field(default=None, description=description))
    made: type[Partial] = create_model(name, __base__=_Described, **fields)
    made.hints = now_called(*(kind.former for kind in kinds)) | dict(without)
    return made
