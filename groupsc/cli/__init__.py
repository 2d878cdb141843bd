"""Commands of `groupsc`: one module per group of commands."""

from groupsc.cli.app import main

__all__ = ["main"]
