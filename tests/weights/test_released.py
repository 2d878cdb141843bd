"""Released weights: pointers, the store of the checkout, and checksums."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from groupsc.utils.errors import GroupSCError
from groupsc.weights.released import releases

ROOT = Path(__file__).resolve().parents[2]


def copy_of_the_release(folder: Path) -> Path:
    """Pointers and store of the checkout, without the files that `dvc pull` brings."""
    (folder / "weights").mkdir(parents=True)
    for pointer in (ROOT / "data/weights").glob("*.dvc"):
        shutil.copy(pointer, folder / "weights")
    shutil.copytree(ROOT / "data/store", folder / "store")
    return folder


def test_releases_are_found_in_the_store_and_pulled_beside_their_pointers(tmp_path):
    found = releases([copy_of_the_release(tmp_path / "data")])
    assert set(found) == set(releases()) != set()
    for release in found.values():
        assert release.find() == release.stored
        assert release.pull() == release.path == release.find()
        assert release.path.stat().st_size == release.size


def test_weights_are_copied_to_a_folder_where_those_of_the_checkout_are_kept(groupsc, tmp_path):
    (tmp_path / "used").mkdir()
    (tmp_path / "used/gray-sc-sigma25.safetensors").write_bytes(b"an older file")
    ended = groupsc("weights", "pull", "gray-sc-sigma25", "--output", "used", cwd=tmp_path)
    assert ended.stdout.split() == [str(Path("used/gray-sc-sigma25.safetensors"))]
    copy = (tmp_path / "used/gray-sc-sigma25.safetensors").read_bytes()
    assert hashlib.md5(copy).hexdigest() == releases()["gray-sc-sigma25"].md5


def test_altered_and_missing_weights_are_noticed(tmp_path):
    release = next(iter(releases([copy_of_the_release(tmp_path / "data")]).values()))
    release.stored.chmod(0o644)
    altered = bytearray(release.stored.read_bytes())
    altered[-1] ^= 1
    release.stored.write_bytes(altered)
    with pytest.raises(GroupSCError, match="checksum differs"):
        release.find()
    release.stored.unlink()
    with pytest.raises(GroupSCError, match="dvc pull"):
        release.find()
    pointer = release.path.with_name(release.path.name + ".dvc")
    pointer.write_text("outs: {")
    with pytest.raises(GroupSCError, match="git checkout"):
        releases([tmp_path / "data"])
