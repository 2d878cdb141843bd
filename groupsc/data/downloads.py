"""One file of known size and checksum, brought to its place from an address or a folder."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from pathlib import Path

from groupsc.utils.atomic import beside, sweep
from groupsc.utils.digests import file_digest
from groupsc.utils.errors import GroupSCError

ATTEMPTS = 3
PAUSE = 0.5
"""Seconds before the second attempt; twice as many before the third."""
SECONDS_TO_CONNECT = 10
SLOWEST = 500
"""Bytes a second below which an attempt counts as failed, lest a server that drips keeps it for ever."""
PASSING = (408, 425, 429, 500, 502, 503, 504)
"""Answers of a server that may be different at the next attempt."""
CURE_ADDRESS = "check the network, or name a mirror with --mirror or GROUPSC_MIRROR, and try again"
CURE_FOLDER = "complete that mirror, or fetch without it"
CURE_DISK = "free some space or choose another folder, and try again"


class _Failure(Exception):
    """Why an attempt brought nothing, what helps, and whether another attempt may."""

    def __init__(self, problem: str, hint: str, *, again: bool = False):
        super().__init__(problem)
        self.hint, self.again = hint, again


def download(
    source: str,
    target: Path,
    *,
    size: int,
    sha256: str,
    timeout: float = 30,
    stop: threading.Event | None = None,
) -> None:
    """Put one file in place, which is at every moment as it was before or right.

    Parameters
    ----------
    source : str
        An http(s) address or a path.
    target : Path
        Its folder exists. The bytes go to a temporary neighbour, which takes this name once they are verified.
    size, sha256
        What the file must be.
    timeout : float
        Seconds without an answer after which an attempt counts as failed.
    stop : threading.Event, optional
        Once set, no further attempt begins and the call returns with nothing in place.

    Raises
    ------
    GroupSCError
        When no attempt brought the right bytes; the sentence says what was expected, what came, and what to do.
    """
    partial = beside(target)
    stop = stop or threading.Event()
    try:
        sweep(target)
        for attempt in range(ATTEMPTS):
            if stop.wait(PAUSE * attempt):
                return
            try:
                _transfer(source, partial, size, timeout)
                _verify(source, partial, size, sha256)
                os.replace(partial, target)
                return
            except _Failure as error:
                failure = error
                if not error.again:
                    break
            except OSError as error:
                failure = _Failure(f"but it can't be written ({error.strerror or error})", CURE_DISK)
                break
    finally:
        with contextlib.suppress(OSError):  # Where nothing can be written, there is nothing to remove either.
            partial.unlink(missing_ok=True)
    raise GroupSCError(
        f"{target} could not be fetched from {without_secrets(source)}: expected {size} bytes with sha256 "
        f"{sha256[:12]}…, {without_secrets(str(failure))}; {failure.hint}"
    ) from failure


def matches(path: Path, size: int, sha256: str) -> bool:
    """Whether a file is there with these bytes."""
    try:
        return path.is_file() and path.stat().st_size == size and file_digest(path) == sha256
    except OSError:
        return False


def without_secrets(text: str) -> str:
    """Text whose addresses name neither a user, a password nor a query, which may hold a token."""
    text = re.sub(r"(\w+://)[^/\s]*@", r"\1***@", text)
    return re.sub(r"(\w+://[^\s?]*\?)\S*", r"\1***", text)


def is_address(source: str) -> bool:
    """Whether a source or mirror is reached over the network."""
    return source.lower().startswith(("http://", "https://"))


class _Bounded:
    """A file that takes the expected number of bytes and no more, lest a wrong answer fill the disk."""

    def __init__(self, file, size: int):
        self.file, self.size, self.left = file, size, size

    def write(self, chunk: bytes) -> None:
        if self.left == self.size and chunk[:200].lstrip().lower().startswith((b"<!doctype html", b"<html")):
            raise _Failure("but a web page came in its place", CURE_ADDRESS, again=True)
        self.left -= len(chunk)
        if self.left < 0:
            raise _Failure("but more bytes came", CURE_ADDRESS, again=True)
        self.file.write(chunk)

    def flush(self) -> None:
        self.file.flush()


def _transfer(source: str, partial: Path, size: int, timeout: float) -> None:
    with open(partial, "wb") as file:
        if is_address(source):
            _receive(source, _Bounded(file, size), timeout)
        else:
            file.write(_read(source))
        file.flush()
        os.fsync(file.fileno())


def _receive(address: str, file: _Bounded, timeout: float) -> None:
    import requests
    from urllib3.exceptions import HTTPError

    patience = (min(timeout, SECONDS_TO_CONNECT), timeout)
    deadline = time.monotonic() + timeout + file.size / SLOWEST
    try:
        with requests.get(address, timeout=patience, stream=True) as response:
            response.raise_for_status()
            while chunk := response.raw.read1(2**16, decode_content=True):
                file.write(chunk)
                if time.monotonic() > deadline:
                    raise _Failure(f"but fewer than {SLOWEST} bytes a second came", CURE_ADDRESS, again=True)
    except requests.HTTPError as error:
        status, reason = error.response.status_code, error.response.reason
        problem = f"but the server answered {status} {reason}"
        raise _Failure(problem, CURE_ADDRESS, again=status in PASSING) from error
    except requests.Timeout as error:
        raise _Failure(f"but no answer came within {timeout:g} s", CURE_ADDRESS, again=True) from error
    except (requests.RequestException, HTTPError, ValueError) as error:
        raise _Failure(f"but the transfer broke off ({_innermost(error)})", CURE_ADDRESS, again=True) from error


def _innermost(error: BaseException) -> str:
    """What the operating system said, without the layers of the network library around it."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    return " ".join(str(getattr(error, "strerror", None) or error).split())[:120]


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise _Failure(f"but it can't be read ({getattr(error, 'strerror', None) or error})", CURE_FOLDER) from error


def _verify(source: str, partial: Path, size: int, sha256: str) -> None:
    if not matches(partial, size, sha256):
        found = f"but got {partial.stat().st_size} bytes with sha256 {file_digest(partial)[:12]}…"
        networked = is_address(source)
        raise _Failure(found, CURE_ADDRESS if networked else CURE_FOLDER, again=networked)
