"""The command `groupsc`: one module for each group of commands."""

from groupsc.cli.app import main

__all__ = ["main"]
