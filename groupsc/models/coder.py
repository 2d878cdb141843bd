"""The trainable non-local sparse coder: Algorithm 1 of the paper, for all penalties, numbers of channels and tasks.

Symbols, as in the paper (patches and codes are rows here):

    Y      centred patches of the degraded image, (b, N, m); mu their means, (b, N, 1)
    M      1 where a patch entry was measured, else 0, (b, N, m); None when all entries were measured
    A      codes, (b, N, p)
    D C W  dictionary, encoder (used as Cᵀ), decoder, (m, p)
    Λ      `thresholds`, (K, p), one row per iteration; in a blind model (S, K, p) at the noise `levels` (S,)
    E      centred patches of the estimate, (b, N, m); F features κ ⊙ E, whose distances define the similarity
    κ      `kappa`, (R, m), weights of the learned distance
    ν      sigmoid(`nu_logit`), weight of the new similarity matrix in an update (section 3.3)
    Σ      `Sigma`, similarity matrix, (b, N, N) [source, target]
    γ      softplus(`gamma`), weight of the distance to the mean codes β in CSR
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from groupsc.config.definitions import ModelConfig
from groupsc.models.iterations import FAST_STEPS, FastPath, IterationPath, PlainPath
from groupsc.models.levels import shares
from groupsc.models.penalties import Centralised, Penalty, kind_of
from groupsc.models.similarity import source_weights, window_mask
from groupsc.ops.patches import PatchGrid
from groupsc.ops.transforms import transformed
from groupsc.utils.errors import GroupSCError

FIRST_THRESHOLD, FIRST_THRESHOLD_LEVEL = 0.02, 25.0
"""Initial thresholds; in blind models they are proportional to the noise σ and have this value at σ = 25."""
KAPPA_LEVEL, LEAST_KAPPA_LEVEL = 25.0, 5.0
"""With `config.relative_distance`, κ is for noise of σ = 25, and noise below σ = 5 is treated as σ = 5."""
FIRST_NU_LOGIT = 1.0
FIRST_GAMMA = 0.1


class SparseCoder(nn.Module):
    """Unrolled sparse coder with a trainable ℓ1, CSR or GroupSC prior.

    Algorithm 1 of Lecouat, Ponce, Mairal, ECCV 2020, arXiv:1912.02456.

    Parameters
    ----------
    config : ModelConfig
    dictionary : Tensor (m, p), optional
        Initial value of D, C and W (section 3.6). By default a Gaussian matrix divided by its largest singular value.

    Raises
    ------
    GroupSCError
        For a penalty without proximal operator, or a dictionary of another shape.

    Examples
    --------
    >>> config = ModelConfig(patch_size=3, n_atoms=4, n_iterations=2, window=3)
    >>> model = SparseCoder(config)
    >>> model.number_of_parameters
    126
    >>> model(torch.zeros(1, 1, 6, 8)).shape
    torch.Size([1, 1, 6, 8])
    """

    levels: Tensor

    def __init__(self, config: ModelConfig, *, dictionary: Tensor | None = None):
        super().__init__()
        if not isinstance(config, ModelConfig):
            raise GroupSCError(f"the configuration is a {type(config).__name__}; give a groupsc.ModelConfig")
        self.config, self.kind = config, kind_of(config.penalty)
        m, p = config.dimension, config.n_atoms
        if dictionary is None:
            dictionary = torch.randn(m, p, generator=torch.Generator().manual_seed(0))
            dictionary = dictionary / torch.linalg.matrix_norm(dictionary, 2)
        if dictionary.shape != (m, p):
            raise GroupSCError(
                f"the dictionary has the shape {tuple(dictionary.shape)}, but the model needs {(m, p)}; "
                "learn a dictionary for this model"
            )
        self.D, self.C, self.W = (nn.Parameter(dictionary.clone()) for _ in range(3))
        if config.levels is None:
            self.thresholds = nn.Parameter(torch.full((config.n_iterations, p), FIRST_THRESHOLD))
        else:
            self.register_buffer("levels", torch.tensor(config.levels))
            size = (1, 1) if config.scalar_thresholds else (config.n_iterations, p)
            share = self.levels.view(-1, 1, 1) / FIRST_THRESHOLD_LEVEL
            self.thresholds = nn.Parameter((FIRST_THRESHOLD * share).repeat(1, *size))
        if self.kind.nonlocal_:
            refreshes = len(config.similarity_updates)
            self.kappa = nn.Parameter(torch.ones(1 if config.shared_similarity else refreshes + 1, m))
            self.nu_logit = nn.Parameter(torch.full((1 if config.shared_similarity else refreshes,), FIRST_NU_LOGIT))
        if self.kind is Centralised:
            self.gamma = nn.Parameter(torch.tensor([FIRST_GAMMA]).expm1().log())  # The inverse of softplus.

    @property
    def number_of_parameters(self) -> int:
        """Number of trained parameters."""
        return sum(parameter.numel() for parameter in self.parameters())

    def with_settings(self, **settings: Any) -> SparseCoder:
        """Return a coder without gradients that has the same parameters and other settings, such as the window.

        Parameters
        ----------
        **settings
            Settings of `ModelConfig` that change no shape of a parameter: `window`, `patch_stride`, `source_weight`.

        Examples
        --------
        >>> model = SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, window=32))
        >>> model.with_settings(window=48).config.window
        48
        """
        other = SparseCoder(dataclasses.replace(self.config, **settings)).to(self.D)
        other.load_state_dict(self.state_dict())
        return other.requires_grad_(False).eval()

    def patch_grid(self, height: int, width: int, stride: int | None = None) -> PatchGrid:
        """Positions of the patches of an image of this size; `stride` in pixels, by default that of the model."""
        return PatchGrid(height, width, self.config.patch_size, stride or self.config.patch_stride)

    @property
    def penalty(self) -> Penalty:
        """The prior, with the present value of γ for CSR."""
        return Centralised(functional.softplus(self.gamma)) if self.kind is Centralised else self.kind()

    def thresholds_at(self, level: Tensor | float | None = None) -> Tensor:
        """Thresholds Λ of all iterations, in a blind model those for a noise level (section 3.4).

        A blind model takes the thresholds of the nearest of its levels, or with `config.interpolate` interpolates
        between the two neighbours.

        Parameters
        ----------
        level : float or Tensor (b,), optional
            Standard deviation of the noise in gray levels of 255. Required by blind models and ignored by others;
            values outside the range of the model's levels are clipped to it.

        Returns
        -------
        Tensor (K, p), or (K, b, 1, p) for one `level` per sample

        Raises
        ------
        GroupSCError
            When the model is blind and `level` is missing.

        Examples
        --------
        >>> config = ModelConfig(patch_size=3, n_atoms=1, n_iterations=1, levels=(0, 50), interpolate=True)
        >>> SparseCoder(config).thresholds_at(25.0).detach()
        tensor([[0.0200]])
        """
        if self.config.levels is None:
            return self.thresholds
        if level is None:
            raise GroupSCError(
                "a blind model needs the noise level of the image; estimate it with "
                "groupsc.noise.noise_level.estimate_noise"
            )
        level = torch.as_tensor(level, dtype=self.levels.dtype, device=self.levels.device)
        share = shares(level, self.levels, interpolate=self.config.interpolate)
        bank = self.thresholds.expand(-1, self.config.n_iterations, self.config.n_atoms)
        found = torch.einsum("...s,skp->k...p", share.to(bank.dtype), bank)
        return found if level.ndim == 0 else found.unsqueeze(2)

    def forward(
        self,
        image: Tensor,
        mask: Tensor | None = None,
        *,
        level: Tensor | float | None = None,
        matmul_dtype: torch.dtype | None = None,
        patch_stride: int | None = None,
        source_weight: float | None = None,
    ) -> Tensor:
        """Restore an image as one block: all its patches within the window are compared with each other.

        The memory grows with the square of the number of patches. `groupsc.inference` restores images of any size.

        Parameters
        ----------
        image : Tensor (b, c, H, W), floating
            Degraded image in [0, 1]; zeros where nothing was measured.
        mask : Tensor (b or 1, c, H, W), optional
            1 where a value was measured, else 0 (equation 16).
        level : float or Tensor (b,), optional
            Noise σ in gray levels of 255, for blind models; see `thresholds_at`.
        matmul_dtype : torch.dtype, optional
            Type of the matrix products of the fast path. By default, for penalties without a fast path, and inside
            transforms of `torch.func`, the image is restored by plain operations in its own type.
        patch_stride : int, optional
            Distance between neighbouring patches in pixels, by default that of the model. Above 1, the model uses a
            part of the patches; trainings do so to save time.
        source_weight : float, optional
            Weight of all similar patches except the patch itself, by default that of the model; see
            `groupsc.models.similarity.source_weights`.

        Returns
        -------
        Tensor (b, c, H, W)
            Not clipped; measured values are not copied into it.

        Raises
        ------
        GroupSCError
            When the image has another shape or is smaller than one patch, or the model is blind and `level` is missing.
        """
        config = self.config
        if image.ndim != 4 or image.shape[1] != config.channels:
            raise GroupSCError(f"the image has the shape {tuple(image.shape)}; give (b, {config.channels}, H, W)")
        height, width = image.shape[-2:]
        grid = self.patch_grid(height, width, patch_stride)
        patches = grid.extract(image)
        mu = patches.mean(-1, keepdim=True)
        Y = patches - mu
        M = None if mask is None else grid.extract(mask.to(image.dtype).expand_as(image))
        weight = config.source_weight if source_weight is None else source_weight
        inside = self._window(grid, weight, Y) if self.kind.nonlocal_ else None
        path = self._path(Y, M, matmul_dtype)
        thresholds, factor = self.thresholds_at(level), self.kappa_factor(level)
        A: Tensor | None = None
        # Algorithm 1 in parts with a constant similarity: update Σ, then iterate until the next update.
        starts = (0, *config.similarity_updates)
        for number, (first, last) in enumerate(zip(starts, (*starts[1:], config.n_iterations), strict=True)):
            if inside is not None:
                E = Y if A is None else self.estimate(A.to(Y.dtype) @ self.W.T, mu, grid)
                F = self.features(E, number, mosaic=mask is not None) * factor
                path.update(F, self.nu(number), inside)
            A = path.iterate(A, thresholds[first:last])
        assert A is not None  # A model has at least one iteration.
        return grid.average(A.to(Y.dtype) @ self.W.T + mu)

    def estimate(self, decoded: Tensor, mu: Tensor, grid: PatchGrid) -> Tensor:
        """Centred patches E of the estimate, averaged over overlaps if the model uses middle averaging.

        Parameters
        ----------
        decoded : Tensor (b, N, m)
            Decoded codes A Wᵀ.
        mu : Tensor (b, N, 1)
            Means of the patches.
        grid : PatchGrid
            Positions of the patches.

        Returns
        -------
        Tensor (b, N, m)
        """
        if not self.config.middle_averaging:
            return decoded
        return grid.extract(grid.average(decoded + mu)) - mu

    def kappa_factor(self, level: Tensor | float | None) -> Tensor:
        """Factor of κ, so of the features, at a noise level: 25/σ in a blind model with `relative_distance`, else 1.

        Distances between patches are then measured in units of the noise, as κ of a model for one noise level is.

        Parameters
        ----------
        level : float or Tensor (b,), optional
            As for `thresholds_at`.

        Returns
        -------
        Tensor (), or (b, 1, 1) for one `level` per sample

        Examples
        --------
        >>> config = ModelConfig(patch_size=3, n_atoms=1, levels=(0, 50), relative_distance=True)
        >>> SparseCoder(config).kappa_factor(10.0)
        tensor(2.5000)
        """
        levels = self.config.levels
        if not self.config.relative_distance or levels is None or level is None:
            return self.D.new_ones(())
        sigma = torch.as_tensor(level, dtype=self.D.dtype, device=self.D.device)
        factor = KAPPA_LEVEL / sigma.clamp(LEAST_KAPPA_LEVEL, levels[-1])
        return factor if factor.ndim == 0 else factor.view(-1, 1, 1)

    def features(self, E: Tensor, number: int, *, mosaic: bool) -> Tensor:
        """Features F, whose squared distances define the similarity (equation 14).

        The patches are centred, those of equation 14 are not. The first similarity of a mosaic sums over the channels,
        since each channel measures other pixels.

        Parameters
        ----------
        E : Tensor (b, N, m)
            Centred patches of the estimate.
        number : int
            Index of the similarity: 0 for the first one, then one per update.
        mosaic : bool

        Returns
        -------
        Tensor (b, N, m), or (b, N, patch_size²) for the first similarity of a mosaic
            Patches multiplied by κ.
        """
        F = E * self.kappa[min(number, len(self.kappa) - 1)]
        return F.unflatten(-1, (self.config.channels, -1)).sum(-2) if mosaic and number == 0 else F

    def nu(self, number: int) -> Tensor | None:
        """ν in (0, 1), the weight of similarity `number` in its update (section 3.3); None for the first similarity."""
        return None if number == 0 else torch.sigmoid(self.nu_logit[min(number - 1, len(self.nu_logit) - 1)])

    def _window(self, grid: PatchGrid, source_weight: float, Y: Tensor) -> Tensor:
        """Mask of the pairs of patches that are compared, or their weights, (N, N) [source, target]."""
        inside = window_mask(grid.rows, grid.columns, self.config.window, grid.stride, device=Y.device)
        return inside if source_weight == 1 else source_weights(inside, source_weight, Y.dtype)

    def _path(self, Y: Tensor, M: Tensor | None, matmul_dtype: torch.dtype | None) -> IterationPath:
        """The fast path if a type of its products is given, the penalty has one, and no `torch.func` transform runs."""
        steps = FAST_STEPS.get(self.config.penalty)
        if matmul_dtype is None or steps is None or transformed():
            return PlainPath(Y, M, self.D, self.C, self.penalty)
        return FastPath(Y, M, self.D, self.C, self.penalty, steps, matmul_dtype)
