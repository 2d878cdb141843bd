"""The three penalties of the coder: ℓ1 (SC), centralised (CSR), relaxed Group Lasso (GroupSC), one prox each.

Symbols: B codes before the shrinkage, (b, N, p); A codes of the step before; lam one row of Λ, (p,);
Sigma Σ, (b, N, N) [source, target], None for a penalty that is not `nonlocal_`.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from groupsc.ops.prox import csr_prox, group_shrink, soft_threshold


@dataclass(frozen=True)
class L1:
    """SC (section 3.1): soft-thresholding with one threshold an atom."""

    nonlocal_ = False
    first_step_masked = True

    def prox(self, B: Tensor, A: Tensor | None, lam: Tensor, Sigma: Tensor | None) -> Tensor:
        return soft_threshold(B, lam)


@dataclass(frozen=True)
class Centralised:
    """CSR (equations 12 and 13, Proposition 1): codes are drawn to β, the Σ-weighted mean of the codes of similar
    patches."""

    gamma: Tensor
    nonlocal_ = True
    first_step_masked = False

    def prox(self, B: Tensor, A: Tensor | None, lam: Tensor, Sigma: Tensor) -> Tensor:
        if A is None:
            return soft_threshold(B, lam * (1 + self.gamma))
        beta = (Sigma.transpose(1, 2) @ A) / Sigma.sum(1).unsqueeze(-1)
        return csr_prox(B, beta, lam, self.gamma)


@dataclass(frozen=True)
class GroupLasso:
    """GroupSC (equation 11): similar patches share their sparsity pattern."""

    nonlocal_ = True
    first_step_masked = False

    def prox(self, B: Tensor, A: Tensor | None, lam: Tensor, Sigma: Tensor) -> Tensor:
        return group_shrink(B, lam, Sigma)
