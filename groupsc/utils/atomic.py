"""Write files atomically: a file is always absent, unchanged or complete."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import threading
from collections.abc import Iterator
from pathlib import Path

from groupsc.utils.errors import GroupSCError
from groupsc.utils.typing import PathLike


@contextlib.contextmanager
def replacing(path: PathLike, *errors: type[Exception]) -> Iterator[Path]:
    """Provide a temporary path that replaces `path` when the block ends without an exception.

    The temporary file is in the same folder. It is removed when the block raises an exception. Missing folders are
    created. The content is on the disk before the file is renamed, so that a crash leaves no empty file.

    Parameters
    ----------
    path : path
        File to write.
    *errors : type of Exception
        Exceptions that mean that the file can't be written, in addition to `OSError`.

    Yields
    ------
    Path
        The temporary path to write to.

    Raises
    ------
    GroupSCError
        When the path is that of a folder, or the file can't be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(Path(folder, "a.txt")) as partial:
    ...         _ = partial.write_text("content")
    ...     os.listdir(folder)
    ['a.txt']
    """
    path = Path(path)
    refuse_folder(path)
    partial = beside(path)
    failures: tuple[type[Exception], ...] = (OSError, *errors)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path)
        yield partial
        with open(partial, "r+b") as written:
            os.fsync(written.fileno())
        os.replace(partial, path)
    except GroupSCError:
        raise  # For example MissingFileError, an OSError, for a file that the block reads.
    except failures as error:
        reason = getattr(error, "strerror", None) or error
        raise GroupSCError(f"{path} can't be written ({reason}); free some space or choose another folder") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def write_text(path: PathLike, text: str) -> None:
    """Write text in UTF-8 atomically, with newlines as on Unix.

    Parameters
    ----------
    path : path
        File to write. Missing folders are created.
    text : str

    Raises
    ------
    GroupSCError
        When the file can't be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_text(Path(folder, "a.txt"), "content")
    ...     Path(folder, "a.txt").read_text()
    'content'
    """
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def refuse_folder(path: Path, kind: str = "file") -> None:
    """Raise an error if the path of a file to write is that of a folder.

    Examples
    --------
    >>> refuse_folder(Path("."), "CSV file")
    Traceback (most recent call last):
        ...
    groupsc.utils.errors.GroupSCError: . is a folder; name a CSV file
    """
    if not path.name or os.path.isdir(path):
        raise GroupSCError(f"{path} is a folder; name a {kind}")


def beside(path: Path) -> Path:
    """Return the temporary path at which this thread writes a file.

    Parameters
    ----------
    path : Path
        The final path.

    Returns
    -------
    Path
        In the same folder. Its name contains the names of the file and the machine, the process and the thread.

    Examples
    --------
    >>> beside(Path("folder/a.txt")).parent.name
    'folder'
    """
    return path.with_name(f"{_prefix(path)}{os.getpid()}-{threading.get_ident()}.partial")


def sweep(path: Path) -> None:
    """Remove the temporary files of a file that killed processes of this machine left.

    Parameters
    ----------
    path : Path
        The final path. Its folder exists.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "a.txt")
    ...     beside(path).touch()
    ...     sweep(path)
    ...     beside(path).exists()  # This process still runs.
    True
    """
    if os.name != "posix":  # Other systems have no signal 0 to test whether a process runs.
        return
    prefix = _prefix(path)
    for name in os.listdir(path.parent):
        process = re.fullmatch(r"(\d+)-\d+\.partial", name.removeprefix(prefix)) if name.startswith(prefix) else None
        if process and not _is_running(int(process[1])):
            path.with_name(name).unlink(missing_ok=True)


def _prefix(path: Path) -> str:
    # Names are truncated, because file systems allow 255 bytes for the whole name.
    return f".{path.name[:40]}.{platform.node()[:30]}-"


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
