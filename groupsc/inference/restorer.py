"""Wrap a trained model as a torch module, for use in other programs, plug-and-play algorithms and export."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from groupsc.config.definitions import experiment_name, method_name
from groupsc.config.grid import VARIANT
from groupsc.inference.differentiable import restore_with_gradients
from groupsc.inference.sliding_window import codes_of
from groupsc.inference.tiling import restore
from groupsc.models.coder import SparseCoder
from groupsc.ops.transforms import transformed
from groupsc.utils.errors import GroupSCError
from groupsc.utils.typing import PathLike
from groupsc.utils.version import code_version
from groupsc.weights.files import save_weights
from groupsc.weights.released import releases

HIGHEST_GAIN = 2.0
"""Largest factor that scales an image to bring its noise to the trained level. The codes are not bounded at contrasts
outside the training data: beyond twice the contrasts of the training, they can grow from iteration to iteration."""


class Restorer(nn.Module):
    """A coder with its card, as a torch module.

    Noise only widens the range of values of an image, so the estimate of a denoiser is clipped to the range of the
    noisy image. This also bounds plug-and-play algorithms, which call the model with images unlike its training data.

    Parameters
    ----------
    coder : SparseCoder
    card : dict
        Metadata of the weights file: name, task, level and settings of the training.
    precision : {"auto", "float32", "bfloat16"}
        Matrix products of float32 images; see `groupsc.inference.tiling.restore`. With gradients, they are float32.

    Examples
    --------
    >>> from groupsc.config.definitions import ModelConfig
    >>> coder = SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, penalty="l1")).requires_grad_(False)
    >>> model = Restorer(coder, {"name": "small", "task": "gray", "level": 25})
    >>> model(torch.full((2, 1, 9, 8), 0.5), sigma=0.1).shape
    torch.Size([2, 1, 9, 8])
    """

    def __init__(self, coder: SparseCoder, card: dict[str, Any], *, precision: str = "auto"):
        super().__init__()
        self.coder, self.card, self.precision = coder, card, precision

    def forward(
        self, x: Tensor, sigma: Tensor | float | None = None, mask: Tensor | None = None, **unknown: object
    ) -> Tensor:
        """Restore a batch of images; `x` and `sigma` are the arguments of deepinv's denoisers.

        Images of any size are restored in whole-image mode, and so are they with gradients of images, noise levels or
        parameters (`groupsc.inference.differentiable`). In an export and in transforms of `torch.func`, the plain coder
        restores the image as one block; its memory grows with the square of the number of pixels.

        Parameters
        ----------
        x : Tensor (b, c, H, W)
            Images in [0, 1].
        sigma : float or Tensor (b,), optional
            Noise level in the range of the image (0.1, not 25); by default the level of the training. Blind models need
            it.
        mask : Tensor (c, H, W) or (b or 1, c, H, W), optional
            1 where a value of a mosaic was measured; models for mosaics need it.

        Returns
        -------
        Tensor (b, c, H, W)
            Restored images with the type and the device of x, not clipped to [0, 1].

        Raises
        ------
        GroupSCError
            If the images have another number of channels than the model, the number of noise levels differs from that
            of the images, the mask has another shape, the mask of mosaics is missing, or another argument is given.
        """
        if unknown:
            raise GroupSCError(f"a model takes no {' and no '.join(unknown)}; it takes x, sigma and mask")
        self._check(x, mask)
        given, where = x, self.coder.D.device
        x = x.to(where, torch.promote_types(x.dtype, torch.float32))
        if mask is not None:
            mask = (mask[None] if mask.ndim == 3 else mask).to(where)
        level = None
        if sigma is not None:
            level = 255 * torch.as_tensor(sigma, dtype=x.dtype, device=x.device).flatten()
            if len(level) not in (1, len(x)):
                raise GroupSCError(
                    f"{len(level)} noise levels were given for {len(x)} images; give one level, or one per image"
                )
            level = level.expand(len(x))
        plain = torch.compiler.is_exporting() or transformed()
        if plain or (torch.is_grad_enabled() and self._learns(x, level)):
            dtype = self.coder.D.dtype
            mask, level = (a if a is None else a.to(dtype) for a in (mask, level))
            by = None if plain else restore_with_gradients
            return self._scaled(functools.partial(self.coder, by=by), x.to(dtype), mask, level).to(given)
        return self._one_by_one(x, mask, level).to(given)

    def _learns(self, x: Tensor, level: Tensor | None) -> bool:
        """Whether an image, its noise level or a parameter needs gradients."""
        tensors = (x, *self.coder.parameters()) if level is None else (x, level, *self.coder.parameters())
        return any(tensor.requires_grad for tensor in tensors)

    def _one_by_one(self, x: Tensor, mask: Tensor | None, level: Tensor | None) -> Tensor:
        """Restore each image of a batch in whole-image mode."""
        levels = [None] * len(x) if level is None else level.tolist()
        masks = [mask] * len(x) if mask is None or len(mask) == 1 else mask.split(1)
        images = zip(x.split(1), masks, levels, strict=True)
        function = functools.partial(self.coder, by=functools.partial(restore, precision=self.precision))
        return torch.cat([self._scaled(function, *image) for image in images])

    def _check(self, x: Tensor, mask: Tensor | None) -> None:
        channels = self.coder.config.channels
        if x.ndim != 4 or x.shape[1] != channels:
            raise GroupSCError(f"the images have the shape {tuple(x.shape)}; give a batch (b, {channels}, H, W)")
        if not len(x):
            raise GroupSCError(f"the batch of shape {tuple(x.shape)} contains no image; give at least one")
        if mask is None and self.card["task"] == "mosaic":
            raise GroupSCError("this model restores mosaics; give the mask of the measured values")
        if mask is not None and mask.shape not in (x.shape, (1, *x.shape[1:]), x.shape[1:]):
            raise GroupSCError(
                f"the mask has the shape {tuple(mask.shape)} and the images {tuple(x.shape)}; give a mask of their "
                "shape"
            )

    def _scaled(
        self, function: Callable[..., Tensor], x: Tensor, mask: Tensor | None, level: Tensor | float | None
    ) -> Tensor:
        """Apply `function(x, mask, level=…)` to images multiplied by their gain, and divide the result by it."""
        gain = self.gain(level)
        level = None if level is None else level * gain
        if isinstance(gain, Tensor):
            gain = gain.view(-1, 1, 1, 1)
        return self._within(x, function(x * gain, mask, level=level) / gain)

    def _within(self, x: Tensor, restored: Tensor) -> Tensor:
        """Clip the estimates of a denoiser to the range of the noisy image x; leave other estimates unchanged."""
        if self.card["task"] not in ("gray", "color"):
            return restored
        return restored.clamp(x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True))

    def gain(self, level: Tensor | float | None) -> Tensor | float:
        """Compute the factor that brings the noise of an image to the trained level.

        Blind models scale only images whose noise exceeds their highest level, down to this level.

        Parameters
        ----------
        level : float or Tensor (b,), optional
            Noise σ in gray levels of 255.

        Returns
        -------
        float or Tensor, of the shape of `level`
            Factor of at most `HIGHEST_GAIN`, and at most 1 for blind models. It is 1 if no level is given, and for
            models that do not remove noise.

        Examples
        --------
        >>> from groupsc.config.definitions import ModelConfig
        >>> coder = SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, penalty="l1"))
        >>> float(Restorer(coder, {"task": "gray", "level": 25}).gain(20.0))
        1.25
        """
        trained, levels = self.card.get("level"), self.coder.config.levels
        goal, highest = (trained, HIGHEST_GAIN) if levels is None else (levels[-1], 1.0)
        if level is None or goal is None or (levels is None and self.card["task"] == "jpeg"):
            return 1.0
        level = torch.as_tensor(level, device=self.coder.D.device)
        return torch.clamp(goal / torch.clamp(level, min=1e-6), max=highest)

    def restore(
        self, image: NDArray[Any], *, mask: NDArray[Any] | None = None, level: float | None = None, **options: Any
    ) -> NDArray[Any]:
        """Restore one image, given as a numpy array.

        Parameters
        ----------
        image : array (c, H, W), float32 or float64
            Degraded image in [0, 1].
        mask : array (c, H, W), optional
            1 where a value was measured.
        level : float, optional
            Noise σ in gray levels of 255.
        **options
            As for `groupsc.inference.tiling.restore`.

        Returns
        -------
        array (c, H, W)
            Restored image with the type of the input, not clipped to [0, 1].

        Raises
        ------
        GroupSCError
            As for `groupsc.inference.tiling.restore`.

        Examples
        --------
        >>> from groupsc.config.definitions import ModelConfig
        >>> coder = SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, window=5)).requires_grad_(False)
        >>> model = Restorer(coder, {"name": "small", "task": "gray", "level": 25})
        >>> model.restore(np.full((1, 9, 8), 0.5), level=25.0).shape
        (1, 9, 8)
        """
        where = self.coder.D.device
        x = torch.from_numpy(np.ascontiguousarray(image))[None].to(where)
        M = None if mask is None else torch.from_numpy(mask)[None].to(where)
        by = functools.partial(restore, **{"precision": self.precision, **options})
        return self._scaled(functools.partial(self.coder, by=by), x, M, level)[0].cpu().numpy()

    def codes(self, x: Tensor, sigma: float | None = None, mask: Tensor | None = None) -> Tensor:
        """Compute the sparse codes of all patches of an image.

        Parameters
        ----------
        x : Tensor (1, c, H, W)
            Image, as for `forward`.
        sigma : float, optional
            Noise level, as for `forward`.
        mask : Tensor (1, c, H, W), optional
            1 where a value of a mosaic was measured.

        Returns
        -------
        Tensor (R, C, p)
            Codes A of the patches after the last iteration, for the R × C positions of a patch in the image. The
            restored patches are A Wᵀ, plus the means of the patches of x; the restored image is their average.

        Raises
        ------
        GroupSCError
            As `forward`, or when there are several images.

        Examples
        --------
        >>> from groupsc.config.definitions import ModelConfig
        >>> coder = SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, penalty="l1"))
        >>> Restorer(coder, {"task": "gray", "level": 25}).codes(torch.rand(1, 1, 9, 8), sigma=25 / 255).shape
        torch.Size([7, 6, 8])
        """
        if len(x) != 1:
            raise GroupSCError(f"codes of {len(x)} images were asked for; give one image at a time")
        self._check(x, mask)
        y = x.detach().to(self.coder.D)
        level = None if sigma is None else 255 * float(sigma)
        gain = float(self.gain(level))
        level = None if level is None else gain * level
        return codes_of(self.coder, gain * y, None if mask is None else mask.to(y), level=level) / gain

    def save(self, path: PathLike, *, name: str, level: float | None = None) -> Path:
        """Write the model to a weights file, for example after an own training.

        Its card has the name, the task, the method, the level, the size and the earlier trainings of the model. It has
        no settings of a training and no validation PSNR, since these belong to the weights before. In results and
        tables, the method is "<method>-<name>".

        Parameters
        ----------
        path : path
            File with the ending .safetensors.
        name : str
            Name of the model, made of small letters, digits and at most one dash, such as "tuned" or "mine-v2".
        level : float, optional
            σ in gray levels of 255, or JPEG quality, that the model was trained for; by default the level before.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        GroupSCError
            When the name has other letters or is that of a released model, or the file can't be written.

        Examples
        --------
        >>> model.save("tuned.safetensors", name="tuned", level=20)  # doctest: +SKIP
        """
        if not re.fullmatch(VARIANT, name) or name.startswith("blind"):
            raise GroupSCError(
                f"the name is {name!r}; write small letters, digits and at most one dash, such as mine-v2"
            )
        card, level = self.card, self.card.get("level") if level is None else float(level)
        before = {key: card[key] for key in ("name", "steps", "minutes", "device") if key in card}
        kept = {key: card[key] for key in ("task", "method") if key in card}
        own = {
            "name": experiment_name(card["task"], method_name(card["method"], name), level),
            "variant": name,
            "level": level,
            "earlier": [*card.get("earlier", []), before],
            "code_version": code_version(),
        }
        if own["name"] in releases():
            raise GroupSCError(f"a released model has the name {own['name']}; choose another name")
        save_weights(path, self.coder, kept | own)
        return Path(path)

    def require(self, task: str) -> None:
        """Raise an error unless the model was trained for the task.

        Parameters
        ----------
        task : {"gray", "color", "mosaic", "jpeg"}

        Raises
        ------
        GroupSCError
            If the model was trained for another task.
        """
        if self.card["task"] != task:
            raise GroupSCError(
                f"the model {self.card.get('name')} was trained for the task {self.card['task']!r}, not for {task!r}; "
                "choose other weights"
            )
