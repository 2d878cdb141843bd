"""One process at a time in a folder: also when a killed workflow left a training behind that still runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from groupsc.utils.errors import GroupSCError


@contextlib.contextmanager
def alone(folder) -> Iterator[None]:
    """Hold the lock of a folder, which the system gives back however the process ends.

    Raises
    ------
    GroupSCError
        When another process holds it.
    """
    from filelock import FileLock, Timeout

    with contextlib.ExitStack() as stack:
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            # A soft lock, which would be the replacement, outlives a process that is killed.
            stack.enter_context(FileLock(Path(folder) / "lock", blocking=False, fallback_to_soft=False))
        except Timeout as error:
            raise GroupSCError(
                f"another process is at work in {folder}; wait until it has ended, or end it, and try again"
            ) from error
        except OSError:  # Some network file systems know no locks; where nothing can be written, writing says so.
            pass
        yield
