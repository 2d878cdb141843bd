"""Fixtures that several test files use."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with golden arrays and a mirror of the data sets beside the checkout; skips tests where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the folder ../shared with golden arrays and the mirror is not beside this checkout")
    return SHARED
