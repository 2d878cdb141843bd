"""Write the reference of the commands from the commands themselves, with the function of Typer for this."""

from __future__ import annotations

import re
from typing import Any

import typer
from typer.cli import get_docs_for_click

from groupsc.cli.app import app

PAGE, PLACE = "reference/commands.md", "<!-- The site shows the commands here. -->"
CUT = re.compile(r"^\* `([\w-]+)`: .*\.\.\.$", re.M)
"""A line of a list of commands whose sentence Typer has cut."""
CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.S)


def on_page_markdown(text: str, page: Any, config: Any, files: Any) -> str:
    """Put the commands into their page."""
    if page.file.src_uri != PAGE:
        return text
    command = typer.main.get_command(app)
    listed = get_docs_for_click(obj=command, ctx=typer.Context(command, info_name="groupsc"), name="groupsc")
    usage = re.sub(r"\*\*Usage\*\*:\n\n```console\n\$ (.*?)\n```", r"```text\n\1\n```", listed)
    commands = {**command.commands, **command.commands["weights"].commands}
    usage = CUT.sub(lambda found: f"* `{found[1]}`: {_first_paragraph(commands[found[1]].help)}", usage)
    parts = CODE.split(usage)
    parts[::2] = [part.replace("<", "&lt;") for part in parts[::2]]  # Names such as <data set> are no elements.
    usage = "".join(parts)
    # One level deeper, below the title of the page.
    return text.replace(PLACE, re.sub(r"^#+ ", r"#\g<0>", usage, flags=re.M))


def _first_paragraph(text: str) -> str:
    return " ".join(text.partition("\n\n")[0].split())
