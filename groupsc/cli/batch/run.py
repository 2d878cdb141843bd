"""Restore all images of one call: find the files, plan, restore, report."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import typer

from groupsc.cli.batch import record
from groupsc.cli.batch.operations import Operation
from groupsc.cli.batch.planning import TEMPORARY, Job, Settings, duration, plan, shown
from groupsc.utils.errors import GroupSCError

Pair = tuple[Path, Path]
"""An input file and its output file."""

Say = Callable[[str], object]
"""A function that prints a line without damaging a progress bar."""

STREAM = "-"
"""Name of standard input and standard output."""


@dataclass
class Report:
    """What happened to the images of a call: their number, facts of restored and skipped ones, reasons of failures."""

    number: int
    facts: list[dict[str, Any]] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    skipped: int = 0


def restore_all(operation: Operation, paths: list[Path], output: Path | None, settings: Settings) -> None:
    """Restore images and print what happens.

    Parameters
    ----------
    operation : Operation
    paths : list of Path
        Inputs; without `output`, the last one is the output.
    output : Path or None
        A file, a folder or "-".
    settings : Settings

    Raises
    ------
    GroupSCError
        If the call can't be carried out, or its only image fails.
    typer.Exit
        With code 1 if some of several images failed.
    """
    from tqdm import tqdm

    if output is None:
        paths, output = paths[:-1], paths[-1]
    if not paths:
        raise GroupSCError(
            "the output is missing; give the images to restore and then a file or a folder: IN... OUT, or IN... -o OUT"
        )
    operation.check()
    settings.check()
    spoken = sys.stderr if settings.as_json or str(output) == STREAM else sys.stdout
    with _streams(paths, output) as places:
        _restore_files(operation, *places, settings, functools.partial(tqdm.write, file=spoken))


@contextlib.contextmanager
def _streams(paths: list[Path], output: Path) -> Iterator[tuple[list[Path], Path]]:
    """Replace "-" by temporary files, which contain standard input, and whose content goes to standard output."""
    with tempfile.TemporaryDirectory(prefix=TEMPORARY) as folder:
        place = Path(folder, "input")
        if STREAM in map(str, paths):
            place.write_bytes(sys.stdin.buffer.read())
        paths = [place if str(path) == STREAM else path for path in paths]
        if str(output) != STREAM:
            if place in paths and output.is_dir():
                raise GroupSCError("an image from standard input has no name; name a file for the output, or -")
            yield paths, output
            return
        if len(paths) != 1 or paths[0].is_dir():
            raise GroupSCError("standard output takes one image; name a folder for the output of several")
        result = Path(folder, f"output{_suffix(paths[0])}")
        yield paths, result
        if result.exists():
            sys.stdout.buffer.write(result.read_bytes())
            sys.stdout.buffer.flush()


def _suffix(source: Path) -> str:
    """Return the suffix of the format of an image, or of PNG if this format is not written."""
    from groupsc.io.codecs.formats import FORMATS
    from groupsc.io.restoring import first_image

    name = first_image(source).format
    return next((suffix for suffix, kind in FORMATS.items() if kind.name == name), ".png")


def _restore_files(operation: Operation, paths: list[Path], output: Path, settings: Settings, say: Say) -> None:
    from groupsc.io.paths import photographs, targets

    pairs = targets(photographs(paths), output)
    report = Report(number=len(pairs), unread=_unread(paths))
    folder = pairs[0][1].parent if pairs[0][1] != output else None
    given = dataclasses.asdict(operation)  # type: ignore[call-overload]  # Operations are dataclasses.
    options = json.loads(json.dumps({"command": operation.name, **given, **settings.recorded}))  # As they are read.
    pairs = _without_existing(pairs, folder, options, settings, report)
    jobs = _plan_all(pairs, folder is not None, operation, settings, say, report)
    if not settings.dry_run:
        _restore_jobs(jobs, operation, settings, folder, options, say, report)
    else:
        report.facts += [job.facts | {"seconds": round(job.choice.seconds, 1)} for job in jobs]
    _conclude(report, settings, say)


def _unread(paths: list[Path]) -> list[str]:
    """List the files of the given folders whose type is not read."""
    from groupsc.io.paths import photographs

    found = []
    for folder in filter(Path.is_dir, paths):
        known = {path.name for path in photographs([folder])} | {record.NAME}
        others = sorted(name for name in os.listdir(folder) if name not in known and not name.startswith("."))
        found += [str(folder / name) for name in others if (folder / name).is_file()]
    return found


def _without_existing(
    pairs: list[Pair], folder: Path | None, options: dict[str, Any], settings: Settings, report: Report
) -> list[Pair]:
    """Leave out images that exist, if the user wants this; refuse to mix results of different options."""
    existing = [pair for pair in pairs if os.path.lexists(pair[1])]
    if not existing:
        return pairs
    if not settings.skip_existing:
        if not settings.overwrite:
            raise GroupSCError(
                f"{existing[0][1]} exists; choose another name, replace it with --overwrite, or continue an earlier "
                "call with --skip-existing"
            )
        return pairs
    known = record.read(folder) if folder is not None else {}
    other = {pair: record.difference(pair[0], known.get(pair[1].name), options) for pair in existing}
    stale = {pair: words for pair, words in other.items() if words}
    if stale and not settings.overwrite:
        (_, target), words = next(iter(stale.items()))
        raise GroupSCError(
            f"{len(stale)} of {len(existing)} existing images were made in another way, {target} for example: {words}; "
            "add --overwrite to restore these again, or choose another folder"
        )
    skipped = [pair for pair in existing if pair not in stale]
    report.facts += [{"input": str(a), "output": str(b), "skipped": "exists"} for a, b in skipped]
    report.skipped = len(skipped)
    return [pair for pair in pairs if pair not in skipped]


def _plan_all(
    pairs: list[Pair], folder: bool, operation: Operation, settings: Settings, say: Say, report: Report
) -> list[Job]:
    """Plan all images and print a line for each. The pixels are kept only if there is one image.

    In a folder, an image gets another suffix if its format can't store it. A file that the user named does not.
    """
    from groupsc.io.photographs import check_target, read_photograph, storable_path
    from groupsc.io.restoring import first_image, number_of_pages

    jobs = []
    for source, target in pairs:
        try:
            paged = target.suffix.lower() in (".tif", ".tiff")
            photo = first_image(source) if paged else read_photograph(source)
            if folder:
                target = storable_path(target, photo)
            check_target(target, photo, overwrite=settings.overwrite)
            job = plan(source, target, photo, operation, settings, pages=number_of_pages(source) if paged else 1)
        except (GroupSCError, OSError) as error:
            if report.number == 1:
                raise _named(source, error) from error
            report.failures[shown(source)] = str(_named(source, error))
            say(f"failed: {report.failures[shown(source)]}")
            continue
        say(job.line)
        jobs.append(dataclasses.replace(job, photo=photo) if report.number == 1 else job)
    if len(jobs) > 1:
        say(f"{len(jobs)} images: about {duration(sum(job.choice.seconds for job in jobs))}")
    return jobs


def _named(source: Path, error: Exception) -> Exception:
    """Return an error whose message names the image."""
    return error if str(source) in str(error) else GroupSCError(f"{shown(source)}: {error}")


def _restore_jobs(
    jobs: list[Job],
    operation: Operation,
    settings: Settings,
    folder: Path | None,
    options: dict[str, Any],
    say: Say,
    report: Report,
) -> None:
    """Restore the planned images, with a progress bar over all of them, and record each."""
    from tqdm import tqdm

    from groupsc.cli.batch.processes import number_of_processes, outcomes

    if report.number == 1:
        for job in jobs:
            _restored(job, _restore_single(job, operation, settings), folder, options, say, report)
        return
    total = sum(job.choice.seconds for job in jobs)
    form = "{desc} {percentage:3.0f}%|{bar}| {elapsed}, {remaining} left"
    with tqdm(total=total, desc=f"0 of {len(jobs)}", bar_format=form, disable=None, leave=False) as bar:
        found = outcomes(jobs, operation, settings, number_of_processes(jobs, settings))
        for count, (job, outcome) in enumerate(found, 1):
            bar.set_description(f"{count} of {len(jobs)}", refresh=False)
            bar.update(job.choice.seconds)
            if isinstance(outcome, str):
                report.failures[shown(job.source)] = outcome
                say(f"failed: {shown(job.source)}: {outcome}")
            else:
                _restored(job, outcome, folder, options, say, report)


def _restore_single(job: Job, operation: Operation, settings: Settings) -> dict[str, Any]:
    from groupsc.cli.batch.processes import restore

    try:
        return restore(job, operation, settings, job.choice.memory, progress=True)
    except GroupSCError as error:
        raise _named(job.source, error) from error


def _restored(
    job: Job, facts: dict[str, Any], folder: Path | None, options: dict[str, Any], say: Say, report: Report
) -> None:
    report.facts.append(facts)
    if folder is not None:
        record.append(folder, record.entry(job.source, job.target, options, facts))
    guarded = f", {facts['guarded']} replaced by the guard" if "guarded" in facts else ""
    lost = f", not kept: {facts['not kept']}" if "not kept" in facts else ""
    say(f"{shown(job.target)}: restored in {duration(facts['seconds'])}{guarded}{lost}")


def _conclude(report: Report, settings: Settings, say: Say) -> None:
    """Print the report; end with exit code 1 if images failed."""
    if settings.as_json:
        others = [{"input": name, "error": reason} for name, reason in report.failures.items()]
        others += [{"input": name, "skipped": "this type of file is not read"} for name in report.unread]
        print(json.dumps(report.facts + others, indent=1))
    if report.skipped:
        say(f"{report.skipped} of {report.number} images exist and were skipped")
    if report.unread:
        say(f"files of types that are not read: {', '.join(report.unread)}")
    if report.failures:
        say(f"{len(report.failures)} of {report.number} images failed:")
        for name, reason in report.failures.items():
            say(f"  {reason}" if name in reason else f"  {name}: {reason}")
        raise typer.Exit(1)
