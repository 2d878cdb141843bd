"""Files that are at every moment absent, old or complete."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from groupsc.errors import GroupSCError


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
    # The name is cut, since file systems allow 255 bytes and what is added must fit.
    partial = path.with_name(f".{path.name[:40]}.{os.getpid()}-{threading.get_ident()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        with open(partial, "rb") as written:
            os.fsync(written.fileno())
        os.replace(partial, path)
    except (OSError, *errors) as error:
        raise GroupSCError(f"{path} can't be written ({error}); free some space or choose another folder") from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
