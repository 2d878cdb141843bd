# For type checkers, since `__getattr__` of the package imports these names when they are first used.
from groupsc.api import deblock, demosaick, denoise, estimate_noise, load
from groupsc.config.definitions import ModelConfig
from groupsc.models.coder import SparseCoder
from groupsc.mosaics import develop
from groupsc.utils.errors import GroupSCError

__all__ = [
    "GroupSCError",
    "ModelConfig",
    "SparseCoder",
    "deblock",
    "demosaick",
    "denoise",
    "develop",
    "estimate_noise",
    "load",
]

__version__: str
