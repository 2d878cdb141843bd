"""Dictionary learning for the initial values of D, C and W, without SPAMS (section 3.6).

Online dictionary learning (Mairal, Bach, Ponce, Sapiro, 2010, https://jmlr.org/papers/v11/mairal10a.html) as
implemented in scikit-learn, on centred patches of the training images, for any patch size and number of channels.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import MiniBatchDictionaryLearning
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from groupsc.utils.errors import GroupSCError


def learn_dictionary(
    images: Iterable[NDArray[Any]],
    *,
    channels: int,
    patch_size: int,
    n_atoms: int,
    seed: int = 0,
    patches: int = 100_000,
    sparsity: float = 0.8,
    batch_size: int = 512,
) -> Tensor:
    """Learn a dictionary from clean images.

    Parameters
    ----------
    images : iterable of ndarray (c, H, W)
        Clean images in [0, 1].
    channels, patch_size, n_atoms : int
        Size of the dictionary: m = channels · patch_size² rows, p = n_atoms columns.
    seed : int, optional
        Seed of the random patches and of the initial atoms.
    patches : int, optional
        Number of patches to learn from. Flat patches are excluded, since they contain no structure.
    sparsity : float, optional
        Weight λ of the ℓ1 penalty for patch entries with unit variance; larger values give sparser codes.
    batch_size : int, optional
        Number of patches per step.

    Returns
    -------
    Tensor (m, p), float32
        Divided by its largest singular value, so that ISTA with unit step size converges.

    Raises
    ------
    GroupSCError
        When the images have another number of channels, are smaller than a patch, or contain too few patches.

    Examples
    --------
    >>> image = np.random.default_rng(0).random((1, 32, 32))
    >>> learn_dictionary([image], channels=1, patch_size=3, n_atoms=4, patches=100).shape
    torch.Size([9, 4])
    """
    rng = np.random.default_rng(seed)
    samples = _sample_patches(list(images), channels, patch_size, patches, rng)
    if len(samples) < 2 * n_atoms:
        raise GroupSCError(
            f"{len(samples)} patches with structure are too few to learn {n_atoms} atoms; "
            "use more images or fewer atoms"
        )
    first = samples[rng.choice(len(samples), n_atoms, replace=False)]
    learner = MiniBatchDictionaryLearning(
        n_components=n_atoms,
        alpha=sparsity,
        batch_size=batch_size,
        max_iter=1,
        fit_algorithm="cd",
        dict_init=first / np.linalg.norm(first, axis=1, keepdims=True),
        max_no_improvement=None,
        shuffle=False,
        random_state=int(rng.integers(2**31)),
    )
    with warnings.catch_warnings():
        # An online method does not need codes that are optimal to 1e-6.
        warnings.simplefilter("ignore", ConvergenceWarning)
        D = learner.fit(samples).components_.T
    D = D / np.linalg.norm(D, axis=0).clip(1e-8)
    return torch.from_numpy(D / np.linalg.norm(D, 2)).float()


def _sample_patches(
    images: list[NDArray[Any]], channels: int, patch_size: int, number: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Random centred patches that are not flat, as rows (number, m), scaled to unit variance over all entries."""
    wrong = [image.shape for image in images if image.shape[0] != channels or min(image.shape[1:]) < patch_size]
    if wrong or not images:
        raise GroupSCError(
            f"a dictionary for {channels} channels and {patch_size}×{patch_size} patches can't be learned "
            f"from images of the shapes {wrong[:3]}; use images with as many channels, not smaller than a patch"
        )
    per_image = -(-2 * number // len(images))
    drawn = []
    for image in images:
        views = np.lib.stride_tricks.sliding_window_view(
            image, (patch_size, patch_size), axis=(1, 2)
        )  # (c, rows, columns, patch_size, patch_size)
        rows, columns = rng.integers(views.shape[1], size=per_image), rng.integers(views.shape[2], size=per_image)
        drawn.append(views[:, rows, columns].transpose(1, 0, 2, 3).reshape(per_image, -1))
    samples: NDArray[np.float64] = np.concatenate(drawn).astype(np.float64)
    samples -= samples.mean(1, keepdims=True)
    structured = samples.std(1) > 0.02  # For values in [0, 1]; flat patches vary less.
    samples = rng.permutation(samples[structured])[:number]
    return samples / samples.std() if len(samples) else samples
