"""Find out which data sets are neither on this machine nor can be fetched, before anything runs."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from groupsc.data.downloads import is_address, source_of
from groupsc.data.fetching import PUBLIC
from groupsc.data.registry import registry

SECONDS = 5
"""Time in which a server must answer."""


def out_of_reach(wanted: dict[str, int | None], data_dir, mirror=None, *, ask: bool = True) -> list[str]:
    """List the data sets of which files are missing here and where they would be fetched.

    Of a server, only the first missing file is requested: it either answers, or nothing can be fetched.

    Parameters
    ----------
    wanted : dict of str to int or None
        Number of images by data set, from the first; None for all.
    data_dir : path
        Data directory.
    mirror : path or http(s) URL, optional
        As for `groupsc.data.fetching.fetch`.
    ask : bool
        Whether to ask the mirror. Otherwise only files that are here count.

    Returns
    -------
    list of str

    Examples
    --------
    >>> out_of_reach({"Bundled": None}, "nowhere")
    []
    >>> out_of_reach({"Set12": 1}, "nowhere", "no/such/mirror")
    ['Set12']
    """
    listed = registry()
    mirror = str(mirror or os.environ.get("GROUPSC_MIRROR") or PUBLIC)
    missing = {}
    for dataset, images in wanted.items():
        rows = listed[listed["dataset"] == dataset].sort_values("file")[:images].itertuples()
        absent = [row for row in rows if not (Path(data_dir) / dataset / row.file).is_file()]
        if absent:
            missing[dataset] = [source_of(row, mirror) for row in absent]
    if not missing or not ask:
        return list(missing)
    if is_address(mirror):
        return [] if answers(next(iter(missing.values()))[0]) else list(missing)
    return [dataset for dataset, files in missing.items() if not all(map(os.path.isfile, files))]


def answers(address: str) -> bool:
    """Check whether a server sends a file.

    Parameters
    ----------
    address : str
        http(s) address.

    Returns
    -------
    bool
        False also without an answer within some seconds.

    Examples
    --------
    >>> answers("http://127.0.0.1:9/file")
    False
    """
    found: list[bool] = []

    def request() -> None:
        import requests

        try:
            with requests.get(address, timeout=SECONDS, stream=True) as response:
                found.append(response.ok)
        except (requests.RequestException, ValueError):
            found.append(False)

    # The search for the address of a server can take longer than any time limit of the request.
    thread = threading.Thread(target=request, daemon=True)
    thread.start()
    thread.join(2 * SECONDS)
    return found == [True]
