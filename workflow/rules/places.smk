# The folders of this workflow and of its package: one checkout, or the installed package.
import os
import sys
from pathlib import Path

# A workflow that Snakemake reads from a network has no folder; its other files are those of the installed package.
if isinstance(workflow.current_basedir, os.PathLike):
    ROOT = Path(workflow.current_basedir).resolve().parents[1]
else:
    from groupsc.utils.resources import snakefile

    ROOT = Path(snakefile()).parents[1]

sys.path.insert(0, str(ROOT / "workflow"))
# Rules of a checkout use its package, in any working directory.
if (ROOT / "groupsc").is_dir():
    sys.path.insert(0, str(ROOT))
    os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])))
# Rules use the interpreter of Snakemake, also if no environment is activated.
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), *os.get_exec_path()]))


def relative(path):
    """Return a path relative to the working directory if it is inside, so that a moved folder reruns nothing."""
    path = Path(path)
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def locate(path):
    """Return a path of the configuration; a relative path that is not in the working directory is one of this workflow."""
    inside = not path or os.path.isabs(path) or os.path.exists(path) or not (ROOT / path).exists()
    return path if inside else relative(ROOT / path)
