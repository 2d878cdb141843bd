"""A plugin of napari that removes the noise of an image layer: one image, a stack of any number of axes, or colours.

`groupsc/napari.yaml` is its manifest. Only the functions of the widget need napari and magicgui, which napari installs.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from groupsc.utils.errors import GroupSCError

if TYPE_CHECKING:
    import numpy as np

LayerData = tuple[Any, dict[str, Any], str]
"""Data, attributes and type of a layer of napari, as `layer.as_layer_data_tuple()` returns them."""

PAUSE = 0.2
"""Seconds between two messages about the progress."""

LEAST = 2.0
"""Seconds after which the time left is predicted."""


def denoise_layer(
    layer: LayerData,
    sigma: float | None = None,
    speed: str = "balanced",
    *,
    device: str = "auto",
    advance: Callable[[float], None] | None = None,
) -> LayerData:
    """Remove noise from an image layer.

    Parameters
    ----------
    layer : (array, dict, str)
        Data (..., H, W), or (..., H, W, 3 or 4) if the attribute "rgb" is true. The last channel of four is
        transparency. Of several scales, the first one is restored.
    sigma : float, optional
        Standard deviation of the noise in the units of the data; by default it is estimated from each image.
    speed : {"fast", "balanced", "best"}
        As `groupsc denoise --speed`, decided at the first image.
    device : str
        "cpu", "cuda" or "auto".
    advance : callable, optional
        It is called with the completed share, 0 to 1, and can raise an exception to stop.

    Returns
    -------
    (array, dict, str)
        A layer with the same attributes, type of data and shape. Its "metadata" has the key "groupsc": σ and weights of
        each image.

    Raises
    ------
    GroupSCError
        If the layer is no image, or as for `groupsc.denoise`.

    Examples
    --------
    >>> noisy = np.random.default_rng(0).normal(100, 20, (2, 24, 32)).astype(np.uint8)  # doctest: +SKIP
    >>> denoise_layer((noisy, {"name": "cells", "scale": (2, 1, 1)}, "image"), 20)[1]["name"]  # doctest: +SKIP
    'cells denoised'
    """
    import numpy as np

    from groupsc.api import denoise_with_facts

    data, attributes, kind = layer
    if kind != "image":
        raise GroupSCError(f"a layer of type {kind} can't be denoised; choose an image layer")
    data = data[0] if attributes.get("multiscale") else data
    colors = bool(attributes.get("rgb"))
    images = list(np.ndindex(*data.shape[: -3 if colors else -2]))
    restored = np.empty(data.shape, data.dtype)
    facts: list[dict[str, Any]] = []
    method: str | None = None
    for number, place in enumerate(images):
        image = np.asarray(data[place])
        channels, alpha = (image[..., :3], image[..., 3:]) if colors else (image, None)
        where = alpha[..., 0] > 0 if alpha is not None and alpha.size else None
        axis = -1 if colors else None
        method = method or _method(channels, sigma, speed, axis, where, device)
        found, known = denoise_with_facts(
            channels, sigma, method=method, channel_axis=axis, where=where, device=device,
            progress=_steps(advance, number, len(images)),
        )  # fmt: skip
        restored[place] = found if alpha is None else np.concatenate([found, alpha], axis=-1)
        facts.append({"sigma": known.get("sigma"), "weights": known["weights"]})
    attributes = {name: value for name, value in attributes.items() if name != "multiscale"}
    attributes["name"] = f"{attributes.get('name', 'image')} denoised"
    attributes["metadata"] = {**(attributes.get("metadata") or {}), "groupsc": facts}
    return restored, attributes, kind


def _method(
    image: np.ndarray, sigma: float | None, speed: str, axis: int | None, where: np.ndarray | None, device: str
) -> str:
    """Choose the method for an image as `groupsc denoise --speed` does."""
    from groupsc.api import noise_task
    from groupsc.cli.batch.choosing import choose_model
    from groupsc.cli.batch.operations import Level
    from groupsc.cli.batch.settings import Settings
    from groupsc.io.arrays import one_if_equal, unpack
    from groupsc.noise.noise_level import noise_and_range

    settings = Settings(speed=speed, device=device)
    settings.check()
    pixels = one_if_equal(unpack(image, axis, scaled=False)[0])
    used, found = noise_and_range(pixels, sigma, where)
    level = Level(task=noise_task(pixels), value=found.level(used), text="")
    choice = choose_model(pixels.shape[1:], level, settings)
    return settings.method_with(choice.weights) or "best"


def _steps(advance: Callable[[float], None] | None, number: int, images: int) -> Any:
    """Return a class with the methods of a progress bar, which calls `advance` with the share of all images."""
    if advance is None:
        return False
    report = advance  # Known not to be None within the class.

    class Steps:
        """The steps of one restoration; an image with correlated noise or several levels has several."""

        def __init__(self, *, total: int, unit: str):
            self.total, self.done = total, 0
            self.update(0)

        def update(self, steps: int = 1) -> None:
            self.done += steps
            report((number + self.done / max(1, self.total)) / images)

        def close(self) -> None:
            pass

    return Steps


class _Stopped(Exception):
    """The user stopped a restoration."""


def in_background(
    layer: LayerData, sigma: float | None, speed: str, stop: threading.Event
) -> Generator[str, None, LayerData | None]:
    """Denoise a layer in a thread.

    Parameters
    ----------
    layer, sigma, speed
        As for `denoise_layer`.
    stop : threading.Event
        Stops the restoration after its current step.

    Yields
    ------
    str
        The completed share and the time left, several times per second.

    Returns
    -------
    LayerData or None
        The new layer; None if it was stopped.

    Examples
    --------
    >>> words = in_background((np.zeros((9, 9)), {}, "image"), 25, "fast", threading.Event())  # doctest: +SKIP
    """
    from groupsc.utils.durations import duration

    start, share = time.perf_counter(), 0.0

    def advance(done: float) -> None:
        nonlocal share
        share = max(share, done)
        if stop.is_set():
            raise _Stopped

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(denoise_layer, layer, sigma, speed, advance=advance)
        try:
            while not future.done():
                seconds = time.perf_counter() - start
                left = f", about {duration(seconds / share - seconds)} left" if share and seconds > LEAST else ""
                yield f"{100 * share:.0f} %{left}"
                wait([future], timeout=PAUSE)
        finally:
            stop.set()  # Also when the generator is closed.
    try:
        return future.result()
    except _Stopped:
        return None


def denoise_widget() -> Any:
    """Return the widget that napari shows.

    Examples
    --------
    >>> viewer.window.add_dock_widget(denoise_widget())  # doctest: +SKIP
    """
    from magicgui import widgets
    from napari import current_viewer
    from napari.layers import Image, Layer
    from napari.qt.threading import create_worker
    from napari.utils.notifications import show_error

    from groupsc.cli.batch.settings import SPEEDS

    image = widgets.create_widget(annotation=Image, name="image")
    sigma = widgets.LineEdit(label="σ", tooltip="Noise level in the units of the data. Empty: it is estimated.")
    speed = widgets.ComboBox(label="speed", choices=SPEEDS, value="balanced")
    status = widgets.Label(value="")
    run, stop = widgets.PushButton(text="Remove noise"), widgets.PushButton(text="Stop", enabled=False)
    stopped = threading.Event()

    def begin() -> None:
        viewer = current_viewer()
        try:
            if image.value is None:
                raise GroupSCError("there is no image layer; open an image")
            given = _sigma(sigma.value)
        except GroupSCError as error:
            show_error(str(error))
            return
        stopped.clear()
        run.enabled, stop.enabled = False, True
        layer = image.value.as_layer_data_tuple()
        worker = create_worker(
            in_background, layer, given, speed.value, stopped, _start_thread=False, _ignore_errors=True
        )
        worker.yielded.connect(lambda words: setattr(status, "value", words))
        worker.returned.connect(functools.partial(add, viewer))
        worker.errored.connect(lambda error: show_error(str(error)))
        worker.finished.connect(end)
        worker.start()

    def add(viewer: Any, layer: LayerData | None) -> None:
        if layer is not None:
            viewer.add_layer(Layer.create(*layer))

    def end() -> None:
        run.enabled, stop.enabled, status.value = True, False, ""

    run.clicked.connect(begin)
    stop.clicked.connect(stopped.set)
    return widgets.Container(widgets=[image, sigma, speed, run, stop, status])


def _sigma(text: str) -> float | None:
    """Read the field of σ: a number, or nothing."""
    try:
        return float(text) if text.strip() else None
    except ValueError as error:
        raise GroupSCError(f"σ is {text!r}; give a number, or nothing to estimate it") from error
