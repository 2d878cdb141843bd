"""Seeded generators: the project draws nothing from a global one."""

from __future__ import annotations

import hashlib

import torch


def seeded(*names) -> torch.Generator:
    """A generator on the CPU that depends on all of `names` and on nothing else.

    torch's generator on the CPU keeps 32 bits of a seed, so the names are hashed down to as many.
    """
    digest = hashlib.sha256("/".join(map(str, names)).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:4], "big"))
