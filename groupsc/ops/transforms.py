"""Detect transforms of `torch.func` and forward-mode differentiation."""

from __future__ import annotations

import torch
from torch.autograd import forward_ad


def transformed() -> bool:
    """Whether the caller runs inside a transform of `torch.func`, or computes derivatives in forward mode.

    The fast paths write into memory and have hand-written derivatives, which these transforms do not support. The
    callers then use plain operations.

    Returns
    -------
    bool
        False while torch compiles or exports the caller.

    Examples
    --------
    >>> transformed(), torch.func.vmap(lambda x: x * transformed())(torch.ones(2))
    (False, tensor([1., 1.]))
    """
    if torch.compiler.is_compiling():
        return False
    inside: bool = torch._C._functorch.peek_interpreter_stack() is not None
    return inside or forward_ad._current_level >= 0
