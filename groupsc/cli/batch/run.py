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
from typing import TYPE_CHECKING, Any, TextIO

import typer

from groupsc.cli.batch import record
from groupsc.cli.batch.operations import Operation
from groupsc.cli.batch.planning import TEMPORARY, Job, plan, shown
from groupsc.cli.batch.resuming import Pair, finished_pages, split_existing
from groupsc.cli.batch.settings import Settings
from groupsc.utils.digests import file_digest
from groupsc.utils.durations import duration
from groupsc.utils.errors import GroupSCError
from groupsc.utils.memory import keep_freed_memory

if TYPE_CHECKING:
    from groupsc.io.photographs import Photograph

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
    subfolders: list[str] = field(default_factory=list)
    skipped: int = 0

    def skip(self, pairs: list[Pair]) -> None:
        """Record images whose outputs exist."""
        self.facts += [{"input": str(source), "output": str(target), "skipped": "exists"} for source, target in pairs]
        self.skipped += len(pairs)


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
    keep_freed_memory()
    messages = sys.stderr if settings.as_json or str(output) == STREAM else sys.stdout
    silent = settings.as_json and str(output) == STREAM  # Standard error then contains the report alone.
    say = _nothing if silent else functools.partial(tqdm.write, file=messages)
    try:
        with _streams(paths, output) as places:
            _restore_files(operation, *places, settings, say, sys.stderr if str(output) == STREAM else sys.stdout)
    except KeyboardInterrupt:
        if str(output) != STREAM:
            say("interrupted; the same command with --skip-existing continues")
        raise


def _nothing(line: str) -> None:
    pass


@contextlib.contextmanager
def _streams(paths: list[Path], output: Path) -> Iterator[tuple[list[Path], Path]]:
    """Replace "-" by temporary files, which contain standard input, and whose content goes to standard output."""
    if STREAM not in map(str, (*paths, output)):
        yield paths, output
        return
    with tempfile.TemporaryDirectory(prefix=TEMPORARY) as folder:
        place = Path(folder, "input")
        if STREAM in map(str, paths):
            if sys.stdin is None:
                raise GroupSCError("standard input is closed; name a file instead of -")
            place.write_bytes(sys.stdin.buffer.read())
        paths = [place if str(path) == STREAM else path for path in paths]
        if str(output) != STREAM:
            if place in paths and output.is_dir():
                raise GroupSCError("an image from standard input has no name; name a file for the output, or -")
            yield paths, output
            return
        if len(paths) != 1 or paths[0].is_dir():
            raise GroupSCError("standard output takes one image; name a folder for the output of several")
        if sys.stdout is None:
            raise GroupSCError("standard output is closed; name a file instead of -")
        result = Path(folder, f"output{_suffix(paths[0])}")
        yield paths, result
        if result.exists():
            sys.stdout.buffer.write(result.read_bytes())
            sys.stdout.buffer.flush()


def _suffix(source: Path) -> str:
    """Return the suffix of the format of an image, or of PNG if this format is not written."""
    from groupsc.io.codecs.formats import FORMATS
    from groupsc.io.restoring import first_image

    try:
        name = first_image(source).format
    except GroupSCError as error:
        raise _named(source, error) from error
    return next((suffix for suffix, kind in FORMATS.items() if kind.name == name), ".png")


def _restore_files(
    operation: Operation, paths: list[Path], output: Path, settings: Settings, say: Say, document: TextIO
) -> None:
    """Restore images; with `as_json`, the report is printed to `document`."""
    from groupsc.io.paths import check_writable, photographs, place_of, subfolders_with_images, targets

    pairs = targets(photographs(paths), output)
    inner = [path for folder in filter(Path.is_dir, paths) for path in subfolders_with_images(folder)]
    named = {path.resolve() for path in (*paths, output)}
    subfolders = [str(path) for path in inner if path.resolve() not in named]
    report = Report(number=len(pairs), unread=_unread(paths), subfolders=subfolders)
    folder = pairs[0][1].parent if pairs[0][1] != output else None
    given = dataclasses.asdict(operation)  # type: ignore[call-overload]  # Operations are dataclasses.
    contents = _contents(sigma_map=given.get("sigma_map"), weights=settings.weights)
    # As they are read.
    options = json.loads(json.dumps({"command": operation.name, **given, **settings.recorded, **contents}))
    if folder is not None and not settings.dry_run:
        check_writable(folder)
    taken = {place_of(target): source for source, target in pairs}
    pairs, skipped = split_existing(pairs, folder, options, settings)
    report.skip(skipped)
    jobs = _plan_all(pairs, folder, taken, operation, settings, options, say, report)
    if not settings.dry_run:
        _restore_jobs(jobs, operation, settings, folder, options, say, report)
    else:
        report.facts += [job.facts | {"seconds": round(job.choice.seconds, 1)} for job in jobs]
    _conclude(report, settings, say, document)


def _contents(**files: str | None) -> dict[str, str]:
    """Digests of the files that options name, since a file can change without its name."""
    named = {name: Path(file) for name, file in files.items() if file is not None}
    return {f"contents of {name}": file_digest(path)[:12] for name, path in named.items() if path.is_file()}


def _unread(paths: list[Path]) -> list[str]:
    """List the files of the given folders whose type is not read."""
    from groupsc.io.paths import photographs

    found = []
    for folder in filter(Path.is_dir, paths):
        known = {path.name for path in photographs([folder])} | {record.NAME}
        others = sorted(name for name in os.listdir(folder) if name not in known and not name.startswith("."))
        found += [str(folder / name) for name in others if (folder / name).is_file()]
    return found


def _plan_all(
    pairs: list[Pair],
    folder: Path | None,
    taken: dict[str, Path],
    operation: Operation,
    settings: Settings,
    options: dict[str, Any],
    say: Say,
    report: Report,
) -> list[Job]:
    """Plan all images and print a line for each. The pixels are kept only if there is one image.

    In a folder, an image gets another suffix if its format can't store it. A file that the user named does not.
    `taken` has the input of each output.
    """
    from groupsc.io.photographs import check_target

    jobs = []
    for source, target in pairs:
        try:
            photo, pages, done = _next_image(source, target, options, settings, say)
            output = _output(photo) if operation.makes_colors else photo
            if folder is not None:
                named, target = target, _storable(source, target, output, taken)
                if target != named and not split_existing([(source, target)], folder, options, settings)[0]:
                    report.skip([(source, target)])
                    continue
            check_target(target, output, overwrite=settings.overwrite)
            job = plan(source, target, photo, operation, settings, pages=pages, done=done)
        except (GroupSCError, OSError) as error:
            if report.number == 1:
                raise _named(source, error) from error
            report.failures[shown(source)] = str(_named(source, error))
            say(f"failed: {report.failures[shown(source)]}")
            continue
        say(job.line)
        jobs.append(dataclasses.replace(job, options=options, photo=photo if report.number == 1 else None))
    if len(jobs) > 1:
        say(f"{len(jobs)} images: about {duration(sum(job.choice.seconds for job in jobs))}")
    return jobs


def _output(photo: Photograph) -> Photograph:
    """Return an image with the properties of the colour image that is made of a mosaic."""
    import numpy as np

    return dataclasses.replace(photo, pixels=np.broadcast_to(photo.pixels[:1], (3, *photo.pixels.shape[1:])))


def _storable(source: Path, target: Path, output: Photograph, taken: dict[str, Path]) -> Path:
    """Return a path with a suffix whose format can store the output; refuse the path of another image."""
    from groupsc.io.paths import place_of
    from groupsc.io.photographs import storable_path

    target = storable_path(target, output)
    if (other := taken.setdefault(place_of(target), source)) != source:
        raise GroupSCError(
            f"{other} and {source} would both be written to {target}; restore them into different folders"
        )
    return target


def _next_image(
    source: Path, target: Path, options: dict[str, Any], settings: Settings, say: Say
) -> tuple[Photograph, int, int]:
    """Read an image, or the first page of a stack that is not restored yet; return also both numbers of pages."""
    from groupsc.io.photographs import read_photograph
    from groupsc.io.restoring import first_image, number_of_pages

    pages = number_of_pages(source) if target.suffix.lower() in (".tif", ".tiff") else 0
    if pages == 0:
        return read_photograph(source), 1, 0
    done, words = finished_pages(source, target, options, settings)
    if words:
        say(f"{shown(target)}: its restored pages are not used, because {words}")
    return first_image(source, min(done, pages - 1)), pages, done


def _named(source: Path, error: Exception) -> Exception:
    """Return an error whose message names the image."""
    if str(source) not in str(error):
        return GroupSCError(f"{shown(source)}: {error}")
    return error if shown(source) == str(source) else GroupSCError(str(error).replace(str(source), shown(source)))


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
    unchanged = facts["weights"] is None and not guarded
    how = "has no noise to remove" if unchanged else f"restored in {duration(facts['seconds'])}"
    say(f"{shown(job.target)}: {how}{guarded}{lost}")


def _conclude(report: Report, settings: Settings, say: Say, document: TextIO) -> None:
    """Print the report; end with exit code 1 if images failed."""
    if settings.as_json:
        others = [{"input": name, "error": reason} for name, reason in report.failures.items()]
        others += [{"input": name, "skipped": "this type of file is not read"} for name in report.unread]
        print(json.dumps(report.facts + others, indent=1), file=document)
    if report.skipped:
        say(f"{report.skipped} of {report.number} images exist and were skipped")
    if report.unread:
        say(f"files of types that are not read: {', '.join(report.unread)}")
    if report.subfolders:
        say(f"images in subfolders are not restored: {', '.join(report.subfolders)}; give these folders too")
    if report.failures:
        say(f"{len(report.failures)} of {report.number} images failed:")
        for name, reason in report.failures.items():
            say(f"  {reason}" if name in reason else f"  {name}: {reason}")
        raise typer.Exit(1)
