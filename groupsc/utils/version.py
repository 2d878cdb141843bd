"""Which code made a number: the release and a digest of the package's source."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

__version__ = "0.1.0"


@functools.cache
def code_version() -> str:
    """`release+digest`, the digest over all modules of the package: equal versions ran equal code."""
    folder = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for module in sorted(folder.rglob("*.py")):
        digest.update(module.relative_to(folder).as_posix().encode() + module.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:10]}"
