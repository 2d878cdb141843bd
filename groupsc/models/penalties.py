"""The penalties of the coder: ℓ1 (SC), centralised (CSR), relaxed Group Lasso (GroupSC), one prox each.

Symbols: B codes before the shrinkage, (b, N, p); A codes of the step before; lam one row of Λ, (p,);
Sigma Σ, (b, N, N) [source, target], None for a penalty that is not `nonlocal_`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from groupsc.ops.prox import csr_prox, group_shrink, soft_threshold
from groupsc.utils.errors import GroupSCError

if TYPE_CHECKING:
    from torch import Tensor


class Penalty(ABC):
    """A prior on the codes.

    `nonlocal_` says whether the prox looks at similar patches, and so whether the model has similarities;
    `first_step_masked`, whether the very first residual of a mosaic leaves out what was not measured.
    """

    nonlocal_: ClassVar[bool]
    first_step_masked: ClassVar[bool]

    @abstractmethod
    def prox(self, B: Tensor, A: Tensor | None, lam: Tensor, Sigma: Tensor | None) -> Tensor:
        """The codes after the shrinkage; A is None at the first step, and for a penalty that is not `nonlocal_`."""


@dataclass(frozen=True)
class L1(Penalty):
    """SC (section 3.1): soft-thresholding with one threshold an atom."""

    nonlocal_ = False
    first_step_masked = True

    def prox(self, B: Tensor, A: Tensor | None, lam: Tensor, Sigma: Tensor | None) -> Tensor:
        return soft_threshold(B, lam)


@dataclass(frozen=True)
class Centralised(Penalty):
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
class GroupLasso(Penalty):
    """GroupSC (equation 11): similar patches share their sparsity pattern."""

    nonlocal_ = True
    first_step_masked = False

    def prox(self, B: Tensor, A: Tensor | None, lam: Tensor, Sigma: Tensor) -> Tensor:
        return group_shrink(B, lam, Sigma)


KINDS = {"l1": L1, "csr": Centralised, "group": GroupLasso}
"""The penalties, by the name that `groupsc.config.definitions.ModelConfig` has for them."""


def kind_of(penalty: str) -> type[Penalty]:
    """The class of a penalty.

    Raises
    ------
    GroupSCError
        When none of `KINDS` bears the name.
    """
    if penalty not in KINDS:
        raise GroupSCError(
            f"the penalty {penalty!r} has no proximal operator; write its class in groupsc/models/penalties.py and "
            f"name it in KINDS beside {', '.join(KINDS)}"
        )
    return KINDS[penalty]
