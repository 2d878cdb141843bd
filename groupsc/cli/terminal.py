"""What every command shares with the terminal: the sections of the help, the version, safe encodings, shell completion.

The help is plain text: it needs no box characters, and rich would double the time that `groupsc --help` takes.
"""

from __future__ import annotations

import contextlib
import sys

import typer
from typer.core import TyperGroup

from groupsc.utils.version import __version__

RESTORE = "Restore images"
MODELS = "Models and weights"
BENCHMARK = "Benchmark and training"


class Sections(TyperGroup):
    """A group whose help lists the commands below the headings that `rich_help_panel` names."""

    def format_commands(self, ctx, formatter) -> None:
        """Write one section per heading, with the commands in the order in which they were added."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        shown = [(name, command) for name, command in commands if command is not None and not command.hidden]
        limit = formatter.width - 6 - max(len(name) for name, _ in shown)
        headings = dict.fromkeys(getattr(command, "rich_help_panel", None) or "Commands" for _, command in shown)
        for heading in headings:
            rows = [
                (name, command.get_short_help_str(limit))
                for name, command in shown
                if (getattr(command, "rich_help_panel", None) or "Commands") == heading
            ]
            with formatter.section(heading):
                formatter.write_dl(rows)


def show_version(wanted: bool) -> None:
    """Print the version and end, if the option `--version` is given."""
    if wanted:
        print(f"groupsc {__version__}")
        raise typer.Exit


def make_output_safe() -> None:
    r"""Write characters that the encoding of the terminal lacks as escapes, such as `\u03c3`.

    Windows terminals with code page 1252 and names of files that are not valid UTF-8 would otherwise end a command in
    an error, after hours of work.
    """
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError, OSError):  # Streams that are replaced, detached or closed.
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # Text streams of io have it.


def methods(incomplete: str) -> list[str]:
    """Complete the name of a method."""
    from groupsc.weights.selection import CHOICES

    return [name for name in CHOICES if name.startswith(incomplete)]


def weights(incomplete: str) -> list[str]:
    """Complete the name of released weights."""
    from groupsc.weights.released import releases

    return [name for name in releases() if name.startswith(incomplete)]


def speeds(incomplete: str) -> list[str]:
    """Complete the argument of `--speed`."""
    from groupsc.cli.batch.settings import SPEEDS

    return [name for name in SPEEDS if name.startswith(incomplete)]
