"""Types that several packages use in their signatures."""

from __future__ import annotations

import os

PathLike = str | os.PathLike[str]
"""A path to a file or folder."""
