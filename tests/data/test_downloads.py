"""Downloads over real sockets: whatever a server does, the final name holds the right bytes or nothing."""

from __future__ import annotations

import hashlib
import re
import signal
import socket
import subprocess
import sys
import threading

import pytest
from faulty_server import CONTENTS, PATHS, answer, bring, listing, table

from groupsc.data.fetching import fetch
from groupsc.utils.errors import GroupSCError

pytestmark = pytest.mark.usefixtures("no_mirror")


def test_all_files_arrive_and_are_not_asked_for_again(server, tmp_path):
    manifest = bring(server, tmp_path)
    assert {name: (tmp_path / "Four" / name).read_bytes() for name in listing(tmp_path)} == CONTENTS
    assert sorted(server.requests) == sorted(PATHS.values())
    assert bring(server, tmp_path) == manifest
    assert len(server.requests) == 4


def test_a_subset_asks_for_nothing_else(server, tmp_path):
    manifest = fetch("Four", tmp_path, images=2, mirror=server.mirror, progress=False, files=table()[::-1])
    assert [row["file"] for row in manifest["files"]] == ["01.png", "02.png"]
    assert sorted(server.requests) == [PATHS["01.png"], PATHS["02.png"]]
    assert listing(tmp_path) == ["01.png", "02.png"]


def test_files_are_brought_at_the_same_time(server, tmp_path):
    # Each of the four answers waits until all four requests have come.
    server.answers = {path: ["together"] for path in PATHS.values()}
    bring(server, tmp_path, workers=4)
    assert listing(tmp_path) == sorted(CONTENTS)


@pytest.mark.parametrize(
    ("behaviour", "said", "attempts"),
    [
        ("missing", "404 Not Found", 1),
        ("busy", "503 Service Unavailable", 3),
        ("page", "a web page", 3),
        ("page_of_the_right_size", "a web page", 3),
        ("flipped", r"got 3001 bytes with sha256 [0-9a-f]{12}", 3),
        ("truncated", "the transfer failed", 3),
        ("short", "got 1500 bytes", 3),
        ("empty", "got 0 bytes", 3),
        ("endless", "more bytes", 3),
        ("reset", "reset by peer", 3),
        ("silent", "received no answer within 0.3 s", 3),
        ("stuck", "timed out", 3),
        ("dripping", "fewer than 9000 bytes per second", 3),
    ],
)
def test_a_failing_server_ends_in_one_sentence_and_leaves_nothing(
    server, tmp_path, monkeypatch, behaviour, said, attempts
):
    answer(server, "01.png", behaviour)
    monkeypatch.setattr("groupsc.data.downloads.SLOWEST", 9000)
    with pytest.raises(GroupSCError, match=said) as failure:
        bring(server, tmp_path, images=1, timeout=0.3)
    sentence = str(failure.value)
    digest = hashlib.sha256(CONTENTS["01.png"]).hexdigest()[:12]
    for part in (str(tmp_path / "Four/01.png"), f"expected 3001 bytes with sha256 {digest}", "GROUPSC_MIRROR"):
        assert part in sentence
    assert "\n" not in sentence
    assert len(server.requests) == attempts
    assert listing(tmp_path) == []


@pytest.mark.parametrize("behaviour", ["busy", "page", "flipped", "truncated", "reset", "stuck"])
def test_a_second_attempt_succeeds(server, tmp_path, behaviour):
    answer(server, "01.png", behaviour, "right")
    bring(server, tmp_path, images=1, timeout=0.5)
    assert (tmp_path / "Four/01.png").read_bytes() == CONTENTS["01.png"]
    assert listing(tmp_path) == ["01.png"]
    assert len(server.requests) == 2


def test_one_failure_keeps_the_files_that_did_arrive(server, tmp_path):
    answer(server, "03.png", "missing")
    with pytest.raises(GroupSCError, match=r"03\.png"):
        bring(server, tmp_path, workers=1)
    assert {"01.png", "02.png"} <= set(listing(tmp_path)) <= {"01.png", "02.png", "04.png"}
    answer(server, "03.png", "right")
    bring(server, tmp_path)
    assert listing(tmp_path) == sorted(CONTENTS)


@pytest.mark.parametrize("wrong", [b"", b"half a file", bytes(3001)], ids=["empty", "short", "altered"])
def test_a_wrong_file_in_place_is_replaced_or_removed(server, tmp_path, wrong):
    (tmp_path / "Four").mkdir()
    (tmp_path / "Four/01.png").write_bytes(wrong)
    answer(server, "01.png", "missing")
    with pytest.raises(GroupSCError, match="404"):
        bring(server, tmp_path, images=1)
    assert listing(tmp_path) == []
    (tmp_path / "Four/01.png").write_bytes(wrong)
    answer(server, "01.png", "right")
    bring(server, tmp_path, images=1)
    assert (tmp_path / "Four/01.png").read_bytes() == CONTENTS["01.png"]


def test_nobody_listens(tmp_path):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        mirror = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(GroupSCError, match=r"expected 3001 bytes .* \(Connection refused\); check the network"):
            fetch("Four", tmp_path, images=1, mirror=mirror, progress=False, files=table())
    assert listing(tmp_path) == []


PROGRAM = """
import sys
import pandas as pd
from groupsc.data.fetching import fetch
files = pd.read_csv(sys.argv[1], dtype={"commit": str})
try:
    LIMIT
    fetch("Four", sys.argv[2], mirror=sys.argv[3], progress=False, files=files, OPTIONS)
except ValueError as error:
    sys.exit(f"sentence: {error}")
"""


def program(tmp_path, mirror, limit="pass", options="workers=4"):
    table().to_csv(tmp_path / "files.csv", index=False)
    code = PROGRAM.replace("LIMIT", limit).replace("OPTIONS", options)
    command = [sys.executable, "-c", code, tmp_path / "files.csv", tmp_path, mirror]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform == "win32", reason="limits of a process are set as on Unix")
def test_a_disk_that_takes_no_more(server, tmp_path):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))"
    process = program(tmp_path, server.mirror, limit)
    _, sentence = process.communicate(timeout=120)
    assert process.returncode == 1
    assert re.fullmatch(r"sentence: \S+/0\d\.png could not be .* expected 300\d bytes .*\n", sentence), sentence
    assert "File too large" in sentence
    assert "free some space" in sentence
    assert listing(tmp_path) == []


def test_a_killed_download_leaves_no_file_of_the_final_name(server, tmp_path):
    for name in CONTENTS:
        answer(server, name, "stuck", "right")
    process = program(tmp_path, server.mirror)
    assert server.stuck.wait(120)
    process.kill()
    process.communicate(timeout=120)
    assert not set(listing(tmp_path)) & set(CONTENTS)
    for name in CONTENTS:
        answer(server, name, "right")
    bring(server, tmp_path)
    assert {name: (tmp_path / "Four" / name).read_bytes() for name in listing(tmp_path)} == CONTENTS


@pytest.mark.skipif(sys.platform == "win32", reason="interrupts are sent as on Unix")
def test_an_interrupt_ends_after_the_attempt_under_way(server, tmp_path):
    answer(server, "01.png", "stuck")
    process = program(tmp_path, server.mirror, options="workers=1, timeout=1")
    assert server.stuck.wait(120)
    process.send_signal(signal.SIGINT)
    _, report = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGINT
    assert report.rstrip().endswith("KeyboardInterrupt")
    assert server.requests == [PATHS["01.png"]]
    assert listing(tmp_path) == []


def test_two_processes_fetch_the_same_set(server, tmp_path):
    # Every answer waits until both processes have asked for all four files.
    server.meeting = threading.Barrier(8, timeout=60)
    server.answers = {path: ["together"] for path in PATHS.values()}
    processes = [program(tmp_path, server.mirror) for _ in range(2)]
    assert [process.communicate(timeout=120) and process.returncode for process in processes] == [0, 0]
    assert {name: (tmp_path / "Four" / name).read_bytes() for name in listing(tmp_path)} == CONTENTS
