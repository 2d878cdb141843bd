"""Convert equations from TeX to MathML, which browsers show without a script or a font of their own."""

from __future__ import annotations

import html
import re
from typing import Any

from latex2mathml.converter import convert

EQUATION = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.S)
BOLD = re.compile(r'<(m[in]) mathvariant="bold(?:-italic)?">(&#x[0-9A-F]+;|\d)</\1>')
CAPITAL = re.compile(r"<mi>(&#x003(?:9[1-9A-F]|A[0-9]);)</mi>")
"""A capital Greek letter."""


def on_page_content(text: str, page: Any, config: Any, files: Any) -> str:
    """Convert all equations of a page."""
    return EQUATION.sub(_mathml, text)


def _mathml(found: re.Match[str]) -> str:
    kind, opening, tex = found.groups()
    display = "inline" if opening == "(" else "block"
    written = convert(html.unescape(tex), display=display)
    # Browsers set one letter in italics, and ignore bold as an attribute; both differ from what TeX does.
    written = CAPITAL.sub(r'<mi mathvariant="normal">\1</mi>', BOLD.sub(_bold, written))
    return f'<{kind} class="equation">{written}</{kind}>'


def _bold(found: re.Match[str]) -> str:
    """A bold digit or small Greek letter as a character of its own."""
    kind, letter = found[1], html.unescape(found[2])
    first, place = ("0", 0x1D7CE) if letter.isdigit() else ("α", 0x1D736)
    return f"<{kind}>{chr(place + ord(letter) - ord(first))}</{kind}>"
