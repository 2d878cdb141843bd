"""A server on the loopback that answers right or wrong, as a test says, and the files that it has."""

from __future__ import annotations

import hashlib
import socket
import struct
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pandas as pd

from groupsc.data.datasets import fetch

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

    def dripping(self, content):
        self.head(len(content))
        for byte in content:
            self.wfile.write(bytes([byte]))
            time.sleep(0.05)

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


@contextmanager
def serving():
    """A running server that has the right files; tests change its `answers`."""
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
