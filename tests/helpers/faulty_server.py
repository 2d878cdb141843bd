"""A server on the loopback that answers right or wrong, as a test says, and the files that it has."""

from __future__ import annotations

import hashlib
import re
import socket
import struct
import threading
import time

import numpy as np
import pandas as pd
from pytest_httpserver import HTTPServer
from werkzeug import Response

from groupsc.data.fetching import fetch

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


class FaultyServer(HTTPServer):
    """A server that has the right files; tests change its `answers`.

    It answers the requests of a path one by one as these say; the last answer is for all that follow.
    """

    def __init__(self):
        super().__init__("127.0.0.1", threaded=True)
        self.lock, self.over, self.stuck = threading.Lock(), threading.Event(), threading.Event()
        self.requests, self.meeting = [], threading.Barrier(4, timeout=30)
        self.answers = {path: ["right"] for path in PATHS.values()}
        self.expect_request(re.compile("")).respond_with_handler(self._respond)

    @property
    def mirror(self):
        return f"http://{self.host}:{self.port}"

    def thread_target(self):
        self.server.serve_forever(poll_interval=0.05)

    def stop(self):
        self.over.set()
        super().stop()

    def _respond(self, request):
        path = request.environ["REQUEST_URI"]
        with self.lock:
            answers = self.answers.get(path, ["missing"])
            answer = answers.pop(0) if len(answers) > 1 else answers[0]
            self.requests.append(path)
        content = CONTENTS.get(path.rpartition("%23")[2], b"")
        match answer:
            case "missing" | "busy":
                return Response(status={"missing": "404 Not Found", "busy": "503 Service Unavailable"}[answer])
            case "page" | "page_of_the_right_size":
                return Response(PAGE if answer == "page" else PAGE.ljust(len(content)), content_type="text/html")
            case "flipped":
                return Response(bytes([content[0] ^ 1]) + content[1:])
            case "empty":
                return Response()
            case "short" | "endless":  # Without a length.
                return Response(iter([content[: len(content) // 2]]) if answer == "short" else self._endless())
            case "truncated" | "reset" | "dripping" | "stuck":
                sent = getattr(self, f"_{answer}")(content, request.environ["werkzeug.socket"])
                return Response(sent, headers={"Content-Length": str(len(content))})
            case "silent":
                self.over.wait()
            case "together":
                self.meeting.wait()
        return Response(content)

    def _endless(self):
        while not self.over.is_set():
            yield bytes(2**16)

    def _truncated(self, content, _):
        yield content[: len(content) // 2]

    def _reset(self, content, connection):
        yield content[:1000]
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()

    def _dripping(self, content, _):
        for byte in content:
            yield bytes([byte])
            time.sleep(0.05)

    def _stuck(self, content, _):
        yield content[:1000]
        self.stuck.set()
        self.over.wait()


def answer(server, name, *answers):
    server.answers[PATHS[name]] = list(answers)


def bring(server, root, **options):
    return fetch("Four", root, mirror=server.mirror, progress=False, files=table(), **options)


def listing(root):
    return sorted(path.name for path in (root / "Four").iterdir())
