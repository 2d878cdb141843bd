"""Files are at every moment absent, old or complete: when writers are killed, interrupted, or find no place."""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from groupsc.io.photographs import Photograph, check_target, read_photograph, write_photograph
from groupsc.utils.atomic import beside, replacing
from groupsc.utils.errors import GroupSCError

NOISE = np.random.default_rng(0).random((3, 300, 300), dtype=np.float32)
WRITER = """
import sys, numpy as np
from groupsc.io.photographs import Photograph, write_photograph
pixels = np.random.default_rng(0).random((3, 2000, 2000), dtype=np.float32)
print("ready", flush=True)
write_photograph(sys.argv[1], Photograph(pixels=pixels), overwrite=True, quality=100)
"""


def listing(folder):
    """Names and sizes; a file that vanishes meanwhile is not there."""
    found = {}
    for file in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):
            found[file.name] = file.stat().st_size
    return found


def wait_for(condition, process):
    limit = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, "the writer ended before it was stopped"
        assert time.monotonic() < limit
        time.sleep(0.002)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no signals")
@pytest.mark.parametrize("end", ["SIGKILL", "SIGINT"])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_a_writer_that_is_stopped_leaves_the_old_file_or_none(tmp_path, suffix, end):
    for old in (None, b"old"):
        folder = tmp_path / ("new" if old is None else "old")
        folder.mkdir()
        path = folder / f"a.{suffix}"
        if old is not None:
            path.write_bytes(old)
        command = [sys.executable, "-c", WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            process.stdout.readline()
            before = listing(folder)
            wait_for(lambda folder=folder, before=before: listing(folder) != before, process)
            process.send_signal(getattr(signal, end))
        if process.returncode and listing(folder).get(path.name) == before.get(path.name):
            assert (path.read_bytes() if path.exists() else None) == old
        else:  # It was faster than the signal.
            assert read_photograph(path).pixels.shape == (3, 2000, 2000)
        assert end == "SIGKILL" or not any(name.endswith(".partial") for name in listing(folder))


@pytest.mark.parametrize("suffix", ["png", "tif", "jpg", "webp"])
def test_a_full_disk_keeps_the_old_photograph(small_disk, suffix):
    path = small_disk("size=64k") / f"a.{suffix}"
    write_photograph(path, Photograph(pixels=NOISE[:, :9, :9]))
    old = path.read_bytes()
    with pytest.raises(GroupSCError, match=r"can't be written .*free some space"):
        write_photograph(path, Photograph(pixels=NOISE), overwrite=True, quality=100)
    assert path.read_bytes() == old
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are set as on Unix")
@pytest.mark.parametrize("kind", ["png uint8", "png uint16", "tif float32", "jpg uint8", "webp uint8"])
def test_a_limit_of_file_sizes_is_a_sentence(tmp_path, kind):
    suffix, depth = kind.split()
    code = (
        "import resource, signal, sys, numpy as np; from groupsc.io.photographs import Photograph, write_photograph\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (9000, 9000))\n"
        "one = Photograph(pixels=np.random.default_rng(0).random((3, 99, 99)), depth=sys.argv[2])\n"
        "try: write_photograph(sys.argv[1], one)\n"
        "except ValueError as error: sys.exit(f'sentence: {error}')"
    )
    command = [sys.executable, "-c", code, str(tmp_path / f"a.{suffix}"), depth]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.stderr.startswith("sentence: "), result.stderr
    assert "free some space" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_folder_where_nothing_can_be_written(tmp_path, request):
    if hasattr(os, "geteuid") and os.geteuid():
        folder = tmp_path / "closed"
        folder.mkdir(mode=0o555)
    else:  # A superuser writes wherever the file system can be written to.
        folder = request.getfixturevalue("small_disk")("ro")
    for path in (folder / "a.png", folder / "new/a.png"):
        for call in (check_target, write_photograph):
            with pytest.raises(GroupSCError, match="choose another folder"):
                call(path, Photograph(pixels=NOISE))
        with pytest.raises(GroupSCError, match="choose another folder"), replacing(path) as partial:
            partial.write_text("text")
    assert not list(folder.iterdir())


def test_what_was_begun_is_removed(tmp_path):
    path = tmp_path / "new" / "a.txt"

    def half_written(error, *errors):
        with replacing(path, *errors) as partial:
            partial.write_text("half")
            raise error

    for error in (KeyboardInterrupt, ZeroDivisionError):
        with pytest.raises(error):
            half_written(error)
    with pytest.raises(GroupSCError, match="can't be written"):
        half_written(ZeroDivisionError, ZeroDivisionError)
    with pytest.raises(GroupSCError, match="can't be written"), replacing(path):
        pass  # Nothing was written.
    assert not list(path.parent.iterdir())
    with replacing(path) as partial:
        partial.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"


def test_the_longest_names(tmp_path):
    for name in ("a" * 251 + ".png", "ä" * 125 + ".png"):
        write_photograph(tmp_path / name, Photograph(pixels=NOISE))
        assert read_photograph(tmp_path / name).mode == "RGB"
    with pytest.raises(GroupSCError, match="can't be written"):
        write_photograph(tmp_path / ("a" * 252 + ".png"), Photograph(pixels=NOISE))


@pytest.mark.skipif(os.name != "posix", reason="elsewhere a process can't be asked whether it lives")
def test_what_killed_writers_left_is_removed_and_what_others_write_is_not(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    path = tmp_path / "a.txt"
    mine = beside(path).name
    left = tmp_path / mine.replace(f"-{os.getpid()}-", f"-{dead.pid}-")
    others = [
        tmp_path / mine.replace(f"-{os.getpid()}-", f"-{os.getppid()}-"),
        tmp_path / left.name.replace(f".{platform.node()[:30]}-", ".elsewhere-"),
        tmp_path / left.name.replace(".a.txt.", ".ba.txt."),
        tmp_path / f".a.txt.{platform.node()[:30]}-notes.partial",
    ]
    for file in (left, *others):
        file.touch()
    with replacing(path) as partial:
        partial.write_text("whole")
    assert set(tmp_path.iterdir()) == {path, *others}
