# For type checkers, since `__getattr__` of the package imports these names when they are first used.
from groupsc.api import deblock, demosaick, denoise, develop, estimate_noise, load
from groupsc.benchmark.evaluation import evaluate
from groupsc.config.definitions import ModelConfig
from groupsc.models.coder import SparseCoder
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
    "evaluate",
    "load",
]

__version__: str
