"""Files that are at every moment absent, old or complete."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import threading
from collections.abc import Iterator
from pathlib import Path

from groupsc.utils.errors import GroupSCError


@contextlib.contextmanager
def replacing(path, *errors: type[Exception]) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the place of `path` when the block ends well, and is removed else.

    Missing folders are made. The content is on the disk before it takes the name, so that a crash leaves no empty file.

    Parameters
    ----------
    *errors
        What else than `OSError`, raised in the block, means that the file can't be written.

    Raises
    ------
    GroupSCError
        When it can't be.
    """
    path = Path(path)
    partial = beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path)
        yield partial
        with open(partial, "r+b") as written:
            os.fsync(written.fileno())
        os.replace(partial, path)
    except GroupSCError:
        raise  # A file that the block looked for and did not find, which is an OSError too.
    except (OSError, *errors) as error:
        reason = getattr(error, "strerror", None) or error
        raise GroupSCError(f"{path} can't be written ({reason}); free some space or choose another folder") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)


def write_text(path, text: str) -> None:
    """Write text in UTF-8 so that `path` is at every moment absent, old or complete."""
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")


def beside(path: Path) -> Path:
    """The temporary neighbour of a file that this thread writes to."""
    return path.with_name(f"{_stem(path)}{os.getpid()}-{threading.get_ident()}.partial")


def sweep(path: Path) -> None:
    """Remove what writers of a file left beside it when they were killed; those of other machines are left alone."""
    if os.name != "posix":  # Elsewhere a process can't be asked whether it lives.
        return
    stem = _stem(path)
    for name in os.listdir(path.parent):
        process = re.fullmatch(r"(\d+)-\d+\.partial", name.removeprefix(stem)) if name.startswith(stem) else None
        if process and not _lives(int(process[1])):
            path.with_name(name).unlink(missing_ok=True)


def _stem(path: Path) -> str:
    # Names are cut, since file systems allow 255 bytes and what is added must fit.
    return f".{path.name[:40]}.{platform.node()[:30]}-"


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
