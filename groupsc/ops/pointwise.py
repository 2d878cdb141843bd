"""Pointwise functions of the unrolled iterations and their derivatives, optionally compiled to single kernels.

Symbols as in `groupsc.ops.unrolled`. Codes before a shrinkage are passed in two parts, B = A + Q, where A = None stands
for zeros. Gradients of codes are passed as dA = dB − dQ, where dQ = None stands for zeros. The sum is computed where it
is used, which saves one pass over memory. The functions compute in the type of Λ (float32 with bfloat16 products) and
return tensors of the size of the codes in the type of the codes.

Shapes, unless stated otherwise: A, Q, B, G, H and their gradients (b, N, p); `lam`, the thresholds λ of one iteration,
(p,) or (b, 1, p); `mass` (b, N); `weight` = √mass (b, N, 1); `gamma` (1,). Gradients of `lam` have its shape.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import shutil
import sysconfig
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor

from groupsc.ops.prox import NORM_EPSILON, csr_prox
from groupsc.utils.errors import GroupSCWarning

COMPILED_SIZE = 2**18
"""Number of entries of one sample's tensor from which compilation pays."""
OLDEST_FOR_TRITON = (7, 0)
"""Lowest compute capability of a GPU for which Triton compiles kernels."""

P = ParamSpec("P")
R = TypeVar("R")


def fused(chain: Callable[P, R], tensor: Tensor, *, training: bool) -> Callable[P, R]:
    """Compile a pointwise function to one kernel, where that is faster.

    Compilation takes seconds. A function is therefore compiled only in training, for tensors of at least
    `COMPILED_SIZE` entries per sample, and on machines whose compiler works: the first call compiles a trial. If that
    fails, a warning gives the reason, and all functions stay as they are.

    Parameters
    ----------
    chain : callable
        A pointwise function of this module.
    tensor : Tensor (b, …)
        A tensor of the size that `chain` reads and writes.
    training : bool
        Whether gradients are needed.

    Returns
    -------
    callable
        The compiled function, or `chain` itself.

    Examples
    --------
    >>> fused(soft_step, torch.zeros(1, 4, 2), training=True) is soft_step
    True
    """
    worthwhile = training and tensor[0].numel() >= COMPILED_SIZE
    return _compiled(chain) if worthwhile and _can_compile(tensor.device.type) else chain


def plus(A: Tensor | None, Q: Tensor) -> Tensor:
    """A + Q, or Q for A = None."""
    return Q if A is None else A + Q


def minus(dB: Tensor, dQ: Tensor | None) -> Tensor:
    """dB − dQ, or dB for dQ = None."""
    return dB if dQ is None else dB - dQ


def soft(B: Tensor, lam: Tensor) -> Tensor:
    """Soft-thresholding S_λ(B)."""
    return (torch.sign(B) * torch.relu(B.abs() - lam)).to(B.dtype)


def soft_step(A: Tensor | None, Q: Tensor, lam: Tensor) -> Tensor:
    """Codes S_λ(A + Q) of SC after one iteration (equation 3).

    Examples
    --------
    >>> soft_step(None, torch.tensor([[[2.0, 0.5]]]), torch.tensor([1.0, 1.0]))
    tensor([[[1., 0.]]])
    """
    return soft(plus(A, Q), lam)


def soft_backward(dB: Tensor, dQ: Tensor | None, A: Tensor, lam: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of B and of λ for `soft_step`, from the codes A after the shrinkage."""
    dB = torch.where(A != 0, minus(dB, dQ), 0)
    return dB, -_sum_to(lam, torch.sign(A).to(wide(A)) * dB)


def squared(A: Tensor | None, Q: Tensor) -> tuple[Tensor, Tensor]:
    """B = A + Q and B²."""
    B = plus(A, Q)
    return B, B.square()


def shrink(B: Tensor, G: Tensor, lam: Tensor, weight: Tensor) -> Tensor:
    """Codes max(0, 1 − λ weight / √G) · B of GroupSC (equation 11), with `weight` = √mass.

    Examples
    --------
    >>> B, lam = torch.full((1, 1, 1), 2.0), torch.tensor([1.0])
    >>> shrink(B, B.square(), lam, torch.ones(1, 1, 1))
    tensor([[[1.]]])
    """
    scale = torch.relu(1 - lam * weight * torch.rsqrt(G.to(lam.dtype) + NORM_EPSILON))
    return (scale * B).to(B.dtype)


def group_scale(G: Tensor, weight: Tensor) -> Tensor:
    """Factor max(0, 1 − weight / √G) of the shrinkage of GroupSC (equation 11), computed in few passes over memory.

    For inference only; it has no derivative.

    Parameters
    ----------
    G : Tensor (N, p)
        Squared group norms.
    weight : Tensor (N, p)
        λ √mass.

    Returns
    -------
    Tensor (N, p)
        Factors in [0, 1], in the type of `weight`.

    Examples
    --------
    >>> group_scale(torch.tensor([[4.0, 1.0]]), torch.tensor([[1.0, 1.0]]))
    tensor([[0.5000, 0.0000]])
    """
    inverse = G.to(weight.dtype, copy=True).add_(NORM_EPSILON).rsqrt_()
    return inverse.mul_(weight).neg_().add_(1).relu_()


def shrink_backward(
    dB: Tensor, dQ: Tensor | None, A: Tensor | None, Q: Tensor, G: Tensor, lam: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Derivatives of `shrink`.

    Returns
    -------
    squares, dG, dB : Tensor (b, N, p)
        B², and the gradients of G and of B. The gradient of B lacks its part through G; see `norm_backward`.
    dlam, dweight : Tensor
        The latter (b, N).
    """
    B, dA = plus(A, Q), minus(dB, dQ)
    B_wide, dA_wide = B.to(lam.dtype), dA.to(lam.dtype)
    G_wide = G.to(lam.dtype) + NORM_EPSILON
    inverse = torch.rsqrt(G_wide)
    scale = 1 - lam * weight * inverse
    X = torch.where(scale > 0, dA_wide * B_wide * inverse, 0)
    dG = 0.5 * lam * weight * X / G_wide
    dB = dA_wide * torch.relu(scale)
    return B_wide.square().to(B.dtype), dG.to(B.dtype), dB.to(B.dtype), -_sum_to(lam, weight * X), -(lam * X).sum(-1)


def csr(u: Tensor, H: Tensor, mass: Tensor, lam: Tensor, gamma: Tensor) -> Tensor:
    """Proximal operator of CSR (Proposition 1) at codes u, with β = H / mass (equation 13).

    Parameters
    ----------
    u, H : Tensor (…, N, p)
        Codes before the shrinkage, and similarity-weighted sums of codes Σᵀ A.
    mass : Tensor (…, N)
        Column sums of Σ.
    lam : Tensor (p,) or (b, 1, p)
    gamma : Tensor (1,)

    Returns
    -------
    Tensor (…, N, p)
        In the type of u.

    Examples
    --------
    >>> csr(torch.tensor([[3.0]]), torch.tensor([[2.0]]), torch.tensor([2.0]), torch.tensor([0.5]), torch.tensor([1.0]))
    tensor([[2.]])
    """
    beta = H.to(lam.dtype) / mass.unsqueeze(-1)
    return csr_prox(u.to(lam.dtype), beta, lam, gamma).to(u.dtype)


def csr_step(A: Tensor | None, Q: Tensor, H: Tensor, mass: Tensor, lam: Tensor, gamma: Tensor) -> Tensor:
    """Codes of CSR after one iteration: `csr` at A + Q."""
    return csr(plus(A, Q), H, mass, lam, gamma)


def csr_backward(
    dB: Tensor,
    dQ: Tensor | None,
    dS: Tensor | None,
    A: Tensor | None,
    Q: Tensor,
    H: Tensor,
    mass: Tensor,
    lam: Tensor,
    gamma: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients of B and H (b, N, p), of `mass` (b, N), of `lam` and of `gamma`, for `csr_step`.

    The gradient of the codes after the iteration is dB − dQ + dS, where dS = None stands for zeros.
    """
    u, dA = plus(A, Q), minus(dB, dQ)
    dA = dA if dS is None else dA + dS
    beta = H.to(lam.dtype) / mass.unsqueeze(-1)
    shift = beta + lam * torch.sign(beta)
    v = u.to(lam.dtype) - shift
    inner = torch.sign(v) * torch.relu(v.abs() - lam * gamma) + shift
    dinner = torch.where(inner.abs() > lam, dA.to(lam.dtype), 0)
    dv = torch.where(v.abs() > lam * gamma, dinner, 0)
    dbeta = dinner - dv
    dproduct = -torch.sign(v) * dv
    drow = _sum_to(lam, gamma * dproduct + torch.sign(beta) * dbeta - torch.sign(inner) * dinner)
    dH = dbeta / mass.unsqueeze(-1)
    dgamma = (lam * dproduct).sum(1).sum().reshape(1)
    return dv.to(u.dtype), dH.to(u.dtype), -(dH * beta).sum(-1), drow, dgamma


def norm_backward(dB: Tensor, A: Tensor | None, Q: Tensor, dS: Tensor) -> Tensor:
    """Gradient of B in GroupSC with its part through G = Σᵀ B², where dS = Σ dG."""
    return (dB + 2 * plus(A, Q) * dS).to(dB.dtype)


def blend(
    Sigma: Tensor | None, gram: Tensor, norms: Tensor, nu: Tensor | None, mask: Tensor, matmul_dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Similarity matrix of features, averaged with the similarity matrix before (section 3.3, equation 14).

    Parameters
    ----------
    Sigma : Tensor (b, N, N) or None
        Similarity matrix before.
    gram, norms : Tensor (b, N, N), Tensor (b, N)
        Scalar products and squared norms of the features.
    nu : Tensor () or None
        Weight ν of the new similarity matrix, in [0, 1].
    mask : Tensor (N, N)
        Pairs within the window, or weights of the sources.
    matmul_dtype : torch.dtype

    Returns
    -------
    blended : Tensor (b, N, N)
        (1 − ν) Σ + ν · mask · exp(−d), in `matmul_dtype`; for Σ = None the second term with ν = 1.
    mass : Tensor (b, N)
        Column sums of `blended`.
    fresh : Tensor (b, N, N) or None
        mask · exp(−d) in `matmul_dtype`; None when it equals `blended`.
    """
    distance = norms[:, :, None] + norms[:, None, :] - 2 * gram
    fresh = torch.exp(-torch.relu(distance)) * mask
    if Sigma is None or nu is None:
        blended = fresh.to(matmul_dtype)
        return blended, blended.sum(1, dtype=norms.dtype), None
    blended = torch.lerp(Sigma.to(fresh.dtype), fresh, nu).to(matmul_dtype)
    return blended, blended.sum(1, dtype=norms.dtype), fresh.to(matmul_dtype)


def blend_backward(
    Sigma: Tensor | None, fresh: Tensor, nu: Tensor | None, dSigma: Tensor, dmass: Tensor
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Gradients of the distances, of the Σ before (both (b, N, N)) and of ν, for `blend`; None for what `blend` lacks.

    Where a distance is zero, the two features are equal, and its gradient has no effect on them.
    """
    fresh_wide = fresh.to(dmass.dtype)
    total = dSigma.to(dmass.dtype) + dmass[:, None, :]
    T = -fresh_wide * total
    if Sigma is None or nu is None:
        return T.to(dSigma.dtype), None, None
    dnu = ((fresh_wide - Sigma.to(dmass.dtype)) * total).sum((1, 2)).sum()
    return (nu * T).to(dSigma.dtype), ((1 - nu) * total).to(dSigma.dtype), dnu


def _sum_to(lam: Tensor, x: Tensor) -> Tensor:
    """Sum x (b, N, p) to the shape of the thresholds: (p,), or (b, 1, p) where every sample has its own."""
    return x.sum((0, 1)) if lam.ndim == 1 else x.sum(1, keepdim=True)


def wide(x: Tensor) -> torch.dtype:
    """Type in which the pointwise functions compute for a tensor x.

    Returns
    -------
    torch.dtype
        float32 for bfloat16, otherwise the type of x.

    Examples
    --------
    >>> wide(torch.zeros(1, dtype=torch.bfloat16)), wide(torch.zeros(1, dtype=torch.float64))
    (torch.float32, torch.float64)
    """
    return torch.float32 if x.dtype == torch.bfloat16 else x.dtype


@functools.cache
def _compiled(chain: Callable[..., Any]) -> Callable[..., Any]:
    """The compiled function, compiled once per process."""
    # One training calls a function with several shapes: micro-batches, validation blocks, with and without a Σ before.
    torch._dynamo.config.recompile_limit = max(64, torch._dynamo.config.recompile_limit)
    return torch.compile(chain, dynamic=False)


@functools.cache
def _can_compile(kind: str) -> bool:
    """Whether this machine can compile for a type of device."""
    compiler = any(shutil.which(name) for name in (os.environ.get("CXX", "c++"), "c++", "g++", "clang++"))
    if not compiler or not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return False
    if kind != "cpu" and (
        importlib.util.find_spec("triton") is None or torch.cuda.get_device_capability() < OLDEST_FOR_TRITON
    ):
        return False
    try:
        torch.compile(_trial, dynamic=False)(torch.ones(64, device=kind))
    except Exception as error:  # The compiler, its temporary folder or its files can fail in many ways.
        warnings.warn(
            f"The training runs without compiled kernels, which takes longer, because a trial compilation failed "
            f"({_reason(error)}). Check the compiler (CXX) and the folder for temporary files (TMPDIR).",
            GroupSCWarning,
            stacklevel=3,
        )
        return False
    return True


def _trial(x: Tensor) -> Tensor:
    return torch.sign(x) * torch.relu(x.abs() - 0.5)


def _reason(error: Exception) -> str:
    """The most telling line of an error, shortened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"\berror\b", line, re.IGNORECASE)]
    return (telling or lines or [type(error).__name__])[0][:200]
