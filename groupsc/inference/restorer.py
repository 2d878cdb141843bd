"""Wrap a trained model as a torch module, for use in other programs, plug-and-play algorithms and export."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from groupsc.inference.differentiable import restore_with_gradients
from groupsc.inference.restoration import restore
from groupsc.inference.sliding_window import codes_of
from groupsc.models.coder import SparseCoder
from groupsc.models.noise_scaling import gain_and_share, value_spread
from groupsc.ops.transforms import transformed
from groupsc.utils.digests import parameters_digest
from groupsc.utils.errors import GroupSCError
from groupsc.utils.typing import PathLike
from groupsc.weights.cards import check_card
from groupsc.weights.own_models import save_own
from groupsc.weights.selection import LEAST_BLIND


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
        Matrix products of float32 images; see `groupsc.inference.restoration.restore`. With gradients, they are in
        float32.

    Raises
    ------
    GroupSCError
        When the card does not describe a model like the coder; see `groupsc.weights.cards.check_card`.

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
        check_card(card, coder.config)
        self.coder, self.card, self.precision = coder, card, precision
        self.digest: str | None = None

    def forward(
        self, x: Tensor, sigma: Tensor | float | None = None, mask: Tensor | None = None, **unknown: object
    ) -> Tensor:
        """Restore a batch of images; `x` and `sigma` are the arguments of deepinv's denoisers.

        Images of any size are restored in whole-image mode, also when gradients of images, noise levels or parameters
        are needed (`groupsc.inference.differentiable`). In an export and in transforms of `torch.func`, the plain coder
        restores the image as one block; its memory grows with the square of the number of pixels.

        Parameters
        ----------
        x : Tensor (b, c, H, W)
            Images in [0, 1]; with `sigma`, images of any range.
        sigma : float or Tensor (b,), optional
            Standard deviation of the noise in the units of the images, such as 25 / 255 for images in [0, 1]; at least
            0, and at most the range of the values or 1. By default the level of the training. Blind models need it.
        mask : Tensor (c, H, W) or (b or 1, c, H, W), optional
            1 where a value of a mosaic was measured; models for mosaics need it.

        Returns
        -------
        Tensor (b, c, H, W)
            Restored images with the type and the device of x, not clipped to [0, 1].

        Raises
        ------
        GroupSCError
            If the images are no floats or have another number of channels than the model, the number of noise levels
            differs from that of the images, a noise level is negative, NaN or too high, the mask has another shape, the
            mask of mosaics is missing, or another argument is given.

        Notes
        -----
        A model is trained for one noise level. Images with other noise are scaled to it, so that
        `model(c * x, c * sigma)` is `c * model(x, sigma)`. `CONTRAST_LIMIT` of `groupsc.models.noise_scaling` limits
        the factor. Let σ₀ be the lowest noise level that this factor brings to the trained one. Below σ₀, the result
        is a mixture of the restored and the noisy image. The weight of the restored image is the squared ratio of the
        noise of the scaled image to the trained level, about σ²/σ₀². The result is therefore continuous in σ, and
        `model(x, 0)` is x.
        """
        if unknown:
            raise GroupSCError(f"a model takes no {' and no '.join(unknown)}; it takes x, sigma and mask")
        self._check(x, mask)
        given, where = x, self.coder.D.device
        x = x.to(where, torch.promote_types(x.dtype, torch.float32))
        if mask is not None:
            mask = (mask[None] if mask.ndim == 3 else mask).to(where)
        level = None if sigma is None else self._level(x, sigma)
        plain = torch.compiler.is_exporting() or transformed()
        if plain or (torch.is_grad_enabled() and self._learns(x, level)):
            dtype = self.coder.D.dtype
            mask, level = (a if a is None else a.to(dtype) for a in (mask, level))
            function = self.coder if plain else functools.partial(restore_with_gradients, self.coder)
            return self._scaled(function, x.to(dtype), mask, level).to(given)
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
        function = functools.partial(restore, self.coder, precision=self.precision)
        return torch.cat([self._scaled(function, *image) for image in images])

    def _check(self, x: Tensor, mask: Tensor | None) -> None:
        channels = self.coder.config.channels
        if not isinstance(x, Tensor):
            raise GroupSCError(
                f"the images are a {type(x).__name__}; give a tensor (b, {channels}, H, W), or use `groupsc.denoise`, "
                "which takes arrays"
            )
        if not x.is_floating_point():
            raise GroupSCError(f"the images have the type {x.dtype}; give floats in [0, 1], such as x / 255")
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

    def _level(self, x: Tensor, sigma: Tensor | float) -> Tensor:
        """Return the noise levels of a batch in gray levels of 255, after a check that they fit the images."""
        try:
            sigma = torch.as_tensor(sigma, dtype=x.dtype, device=x.device).flatten()
        except (TypeError, ValueError) as error:
            raise GroupSCError(f"sigma is {sigma!r}; give a number, or one number per image") from error
        if len(sigma) not in (1, len(x)):
            raise GroupSCError(
                f"{len(sigma)} noise levels were given for {len(x)} images; give one level, or one per image"
            )
        if not (torch.compiler.is_compiling() or transformed()):
            wrong = ~((sigma >= 0) & (sigma <= value_spread(x).clamp(min=1)))
            if wrong.any():
                if not x.isfinite().all():
                    raise GroupSCError("the images contain NaN or infinite values; replace them first")
                value = float(sigma.expand(len(x))[wrong][0])
                hint = f"did you mean {value:g}/255?" if value > 0 else "give a number of at least 0"
                raise GroupSCError(f"sigma is {value:g}, in the units of the images; for images in [0, 1], {hint}")
        return 255 * sigma.expand(len(x))

    def _scaled(
        self,
        function: Callable[..., Tensor],
        x: Tensor,
        mask: Tensor | None,
        level: Tensor | float | None,
        *,
        guarded: bool = False,
    ) -> Tensor:
        """Apply `function(x, mask, level=…)` to scaled images, scale the results back, and mix them with the images."""
        if level is None or self._goal(torch.as_tensor(level)) is None:
            return self._within(x, function(x, mask, level=level))
        gain, share = self.scaling(x, level, guarded=guarded)
        factor = gain.view(-1, 1, 1, 1)
        restored = self._within(x, function(x * factor, mask, level=level * gain) / factor)
        return torch.lerp(x, restored, share.view(-1, 1, 1, 1))

    def _within(self, x: Tensor, restored: Tensor) -> Tensor:
        """Clip the estimates of a denoiser to the range of the noisy image x; leave other estimates unchanged."""
        if self.card["task"] not in ("gray", "color"):
            return restored
        return restored.clamp(x.amin((1, 2, 3), keepdim=True), x.amax((1, 2, 3), keepdim=True))

    def scaling(self, x: Tensor, level: Tensor | float, *, guarded: bool = False) -> tuple[Tensor, Tensor]:
        """Compute the factors that bring the noise of images to the trained level, and weights of the restored images.

        A blind model is trained for a range of levels; only images with noise outside it are scaled, to its nearest
        level. `CONTRAST_LIMIT` of `groupsc.models.noise_scaling` bounds the contrast of a scaled image. If it limits
        the factor, the noise stays below the trained level, and the restored image is mixed with the noisy one. Its
        weight is the squared ratio of the noise of the scaled image to the trained level. If the restoration has a
        smaller error than an image with noise of the trained level, the mixture has a smaller error than the image.

        Parameters
        ----------
        x : Tensor (b, c, H, W)
            Images with noise.
        level : float or Tensor (b,)
            Noise σ in gray levels of 255 for images in [0, 1].
        guarded : bool
            Whether a guard corrects the restoration, so that the factors can be higher.

        Returns
        -------
        gain : Tensor, of the shape of `level`
            Factors. They are 1 for models that do not remove noise.
        share : Tensor, of the shape of `level`
            Weights of the restored images, from 0 to 1; the noisy images have the remaining weight.

        Examples
        --------
        >>> from groupsc.config.definitions import ModelConfig
        >>> coder = SparseCoder(ModelConfig(patch_size=3, n_atoms=8, n_iterations=2, penalty="l1"))
        >>> model, x = Restorer(coder, {"task": "gray", "level": 20}), torch.linspace(0, 1, 64).view(1, 1, 8, 8)
        >>> [[round(float(value), 2) for value in model.scaling(x, level)] for level in (16, 2.5)]
        [[1.25, 1.0], [2.85, 0.13]]
        """
        level = torch.as_tensor(level, dtype=x.dtype, device=x.device)
        goal = self._goal(level)
        if goal is None:
            return torch.ones_like(level), torch.ones_like(level)
        return gain_and_share(x, level, goal, guarded=guarded)

    def _goal(self, level: Tensor) -> Tensor | float | None:
        """Return the trained level that noise is brought to; None for models that do not remove noise."""
        levels = self.coder.config.levels
        if self.card["task"] not in ("gray", "color"):
            return None
        return self.card.get("level") if levels is None else level.clamp(max(LEAST_BLIND, levels[0]), levels[-1])

    def restore(
        self,
        image: NDArray[Any],
        *,
        mask: NDArray[Any] | None = None,
        level: float | None = None,
        guarded: bool = False,
        **options: Any,
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
        guarded : bool
            As for `scaling`.
        **options
            As for `groupsc.inference.restoration.restore`.

        Returns
        -------
        array (c, H, W)
            Restored image with the type of the input, not clipped to [0, 1].

        Raises
        ------
        GroupSCError
            As for `groupsc.inference.restoration.restore`.

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
        function = functools.partial(restore, self.coder, **{"precision": self.precision, **options})
        scaled = self._scaled(function, x, M, level, guarded=guarded)
        return scaled[0].cpu().numpy()

    def codes(self, x: Tensor, sigma: float | None = None, mask: Tensor | None = None) -> Tensor:
        """Compute the sparse codes of all patches of an image.

        Parameters
        ----------
        x : Tensor (1, c, H, W)
            Image, as for `forward`.
        sigma : float, optional
            Noise level, as for `forward`.
        mask : Tensor (c, H, W) or (1, c, H, W), optional
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
        gain = 1.0 if level is None else float(self.scaling(y, level)[0])
        level = None if level is None else gain * level
        if mask is not None:
            mask = (mask[None] if mask.ndim == 3 else mask).to(y)
        return codes_of(self.coder, gain * y, mask, level=level) / gain

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
            Name of the model, made of small letters, digits and at most one dash, such as "tuned" or "mine-v2". No part
            is "blind", "guarded" or "known", or "trained", "sigma" or "quality" with or without a number.
        level : float, optional
            σ in gray levels of 255, or JPEG quality, that the model was trained for; by default the level before. Leave
            it out after a training with `model(x, sigma)`, which scales images to the level before.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        GroupSCError
            When the name has other letters or is that of a released model, the coder is of a subclass of
            `SparseCoder`, the file has another ending, or it can't be written.

        Examples
        --------
        >>> model.save("tuned.safetensors", name="tuned", level=20)  # doctest: +SKIP
        """
        return save_own(path, self.coder, self.card, name=name, level=level)

    def changed(self) -> bool:
        """Whether the parameters are others than those that `groupsc.load` read; False for a model that was not loaded.

        Examples
        --------
        >>> import groupsc
        >>> groupsc.load("gray-sc-sigma25", device="cpu").changed()
        False
        """
        return self.digest is not None and self.digest != parameters_digest(copy.deepcopy(self.coder).float())

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
