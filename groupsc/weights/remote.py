"""A laboratory's own store of released weights: `dvc push` and `dvc pull`, whose failures end in one sentence.

DVC runs as a program of its own, and takes credentials from the environment.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from groupsc.utils.errors import GroupSCError
from groupsc.weights.released import SUFFIX, Release

HINTS = {
    "Unable to locate credentials": (
        "there are no credentials",
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment",
    ),
    "Forbidden": (
        "the store refuses these credentials",
        "correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ask its owner for access",
    ),
    "bucket does not exist": (
        "the bucket doesn't exist",
        "create it, or correct the address with `dvc remote modify {remote} url s3://BUCKET/FOLDER`",
    ),
    "Could not connect": (
        "nothing answers at its address",
        "check the network, or correct the address with `dvc remote modify {remote} endpointurl ADDRESS`",
    ),
    "doesn't exist": ("DVC knows no such remote", "add it with `dvc remote add {remote} s3://BUCKET/FOLDER`"),
    "requires": ("DVC lacks what reaches such a store", "install it with `pip install 'groupsc[store]'`"),
    "missing-files": (
        "an object is broken or missing, or the bucket is",
        "run `dvc push --remote {remote}` again where the weights are whole, and check the bucket's name",
    ),
}
"""What DVC says, what that means, and the hint."""
CREDENTIALS = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch")


def exchange(direction: str, releases: list[Release], remote: str) -> list[Path]:
    """Push the files of releases to a remote of DVC, or pull them, and verify the checksum of each.

    Parameters
    ----------
    direction : "push" or "pull"

    Raises
    ------
    GroupSCError
        When DVC is not installed, the transfer fails, or a file isn't the one that was released.
    """
    folder, names = releases[0].path.parent, [release.name + SUFFIX for release in releases]
    if direction == "push":  # DVC pushes what is in its cache, and is content where nothing is.
        for release in releases:
            release.pull()
        _run(["fetch", *names], folder)
    said = _run([direction, "--remote", remote, *names], folder)
    if said is not None:
        raise GroupSCError(_sentence(said, direction, remote))
    for release in releases:
        _verify(release, remote)
    return [release.path for release in releases]


def _run(arguments: list[str], folder: Path) -> str | None:
    """Run DVC; what it says where it fails, else None."""
    ended = subprocess.run([_dvc(), *arguments], cwd=folder, capture_output=True, text=True, check=False)
    return (ended.stderr or ended.stdout) if ended.returncode else None


def _dvc() -> str:
    beside = Path(sys.executable).with_name("dvc")
    found = str(beside) if beside.is_file() else shutil.which("dvc")
    if found is None:
        raise GroupSCError("dvc is not installed; run `pip install 'groupsc[workflow,store]'`")
    return found


def _sentence(said: str, direction: str, remote: str) -> str:
    for sign in CREDENTIALS:
        said = said.replace(sign, "Forbidden")
    for sign, (meaning, hint) in HINTS.items():
        if sign in said:
            return f"dvc {direction} with the remote {remote} failed: {meaning}; {hint.format(remote=remote)}"
    last = said.strip().splitlines()[-1:] or ["without a word"]
    return (
        f"dvc {direction} with the remote {remote} failed ({last[0]}); run `dvc {direction} --verbose` to see all of it"
    )


def _verify(release: Release, remote: str) -> None:
    """Raise for a wrong file, and remove it, lest it passes for the released one."""
    try:
        release.find()
    except GroupSCError as error:
        release.path.unlink(missing_ok=True)
        cached = release.path.parents[2] / ".dvc/cache/files/md5" / release.md5[:2] / release.md5[2:]
        cached.unlink(missing_ok=True)
        raise GroupSCError(
            f"the remote {remote} holds a broken object for {release.name}, whose checksum differs; remove the object "
            f"{release.md5[:2]}/{release.md5[2:]} there, and push it again where the weights are whole"
        ) from error
