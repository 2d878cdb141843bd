"""Write the JSON schema of the workflow and the tables of keys in config/README.md from the configuration model.

`python -m groupsc.config.reference`, in the root of the repository, writes both files.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from groupsc.config.definitions import ModelConfig, TrainingConfig
from groupsc.config.grid import Blind, Blocks, Figure, Grid, Panel, Stress, Task, Threads, Variant
from groupsc.config.values import AllowedNull
from groupsc.utils.atomic import write_text

SCHEMA = Path("workflow/schemas/config.schema.yaml")
README = Path("config/README.md")
TABLES = {
    "grid": Grid,
    "task": Task,
    "variant": Variant,
    "blind": Blind,
    "blocks": Blocks,
    "stress": Stress,
    "threads": Threads,
    "figure": Figure,
    "panel": Panel,
    "model": ModelConfig,
    "training": TrainingConfig,
}
"""The models whose keys config/README.md lists, by the name in the marks around their tables."""
WARNING = "made by `make reference`; edit groupsc/config instead"


def schema() -> dict[str, Any]:
    """Return the JSON schema of a configuration file, in the form that Snakemake reads."""
    found = Grid.model_json_schema()
    tidied: dict[str, Any] = _tidied({"$schema": GenerateJsonSchema.schema_dialect, **found})
    return tidied


def schema_text() -> str:
    """Return the schema as YAML."""
    text = yaml.safe_dump(schema(), sort_keys=False, allow_unicode=True, width=120, default_flow_style=None)
    return f"# {WARNING}\n{text}"


def table(kind: Any) -> str:
    """Return the keys of a model as a Markdown table: values, default, and meaning of each."""
    lines = ["| key | values | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in kind.__pydantic_fields__.items():
        values = _phrase(field.annotation, field.metadata)
        lines.append(f"| `{name}` | {values} | {_default(field)} | {_line(field.description)} |")
    return "\n".join(lines)


def readme_text(text: str) -> str:
    """Return the text of config/README.md with new tables.

    Parameters
    ----------
    text : str
        The page. A table is between `<!-- NAME: … -->` and `<!-- end -->`.
    """
    for name, kind in TABLES.items():
        mark = re.compile(rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end -->)", re.S)
        text = mark.sub(functools.partial(_with_table, kind=kind), text)
    return text


def _with_table(found: re.Match[str], kind: Any) -> str:
    return f"{found[1]}{table(kind)}\n{found[2]}"


def _phrase(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """Return the allowed values of a key, in the words of the error for a wrong value."""
    phrases: list[str] = [
        mark.phrase for mark in metadata if hasattr(mark, "phrase") and not isinstance(mark, AllowedNull)
    ]
    if phrases:
        return phrases[-1]
    inner, marks = get_args(annotation), getattr(annotation, "__metadata__", ())
    if marks:
        null = ", or null" if any(isinstance(mark, AllowedNull) for mark in marks) else ""
        return _phrase(inner[0], marks) + null
    kinds = [kind for kind in inner if kind is not type(None)]
    if len(kinds) < len(inner):
        null = ", or null" if any(isinstance(mark, AllowedNull) for mark in metadata) else ""
        return _phrase(kinds[0]) + null
    if getattr(annotation, "__origin__", None) is list:
        return f"a list; each {_phrase(kinds[0])}"
    return "a mapping"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None and not any(isinstance(mark, AllowedNull) for mark in field.metadata):
        return ""
    plain = value.model_dump() if hasattr(value, "model_dump") else value
    text = yaml.safe_dump(plain, default_flow_style=True, sort_keys=False, width=1000)
    return f"`{text.removesuffix(chr(10)).removesuffix('...').strip()}`"


def _line(text: str | None) -> str:
    return " ".join((text or "").split())


def _tidied(found: Any) -> Any:
    """Return a schema without titles, with descriptions of one line, and with no names outside their patterns."""
    if isinstance(found, list):
        return [_tidied(value) for value in found]
    if not isinstance(found, dict):
        return found
    kept = {key: value for key, value in found.items() if not (key == "title" and isinstance(value, str))}
    kept |= {"additionalProperties": False} if "patternProperties" in kept else {}
    return {
        key: _line(value) if key == "description" and isinstance(value, str) else _tidied(value)
        for key, value in kept.items()
    }


def main() -> None:
    """Write the schema and the tables."""
    write_text(SCHEMA, schema_text())
    write_text(README, readme_text(README.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
