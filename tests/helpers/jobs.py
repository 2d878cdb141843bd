"""A program `python` for the jobs of Snakemake: its `python -m groupsc` is forked from a process with torch and others.

Each job is a process of its own that imports `groupsc` from its folder, as an interpreter does; the seconds that
imports of other libraries take are spared. Every other call of `python` starts the interpreter itself.
"""

from __future__ import annotations

import atexit
import functools
import os
import subprocess
import sys
import tempfile
from pathlib import Path

SERVER = """
import json, os, runpy, selectors, signal, socket, sys
import fontTools.subset, jinja2, matplotlib.backends.backend_agg, matplotlib.backends.backend_pdf, pandas, requests
import safetensors.torch, skimage.data, skimage.metrics, skimage.restoration, sklearn.decomposition, torch._dynamo
import tqdm, typer, yaml

def job(connection):
    # Never returns.
    message, streams, *_ = socket.recv_fds(connection, 1 << 16, 3)
    while not message.endswith(b"\\n"):
        message += connection.recv(1 << 16)
    call = json.loads(message)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.environ.clear()
    os.environ.update(call["environment"])
    os.chdir(call["cwd"])
    sys.path[:0] = [call["cwd"], *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
    sys.argv, code = ["groupsc", *call["arguments"]], 1
    try:
        runpy.run_module("groupsc", run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        import traceback
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    connection.sendall(bytes([code & 255]))
    os._exit(0)

sys.path.remove("")
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen()
print("ready", flush=True)
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
selector = selectors.DefaultSelector()
selector.register(server, selectors.EVENT_READ)
selector.register(sys.stdin, selectors.EVENT_READ)
while sys.stdin not in [key.fileobj for key, _ in selector.select()]:
    connection, _ = server.accept()
    if os.fork() == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        job(connection)
    connection.close()
"""

CLIENT = """
import json, os, socket, sys
words = sys.argv[1:]
if words[:2] != ["-m", "groupsc"]:
    os.execv({python!r}, [{python!r}, *words])
with socket.socket(socket.AF_UNIX) as server:
    server.connect({address!r})
    call = {{"arguments": words[2:], "cwd": os.getcwd(), "environment": dict(os.environ)}}
    socket.send_fds(server, [json.dumps(call).encode() + b"\\n"], [0, 1, 2])
    code = server.recv(1)
    sys.exit(code[0] if code else 1)
"""


@functools.cache
def python_of_jobs() -> Path:
    """A program `python` that forks jobs; their parent process ends with the tests."""
    folder = tempfile.TemporaryDirectory(prefix="jobs")
    place, address = Path(folder.name), f"{folder.name}/socket"
    parent = subprocess.Popen(
        [sys.executable, "-c", SERVER, address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert parent.stdout.readline() == b"ready\n"
    (place / "client.py").write_text(CLIENT.format(python=sys.executable, address=address))
    (place / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" -IS "{place}/client.py" "$@"\n')
    (place / "python").chmod(0o755)

    def end():
        parent.stdin.close()
        parent.wait(60)
        folder.cleanup()

    atexit.register(end)
    return place / "python"
