"""Identify the code: the version of the package and a digest of its source."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

__version__ = "0.2.0"


@functools.cache
def code_version() -> str:
    """Return the version of the code, which per-image results and model cards contain.

    Returns
    -------
    str
        `version+digest`. The digest covers the source of all modules, so equal code versions mean equal code.

    Examples
    --------
    >>> code_version().startswith(__version__)
    True
    """
    folder = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for module in sorted(folder.rglob("*.py")):
        digest.update(module.relative_to(folder).as_posix().encode() + module.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:10]}"
