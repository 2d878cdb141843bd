"""Penalties of the coder, each with its proximal operator: ℓ1 (SC), centralised (CSR), relaxed Group Lasso (GroupSC).

Symbols:

    B      codes before the shrinkage, (…, N, p)
    A      codes of the iteration before, (…, N, p); None in the first iteration, where they are zero
    lam    thresholds λ of one iteration, one row of Λ, (p,)
    Sigma  similarity matrix Σ, (b, N, N) [source, target]
    H      sums over similar patches, Σᵀ applied to a function of the codes, (…, N, p)
    mass   column sums of Σ, (…, N)
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
        Whether the residual of the first iteration is masked in mosaics, as equation 16 has it. The models of the
        non-local priors are trained without this mask.
    """

    nonlocal_: ClassVar[bool]
    first_step_masked: ClassVar[bool]

    @abstractmethod
    def prox(self, B: Tensor, A: Tensor | None, lam: Tensor, Sigma: Tensor | None) -> Tensor:
        """The codes after the shrinkage, (…, N, p).

        A and Sigma are None for penalties that are not `nonlocal_`.
        """


class NonLocalPenalty(Penalty):
    """A prior whose proximal operator is a function of one sum over similar patches.

    A class that defines `summand` and `shrink` can restore images of any size, with and without derivatives: the sum is
    computed tile by tile, without the matrix Σ. Each row of the results of both methods must depend on the same row of
    the arguments alone, because they are called with parts of the patches.
    """

    nonlocal_ = True
    first_step_masked = False

    @abstractmethod
    def summand(self, A: Tensor | None, B: Tensor) -> Tensor:
        """The values that are summed over similar patches, (…, N, p)."""

    @abstractmethod
    def shrink(self, B: Tensor, H: Tensor, mass: Tensor, lam: Tensor) -> Tensor:
        """The codes after the shrinkage, (…, N, p), where H is Σᵀ applied to `summand(A, B)`."""

    @property
    def has_own_prox(self) -> bool:
        """Whether a subclass replaces `prox`, which then needs the whole matrix Σ."""
        return type(self).prox not in (NonLocalPenalty.prox, Centralised.prox)

    def prox(self, B: Tensor, A: Tensor | None, lam: Tensor, Sigma: Tensor | None) -> Tensor:
        """The codes after the shrinkage, with the whole matrix Σ."""
        assert Sigma is not None  # The prior is non-local.
        return self.shrink(B, Sigma.transpose(1, 2) @ self.summand(A, B), Sigma.sum(1), lam)


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
class Centralised(NonLocalPenalty):
    """CSR (equations 12 and 13, Proposition 1): ℓ1 penalties on the codes and on their distance to β.

    β is the Σ-weighted mean of the codes of similar patches; it is zero in the first iteration.

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

    def prox(self, B: Tensor, A: Tensor | None, lam: Tensor, Sigma: Tensor | None) -> Tensor:
        """As for `NonLocalPenalty`, without the sum of zeros in the first iteration."""
        return soft_threshold(B, lam * (1 + self.gamma)) if A is None else super().prox(B, A, lam, Sigma)

    def summand(self, A: Tensor | None, B: Tensor) -> Tensor:
        """The codes of the iteration before."""
        return B.new_zeros(B.shape) if A is None else A

    def shrink(self, B: Tensor, H: Tensor, mass: Tensor, lam: Tensor) -> Tensor:
        """Proximal operator of Proposition 1 with β = H / mass."""
        return csr_prox(B, H / mass.unsqueeze(-1), lam, self.gamma)


@dataclass(frozen=True)
class GroupLasso(NonLocalPenalty):
    """GroupSC (equation 11): similar patches share their sparsity pattern.

    Examples
    --------
    >>> import torch
    >>> B = torch.tensor([[[2.0, 0.1], [2.0, 0.1]]])
    >>> GroupLasso().prox(B, None, torch.tensor([0.5, 0.5]), torch.ones(1, 2, 2))
    tensor([[[1.5000, 0.0000],
             [1.5000, 0.0000]]])
    """

    def summand(self, A: Tensor | None, B: Tensor) -> Tensor:
        """The squares of the codes; A is not used."""
        return B.square()

    def shrink(self, B: Tensor, H: Tensor, mass: Tensor, lam: Tensor) -> Tensor:
        """Relaxed Group Lasso shrinkage with the squared group norms H."""
        return group_shrink(B, H, mass, lam)


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
