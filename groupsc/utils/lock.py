"""Lock a folder for one process.

A training can still run after its workflow was killed. The lock prevents a second training in the same folder.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from groupsc.utils.errors import GroupSCError
from groupsc.utils.typing import PathLike


@contextlib.contextmanager
def alone(folder: PathLike) -> Iterator[None]:
    """Hold the lock of a folder during the block. The system releases it also when the process is killed.

    Parameters
    ----------
    folder : path
        It is created if it does not exist.

    Raises
    ------
    GroupSCError
        When another process holds the lock.

    Notes
    -----
    On a file system that does not support locks, or where the lock file can't be created, the block runs without a
    lock, and no error is raised.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, alone(folder):
    ...     [path.name for path in Path(folder).iterdir()]
    ['lock']
    """
    from filelock import FileLock, Timeout

    with contextlib.ExitStack() as stack:
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            # The fallback, a soft lock, would remain after the process is killed.
            stack.enter_context(FileLock(Path(folder) / "lock", blocking=False, fallback_to_soft=False))
        except Timeout as error:
            raise GroupSCError(
                f"another process is running in {folder}; wait until it ends, or stop it, and try again"
            ) from error
        except OSError:  # Some network file systems have no locks. In a folder that is not writable, later writes fail.
            pass
        yield
