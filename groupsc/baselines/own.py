"""Measure an own function or network in the same run, and on the same degraded images, as the models and baselines."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from groupsc.baselines.base import Baseline
from groupsc.baselines.identity import identity
from groupsc.config.definitions import LEVEL_NAMES, TASKS
from groupsc.utils.errors import GroupSCError, TooLittleMemoryError
from groupsc.utils.typing import PathLike

NO_MEMORY = re.compile("can't allocate memory|not enough memory|out of memory", re.IGNORECASE)
"""Words in the messages of torch when the memory of the CPU or of a GPU is full."""


NEEDED = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
"""Kinds of parameters that a call must give a value if they have no default."""


class OwnMethod(Baseline):
    """A function or a `torch.nn.Module` that restores images.

    It is called with the degraded image, a float32 tensor (1, c, H, W) in about [0, 1], and returns a tensor or an
    array of that shape. Further arguments are given by their names, where its signature has them: `sigma`, the standard
    deviation of the noise in the range of the image (25 / 255); `level`, σ in gray levels of 255 or the JPEG quality;
    `mask`, (1, 3, H, W), 1 where a value of a mosaic was measured. A module is called in evaluation mode and without
    gradients, on the device of its parameters; its modes are the same afterwards.

    Parameters
    ----------
    function : callable or torch.nn.Module
    name : str, optional
        Name in results, made of small letters, digits and dashes; by default that of the function or of its class.
    device : str
        Device on which a function gets its tensors; "auto" is the CPU.
    data_dir : path
        Data directory.

    Raises
    ------
    GroupSCError
        When `function` can't be called, or has no name.

    Examples
    --------
    >>> def halved(x, sigma):
    ...     return x * (1 - sigma)
    >>> method = OwnMethod(halved)
    >>> method.name, float(method.restore(np.ones((1, 4, 4), np.float32), "gray", 127.5)[0, 0, 0])
    ('halved', 0.5)
    """

    tasks: tuple[str, ...] = TASKS
    reference = "own method"

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str | None = None,
        device: str = "auto",
        data_dir: PathLike = "data/raw",
    ):
        import torch

        super().__init__(data_dir)
        if inspect.isclass(function):
            raise GroupSCError(f"{function.__name__} is a class; give an instance, such as {function.__name__}()")
        if not callable(function):
            raise GroupSCError(f"{function!r} is no function and no torch module; give one that restores an image")
        self.function = function
        self.name = _name_of(function) if name is None else _safe(name)
        if not self.name:
            raise GroupSCError("the method has no name; give one by `name`, with small letters, digits and dashes")
        self.module = function if isinstance(function, torch.nn.Module) else None
        tensors = [] if self.module is None else [*self.module.parameters(), *self.module.buffers()]
        self.parameters = sum(p.numel() for p in self.module.parameters()) if self.module is not None else 0
        self.device = str(tensors[0].device) if tensors else "cpu" if device == "auto" else device

    def __call__(self, x: Any, **further: Any) -> Any:
        """Call the function; an evaluation takes callables only."""
        return self.function(x, **further)

    def restore(self, degraded: np.ndarray, task: str, level: float | None) -> np.ndarray:
        """Restore an image; parameters and result as for `Baseline.restore`.

        Raises
        ------
        GroupSCError
            When the function has other arguments without defaults, or when the result is no tensor and no array, or has
            another shape than the image.
        TooLittleMemoryError
            When the memory is too small for the image.
        """
        import torch

        x = torch.from_numpy(np.ascontiguousarray(degraded))[None].to(self.device)
        with _evaluating(self.module), torch.inference_mode(), _within_memory(self.name):
            restored = self.function(x, **self._further(task, level, degraded.shape[-2:]))
            if not isinstance(restored, (torch.Tensor, np.ndarray)):
                raise GroupSCError(f"{self.name} returns a {type(restored).__name__}; return a tensor or an array")
            found = torch.as_tensor(restored).detach().to("cpu", torch.float32)
        if found.shape not in (x.shape, x.shape[1:]):
            raise GroupSCError(
                f"{self.name} returns the shape {tuple(found.shape)} for {tuple(x.shape)}; return that shape"
            )
        return found.reshape(degraded.shape).numpy()

    def _further(self, task: str, level: float | None, size: tuple[int, int]) -> dict[str, Any]:
        """The arguments beside the image that the function takes, by name."""
        from groupsc.data.degradations import bayer_mask

        called = self.function if self.module is None else self.module.forward
        try:
            names = inspect.signature(called).parameters
        except (TypeError, ValueError):  # Functions written in C may have no signature.
            return {}
        found: dict[str, Any] = {}
        if "sigma" in names and LEVEL_NAMES[task] == "sigma" and level is not None:
            found["sigma"] = level / 255
        if "level" in names and level is not None:
            found["level"] = level
        if "mask" in names and task == "mosaic":
            found["mask"] = bayer_mask(*size)[None].to(self.device)
        further = list(names.values())[1:]  # The first one is the image.
        needed = [p for p in further if p.default is p.empty and p.kind in NEEDED]
        missing = [p.name for p in needed if p.kind is p.POSITIONAL_ONLY or p.name not in found]
        if missing:
            also = ", ".join(found) or "nothing else"
            raise GroupSCError(
                f"{self.name} needs {', '.join(missing)}, but for the task {task!r} it gets the image and {also}; give "
                "the other arguments defaults"
            )
        return found

    def digest(self, task: str, level: float | None) -> str | None:
        """Return the sha256 of the code and the values that the function or the module uses."""
        return identity(self.function)


class Unloadable(Baseline):
    """A method of another package that can't be loaded.

    Parameters
    ----------
    name, reason : str

    Examples
    --------
    >>> Unloadable("mine", "its package is damaged").unfit("gray", 25)
    'its package is damaged'
    """

    tasks = TASKS

    def __init__(self, name: str, reason: str):
        super().__init__()
        self.name, self.reason = name, reason

    def unfit(self, task: str, level: float | None) -> str | None:
        return self.reason

    def restore(self, degraded: np.ndarray, task: str, level: float | None) -> np.ndarray:
        raise GroupSCError(self.reason)


def named_function(text: str) -> Callable[..., Any]:
    """Import a function, a class of networks without arguments, or a module object, given as `module:name`.

    Parameters
    ----------
    text : str
        The module is searched in the working directory first.

    Returns
    -------
    callable
        For a subclass of `torch.nn.Module`, an instance of it.

    Raises
    ------
    GroupSCError
        When the text has another form, nothing can be imported by that name, or it can't be called.

    Examples
    --------
    >>> named_function("math:sqrt")(4.0)
    2.0
    """
    module, sign, name = text.partition(":")
    if not sign or not all(part.isidentifier() for part in (*module.split("."), name)):
        raise GroupSCError(f"--method is {text!r}; write MODULE:FUNCTION, as in networks:denoise for networks.py")
    before = list(sys.path)
    sys.path.insert(0, os.getcwd())
    try:
        imported = importlib.import_module(module)
    except ImportError as error:
        raise GroupSCError(
            f"{text} can't be imported ({error}); call the command in the folder of the file, or install its package"
        ) from error
    finally:
        sys.path[:] = before
    if not hasattr(imported, name):
        raise GroupSCError(f"the module {module} has no function {name}; name one that it has")
    found = getattr(imported, name)
    made: Any = found() if inspect.isclass(found) else found
    if not callable(made):
        raise GroupSCError(f"{text} is no function and no network, but a {type(made).__name__}; name one that restores")
    return made


def _name_of(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", type(function).__name__)
    return _safe(name)


def _safe(name: str) -> str:
    """A name with small letters, digits and single dashes."""
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")


@contextlib.contextmanager
def _evaluating(module: Any) -> Iterator[None]:
    """Put a module into evaluation mode, and each of its parts back into its mode."""
    modes = [] if module is None else [(part, part.training) for part in module.modules()]
    for part, _ in modes:
        part.training = False
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


@contextlib.contextmanager
def _within_memory(name: str) -> Iterator[None]:
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError) and not NO_MEMORY.search(str(error)):
            raise
        raise TooLittleMemoryError(
            f"the memory is too small for {name} on this image; choose smaller images or another device"
        ) from error
