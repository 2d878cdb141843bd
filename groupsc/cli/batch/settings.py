"""Options that all commands for images have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from groupsc.utils.errors import GroupSCError

SPEEDS = ("fast", "balanced", "best")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Options that all commands for images have; `memory` in bytes."""

    method: str = "best"
    weights: str | None = None
    speed: str | None = None
    device: str = "auto"
    mode: str = "whole"
    stride: int | None = None
    memory: float | None = None
    jobs: int | None = None
    overwrite: bool = False
    skip_existing: bool = False
    dry_run: bool = False
    as_json: bool = False

    def check(self) -> None:
        """Raise `GroupSCError` if an option is wrong for all images."""
        from groupsc.api.loading import cached_model
        from groupsc.config.checks import require_blocks
        from groupsc.inference.restoration import RESTORATION_MODES
        from groupsc.utils.device import pick_device
        from groupsc.weights.selection import CHOICES

        if self.speed not in (None, *SPEEDS):
            raise GroupSCError(f"there is no speed {self.speed!r}; choose one of {', '.join(SPEEDS)}")
        if self.speed is not None and (self.weights is not None or self.method != "best"):
            raise GroupSCError("--speed selects the method; leave out --method and --weights, or --speed")
        if self.method not in CHOICES:
            raise GroupSCError(f"there is no method {self.method!r}; choose one of {', '.join(CHOICES)}")
        if self.mode not in RESTORATION_MODES:
            raise GroupSCError(f"there is no mode {self.mode!r}; choose one of {', '.join(RESTORATION_MODES)}")
        require_blocks(self.mode, self.stride)
        if self.weights is not None:
            cached_model(self.weights, pick_device(self.device))

    def method_with(self, weights: str) -> str | None:
        """Return the method for parts of an image whose models are not planned; None if the user gave the weights."""
        if self.weights is not None:
            return None
        return faster_method(weights) or self.method

    @property
    def recorded(self) -> dict[str, Any]:
        """The options that change the result, for the record of the output folder."""
        return {name: getattr(self, name) for name in ("method", "weights", "speed", "mode", "stride")}


def faster_method(weights: str) -> str | None:
    """Return the method of a released model if it is one of those of `groupsc.weights.selection.faster`."""
    from groupsc.weights.selection import FASTER

    return next((method for method in (*FASTER, "sc") if f"-{method}-" in f"{weights}-"), None)
