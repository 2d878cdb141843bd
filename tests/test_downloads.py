"""Downloads over real sockets: whatever a server does, the final name holds the right bytes or nothing."""

from __future__ import annotations

import hashlib
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd
import pytest

from groupsc.data import fetch
from groupsc.errors import GroupSCError

CONTENTS = {f"0{n}.png": np.random.default_rng(n).bytes(3000 + n) for n in range(1, 5)}
PATHS = {name: f"/lab/photos/{'c' * 40}/set%20one/%23{name}" for name in CONTENTS}
PAGE = b"<!DOCTYPE html><html><body>Please log in to this network</body></html>"


def table(contents=CONTENTS, dataset="Four"):
    """A registry of these files; their path holds characters that an address must quote."""
    rows = [
        {
            "dataset": dataset, "file": name, "repo": "lab/photos", "commit": "c" * 40, "path": f"set one/#{name}",
            "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(),
        }
        for name, content in contents.items()
    ]  # fmt: skip
    return pd.DataFrame(rows)


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of a path one by one as the test said; the last answer is for all that follow."""

    def do_GET(self):
        with self.server.lock:
            answers = self.server.answers.get(self.path, ["missing"])
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            self.server.requests.append(self.path)
        self.close_connection = True
        content = CONTENTS.get(self.path.rpartition("%23")[2], b"")
        getattr(self, answer)(content)

    def log_message(self, *_):
        pass

    def head(self, length=None, status=200, kind="image/png"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def right(self, content):
        self.head(len(content))
        self.wfile.write(content)

    def together(self, content):
        self.server.meeting.wait()
        self.right(content)

    def missing(self, content):
        self.head(0, status=404)

    def busy(self, content):
        self.head(0, status=503)

    def page(self, content):
        self.head(len(PAGE), kind="text/html")
        self.wfile.write(PAGE)

    def page_of_the_right_size(self, content):
        self.head(len(content), kind="text/html")
        self.wfile.write(PAGE.ljust(len(content)))

    def flipped(self, content):
        self.right(bytes([content[0] ^ 1]) + content[1:])

    def truncated(self, content):
        self.head(len(content))
        self.wfile.write(content[: len(content) // 2])

    def short(self, content):
        self.head()
        self.wfile.write(content[: len(content) // 2])

    def empty(self, content):
        self.head(0)

    def endless(self, content):
        self.head()
        try:
            while not self.server.over.is_set():
                self.wfile.write(bytes(2**16))
        except OSError:
            pass

    def reset(self, content):
        self.head(len(content))
        self.wfile.write(content[:1000])
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def silent(self, content):
        self.server.over.wait()

    def stuck(self, content):
        self.head(len(content))
        self.wfile.write(content[:1000])
        self.wfile.flush()
        self.server.stuck.set()
        self.server.over.wait()

    def finish(self):
        try:
            super().finish()
        except OSError:
            pass


@pytest.fixture(autouse=True)
def _settings_of_the_machine(monkeypatch):
    """Neither a proxy nor a mirror that is set outside takes part, and attempts follow each other at once."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "*")
    monkeypatch.setattr("groupsc.downloads.PAUSE", 0.01)
    monkeypatch.delenv("GROUPSC_MIRROR", raising=False)


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.lock, server.over, server.stuck = threading.Lock(), threading.Event(), threading.Event()
    server.requests, server.meeting = [], threading.Barrier(4, timeout=30)
    server.answers = {path: ["right"] for path in PATHS.values()}
    server.mirror = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


def answer(server, name, *answers):
    server.answers[PATHS[name]] = list(answers)


def bring(server, root, **options):
    return fetch("Four", root, mirror=server.mirror, progress=False, files=table(), **options)


def listing(root):
    return sorted(path.name for path in (root / "Four").iterdir())


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
        ("truncated", "broke off", 3),
        ("short", "got 1500 bytes", 3),
        ("empty", "got 0 bytes", 3),
        ("endless", "more bytes", 3),
        ("reset", "reset by peer", 3),
        ("silent", "no answer came within 0.3 s", 3),
        ("stuck", "timed out", 3),
    ],
)
def test_a_failing_server_ends_in_one_sentence_and_leaves_nothing(server, tmp_path, behaviour, said, attempts):
    answer(server, "01.png", behaviour)
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
from groupsc.data import fetch
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
    assert all((tmp_path / "Four" / name).read_bytes() == content for name, content in CONTENTS.items())


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


def test_the_setting_of_the_environment_and_the_argument_before_it(server, tmp_path, monkeypatch):
    monkeypatch.setenv("GROUPSC_MIRROR", f"{server.mirror}/")
    fetch("Four", tmp_path / "a", images=1, progress=False, files=table())
    assert server.requests == [PATHS["01.png"]]
    monkeypatch.setenv("GROUPSC_MIRROR", str(tmp_path / "nowhere"))
    fetch("Four", tmp_path / "b", images=1, progress=False, mirror=server.mirror, files=table())
    assert server.requests == [PATHS["01.png"]] * 2


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "mirror"
    place = folder / "lab/photos" / ("c" * 40) / "set one"
    place.mkdir(parents=True)
    for name, content in CONTENTS.items():
        (place / f"#{name}").write_bytes(content)
    return folder, place


def test_a_folder_as_mirror(folder, tmp_path):
    manifest = fetch("Four", tmp_path, mirror=folder[0], progress=False, files=table())
    assert [row["file"] for row in manifest["files"]] == sorted(CONTENTS)
    assert (tmp_path / "Four/04.png").read_bytes() == CONTENTS["04.png"]


def test_an_incomplete_or_altered_mirror(folder, tmp_path):
    (folder[1] / "#02.png").unlink()
    with pytest.raises(GroupSCError, match=r"02\.png .*No such file.*complete that mirror"):
        fetch("Four", tmp_path, mirror=folder[0], progress=False, files=table())
    (folder[1] / "#02.png").write_bytes(b"another photograph")
    with pytest.raises(GroupSCError, match=r"expected 3002 bytes .* got 18 bytes"):
        fetch("Four", tmp_path, mirror=folder[0], progress=False, files=table())
    assert "02.png" not in listing(tmp_path)
    assert not [name for name in listing(tmp_path) if name.endswith(".partial")]


@pytest.mark.parametrize(
    "mirror", ["http://[::1", "http://127.0.0.1:port", f"http://{'a' * 99}.invalid", "ftp://a", "\0"]
)
def test_a_mirror_that_is_none(tmp_path, mirror):
    with pytest.raises(GroupSCError, match=r"01\.png could not be fetched .*; (check|complete)"):
        fetch("Four", tmp_path, images=1, mirror=mirror, progress=False, files=table())
    assert listing(tmp_path) == []


@pytest.mark.parametrize("options", [{"workers": 0}, {"timeout": 0}, {"timeout": -1}, {"timeout": float("nan")}])
def test_impossible_options(tmp_path, options):
    with pytest.raises(GroupSCError, match="at least one worker and some seconds"):
        fetch("Four", tmp_path / "new", files=table(), **options)
    assert not (tmp_path / "new").exists()


NAMES = [
    "../01.png",
    "..",
    ".",
    "",
    "a/01.png",
    "/etc/01.png",
    r"..\01.png",
    "C:01.png",
    ".git",
    "-rf",
    "a\n.png",
    "a\0b",
]


@pytest.mark.parametrize("name", NAMES)
def test_no_name_of_a_registry_leaves_its_folder(folder, tmp_path, name):
    for files in (table({name: b"x"}), table(dataset=name)):
        with pytest.raises(GroupSCError, match="leave the folder"):
            fetch(files["dataset"][0], tmp_path / "deep/root", mirror=folder[0], progress=False, files=files)
    assert [path.name for path in tmp_path.iterdir()] == ["mirror"]


def test_a_place_that_is_no_folder(folder, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(GroupSCError, match="choose another folder"):
        fetch("Four", tmp_path / "file", mirror=folder[0], progress=False, files=table())


def test_a_folder_in_place_of_a_file(folder, tmp_path):
    (tmp_path / "Four/01.png").mkdir(parents=True)
    with pytest.raises(GroupSCError, match=r"01\.png could not be fetched .*it can't be written"):
        fetch("Four", tmp_path, mirror=folder[0], progress=False, files=table())
    assert not [name for name in os.listdir(tmp_path / "Four") if name.endswith(".partial")]


def test_progress_is_shown_on_demand(folder, tmp_path, capfd):
    fetch("Four", tmp_path / "a", mirror=folder[0], progress=False, files=table())
    assert capfd.readouterr().err == ""
    fetch("Four", tmp_path / "b", mirror=folder[0], files=table())
    assert re.search(r"Four.*100%.*4/4", capfd.readouterr().err)
