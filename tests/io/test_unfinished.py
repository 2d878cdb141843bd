"""Pages of a stack that are kept when a restoration ends early."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from groupsc.io.restoring import restore_file
from groupsc.io.unfinished import Pages, find_unfinished
from groupsc.utils.errors import GroupSCError

STACK = np.random.default_rng(0).integers(0, 60000, (4, 9, 11)).astype(np.uint16)
ORIGIN = {"options": {"sigma": 25}}


class Inverting:
    """A restoration that ends with an exception at one page, and remembers for which pages it was called."""

    def __init__(self, ends_at=None, error=KeyboardInterrupt):
        self.ends_at, self.error, self.means = ends_at, error, []

    def __call__(self, photo):
        if len(self.means) == self.ends_at:
            raise self.error("is too dark")
        self.means.append(float(photo.pixels.mean()))
        return 1 - photo.pixels, {"mean": self.means[-1]}


@pytest.fixture
def stack(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK, imagej=True, metadata={"axes": "ZYX"})
    return tmp_path / "a.tif"


@pytest.mark.parametrize(
    ("origin", "resume", "restored"),
    [(ORIGIN, True, 2), (ORIGIN, False, 4), ({"options": {"sigma": 10}}, True, 4)],
    ids=["continued", "begun anew", "other options"],
)
@pytest.mark.parametrize("name", ["b.tif", f"{'ü' * 120}.tif"])
def test_only_missing_pages_are_restored(stack, name, origin, resume, restored):
    target = stack.with_name(name)
    with pytest.raises(KeyboardInterrupt):
        restore_file(stack, target, Inverting(2), origin=ORIGIN)
    assert find_unfinished(target) == (ORIGIN, 2)
    again, whole = Inverting(), Inverting()
    facts = restore_file(stack, target, again, origin=origin, resume=resume)[1]
    assert facts == restore_file(stack, stack.with_name("c.tif"), whole)[1]
    assert again.means == whole.means[-restored:]
    assert target.read_bytes() == stack.with_name("c.tif").read_bytes()
    assert {path.name for path in stack.parent.iterdir()} == {"a.tif", name, "c.tif"}


def test_a_failure_says_that_pages_are_kept(stack):
    target = stack.with_name("b.tif")
    with pytest.raises(GroupSCError, match=r"page 1: is too dark$"):
        restore_file(stack, target, Inverting(0, GroupSCError), origin=ORIGIN)
    assert find_unfinished(target) is None
    assert [path.name for path in stack.parent.iterdir()] == ["a.tif"]
    with pytest.raises(GroupSCError, match=r"page 4: is too dark \(3 restored pages are kept"):
        restore_file(stack, target, Inverting(3, GroupSCError), origin=ORIGIN)
    (stack.with_name(".b.tif.unfinished") / "000001.safetensors").write_bytes(b"damaged")
    with pytest.raises(GroupSCError, match=r"000001.* is damaged"):
        restore_file(stack, target, Inverting(), origin=ORIGIN, resume=True)


def test_one_process_at_a_time(stack):
    with Pages(stack, ORIGIN), pytest.raises(GroupSCError, match="another process"), Pages(stack, ORIGIN):
        pass
