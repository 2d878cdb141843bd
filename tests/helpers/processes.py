"""The commands `groupsc`, `snakemake` and `dvc` in processes that are forked from one that has loaded their libraries.

Each call is a process of its own with the real `main`, its folder, environment and exit code; only the seconds that
imports take are spared. `tests/helpers/jobs.py` does the same for the jobs of Snakemake.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]

GROUPSC = """
import requests, skimage.data, skimage.metrics
import fontTools.subset, jinja2, matplotlib.backends.backend_agg, matplotlib.backends.backend_pdf, torch._dynamo
import groupsc.training.queue, groupsc.benchmark.evaluation, groupsc.figures.catalog, groupsc.paper.tables
import groupsc.api, groupsc.cli.app, groupsc.cli.photographs
from groupsc.cli import main
"""
# Snakefiles import the library of their own checkout, so this process has none.
SNAKEMAKE = """
import sys
sys.path.remove("")
import jsonschema, pandas, yaml
from snakemake.cli import get_argument_parser, main
get_argument_parser()
"""
DVC = """
import sys
import dvc.repo, dvc.stage, dvc_data.hashfile.checkout, dvc_data.index.checkout, scmrepo.git
from dvc.cli import main as run_dvc
from dvc.cli.parser import get_main_parser
get_main_parser()
def main():
    sys.exit(run_dvc())
"""

SERVER = """
import ctypes, json, os, runpy, signal, sys, time

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

def killed_after(child, file, seconds):
    # Kills a process so many seconds after it has written a file, unless it ends before.
    written = lambda: os.stat(file).st_mtime_ns if os.path.exists(file) else None
    before = written()
    while written() == before:
        if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            return
        time.sleep(0.001)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)

for line in sys.stdin:
    call = json.loads(line)
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        for stream, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(call[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
        os.environ.clear()
        os.environ.update(call["environment"])
        os.chdir(call["cwd"])
        sys.path[:0] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
        if call["unprivileged"]:
            give_up_privileges()
        if call["kill_at"]:
            killed_at(call["kill_at"])
        sys.argv, script = call["arguments"], call["script"]
        if script:
            sys.argv[0], sys.path[:0] = script, [os.path.dirname(script)]
        sys.executable = os.environ.pop("INTERPRETER", sys.executable)  # Which the jobs of Snakemake use.
        sys.dont_write_bytecode = bool(os.environ.get("PYTHONDONTWRITEBYTECODE"))
        code = 1
        try:
            runpy.run_path(script, run_name="__main__") if script else main()
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            import traceback
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    if call["kill_after"]:
        killed_after(child, *call["kill_after"])
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Ended(NamedTuple):
    """A process that ended: its exit code (negative: the signal that killed it), and what it wrote."""

    returncode: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        """All that the process wrote."""
        return self.stdout + self.stderr

    @property
    def complaint(self) -> str:
        """The one sentence of a command that failed for a reason that its user can fix."""
        assert self.returncode == 2, self
        lines = [line for line in self.stderr.splitlines() if line and "\r" not in line and "it/s]" not in line]
        assert "Traceback" not in self.said
        assert lines[-1].startswith("groupsc: "), self
        return lines[-1]


class Commands:
    """Calls of one command; a context manager.

    Parameters
    ----------
    name : str
        First word of the command line.
    imports : str
        Python code that loads what the command needs and defines `main`.
    """

    def __init__(self, name: str = "groupsc", imports: str = GROUPSC):
        self.name, self.imports = name, imports

    def __enter__(self):
        self.environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT), "TQDM_DISABLE": "1"}
        self.environment.pop("GROUPSC_MIRROR", None)
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.imports + SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self.environment,
            text=True,
        )
        return self

    def __call__(
        self, *arguments, cwd, script=None, unprivileged=False, kill_at=None, kill_after=None, **environment
    ) -> Ended:
        """Run the command with these arguments in a folder.

        Parameters
        ----------
        script : path, optional
            Run this Python script instead of the command.
        unprivileged : bool
            Let permissions count, which a superuser otherwise passes over.
        kill_at : int, optional
            Kill the process by SIGKILL right before so many files have taken their final names.
        kill_after : (path, float), optional
            Kill the process by SIGKILL so many seconds after it has written this file, which other calls can have made.
        """
        with tempfile.TemporaryDirectory() as folder:
            places = {name: f"{folder}/{name}" for name in ("stdout", "stderr")}
            call = {"arguments": [self.name, *map(str, arguments)], "cwd": str(cwd), **places, "kill_at": kill_at}
            call |= {"script": script and str(script)}
            call |= {"kill_after": kill_after and [str(kill_after[0]), kill_after[1]]}
            call |= {"unprivileged": unprivileged and os.geteuid() == 0}
            call |= {"environment": {**self.environment, **environment}}
            self.process.stdin.write(json.dumps(call) + "\n")
            self.process.stdin.flush()
            code = int(self.process.stdout.readline())
            return Ended(code, *(Path(place).read_text() for place in places.values()))

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(60)


@functools.cache
def planner() -> Commands:
    """Snakemake; its process ends with the tests."""
    return until_the_end(Commands("snakemake", SNAKEMAKE))


@functools.cache
def store() -> Commands:
    """DVC; its process ends with the tests."""
    return until_the_end(Commands("dvc", DVC))


def until_the_end(commands: Commands) -> Commands:
    """Start the process of some commands and end it with the tests."""
    commands.__enter__()
    atexit.register(commands.__exit__)
    return commands
