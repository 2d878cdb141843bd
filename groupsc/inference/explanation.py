"""Explain the restoration of one pixel by the similarities of its patch and the atoms that the patch uses.

Symbols as in `groupsc.models.coder`: Σ similarity matrix, W decoder (m, p), with m entries per patch and p atoms.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from groupsc.models.coder import SparseCoder
from groupsc.models.iterations import IterationPath
from groupsc.utils.errors import GroupSCError


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """Similarities and codes of the patch around one pixel of an image.

    Parameters
    ----------
    degraded, restored : Tensor (c, h, w)
        Part of the image around the pixel, at most one block of the model, before and after the restoration.
    top, left : int
        Row and column of the upper left corner of the patch in this part.
    similarities : Tensor (R, rows, columns)
        Similarities Σ between the patch and the patch at each position of this part, for the initial similarity matrix
        and after each update; 0 at positions between the patches of a model with a patch stride; R = 0 for SC.
    codes : Tensor (p,)
        Codes of the patch after the last iteration.
    W : Tensor (m, p)
        Decoder; its columns are the atoms.
    """

    degraded: Tensor
    restored: Tensor
    top: int
    left: int
    similarities: Tensor
    codes: Tensor
    W: Tensor

    def summary(self) -> dict[str, Any]:
        """Summarise the explanation in numbers.

        Returns
        -------
        dict
            `similar_patches`: the sum of Σ, initially and after each update; `atoms_in_use`: the number of non-zero
            codes; `atoms`: the codes of the 12 atoms with the largest magnitudes, by the number of the atom.
        """
        used = self.codes.abs().argsort(descending=True)[: int((self.codes != 0).sum())]
        return {
            "similar_patches": [round(float(Sigma.sum()), 2) for Sigma in self.similarities],
            "atoms_in_use": len(used),
            "atoms": {int(atom): round(float(self.codes[atom]), 4) for atom in used[:12]},
        }


def explain(
    model: Any,
    image: Tensor,
    x: int,
    y: int,
    *,
    mask: Tensor | None = None,
    level: float | None = None,
    gain: float = 1.0,
) -> Explanation:
    """Restore the part of an image around a pixel and keep the similarities and codes of the patch at the pixel.

    This is computed on the CPU. The pixel is in the middle of the patch, or as near to it as the border of the image
    and the patch stride allow.

    Parameters
    ----------
    model : SparseCoder or Restorer
        A coder, or a model that `groupsc.load` returned. The overridden methods of a subclass are used.
    image : Tensor (c, H, W)
        Degraded image in [0, 1].
    x, y : int
        Column and row of the pixel.
    mask : Tensor (c, H, W), optional
        1 where a value of a mosaic was measured; models for mosaics need it.
    level : float, optional
        Noise σ in gray levels of 255, for blind models.
    gain : float
        Factor that the image is multiplied by before the restoration, to bring its noise to a trained level; see
        `Restorer.scaling`. Σ and codes are those of the scaled image.

    Returns
    -------
    Explanation

    Raises
    ------
    GroupSCError
        If the pixel lies outside the image, the image is smaller than a patch or has another number of channels than
        the model, the mask has another shape than the image, or the mask of a mosaic is missing.

    Examples
    --------
    >>> from groupsc.config.definitions import ModelConfig
    >>> model = SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, window=5))
    >>> found = explain(model, torch.full((1, 12, 10), 0.5), x=4, y=6)
    >>> found.degraded.shape, found.similarities.shape, found.codes.shape
    (torch.Size([1, 7, 7]), torch.Size([1, 5, 5]), torch.Size([8]))
    >>> found.summary()["similar_patches"]
    [25.0]
    """
    coder: SparseCoder = model if isinstance(model, SparseCoder) else model.coder
    _check(coder, image, mask)
    if mask is None and getattr(model, "card", {}).get("task") == "mosaic":
        raise GroupSCError("this model restores mosaics; give the mask of the measured values")
    image = image.detach().cpu()
    surroundings, top, left = seen_around(coder, image, x, y)
    measured = None if mask is None else seen_around(coder, mask.cpu(), x, y)[0]
    recorder = Recorder(coder)
    restored = recorder(gain * surroundings, measured, level=None if level is None else gain * level)
    grid = coder.patch_grid(surroundings.shape[-2], surroundings.shape[-1])
    target = grid.number(top, left)
    positions = [(number - 1) * grid.stride + 1 for number in (grid.rows, grid.columns)]
    similarities = torch.zeros(len(recorder.similarities), *positions, dtype=restored.dtype)
    for field, Sigma in zip(similarities, recorder.similarities, strict=True):
        field[:: grid.stride, :: grid.stride] = Sigma[0, :, target].view(grid.rows, grid.columns)
    return Explanation(
        degraded=surroundings[0],
        restored=restored[0] / gain,
        top=top,
        left=left,
        similarities=similarities,
        codes=recorder.codes[0, target],
        W=recorder.coder.W.detach(),
    )


def _check(coder: SparseCoder, image: Tensor, mask: Tensor | None) -> None:
    channels, side = coder.config.channels, coder.config.patch_size
    if not isinstance(image, Tensor) or not image.is_floating_point():
        raise GroupSCError(f"the image is of the type {getattr(image, 'dtype', type(image))}; give a tensor of floats")
    if image.ndim != 3 or image.shape[0] != channels or min(image.shape[1:]) < side:
        raise GroupSCError(
            f"the image has the shape {tuple(image.shape)}; give an image ({channels}, H, W) of at least {side}×{side} "
            "pixels"
        )
    if mask is not None and (not isinstance(mask, Tensor) or mask.shape != image.shape):
        raise GroupSCError(
            f"the mask is a {type(mask).__name__} of the shape {tuple(mask.shape)}; give a tensor of the shape of the "
            f"image, {tuple(image.shape)}"
        )


class Recorder:
    """Restore images with a copy of a coder, and keep the similarity matrices and codes.

    The copy has the class of the coder, so that the prior and the similarity of a subclass are used.

    Parameters
    ----------
    coder : SparseCoder

    Attributes
    ----------
    coder : SparseCoder
        The copy.
    similarities : list of Tensor (b, N, N)
        Similarity matrices of all calls: per call the initial one and one per update; empty for SC.
    codes : Tensor (b, N, p)
        Codes after the last iteration of the last call.

    Examples
    --------
    >>> from groupsc.config.definitions import ModelConfig
    >>> model = SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, window=5))
    >>> recorder = Recorder(model)
    >>> _ = recorder(torch.full((1, 1, 6, 6), 0.5))
    >>> len(recorder.similarities), recorder.codes.shape
    (1, torch.Size([1, 16, 8]))
    """

    codes: Tensor

    def __init__(self, coder: SparseCoder):
        self.coder = copy.deepcopy(coder)
        self.similarities: list[Tensor] = []
        self._path = self.coder._path
        self.coder._path = self._recorded_path  # type: ignore[method-assign]  # Of this copy alone.

    def __call__(self, image: Tensor, mask: Tensor | None = None, *, level: float | None = None) -> Tensor:
        """Restore an image (b, c, H, W) as `SparseCoder.forward` does, in its type and on its device."""
        with torch.no_grad():
            restored: Tensor = self.coder.to(image)(image, mask, level=level)
        return restored

    def keep(self, codes: Tensor) -> None:
        """Keep the codes (b, N, p) after an iteration; a subclass can keep those of all iterations."""
        self.codes = codes

    def _recorded_path(self, Y: Tensor, M: Tensor | None, matmul_dtype: torch.dtype | None) -> IterationPath:
        return RecordedPath(self._path(Y, M, matmul_dtype), self)


class RecordedPath:
    """A path of the coder whose similarity matrices and codes a `Recorder` keeps."""

    def __init__(self, path: IterationPath, recorder: Recorder):
        self.path, self.recorder = path, recorder

    @property
    def Sigma(self) -> Tensor | None:
        """The similarity matrix of the path."""
        return self.path.Sigma

    def update(self, F: Tensor, nu: Tensor | None, inside: Tensor) -> None:
        """Update Σ and keep it."""
        self.path.update(F, nu, inside)
        assert self.Sigma is not None  # It was just updated.
        self.recorder.similarities.append(self.Sigma)

    def iterate(self, A: Tensor | None, thresholds: Tensor) -> Tensor:
        """Iterate and keep the codes after every iteration."""
        for number in range(len(thresholds)):
            A = self.path.iterate(A, thresholds[number : number + 1])
            self.recorder.keep(A)
        assert A is not None  # There is at least one iteration.
        return A


def seen_around(model: SparseCoder, image: Tensor, x: int, y: int) -> tuple[Tensor, int, int]:
    """Cut out the part of an image that the patch around a pixel sees, at most one block of the model.

    Parameters
    ----------
    model : SparseCoder
    image : Tensor (c, H, W)
    x, y : int
        Column and row of the pixel.

    Returns
    -------
    seen : Tensor (1, c, h, w)
    top, left : int
        Row and column of the upper left corner of the patch in this part, multiples of the patch stride.

    Raises
    ------
    GroupSCError
        If the pixel lies outside the image.

    Examples
    --------
    >>> from groupsc.config.definitions import ModelConfig
    >>> model = SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, window=5))
    >>> seen, top, left = seen_around(model, torch.zeros(1, 12, 10), x=4, y=6)
    >>> seen.shape, top, left
    (torch.Size([1, 1, 7, 7]), 2, 2)
    """
    height, width = image.shape[-2:]
    if not (0 <= x < width and 0 <= y < height):
        raise GroupSCError(
            f"the pixel {x},{y} lies outside the image; choose a column from 0 to {width - 1} and a row from 0 to "
            f"{height - 1}"
        )
    side, patch_size, stride = model.config.block(), model.config.patch_size, model.config.patch_stride
    row, column = _start(y, side, height, stride), _start(x, side, width, stride)
    seen = image[None, :, row : row + side, column : column + side]
    rows, columns = seen.shape[-2:]
    return seen, _start(y - row, patch_size, rows, stride), _start(x - column, patch_size, columns, stride)


def _start(place: int, side: int, length: int, stride: int) -> int:
    """Return where a part of an axis starts, at a multiple of the stride, so that the place is near its middle.

    The last part can extend past the end of the axis, as the patch grid does.
    """
    start = min(max(0, place - side // 2), max(0, length - side))
    start -= start % stride
    return start + stride * (place >= start + side)
