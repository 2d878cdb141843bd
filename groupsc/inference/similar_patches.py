"""Find a group of similar patches in an image and compute their codes by several models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from groupsc.config.definitions import PENALTIES
from groupsc.config.labels import MODEL_LABELS
from groupsc.inference.explanation import Recorder, seen_around
from groupsc.models.coder import SparseCoder
from groupsc.utils.errors import GroupSCError

PATCHES = 24
"""Number of patches in the group, the given one included."""
LABELS = {PENALTIES[method]: title for method, title in MODEL_LABELS.items()}
"""Labels of models, by penalty."""


@dataclass(frozen=True)
class Group:
    """Similar patches of an image, and their codes by several models.

    Parameters
    ----------
    degraded : Tensor (c, h, w)
        Part of the degraded image that contains the patches; with a patch stride, patches at its lower and right border
        may extend beyond it.
    corners : array (n, 2)
        Row and column of the upper left corner of each patch in this part; the given patch is first.
    codes : dict of str to Tensor (p, n)
        Codes of the patches, by the label of the model.
    """

    degraded: Tensor
    corners: NDArray[np.int64]
    codes: dict[str, Tensor]


def similar_patches(
    models: list[SparseCoder], image: Tensor, x: int, y: int, *, level: float | None = None, count: int = PATCHES
) -> Group:
    """Find the patches most similar to the patch around a pixel, and compute their codes by all models.

    The last similarity matrix Σ of the last model ranks the patches.

    Parameters
    ----------
    models : list of SparseCoder
        Models with the same patch size; the last one has a non-local prior.
    image : Tensor (c, H, W)
        Degraded image in [0, 1].
    x, y : int
        Column and row of the pixel.
    level : float, optional
        Noise σ in gray levels of 255, for blind models.
    count : int
        Number of patches in the group, the given one included.

    Returns
    -------
    Group

    Raises
    ------
    GroupSCError
        If the last model has no similarity matrix, the patch sizes differ, or the pixel lies outside the image.

    Examples
    --------
    >>> from groupsc.config.definitions import ModelConfig
    >>> sizes = {"patch_size": 3, "n_atoms": 8, "n_iterations": 2, "window": 5}
    >>> models = [SparseCoder(ModelConfig(**sizes, penalty=penalty)) for penalty in ("l1", "group")]
    >>> group = similar_patches(models, torch.full((1, 12, 10), 0.5), x=4, y=6, count=6)
    >>> group.corners.shape, group.codes["GroupSC"].shape
    ((6, 2), torch.Size([8, 6]))
    """
    grids = {(model.config.patch_size, model.config.patch_stride) for model in models}
    if not models[-1].kind.nonlocal_ or len(grids) > 1:
        raise GroupSCError(
            "the last model chooses the patches for all models; give a CSR or GroupSC model last, and models of the "
            "same patch size and patch stride"
        )
    seen, top, left = seen_around(models[-1], image, x, y)
    recorders = [Recorder(model) for model in models]
    for recorder in recorders:
        recorder(seen, level=level)
    grid = models[-1].patch_grid(seen.shape[-2], seen.shape[-1])
    target = grid.number(top, left)
    nearest = recorders[-1].similarities[-1][0, :, target].argsort(descending=True)
    chosen = torch.cat([torch.tensor([target]), nearest[nearest != target]])[:count]
    codes = {
        LABELS[model.config.penalty]: recorder.codes[0, chosen].T
        for model, recorder in zip(models, recorders, strict=True)
    }
    corners = grid.stride * np.stack(np.divmod(chosen.numpy(), grid.columns), 1)
    return Group(seen[0], corners, codes)
