"""Puts the released weights and compiled functions into the wheel, and compiled functions into a checkout."""

import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import yaml
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

INSTRUCTIONS = {
    "avx2": ["-mavx2", "-mfma"],
    "avx512_vl": ["-mfma", "-mavx512f", "-mavx512vl", "-mprefer-vector-width=512"],
    "avx512_bf16": ["-mfma", "-mavx512bw", "-mavx512vl", "-mavx512bf16", "-mprefer-vector-width=512"],
}
"""Options of the compiler for each set of instructions, by its name in `torch.cpu.get_capabilities`."""
# Sums in another order than written are not allowed: -ffast-math would also change how the whole process rounds.
OPTIONS = ["-std=gnu11", "-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC"]


class BuildHook(BuildHookInterface):
    def initialize(self, version, build_data):
        libraries = compile_all(Path(self.root, "groupsc/inference/compiled"))
        if version == "editable":
            return
        if libraries:
            build_data["pure_python"] = False
            build_data["tag"] = f"py3-none-{re.sub('[-.]', '_', sysconfig.get_platform())}"
            build_data["artifacts"] += [str(path.relative_to(self.root)) for path in libraries]
        for pointer, stored, name in released_weights(Path(self.root, "data")):
            for source, target in ((pointer, pointer.name), (stored, name)):
                build_data["force_include"][str(source)] = f"groupsc/_data/weights/{target}"


def released_weights(data):
    """The pointers in `data/weights`, the files in `data/store` that they name, and the names of these."""
    for pointer in sorted(data.glob("weights/*.dvc")):
        (out,) = yaml.safe_load(pointer.read_text())["outs"]
        name = pointer.name.removesuffix(".dvc")
        if out["path"] != name or not re.fullmatch("[0-9a-f]{32}", out["md5"]):
            raise ValueError(f"{pointer} is damaged; get it back with `git checkout -- {pointer}`")
        yield pointer, data / "store/files/md5" / out["md5"][:2] / out["md5"][2:], name


def compile_all(folder):
    """Compile the C files of a folder for each set of instructions; none without a compiler or on other machines."""
    compiler = shlex.split(os.environ.get("CC") or "cc")
    if shutil.which(compiler[0]) is None or sys.platform != "linux" or platform.machine() != "x86_64":
        return []
    sources = b"".join(path.read_bytes() for path in sorted(folder.glob("*.[ch]")))
    digest, files, libraries = hashlib.sha256(sources).hexdigest(), sorted(map(str, folder.glob("*.c"))), []
    for name, instructions in INSTRUCTIONS.items():
        library = folder / f"functions_{name}.so"
        unfinished = library.with_suffix(".partial")
        command = [*compiler, *OPTIONS, *instructions, f'-DDIGEST="{digest}"', *files, "-o", str(unfinished)]
        if subprocess.run(command, capture_output=True).returncode == 0:
            unfinished.replace(library)
            libraries.append(library)
    return libraries
