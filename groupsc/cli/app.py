"""Assemble the command `groupsc`, whose commands call the library and need no Snakemake."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable
from typing import Annotated

import typer
from typer import Option

from groupsc.cli import evaluation, methods, photographs, plan, results, training, validation, weights
from groupsc.cli.terminal import BENCHMARK, MODELS, RESTORE, Sections, make_output_safe, show_version
from groupsc.utils.errors import GroupSCError, GroupSCWarning

app = typer.Typer(
    cls=Sections,
    help="Fully trainable and interpretable non-local sparse models for image restoration.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def groupsc(
    version: Annotated[
        bool, Option("--version", help="Show the version.", callback=show_version, is_eager=True)
    ] = False,
) -> None:
    """Fully trainable and interpretable non-local sparse models for image restoration."""


COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    RESTORE: photographs.COMMANDS,
    MODELS: (methods.methods, weights.info),
    BENCHMARK: (*training.COMMANDS, evaluation.evaluate, plan.plan, *results.COMMANDS, *validation.COMMANDS),
}
"""Commands by their section of the help."""
for section, commands in COMMANDS.items():
    for command in commands:
        app.command(rich_help_panel=section)(command)
app.add_typer(weights.app, name="weights", rich_help_panel=MODELS)


def main() -> None:
    """Run the command line. An error that users can fix prints one sentence and exits with 2, an interrupt with 130."""
    make_output_safe()
    warnings.showwarning = _show_warning
    try:
        app()
    except GroupSCError as error:
        sys.exit(_report_error(str(error)))
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
        sys.exit(_report_error(f"{what}; check the path, its permissions and the free space"))


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    """Print our warnings as a sentence, and others as Python does."""
    text = f"groupsc: {message}\n"
    if not issubclass(category, GroupSCWarning):
        text = warnings.formatwarning(message, category, filename, lineno, line)
    if stream := file or sys.stderr:
        stream.write(text)


def _report_error(sentence: str) -> int:
    with contextlib.suppress(OSError, AttributeError):  # A closed standard output is None.
        sys.stdout.flush()  # Earlier output must precede the error if both streams go to one file.
    print(f"groupsc: {' '.join(sentence.split())}", file=sys.stderr)
    return 2
