"""Restore the images of a data set and measure the result: one row per image and noise repetition.

Protocol: the noise is neither clipped nor quantised. It is drawn per (dataset, image, level, repetition) and so is the
same for every method. The output is clipped to [0, 1], except on the stress set, some of whose pictures exceed that
range. Metrics are computed over all pixels and channels; no border is cropped.
"""

from __future__ import annotations

import functools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from numbers import Real
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from groupsc import baselines
from groupsc.benchmark import metrics
from groupsc.benchmark.subjects import DEGRADED, INPUT, Subject, baseline_subject
from groupsc.config.checks import require_blocks
from groupsc.config.definitions import LEVEL_NAMES, TASKS, method_name, repetitions
from groupsc.data import datasets
from groupsc.data.bundled import STRESS
from groupsc.data.degradations import degrade, noise_generator
from groupsc.data.stress_set import stress_pictures
from groupsc.inference.restoration import restore
from groupsc.inference.restorer import Restorer
from groupsc.io.images import read_image, write_image
from groupsc.noise.noise_level import estimate_noise
from groupsc.utils.device import device_name, pick_own_device
from groupsc.utils.digests import file_digest, parameters_digest
from groupsc.utils.errors import GroupSCError
from groupsc.utils.memory import PeakMemory
from groupsc.utils.version import code_version
from groupsc.weights.cards import purpose
from groupsc.weights.files import load_weights
from groupsc.weights.released import with_released

NOISES = ("estimated", "known")


@dataclass(kw_only=True)
class Evaluation:
    """An evaluation: the model or baseline, the data set, and the settings of degradation and restoration.

    Parameters
    ----------
    weights : path, str, callable or torch.nn.Module
        A weights file, the name of a release, or a method of `groupsc.baselines`; "input" measures the degraded images
        themselves. A loaded model (`groupsc.load`) is measured as its file is, and another function or module as
        `groupsc.baselines.own.OwnMethod` describes.
    dataset : str
        A name of the registry, "Bundled" for the photographs that scikit-image includes, "stress" for the stress set
        (gray and color only), or a folder of own images.
    task, level : str, float, optional
        One of "gray", "color", "mosaic", "jpeg"; noise σ in gray levels of 255 or JPEG quality, none for mosaics. The
        default is the task and level of the weights file; baselines, "input" and blind models need a level. The method
        of a blind model is written as "groupsc-blind". A model that gets another level than that of its training is
        applied as by `groupsc.inference.restorer.Restorer`, and its method is written as "groupsc-trained25".
    noise : {"estimated", "known"}
        Noise level that a blind model gets: estimated from the degraded image alone, or the true one. With the true
        one, the method is written as "groupsc-blind-known".
    data_dir : path
        Data directory.
    images : int, optional
        Number of images, from the first; the default is all.
    repetitions : int
        Noise realisations per image; JPEG and mosaics have no noise and are measured once.
    mode, stride : str, int, optional
        Mode of `groupsc.inference.restoration.restore`: "whole", or "block" as in the paper, with the step between
        blocks in pixels (default: the side of the window).
    device : str
        "auto", "cpu" or "cuda".
    pictures : path, optional
        Folder for `<image>-clean.png`, `-degraded.png` and `-restored.png` (first repetition, clipped, 8 bit). Figures
        read them from `<experiment>/<dataset>` in their own folder of pictures.
    names : list of str, optional
        Images to save as pictures; the default is all.
    progress : bool
        Whether to show a progress bar.

    Raises
    ------
    GroupSCError
        As `groupsc.benchmark.evaluation.evaluate`.

    Examples
    --------
    >>> settings = Evaluation("input", "Bundled", task="gray", level=25).settings()
    >>> settings["experiment"], settings["parameters"]
    ('gray-input-sigma25', 0)
    """

    weights: str | Path | Callable[..., Any] = field(kw_only=False)
    dataset: str = field(kw_only=False)
    task: str | None = None
    level: float | None = None
    noise: str = "estimated"
    data_dir: str | Path = "data/raw"
    images: int | None = None
    repetitions: int = 1
    mode: str = "whole"
    stride: int | None = None
    device: str = "auto"
    pictures: str | Path | None = None
    names: list[str] | None = None
    progress: bool = True

    def __post_init__(self):
        if not isinstance(self.dataset, (str, os.PathLike)):
            kind = type(self.dataset).__name__
            raise GroupSCError(f"the data set is a {kind}; give the name of a data set or a folder with images")
        if not callable(self.weights):
            [self.weights] = with_released([self.weights])
        self._check_options()
        model = isinstance(self.weights, Restorer)
        self.baseline = None if model else baselines.chosen(self.weights, self.data_dir, device=self.device)
        self.torch_device = pick_own_device(self.device if self.baseline is None else self.baseline.device)
        if self.level is not None and not isinstance(self.level, Real):
            raise GroupSCError(f"the level is {self.level!r}; give one number")
        self.level = None if self.level is None else float(self.level)
        self.model: Any = None
        self.digest, self.method, self.blind, self.trained = None, INPUT, False, None
        if str(self.weights) != INPUT and self.baseline is None:
            self._load()
        self._check_task_and_level()
        self.repetitions = repetitions(self.task, self.repetitions)
        self.prepared = self.baseline is None

    def _check_options(self) -> None:
        if self.noise not in NOISES:
            raise GroupSCError(f"noise is {self.noise!r}; choose one of {', '.join(NOISES)}")
        require_blocks(self.mode, self.stride)
        if self.task is not None and self.task not in TASKS:
            raise GroupSCError(f"there is no task {self.task!r}; choose one of {', '.join(TASKS)}")

    def _check_task_and_level(self) -> None:
        """Check that the task is known and has a level if it needs one, and that a baseline supports both."""
        if self.task is None:
            raise GroupSCError(f"the task is needed to degrade the images; choose one of {', '.join(TASKS)}")
        kind = LEVEL_NAMES[self.task]
        if kind is None and self.level is not None:
            raise GroupSCError(f"the task {self.task!r} has no noise and no other level; leave the level out")
        if kind is not None and self.level is None:
            raise GroupSCError(f"the task {self.task!r} needs a level ({kind}); give one, such as 25")
        if self.dataset == STRESS and kind != "sigma":
            raise GroupSCError(f"the stress set is for gray and color, not for {self.task}; choose another data set")
        if self.baseline is not None:
            self.method = self.baseline.name
            reason = self.baseline.unfit(self.task, self.level)
            if reason is not None:
                raise GroupSCError(reason)

    def _load(self) -> None:
        source = self.weights
        if isinstance(source, Restorer):
            self.model, self.card, name = source.coder, source.card, str(source.card.get("name"))
            self.digest, self.torch_device = parameters_digest(self.model), self.model.D.device
            if source.changed():
                raise GroupSCError(
                    f"the parameters of {name} were changed after it was loaded; give the model a name, such as "
                    "name='tuned'"
                )
        else:
            assert not callable(source)  # Other callables are baselines.
            self.model, self.card = load_weights(source, device=self.torch_device)
            self.digest, name = file_digest(source), str(source)
        task, method, trained = purpose(name, self.card)
        self.method = method_name(method, self.card.get("variant"))
        self.blind = self.model.config.levels is not None
        if self.blind and self.noise == "known":
            self.method += "-known"
        if self.task not in (None, task):
            raise GroupSCError(f"{name} was trained for the task {task!r}; evaluate it on that task")
        if trained is not None and self.level not in (None, trained):
            self.method, self.trained = f"{self.method}-trained{trained:g}", trained
            if self.mode != "whole":
                raise GroupSCError(
                    f"{name} was trained for {LEVEL_NAMES[task]} {trained:g}; blocks are restored at this level only, "
                    "so choose whole images"
                )
        self.task, self.level = task, trained if self.level is None else self.level

    def settings(self) -> dict:
        """Return the columns `groupsc.benchmark.rows.SETTINGS`, which are the same in all rows of this evaluation."""
        assert self.task is not None  # __post_init__ found the task.
        dataset, subject = datasets.set_name(self.dataset, self.data_dir), self._subject(self.task)
        return {
            **subject.settings(dataset, self.task, self.level, self.mode, self.stride),
            "device": device_name(self.torch_device) if subject.restores else None,
            "code_version": code_version(),
        }

    def _subject(self, task: str) -> Subject:
        if self.baseline is not None:
            return baseline_subject(self.baseline, task, self.level)
        if self.model is None:
            return DEGRADED
        return Subject(self.method, self.model.number_of_parameters, self.digest, window=self.model.config.window)

    def rows(self, finished: dict | None = None) -> Iterator[dict]:
        """Measure image by image.

        Parameters
        ----------
        finished : dict, optional
            Rows to reuse unchanged, by (image, repetition). Their images are restored again only if a picture is
            missing.

        Yields
        ------
        dict
            One row, with the columns `groupsc.benchmark.rows.COLUMNS`.

        Raises
        ------
        GroupSCError
            When an image is missing or one of `names` is not restored, or when a restored image has values that are
            not finite.
        """
        assert self.task is not None  # __post_init__ found the task.
        finished = finished or {}
        settings = self.settings()
        title = f"{settings['experiment']} on {settings['dataset']}"
        sizes: set[torch.Size] = set()
        sources = self._sources()
        for name in self.names or ():
            if name not in sources:
                some = ", ".join(list(sources)[:3]) + (" and others" if len(sources) > 3 else "")
                raise GroupSCError(f"no image {name!r} of {settings['dataset']} is restored; choose among {some}")
        for name, source in tqdm(sources.items(), desc=title, unit="image", disable=not self.progress):
            clean = None
            for repetition in range(self.repetitions):
                pictures = self._pictures(name) if repetition == 0 else []
                row = finished.get((name, repetition))
                if row is not None and all(picture.is_file() for picture in pictures):
                    yield row
                    continue
                self._prepare()
                clean = self._clean(source) if clean is None else clean
                generator = noise_generator(settings["dataset"], name, self.level, repetition)
                degraded, mask = degrade(clean, self.task, self.level, generator)
                path = source if isinstance(source, Path) else Path(STRESS, name)
                restored, cost = self._restored(path, degraded, mask, new_size=clean.shape not in sizes)
                sizes.add(clean.shape)
                for picture, image in zip(pictures, (clean, degraded, restored), strict=False):
                    write_image(picture, image[0].clip(0, 1).numpy())
                if row is None:
                    values = self._metrics(path, restored, clean)
                    shape = {"height": clean.shape[-2], "width": clean.shape[-1]}
                    row = {**settings, "image": name, "repetition": repetition, **values, **cost, **shape}
                yield row

    def _prepare(self) -> None:
        """Check that a baseline can run, and load its weights, before the first image."""
        if not self.prepared:
            self.baseline.ready(self.task, self.level)
            self.prepared = True

    def _sources(self) -> dict[str, Path] | dict[str, Tensor]:
        """Return the file of each image; of the stress set, the image (c, H, W)."""
        if self.dataset == STRESS:
            return dict(list(stress_pictures(3 if self.task == "color" else 1).items())[: self.images])
        return datasets.named_paths(self.dataset, self.data_dir, images=self.images)

    def _clean(self, source: Path | Tensor) -> Tensor:
        """Return an image (1, c, H, W) with the channels of the task."""
        if isinstance(source, Tensor):
            return source[None]
        channels = 3 if self.task in ("color", "mosaic") else 1
        return torch.from_numpy(read_image(source, channels=channels))[None]

    def _pictures(self, image: str) -> list[Path]:
        if self.pictures is None or (self.names is not None and image not in self.names):
            return []
        return [Path(self.pictures) / f"{image}-{kind}.png" for kind in ("clean", "degraded", "restored")]

    def _metrics(self, path: Path, restored: Tensor, clean: Tensor) -> dict[str, float]:
        """Compute all metrics of an image; an error names its file."""
        try:
            return metrics.all_metrics(restored[0].numpy(), clean[0].numpy(), clip=self.dataset != STRESS)
        except GroupSCError as error:
            raise type(error)(f"{path} can't be measured: {error}") from error

    def _restored(self, path: Path, degraded: Tensor, mask: Tensor | None, *, new_size: bool) -> tuple[Tensor, dict]:
        """Restore an image as `_restore` does; an error names its file, also if a value of the result is not finite."""
        try:
            restored, cost = self._restore(degraded, mask, new_size=new_size)
        except GroupSCError as error:
            raise type(error)(f"{path} can't be restored: {error}") from error
        except Exception as error:
            error.add_note(f"{self.method} was restoring {path}")
            raise
        if not restored.isfinite().all():
            cure = "correct it" if self.model is None else "choose other weights"
            raise GroupSCError(f"{self.method} restores {path} to values that are not finite; {cure}")
        return restored, cost

    def _restore(self, degraded: Tensor, mask: Tensor | None, *, new_size: bool) -> tuple[Tensor, dict]:
        """Restore an image; return it on the CPU, with the run time and the peak memory."""
        if self.baseline is not None:
            run = functools.partial(self._with_baseline, degraded)
        elif self.model is not None:
            mask = None if mask is None else mask.to(self.torch_device).expand_as(degraded)
            run = functools.partial(self._with_model, degraded, degraded.to(self.torch_device), mask)
        else:
            return degraded, {"seconds": 0.0, "peak_memory_mb": 0.0}
        on_gpu = self.torch_device.type == "cuda"
        with torch.inference_mode():
            if on_gpu and new_size:
                run()
                torch.cuda.synchronize(self.torch_device)
            memory = PeakMemory(self.torch_device)
            start = time.perf_counter()
            restored = run()
            if on_gpu:
                torch.cuda.synchronize(self.torch_device)
            seconds = time.perf_counter() - start
        return restored.cpu().float(), {"seconds": round(seconds, 4), "peak_memory_mb": memory.peak()}

    def _with_baseline(self, degraded: Tensor) -> Tensor:
        return torch.from_numpy(self.baseline.restore(degraded[0].numpy(), self.task, self.level))[None]

    def _with_model(self, degraded: Tensor, image: Tensor, mask: Tensor | None) -> Tensor:
        if self.trained is not None:
            pixels = Restorer(self.model, self.card).restore(degraded[0].numpy(), level=self.level)
            return torch.from_numpy(pixels)[None]
        estimated = self.blind and self.noise == "estimated"
        level = 255 * estimate_noise(degraded[0].numpy()) if estimated else self.level
        return restore(self.model, image, mask, level=level, mode=self.mode, stride=self.stride)
