"""Give each parameter of a docstring its own default when one entry describes several parameters.

Griffe reads `mode, stride : As for …` with the default and the annotation of the first name for all names.
"""

from __future__ import annotations

import re
from typing import Any

import griffe


class OwnDefaults(griffe.Extension):
    """Corrects the parameters of all functions of a package."""

    def on_package(self, *, pkg: griffe.Module, **options: Any) -> None:
        """Correct them after the package was read."""
        _correct(pkg)


def _correct(found: Any) -> None:
    for member in found.members.values():
        if member.is_alias:
            continue
        if member.is_function and member.docstring:
            _correct_function(member)
        elif member.is_module or member.is_class:
            _correct(member)


def _correct_function(function: Any) -> None:
    for section in function.docstring.parsed:
        if section.kind is not griffe.DocstringSectionKind.parameters:
            continue
        for described in section.value:
            if described.name in function.parameters:
                described.value = function.parameters[described.name].default
            if re.search(rf"^ *([\w*]+, )*{re.escape(described.name)}(, [\w*]+)*$", function.docstring.value, re.M):
                described.annotation = None  # The entry has no type; the annotation is that of another parameter.
