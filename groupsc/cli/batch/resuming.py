"""Continue an earlier call: leave out images that exist, and find the restored pages of unfinished stacks."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from groupsc.cli.batch import record
from groupsc.cli.batch.settings import Settings
from groupsc.utils.errors import GroupSCError

Pair = tuple[Path, Path]
"""An input file and its output file."""


def split_existing(
    pairs: list[Pair], folder: Path | None, options: dict[str, Any], settings: Settings
) -> tuple[list[Pair], list[Pair]]:
    """Split images into those to restore and those that exist and are skipped.

    Parameters
    ----------
    pairs : list of (Path, Path)
    folder : Path or None
        The folder of the outputs, if it has a record.
    options : dict
        The options that change the result.
    settings : Settings

    Returns
    -------
    missing, skipped : list of (Path, Path)

    Raises
    ------
    GroupSCError
        If an output exists or is unfinished and the settings neither skip nor replace it; if an output was made with
        other options and is not to be replaced.
    """
    existing = [pair for pair in pairs if os.path.lexists(pair[1])]
    if not settings.skip_existing:
        if not settings.overwrite:
            _refuse(pairs, existing)
        return pairs, []
    stale = _stale(existing, folder, options)
    if stale and not settings.overwrite:
        (_, target), words = next(iter(stale.items()))
        raise GroupSCError(
            f"{len(stale)} of {len(existing)} existing images were made in another way, {target} for example: {words}; "
            "add --overwrite to restore these again, or choose another folder"
        )
    kept = set(existing) - stale.keys()
    return [pair for pair in pairs if pair not in kept], [pair for pair in existing if pair in kept]


def _stale(existing: list[Pair], folder: Path | None, options: dict[str, Any]) -> dict[Pair, str]:
    """Images that exist and can't be kept, with the reason."""
    from groupsc.io.unfinished import find_unfinished

    known = record.read(folder) if existing and folder is not None else {}
    stale = {}
    for pair in existing:
        words = record.difference(pair[0], known.get(pair[1].name), options)
        if words is None and find_unfinished(pair[1]):
            words = "a later restoration of it is unfinished"
        if words:
            stale[pair] = words
    return stale


def _refuse(pairs: list[Pair], existing: list[Pair]) -> None:
    from groupsc.io.unfinished import find_unfinished

    if existing:
        raise GroupSCError(
            f"{existing[0][1]} exists; choose another name, replace it with --overwrite, or continue an earlier call "
            "with --skip-existing"
        )
    for _, target in pairs:
        if (found := find_unfinished(target)) is not None:
            raise GroupSCError(
                f"{target} is unfinished, {found[1]} pages are restored; continue with --skip-existing, or begin anew "
                "with --overwrite"
            )


def origin_of(source: Path, options: dict[str, Any]) -> dict[str, Any]:
    """Describe how the pages of a stack are restored: the content of the input, the options and the version."""
    line = record.entry(source, source, options, {})
    return {"input_sha256": line["input_sha256"], "options": {**options, "groupsc": line["groupsc"]}}


def finished_pages(source: Path, target: Path, options: dict[str, Any], settings: Settings) -> tuple[int, str]:
    """Count the pages of a stack that an earlier call restored in the same way.

    Returns
    -------
    pages : int
    words : str
        How the earlier call differs, if its pages are not taken; empty otherwise.
    """
    from groupsc.io.unfinished import find_unfinished

    found = find_unfinished(target) if settings.skip_existing else None
    if found is None:
        return 0, ""
    origin = origin_of(source, options)
    words = record.difference(source, found[0], origin["options"])
    if words is None and found[0] != origin:
        words = "its pages have no origin"
    return (0, words) if words else (found[1], "")
