"""Pointwise chains of the unrolled steps and their derivatives, compiled to single kernels where that pays.

Symbols as in `groupsc.ops.unrolled`. Codes before a shrinkage come in two parts, B = A + Q with A = None for zeros, and
gradients of codes as dA = dB − dQ with dQ = None at first: the sum is made where it is read. Chains compute in the type
of Λ (float32 under bfloat16 products) and return tensors of the codes' size in the type of the codes.
"""

from __future__ import annotations

import functools
import importlib.util
import shutil
import sysconfig
from pathlib import Path

import torch
from torch import Tensor

from groupsc.ops.prox import NORM_EPSILON, csr_prox

COMPILED_SIZE = 2**18
"""Entries of one sample's tensor from which on a compiled chain pays."""
OLDEST_FOR_TRITON = (7, 0)
"""Compute capability of the oldest GPUs that Triton makes kernels for."""


def fused(chain, tensor: Tensor, *, training: bool):
    """`chain`, compiled to one kernel where reading and writing tensors of the size of `tensor` is what it costs.

    Compilation takes seconds, so it serves training on tensors of real size, on machines with a compiler and
    the headers of Python.
    """
    worthwhile = training and tensor[0].numel() >= COMPILED_SIZE
    return _compiled(chain) if worthwhile and _can_compile(tensor.device.type) else chain


def plus(A, Q):
    return Q if A is None else A + Q


def minus(dB, dQ):
    return dB if dQ is None else dB - dQ


def soft(B, lam):
    return (torch.sign(B) * torch.relu(B.abs() - lam)).to(B.dtype)


def soft_step(A, Q, lam):
    return soft(plus(A, Q), lam)


def soft_backward(dB, dQ, A, lam):
    """Gradients of B and of λ, from codes A after the shrinkage."""
    dB = torch.where(A != 0, minus(dB, dQ), 0)
    return dB, -_sum_to(lam, torch.sign(A).to(wide(A)) * dB)


def squared(A, Q):
    """B and B²."""
    B = plus(A, Q)
    return B, B.square()


def shrink(B, G, lam, weight):
    scale = torch.relu(1 - lam * weight * torch.rsqrt(G.to(lam.dtype) + NORM_EPSILON))
    return (scale * B).to(B.dtype)


def group_scale(G, weight):
    """What `shrink` multiplies B by, without derivatives: few passes over memory. `weight` is λ √mass; both (N, p)."""
    inverse = G.to(weight.dtype, copy=True).add_(NORM_EPSILON).rsqrt_()
    return inverse.mul_(weight).neg_().add_(1).relu_()


def shrink_backward(dB, dQ, A, Q, G, lam, weight):
    """B² (b, N, p); gradients of G, of B by the product alone, of λ and of the weight (b, N)."""
    B, dA = plus(A, Q), minus(dB, dQ)
    B_wide, dA_wide = B.to(lam.dtype), dA.to(lam.dtype)
    G_wide = G.to(lam.dtype) + NORM_EPSILON
    inverse = torch.rsqrt(G_wide)
    scale = 1 - lam * weight * inverse
    X = torch.where(scale > 0, dA_wide * B_wide * inverse, 0)
    dG = 0.5 * lam * weight * X / G_wide
    dB = dA_wide * torch.relu(scale)
    return B_wide.square().to(B.dtype), dG.to(B.dtype), dB.to(B.dtype), -_sum_to(lam, weight * X), -(lam * X).sum(-1)


def csr(u, H, mass, lam, gamma):
    """Prox of CSR, its β = H / mass."""
    beta = H.to(lam.dtype) / mass.unsqueeze(-1)
    return csr_prox(u.to(lam.dtype), beta, lam, gamma).to(u.dtype)


def csr_step(A, Q, H, mass, lam, gamma):
    return csr(plus(A, Q), H, mass, lam, gamma)


def csr_backward(dB, dQ, dS, A, Q, H, mass, lam, gamma):
    """Gradients of B and H (b, N, p), of the mass (b, N), of λ and of γ (1,); dA = dB − dQ + dS."""
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


def norm_backward(dB, A, Q, dS):
    return (dB + 2 * plus(A, Q) * dS).to(dB.dtype)


def blend(Sigma, gram, norms, nu, mask, matmul_dtype):
    """The blended Σ, its mass, and the similarity alone where it is another one."""
    distance = norms[:, :, None] + norms[:, None, :] - 2 * gram
    fresh = torch.exp(-torch.relu(distance)) * mask
    blended = (fresh if Sigma is None else torch.lerp(Sigma.to(fresh.dtype), fresh, nu)).to(matmul_dtype)
    return blended, blended.sum(1, dtype=norms.dtype), None if Sigma is None else fresh.to(matmul_dtype)


def blend_backward(Sigma, fresh, nu, dSigma, dmass):
    """T, the gradient of the distances (b, N, N), which where they are zero moves nothing; of the Σ before and of ν."""
    fresh_wide = fresh.to(dmass.dtype)
    total = dSigma.to(dmass.dtype) + dmass[:, None, :]
    T = -fresh_wide * total
    if Sigma is None:
        return T.to(dSigma.dtype), None, None
    dnu = ((fresh_wide - Sigma.to(dmass.dtype)) * total).sum((1, 2)).sum()
    return (nu * T).to(dSigma.dtype), ((1 - nu) * total).to(dSigma.dtype), dnu


def _sum_to(lam: Tensor, x: Tensor) -> Tensor:
    """x (b, N, p) summed to the shape of thresholds: (p,), or (b, 1, p) where every sample has its own."""
    return x.sum((0, 1)) if lam.ndim == 1 else x.sum(1, keepdim=True)


def wide(x: Tensor) -> torch.dtype:
    """The type in which a chain over `x` computes."""
    return torch.float32 if x.dtype == torch.bfloat16 else x.dtype


@functools.cache
def _compiled(chain):
    # One run meets several shapes a chain: micro-batches, validation blocks, with and without a Σ before.
    torch._dynamo.config.recompile_limit = max(64, torch._dynamo.config.recompile_limit)
    return torch.compile(chain, dynamic=False)


@functools.cache
def _can_compile(kind: str) -> bool:
    compiler = any(shutil.which(name) for name in ("c++", "g++", "clang++"))
    if not compiler or not Path(sysconfig.get_path("include"), "Python.h").is_file():
        return False
    if kind == "cpu":
        return True
    return importlib.util.find_spec("triton") is not None and torch.cuda.get_device_capability() >= OLDEST_FOR_TRITON
