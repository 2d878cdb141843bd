"""The command `groupsc` in processes that are forked from one in which the library is loaded already.

Each call is a process of its own with the real `main`, its folder, environment and exit code; only the seconds that
imports take are spared.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]

LOADED = """
import ctypes, json, os, signal, sys
import requests, skimage.data, skimage.metrics
import fontTools.subset, jinja2, matplotlib.backends.backend_agg, matplotlib.backends.backend_pdf, torch._dynamo
import groupsc.training.queue, groupsc.benchmark.evaluation, groupsc.figures.catalog, groupsc.paper.tables
from groupsc.cli import main

def give_up_privileges():
    # What lets a superuser write where permissions forbid it: CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH.
    libc = ctypes.CDLL(None, use_errno=True)
    header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
    if libc.capget(header, data) or ((data.__setitem__(0, data[0] & ~0b110)) or libc.capset(header, data)):
        raise OSError(ctypes.get_errno(), "privileges can't be given up")

def killed_at(number):
    # Kills this process right before the given renaming, by which files take their final names.
    rename, left = os.replace, [number]
    def replace(*names, **options):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        rename(*names, **options)
    os.replace = replace

for line in sys.stdin:
    call = json.loads(line)
    child = os.fork()
    if child == 0:
        os.dup2(os.open(call["messages"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.dup2(1, 2)
        os.environ.update(call["environment"])
        os.chdir(call["cwd"])
        if call["unprivileged"]:
            give_up_privileges()
        if call["kill_at"]:
            killed_at(call["kill_at"])
        sys.argv = ["groupsc", *call["arguments"]]
        code = 1
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            import traceback
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Ended(NamedTuple):
    """A process that ended: its exit code (negative: the signal that killed it), and all that it said."""

    returncode: int
    said: str

    @property
    def complaint(self) -> str:
        """The one sentence of a command that failed for a reason that its user can fix."""
        assert self.returncode == 2, self
        lines = [line for line in self.said.splitlines() if line and "\r" not in line and "it/s]" not in line]
        assert "Traceback" not in self.said
        assert lines[-1].startswith("groupsc: "), self
        return lines[-1]


class Commands:
    """Calls of the command; a context manager."""

    def __enter__(self):
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "TQDM_DISABLE": "1"}
        environment.pop("GROUPSC_MIRROR", None)
        self.process = subprocess.Popen(
            [sys.executable, "-c", LOADED], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
        )
        return self

    def __call__(self, *arguments, cwd, unprivileged=False, kill_at=None, **environment) -> Ended:
        """Run `groupsc` with these arguments in a folder.

        Parameters
        ----------
        unprivileged : bool
            Let permissions count, which a superuser otherwise passes over.
        kill_at : int, optional
            Kill the process by SIGKILL right before so many files have taken their final names.
        """
        messages = Path(cwd).resolve().parent / f"{Path(cwd).name}.messages"
        call = {"arguments": list(map(str, arguments)), "cwd": str(cwd), "messages": str(messages)}
        call |= {"unprivileged": unprivileged and os.geteuid() == 0, "kill_at": kill_at, "environment": environment}
        self.process.stdin.write(json.dumps(call) + "\n")
        self.process.stdin.flush()
        return Ended(int(self.process.stdout.readline()), messages.read_text())

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(60)
