"""Restore the images of a file: read it, restore each image and write the result."""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from groupsc.io.photographs import (
    Photograph,
    check_path,
    check_target,
    lost_metadata,
    read_photograph,
    storable_path,
    stored_samples,
    write_photograph,
)
from groupsc.io.stacks import Stack, is_stack, write_stack
from groupsc.io.unfinished import Pages
from groupsc.utils.atomic import replacing
from groupsc.utils.errors import GroupSCError

Restore = Callable[[Photograph], tuple[np.ndarray, dict[str, Any]]]
"""A function of an image that returns its restored pixels (c, H, W) and facts for a report."""


def first_image(path, page: int = 0) -> Photograph:
    """Read an image, or one page of a stack.

    Parameters
    ----------
    path : path
    page : int
        Number of the page, from 0.

    Returns
    -------
    Photograph

    Raises
    ------
    GroupSCError
        As for `groupsc.io.photographs.read_photograph`.

    Examples
    --------
    >>> photo = first_image("stack.tif")  # doctest: +SKIP
    """
    if not (os.path.isfile(path) and is_stack(path)):
        return read_photograph(path)
    with Stack(path) as stack:
        return stack.photograph(page)


def number_of_pages(path) -> int:
    """Return the number of images that `restore_file` restores of a file.

    Parameters
    ----------
    path : path

    Returns
    -------
    int
        1 if the file is not a stack.

    Examples
    --------
    >>> number_of_pages("photo.png")
    1
    """
    if not (os.path.isfile(path) and is_stack(path)):
        return 1
    with Stack(path) as stack:
        return len(stack)


def restore_file(
    source,
    target,
    restore: Restore,
    *,
    photo: Photograph | None = None,
    overwrite: bool = False,
    origin: dict[str, Any] | None = None,
    resume: bool = False,
) -> tuple[Path, dict[str, Any]]:
    """Restore an image file, or all pages of a stack one after the other.

    Parameters
    ----------
    source, target : path
        If the format of `target` can't store the image, a lossless format is chosen.
    restore : callable
        `restore(photograph)` returns the restored pixels (c, H, W) and facts for a report.
    photo : Photograph, optional
        The image in `source`, if it was read before.
    overwrite : bool
        Whether an existing file is replaced.
    origin : dict, optional
        Input and options in values for JSON. If they are given, the restored pages of a stack are kept until all are
        written (`groupsc.io.unfinished`).
    resume : bool
        Continue with the pages of an earlier call of the same origin.

    Returns
    -------
    written : Path
        The target, perhaps with another suffix.
    facts : dict
        Those of the function; for several pages "pages" and the range of each number. "not kept" names metadata that
        were not written.

    Raises
    ------
    GroupSCError
        When the file can't be read, restored or written.

    Examples
    --------
    >>> restore_file("a.tif", "b.tif", lambda photo: (photo.pixels, {}))  # doctest: +SKIP
    """
    target = Path(target)
    if target.suffix.lower() in (".tif", ".tiff") and os.path.isfile(source) and is_stack(source):
        if origin is None:
            return target, _restore_stack(source, target, restore, overwrite, None)
        with Pages(target, origin, resume=resume) as pages:
            return target, _restore_stack(source, target, restore, overwrite, pages)
    photo = photo or read_photograph(source)
    target = storable_path(target, photo)
    check_target(target, photo, overwrite=overwrite)
    pixels, facts = restore(photo)
    restored = dataclasses.replace(photo, pixels=pixels)
    lost = lost_metadata(target, restored)
    write_photograph(target, restored, overwrite=overwrite)
    return target, {**facts, **_not_kept(lost)}


def copy_file(source, target, *, overwrite: bool = False) -> None:
    """Copy the file of an image that needs no restoration.

    Parameters
    ----------
    source, target : path
        With the same suffix.
    overwrite : bool
        Whether an existing file is replaced.

    Raises
    ------
    GroupSCError
        When the target can't be written.

    Examples
    --------
    >>> copy_file("a.png", "b.png")  # doctest: +SKIP
    """
    check_path(target, overwrite=overwrite)
    with replacing(target) as partial:
        shutil.copyfile(source, partial)


def _restore_stack(source, target: Path, restore: Restore, overwrite: bool, pages: Pages | None) -> dict[str, Any]:
    found: list[dict[str, Any]] = []

    def restored(stack: Stack) -> Iterator[tuple[Photograph, np.ndarray]]:
        for number, page in enumerate(stack):
            known = None if pages is None else pages.read(number)
            samples, facts = known or _restored_page(target, number, page, restore)
            if pages is not None and known is None:
                pages.write(number, samples, facts)
            found.append(facts)
            yield page, samples

    try:
        with Stack(source) as stack:
            lost = write_stack(target, stack, restored(stack), overwrite=overwrite)
    except GroupSCError as error:
        if not pages:
            raise
        raise type(error)(f"{error} ({len(pages)} restored pages are kept; --skip-existing continues)") from error
    number = {"pages": len(found)} if len(found) > 1 else {}
    return {**number, **_together(found), **_not_kept(lost)}


def _restored_page(target: Path, number: int, page: Photograph, restore: Restore) -> tuple[np.ndarray, dict[str, Any]]:
    try:
        pixels, facts = restore(page)
    except GroupSCError as error:
        raise type(error)(f"page {number + 1}: {error}") from error
    return stored_samples(target, dataclasses.replace(page, pixels=pixels)), facts


def _together(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one fact for all pages that have it: the common value, or the least and the largest one."""
    facts: dict[str, Any] = {}
    for name in dict.fromkeys(name for one in found for name in one):
        values = [one[name] for one in found if one.get(name) is not None]
        if not values:
            facts[name] = None
            continue
        numbers = all(isinstance(value, int | float) for value in values)
        distinct = sorted(set(values)) if numbers else list(dict.fromkeys(map(str, values)))
        separator = " to " if numbers else ", "
        ends = [distinct[0], distinct[-1]] if numbers else distinct
        facts[name] = distinct[0] if len(distinct) == 1 else separator.join(map(str, ends))
    return facts


def _not_kept(names: list[str]) -> dict[str, Any]:
    return {"not kept": ", ".join(names)} if names else {}
