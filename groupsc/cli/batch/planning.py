"""Plan the restoration of one image or stack: level, model and predicted time, before anything is restored."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groupsc.cli.batch.choosing import choose_model
from groupsc.cli.batch.operations import Level, Operation
from groupsc.cli.batch.prediction import Choice, without_model
from groupsc.cli.batch.settings import Settings
from groupsc.utils.durations import duration

if TYPE_CHECKING:
    from groupsc.io.photographs import Photograph

TEMPORARY = "groupsc-stream-"
"""Beginning of the name of the folder in which standard input and output are files."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One image to restore, or a stack.

    `pages` and `done` are the numbers of pages and of those that an earlier call restored, `options` what the record
    says about the result. `photo` is the content, unless it is read again to save memory.
    """

    source: Path
    target: Path
    kind: str
    level: Level
    choice: Choice
    pages: int = 1
    done: int = 0
    options: dict[str, Any] = field(default_factory=dict)
    photo: Photograph | None = None

    @property
    def line(self) -> str:
        """What is said about the image before the work starts."""
        note = f" ({self.choice.note})" if self.choice.note else ""
        how = self.choice.alone or self.choice.weights
        time = f", about {duration(self.choice.seconds)}{note}" if self.choice.seconds else ""
        page = f"page {self.done + 1}: " if self.pages > 1 else ""
        return f"{shown(self.source)}: {self.kind}, {how}{time}; {page}{self.level.text}"

    @property
    def facts(self) -> dict[str, Any]:
        """What is known before the work starts, for reports."""
        return {**self.names, **self.level.facts, "weights": None if self.choice.alone else self.choice.weights}

    @property
    def names(self) -> dict[str, str]:
        """Input and output, for reports."""
        return {"input": shown(self.source), "output": shown(self.target)}


def plan(
    source: Path,
    target: Path,
    photo: Photograph,
    operation: Operation,
    settings: Settings,
    *,
    pages: int = 1,
    done: int = 0,
) -> Job:
    """Plan the restoration of one image, or of a stack. `photo` is the first page that is not restored.

    Raises
    ------
    GroupSCError
        If no model fits the image, or its regions would be computed more than `MOST_REPETITION` times.
    """
    level = operation.level(photo)
    # The other pages of a stack can have more noise than the first one.
    without = without_model(photo.pixels.shape[1:], level, settings) if pages == 1 else None
    choice = without or choose_model(photo.pixels.shape[1:], level, settings)
    kind = describe(photo)
    if pages > 1:
        kind = f"{kind}, {pages} pages{f', {done} of them restored' if done else ''}"
    choice = replace(choice, seconds=(pages - done) * choice.seconds)
    return Job(source=source, target=target, kind=kind, level=level, choice=choice, pages=pages, done=done)


def plan_image(photo: Photograph, operation: Operation, settings: Settings) -> tuple[Level, str]:
    """Find the level of an image and the weights for it.

    Raises
    ------
    GroupSCError
        As for `plan`.
    """
    level = operation.level(photo)
    return level, choose_model(photo.pixels.shape[1:], level, settings).weights


def shown(path: Path) -> str:
    """Return a path as the user wrote it: "-" for standard input and output.

    Examples
    --------
    >>> shown(Path("a.png"))
    'a.png'
    """
    folder = path.parent
    temporary = folder.name.startswith(TEMPORARY) and folder.parent == Path(tempfile.gettempdir())
    return "-" if temporary and path.stem in ("input", "output") else str(path)


def describe(photo: Photograph) -> str:
    """Describe an image: size, channels, type and format.

    Examples
    --------
    >>> import numpy as np
    >>> from groupsc.io.photographs import Photograph
    >>> describe(Photograph(pixels=np.zeros((3, 40, 60), np.float32), format="PNG"))
    '60 x 40 RGB uint8 PNG'
    """
    height, width = photo.pixels.shape[1:]
    channels = {"L": "gray", "LA": "gray with alpha", "RGBA": "RGB with alpha"}.get(photo.mode, photo.mode)
    return f"{width} x {height} {channels} {photo.depth} {photo.format or ''}".strip()
