"""Convert equations from TeX to MathML, which browsers show without a script or a font of their own."""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert

EQUATION = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.S)


def on_page_content(text: str, page: Any, config: Any, files: Any) -> str:
    """Convert all equations of a page."""
    return EQUATION.sub(_mathml, text)


def _mathml(found: re.Match[str]) -> str:
    kind, opening, tex = found.groups()
    display = "inline" if opening == "(" else "block"
    return f'<{kind} class="equation">{convert(html.unescape(tex), display=display)}</{kind}>'
