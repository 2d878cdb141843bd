"""A folder is one process's at a time, and free as soon as that process ends, however it ends."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from groupsc.utils.errors import GroupSCError
from groupsc.utils.lock import alone

HOLDER = """
import sys
from groupsc.utils.lock import alone
with alone(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_lock_ends_with_the_process_that_held_it(tmp_path):
    command = [sys.executable, "-c", HOLDER, tmp_path / "new"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(GroupSCError, match="another process is running"), alone(tmp_path / "new"):
            pass
        process.kill()
    for _ in range(2):
        with alone(tmp_path / "new"), pytest.raises(GroupSCError, match="is running in"), alone(tmp_path / "new"):
            pass


def test_file_systems_without_locks_keep_nothing_that_would_outlive_a_process(tmp_path, monkeypatch):
    def missing(*_):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(pytest.importorskip("fcntl"), "flock", missing)
    with alone(tmp_path):
        with alone(tmp_path):
            pass
        assert not any(file.stat().st_size for file in tmp_path.iterdir())
