"""Download or copy one file, and verify its size and checksum."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from pathlib import Path
from urllib.parse import quote

from groupsc.utils.atomic import beside, sweep
from groupsc.utils.digests import file_digest
from groupsc.utils.errors import GroupSCError

ATTEMPTS = 3
PAUSE = 0.5
"""Seconds of pause before the second attempt. The pause before the third attempt is twice as long."""
SECONDS_TO_CONNECT = 10
SLOWEST = 500
"""Minimum average rate in bytes per second. A slower attempt fails, so that a very slow server can't block it."""
RETRIED_STATUSES = (408, 425, 429, 500, 502, 503, 504)
"""HTTP status codes of temporary errors, after which another attempt is made."""
HINT_ADDRESS = "check the network, or name a mirror with --mirror or GROUPSC_MIRROR, and try again"
HINT_FOLDER = "complete that mirror, or fetch without it"
HINT_DISK = "free some space or choose another folder, and try again"


class _Failure(Exception):
    """Failure of one attempt, with a hint, and whether another attempt is made."""

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
    """Download or copy one file, and verify it before it replaces the target.

    The target is always either unchanged or correct: the content is written to a temporary file in the same folder,
    which is renamed after verification.

    Parameters
    ----------
    source : str
        http(s) address or path.
    target : Path
        File to write. Its folder exists.
    size : int
        Expected size in bytes.
    sha256 : str
        Expected checksum.
    timeout : float
        Seconds without an answer after which an attempt fails.
    stop : threading.Event, optional
        When it is set, no further attempt starts, and the call returns without a file.

    Raises
    ------
    GroupSCError
        When no attempt gave the expected content. The message contains the expected content, the received content or
        the problem, and a hint.

    Examples
    --------
    >>> import hashlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     source, target = Path(folder, "source"), Path(folder, "target")
    ...     _ = source.write_bytes(b"content")
    ...     download(str(source), target, size=7, sha256=hashlib.sha256(b"content").hexdigest())
    ...     target.read_bytes()
    b'content'
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
                failure = _Failure(f"but the file can't be written ({error.strerror or error})", HINT_DISK)
                break
    finally:
        with contextlib.suppress(OSError):  # If nothing can be written, there is no file to remove.
            partial.unlink(missing_ok=True)
    raise GroupSCError(
        f"{target} could not be fetched from {without_secrets(source)}: expected {size} bytes with sha256 "
        f"{sha256[:12]}…, {without_secrets(str(failure))}; {failure.hint}"
    ) from failure


def matches(path: Path, size: int, sha256: str) -> bool:
    """Check whether a file exists with a size and a checksum.

    Parameters
    ----------
    path : Path
    size : int
        Expected size in bytes.
    sha256 : str
        Expected checksum.

    Returns
    -------
    bool
        False also when the file can't be read.

    Examples
    --------
    >>> matches(Path("absent"), 0, "")
    False
    """
    try:
        return path.is_file() and path.stat().st_size == size and file_digest(path) == sha256
    except OSError:
        return False


def without_secrets(text: str) -> str:
    """Hide the user, the password and the query of all addresses in a text. A query can contain a token.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> without_secrets("https://user:password@host.org/file?token=1")
    'https://***@host.org/file?***'
    """
    text = re.sub(r"(\w+://)[^/\s]*@", r"\1***@", text)
    return re.sub(r"(\w+://[^\s?]*\?)\S*", r"\1***", text)


def is_address(source: str) -> bool:
    """Check whether a source or a mirror is an http(s) address.

    Parameters
    ----------
    source : str

    Returns
    -------
    bool
        False for a path.

    Examples
    --------
    >>> is_address("https://host.org"), is_address("mirror")
    (True, False)
    """
    return source.lower().startswith(("http://", "https://"))


def source_of(row, mirror: str) -> str:
    """Return the path or address of a file below a mirror.

    Parameters
    ----------
    row : namedtuple
        A row of the registry.
    mirror : str
        As for `fetch`.

    Returns
    -------
    str

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> source_of(SimpleNamespace(repo="cszn/DnCNN", commit="e93b278", path="testsets/Set12/01.png"), "mirror")
    'mirror/cszn/DnCNN/e93b278/testsets/Set12/01.png'
    """
    tail = f"{row.repo}/{row.commit}/{row.path}"
    return (
        f"{mirror.rstrip('/')}/{quote(tail)}" if is_address(mirror) else os.path.join(os.path.expanduser(mirror), tail)
    )


class _SizeLimitedFile:
    """File that accepts at most the expected number of bytes, so that a wrong answer can't fill the disk."""

    def __init__(self, file, size: int):
        self.file, self.size, self.left = file, size, size

    def write(self, chunk: bytes) -> None:
        if self.left == self.size and chunk[:200].lstrip().lower().startswith((b"<!doctype html", b"<html")):
            raise _Failure("but received a web page instead", HINT_ADDRESS, again=True)
        self.left -= len(chunk)
        if self.left < 0:
            raise _Failure("but received more bytes", HINT_ADDRESS, again=True)
        self.file.write(chunk)

    def flush(self) -> None:
        self.file.flush()


def _transfer(source: str, partial: Path, size: int, timeout: float) -> None:
    with open(partial, "wb") as file:
        if is_address(source):
            _download_to(source, _SizeLimitedFile(file, size), timeout)
        else:
            file.write(_read(source))
        file.flush()
        os.fsync(file.fileno())


def _download_to(address: str, file: _SizeLimitedFile, timeout: float) -> None:
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
                    raise _Failure(f"but received fewer than {SLOWEST} bytes per second", HINT_ADDRESS, again=True)
    except requests.HTTPError as error:
        answer = error.response
        assert answer is not None  # raise_for_status gives the response.
        status, reason = answer.status_code, answer.reason
        problem = f"but the server answered {status} {reason}"
        raise _Failure(problem, HINT_ADDRESS, again=status in RETRIED_STATUSES) from error
    except requests.Timeout as error:
        raise _Failure(f"but received no answer within {timeout:g} s", HINT_ADDRESS, again=True) from error
    except (requests.RequestException, HTTPError, ValueError) as error:
        raise _Failure(f"but the transfer failed ({_root_cause(error)})", HINT_ADDRESS, again=True) from error


def _root_cause(error: BaseException) -> str:
    """Return the message of the operating system, without those of the network libraries."""
    while cause := error.__cause__ or error.__context__:
        error = cause
    return " ".join(str(getattr(error, "strerror", None) or error).split())[:120]


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        raise _Failure(
            f"but the mirror's file can't be read ({getattr(error, 'strerror', None) or error})", HINT_FOLDER
        ) from error


def _verify(source: str, partial: Path, size: int, sha256: str) -> None:
    if not matches(partial, size, sha256):
        found = f"but got {partial.stat().st_size} bytes with sha256 {file_digest(partial)[:12]}…"
        networked = is_address(source)
        raise _Failure(found, HINT_ADDRESS if networked else HINT_FOLDER, again=networked)
