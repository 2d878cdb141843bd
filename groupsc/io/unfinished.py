"""Keep the restored pages of a stack until all are there, so that a later call continues where a killed one stopped.

The folder `.NAME.unfinished` beside the output contains `origin.json`, which says how the pages were made, and one file
per page. A file appears when it is complete and on the disk. The output is written from these files as from pages that
were just restored, so it has the same bytes.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from groupsc.utils.atomic import replacing, write_text
from groupsc.utils.errors import GroupSCError
from groupsc.utils.lock import alone
from groupsc.utils.typing import PathLike

ORIGIN = "origin.json"

LONGEST = 200
"""Bytes above which the name of an output is shortened, because file systems allow 255 for a name."""


def find_unfinished(target: PathLike) -> tuple[dict[str, Any], int] | None:
    """Find the restored pages of an output that is not complete.

    Parameters
    ----------
    target : path
        The output file.

    Returns
    -------
    (dict, int) or None
        How its pages were made, as given to `Pages`, and the number of restored pages, from the first one on; None
        without such pages.

    Examples
    --------
    >>> find_unfinished("stack.tif") is None
    True
    """
    folder = _folder(Path(target))
    try:
        origin = json.loads((folder / ORIGIN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    pages = 0
    while _page(folder, pages).exists():
        pages += 1
    return (origin, pages) if pages else None


class Pages:
    """Restored pages of an output; a context manager.

    The pages are removed at the end of the block, but kept when it raises an exception. Only one process can hold them.

    Parameters
    ----------
    target : path
        The output file.
    origin : dict
        How the pages are made: values for JSON.
    resume : bool
        Take the pages of an earlier call if its origin is equal. All others are removed.

    Raises
    ------
    GroupSCError
        When another process writes the same output, or the pages can't be written or read.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with contextlib.suppress(KeyboardInterrupt), Pages(f"{folder}/a.tif", {"sigma": 25}) as pages:
    ...         pages.write(0, np.zeros((4, 6, 1), np.uint8), {"weights": "w"})
    ...         raise KeyboardInterrupt
    ...     with Pages(f"{folder}/a.tif", {"sigma": 25}, resume=True) as pages:
    ...         samples, facts = pages.read(0)
    >>> samples.shape, facts
    ((4, 6, 1), {'weights': 'w'})
    """

    def __init__(self, target: PathLike, origin: dict[str, Any], *, resume: bool = False):
        self.target, self.origin, self.resume = Path(target), origin, resume
        self._folder = _folder(self.target)

    def __enter__(self) -> Pages:
        with contextlib.ExitStack() as stack:
            stack.enter_context(alone(self._folder))
            found = find_unfinished(self.target)
            if found is None or not self.resume or found[0] != self.origin:
                for path in self._folder.glob("*.safetensors"):
                    path.unlink()
                write_text(self._folder / ORIGIN, json.dumps(self.origin))
            self._lock = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, *error: object) -> None:
        self._lock.close()
        if kind is None or not len(self):
            shutil.rmtree(self._folder, ignore_errors=True)

    def __len__(self) -> int:
        found = find_unfinished(self.target)
        return 0 if found is None else found[1]

    def read(self, number: int) -> tuple[np.ndarray, dict[str, Any]] | None:
        """Return the samples (H, W, n) of a page and the facts about it, or None if it is not restored yet."""
        from safetensors import SafetensorError, safe_open

        path = _page(self._folder, number)
        if not path.exists():
            return None
        try:
            with safe_open(path, "np") as file:
                return file.get_tensor("samples"), json.loads(file.metadata()["facts"])
        except (SafetensorError, OSError, ValueError) as error:
            raise GroupSCError(f"{path} is damaged ({error}); remove {self._folder} to begin anew") from error

    def write(self, number: int, samples: np.ndarray, facts: dict[str, Any]) -> None:
        """Keep a restored page."""
        from safetensors.numpy import save

        content = save({"samples": np.ascontiguousarray(samples)}, {"facts": json.dumps(facts)})
        with replacing(_page(self._folder, number)) as partial:
            partial.write_bytes(content)


def _folder(target: Path) -> Path:
    name = os.fsencode(target.name)
    if len(name) > LONGEST:
        return target.with_name(f".{target.name[:40]}-{hashlib.sha256(name).hexdigest()[:16]}.unfinished")
    return target.with_name(f".{target.name}.unfinished")


def _page(folder: Path, number: int) -> Path:
    return folder / f"{number:06}.safetensors"
