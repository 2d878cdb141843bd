"""Camera raw files: a DNG that the test writes with the tags of cameras, and its development."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from photograph_files import dng_file
from PIL import Image

from groupsc.io.photographs import read_photograph
from groupsc.io.stacks import is_stack
from groupsc.utils.errors import GroupSCError

MOSAIC = np.random.default_rng(0).integers(600, 4000, (64, 80)).astype(np.uint16)


@pytest.mark.parametrize(("pattern", "letters"), [((0, 1, 1, 2), "RGGB"), ((1, 2, 0, 1), "GBRG")])
@pytest.mark.parametrize("active", [None, (2, 4, 62, 76), (1, 2, 61, 78)])
def test_levels_white_balance_and_phase_of_a_dng_file(tmp_path, pattern, letters, active):
    pytest.importorskip("rawpy", reason="needs the extra raw")
    (tmp_path / "a.dng").write_bytes(dng_file(MOSAIC, pattern=pattern, active=active, noise=[1e-3, 1e-6]))
    found = read_photograph(tmp_path / "a.dng")
    assert not is_stack(tmp_path / "a.dng")
    assert (found.format, found.depth) == ("RAW", "uint16")
    np.testing.assert_allclose(found.sensor.gains, (2, 1, 1.6), rtol=1e-3)
    np.testing.assert_allclose(found.sensor.matrix, np.eye(3), atol=1e-3)
    np.testing.assert_allclose(found.sensor.noise, [[1e-3, 1e-6]] * 3)
    whole = (MOSAIC - 512.0) / (4095 - 512)
    height, width = found.pixels.shape[1:]
    windows = np.lib.stride_tricks.sliding_window_view(whole, (height, width))
    ((top, left),) = np.argwhere(np.abs(windows[:8, :8] - found.pixels[0]).max((2, 3)) < 1e-6)
    assert 64 - height <= 5
    # The pattern of a DNG begins in the corner of the active area.
    rows, columns = (top - (active or (0, 0))[0]) % 2, (left - (active or (0, 0))[1]) % 2
    cell = np.roll(np.array(list(letters)).reshape(2, 2), (-rows, -columns), (0, 1))
    assert found.sensor.pattern == "".join(cell.flat)
    assert found.exif
    assert Image.Exif().load(found.exif) is None


def test_raw_files_that_are_not_developed(tmp_path, monkeypatch):
    pytest.importorskip("rawpy", reason="needs the extra raw")
    trans = np.array(
        [1, 2, 1, 1, 0, 1, 0, 1, 0, 2, 1, 2, 1, 2, 1, 1, 0, 1, 1, 0, 1, 1, 2, 1, 2, 1, 2, 0, 1, 0, 1, 0, 1, 1, 2, 1]
    )
    (tmp_path / "x.dng").write_bytes(dng_file(MOSAIC, pattern=tuple(trans), repeated=(6, 6)))
    with pytest.raises(GroupSCError, match=r"x\.dng has no Bayer pattern \(such as X-Trans\)"):
        read_photograph(tmp_path / "x.dng")
    (tmp_path / "cut.dng").write_bytes(dng_file(MOSAIC)[:900])
    with pytest.raises(GroupSCError, match="choose another file"):
        read_photograph(tmp_path / "cut.dng")
    (tmp_path / "a.dng").write_bytes(dng_file(MOSAIC))
    monkeypatch.setitem(sys.modules, "rawpy", None)
    with pytest.raises(GroupSCError, match=r"pip install 'groupsc\[raw\]'"):
        read_photograph(tmp_path / "a.dng")
