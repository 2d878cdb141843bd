"""Fixtures that several test files use."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from faulty_server import FaultyServer
from processes import Commands
from toy_commands import COMMANDS, EXPERIMENT

from groupsc.config.definitions import experiment_from_dict
from groupsc.config.files import write_experiment

SHARED = Path(__file__).resolve().parents[2] / "shared"

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A suite that a script started in the background ignores interrupts; the commands that it interrupts must not.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with golden arrays and a mirror of the data sets beside the checkout; skips tests where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the folder ../shared with golden arrays and the mirror is not beside this checkout")
    return SHARED


@pytest.fixture
def server():
    """A server that has four files, for the data set of `faulty_server.table`."""
    with FaultyServer() as server:
        yield server


@pytest.fixture
def no_mirror(monkeypatch):
    """Neither a proxy nor a mirror that is set outside takes part, and attempts follow each other at once."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "*")
    monkeypatch.setattr("groupsc.data.downloads.PAUSE", 0.01)
    monkeypatch.delenv("GROUPSC_MIRROR", raising=False)


@pytest.fixture
def small_disk(tmp_path):
    """A function that mounts a file system of its own, which takes a superuser."""
    mounted = []

    def mount(options):
        folder = tmp_path / "disk"
        folder.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if not hasattr(os, "geteuid") or os.geteuid() or subprocess.run(command, capture_output=True).returncode:
            pytest.skip("no file system can be mounted here")
        mounted.append(folder)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", folder], check=True)


@pytest.fixture(scope="session")
def groupsc():
    """The command `groupsc` as processes that start fast: `groupsc("table", "table4", cwd=folder)`."""
    if not hasattr(os, "fork"):
        pytest.skip("this system can't fork processes")
    with Commands() as commands:
        yield commands


@pytest.fixture(scope="session")
def made(groupsc, tmp_path_factory):
    """A folder in which every toy command ran; its name has blanks, letters beyond ASCII, and a shell command."""
    folder = tmp_path_factory.mktemp("made") / "Bilder für Übung; $(touch pwned) 'é' #"
    folder.mkdir()
    write_experiment(folder / "sc.yaml", experiment_from_dict(EXPERIMENT))
    for arguments in COMMANDS.values():
        ended = groupsc(*arguments, cwd=folder)
        assert ended.returncode == 0, ended
    return folder
