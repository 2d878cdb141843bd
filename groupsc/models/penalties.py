"""Penalties of the coder, each with its proximal operator: ℓ1 (SC), centralised (CSR), relaxed Group Lasso (GroupSC).

Symbols:

    B      codes before the shrinkage, (b, N, p)
    A      codes of the iteration before, (b, N, p)
    lam    thresholds λ of one iteration, one row of Λ, (p,)
    Sigma  similarity matrix Σ, (b, N, N) [source, target]; None for a penalty that is not `nonlocal_`
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

    Attributes
    ----------
    nonlocal_ : bool
        Whether the proximal operator uses similar patches. The model has similarities only in this case.
    first_step_masked : bool
        Whether the residual of the first iteration is masked in mosaics.
    """

    nonlocal_: ClassVar[bool]
    first_step_masked: ClassVar[bool]

    @abstractmethod
    def prox(self, B: Tensor, A: Tensor | None, lam: Tensor, Sigma: Tensor | None) -> Tensor:
        """The codes after the shrinkage, (b, N, p).

        A is None in the first iteration, and for penalties that are not `nonlocal_`.
        """


@dataclass(frozen=True)
class L1(Penalty):
    """SC (section 3.1): soft-thresholding with one threshold per atom.

    Examples
    --------
    >>> import torch
    >>> L1().prox(torch.tensor([[[-2.0, 0.5]]]), None, torch.tensor([1.0, 1.0]), None)
    tensor([[[-1.,  0.]]])
    """

    nonlocal_ = False
    first_step_masked = True

    def prox(self, B: Tensor, A: Tensor | None, lam: Tensor, Sigma: Tensor | None) -> Tensor:
        """Soft-thresholding; A and Sigma are not used."""
        return soft_threshold(B, lam)


@dataclass(frozen=True)
class Centralised(Penalty):
    """CSR (equations 12 and 13, Proposition 1): ℓ1 penalties on the codes and on their distance to β.

    β is the Σ-weighted mean of the codes of similar patches.

    Parameters
    ----------
    gamma : Tensor (1,)
        Weight γ ≥ 0 of the distance to β.

    Examples
    --------
    >>> import torch
    >>> A, Sigma = torch.tensor([[[1.0]]]), torch.ones(1, 1, 1)
    >>> Centralised(torch.tensor([1.0])).prox(torch.tensor([[[1.2]]]), A, torch.tensor([0.5]), Sigma)
    tensor([[[1.]]])
    """

    gamma: Tensor
    nonlocal_ = True
    first_step_masked = False

    def prox(self, B: Tensor, A: Tensor | None, lam: Tensor, Sigma: Tensor | None) -> Tensor:
        """Proximal operator of Proposition 1; in the first iteration β = 0."""
        if A is None:
            return soft_threshold(B, lam * (1 + self.gamma))
        assert Sigma is not None  # The prior is non-local.
        beta = (Sigma.transpose(1, 2) @ A) / Sigma.sum(1).unsqueeze(-1)
        return csr_prox(B, beta, lam, self.gamma)


@dataclass(frozen=True)
class GroupLasso(Penalty):
    """GroupSC (equation 11): similar patches share their sparsity pattern.

    Examples
    --------
    >>> import torch
    >>> B = torch.tensor([[[2.0, 0.1], [2.0, 0.1]]])
    >>> GroupLasso().prox(B, None, torch.tensor([0.5, 0.5]), torch.ones(1, 2, 2))
    tensor([[[1.5000, 0.0000],
             [1.5000, 0.0000]]])
    """

    nonlocal_ = True
    first_step_masked = False

    def prox(self, B: Tensor, A: Tensor | None, lam: Tensor, Sigma: Tensor | None) -> Tensor:
        """Relaxed Group Lasso shrinkage; A is not used."""
        assert Sigma is not None  # The prior is non-local.
        return group_shrink(B, lam, Sigma)


KINDS: dict[str, type[Penalty]] = {"l1": L1, "csr": Centralised, "group": GroupLasso}
"""The classes of penalties, by the names in `groupsc.config.definitions.ModelConfig`."""


def kind_of(penalty: str) -> type[Penalty]:
    """The class of a penalty.

    Parameters
    ----------
    penalty : str
        A name of `KINDS`.

    Returns
    -------
    type of Penalty

    Raises
    ------
    GroupSCError
        When `KINDS` has no such name.

    Examples
    --------
    >>> kind_of("l1").__name__
    'L1'
    """
    if penalty not in KINDS:
        raise GroupSCError(
            f"the penalty {penalty!r} has no proximal operator; write its class in groupsc/models/penalties.py and "
            f"add it to KINDS, which contains {', '.join(KINDS)}"
        )
    return KINDS[penalty]
