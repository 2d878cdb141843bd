"""Push and pull released weights to and from a remote of DVC, and report each failure in one sentence with a hint.

DVC runs as a separate program and reads credentials from the environment.
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
        "correct AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or ask the owner of the store for access",
    ),
    "bucket does not exist": (
        "the bucket doesn't exist",
        "create it, or correct the address with `dvc remote modify {remote} url s3://BUCKET/FOLDER`",
    ),
    "Could not connect": (
        "nothing answers at its address",
        "check the network, or correct the address with `dvc remote modify {remote} endpointurl ADDRESS`",
    ),
    "doesn't exist": ("DVC has no remote of this name", "add it with `dvc remote add {remote} s3://BUCKET/FOLDER`"),
    "requires": ("DVC lacks the package for this store", "install it with `pip install 'groupsc[store]'`"),
    "missing-files": (
        "an object is broken or missing, or the bucket is missing",
        "run `dvc push --remote {remote}` again in a checkout with intact weights, and check the name of the bucket",
    ),
}
"""Part of DVC's message, its meaning, and the hint."""
CREDENTIALS = ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch")


def transfer(direction: str, releases: list[Release], remote: str) -> list[Path]:
    """Push the files of releases to a remote of DVC, or pull them, and verify the checksum of each.

    Parameters
    ----------
    direction : {"push", "pull"}
    releases : list of Release
        At least one.
    remote : str
        Name of the remote in DVC.

    Returns
    -------
    list of Path
        The files beside their pointers.

    Raises
    ------
    GroupSCError
        When DVC is not installed, the transfer fails, or the checksum of a file differs from the release.

    Examples
    --------
    >>> transfer("pull", [release], "lab")  # doctest: +SKIP
    """
    folder, names = releases[0].path.parent, [release.name + SUFFIX for release in releases]
    if direction == "push":  # DVC pushes the files in its cache, and reports no error if the cache is empty.
        for release in releases:
            release.pull()
        _run(["fetch", *names], folder)
    message = _run([direction, "--remote", remote, *names], folder)
    if message is not None:
        raise GroupSCError(_sentence(message, direction, remote))
    for release in releases:
        _verify(release, remote)
    return [release.path for release in releases]


def _run(arguments: list[str], folder: Path) -> str | None:
    """Run DVC; return its message if it fails, otherwise None."""
    ended = subprocess.run([_dvc(), *arguments], cwd=folder, capture_output=True, text=True, check=False)
    return (ended.stderr or ended.stdout) if ended.returncode else None


def _dvc() -> str:
    found = shutil.which("dvc", path=str(Path(sys.executable).parent)) or shutil.which("dvc")
    if found is None:
        raise GroupSCError("dvc is not installed; run `pip install 'groupsc[workflow,store]'`")
    return found


def _sentence(message: str, direction: str, remote: str) -> str:
    """Return the error for a message of DVC, with a hint if the message is known."""
    for sign in CREDENTIALS:
        message = message.replace(sign, "Forbidden")
    for sign, (meaning, hint) in HINTS.items():
        if sign in message:
            return f"dvc {direction} with the remote {remote} failed: {meaning}; {hint.format(remote=remote)}"
    last = message.strip().splitlines()[-1:] or ["no message"]
    return (
        f"dvc {direction} with the remote {remote} failed ({last[0]}); run `dvc {direction} --verbose` for all messages"
    )


def _verify(release: Release, remote: str) -> None:
    """Raise an error for a wrong file, and remove it so that it is not mistaken for the released file."""
    try:
        release.find()
    except GroupSCError as error:
        release.path.unlink(missing_ok=True)
        cached = release.path.parents[2] / ".dvc/cache/files/md5" / release.md5[:2] / release.md5[2:]
        cached.unlink(missing_ok=True)
        raise GroupSCError(
            f"the remote {remote} has a broken object for {release.name}, whose checksum differs; remove the object "
            f"{release.md5[:2]}/{release.md5[2:]} there, and push it again from a checkout with intact weights"
        ) from error
