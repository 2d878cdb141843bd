"""A group of similar patches of an image, and the codes that several models give them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from groupsc.config.definitions import PENALTIES
from groupsc.config.labels import MODEL_LABELS
from groupsc.inference.explanation import recorded, seen_around
from groupsc.models.coder import SparseCoder
from groupsc.utils.errors import GroupSCError

PATCHES = 24
"""Patches in the group, the given one among them."""
NAMES = {PENALTIES[method]: title for method, title in MODEL_LABELS.items()}
"""What models are called, by penalty."""


@dataclass(frozen=True)
class Group:
    """Similar patches of an image, and their codes by several models.

    `degraded` (c, h, w) are the surroundings, `corners` (n, 2) the top and left of the patches in them, the given one
    first; `codes` the matrices (p, n), by the names of the models.
    """

    degraded: Tensor
    corners: np.ndarray
    codes: dict[str, Tensor]


def similar_patches(models: list[SparseCoder], image: Tensor, x: int, y: int, *, level=None, count=PATCHES) -> Group:
    """The patches that the last of the models finds most similar to the one around a pixel, and all models' codes.

    Parameters
    ----------
    models : list of SparseCoder
        With patches of one size; the last has a non-local prior.
    image : Tensor (c, H, W)
        Degraded, in [0, 1].
    x, y : int
        Column and row of the pixel.
    level : float, optional
        Of the noise, for blind models.
    count : int
        Patches in the group.

    Raises
    ------
    GroupSCError
        When the last model compares no patches, the sizes of patches differ, or the pixel lies outside.
    """
    config = models[-1].config
    if not models[-1].kind.nonlocal_ or len({model.config.patch_size for model in models}) > 1:
        raise GroupSCError("the last model chooses the patches for all; let it be CSR or GroupSC, of their patch size")
    seen, top, left = seen_around(models[-1], image, x, y)
    recorders = [recorded(model, seen, level)[0] for model in models]
    columns = seen.shape[-1] - config.patch_size + 1
    target = top * columns + left
    nearest = recorders[-1].similarities[-1][0, :, target].argsort(descending=True)
    chosen = torch.cat([torch.tensor([target]), nearest[nearest != target]])[:count]
    codes = {
        NAMES[model.config.penalty]: recorder.codes[0, chosen].T
        for model, recorder in zip(models, recorders, strict=True)
    }
    return Group(seen[0], np.stack(np.divmod(chosen.numpy(), columns), 1), codes)
