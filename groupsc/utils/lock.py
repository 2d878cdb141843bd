"""One process at a time in a folder: also when a killed workflow left a training behind that still runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from groupsc.utils.errors import GroupSCError

try:
    import fcntl
except ImportError:  # Windows has no such locks, and nothing is locked there.
    fcntl = None


@contextlib.contextmanager
def alone(folder) -> Iterator[None]:
    """Hold the lock of a folder, which the system gives back however the process ends.

    Raises
    ------
    GroupSCError
        When another process holds it.
    """
    with contextlib.ExitStack() as stack:
        if fcntl is not None:
            try:
                Path(folder).mkdir(parents=True, exist_ok=True)
                file = stack.enter_context(open(Path(folder) / "lock", "a"))
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise GroupSCError(
                    f"another process is at work in {folder}; wait until it has ended, or end it, and try again"
                ) from error
            except OSError:  # Some network file systems know no locks; where nothing can be written, writing says so.
                pass
        yield
