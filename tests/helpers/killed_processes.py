"""An operation whose process is killed at one image, as by a system that is short of memory."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

from groupsc.cli.batch.denoising import Denoising


@dataclass(frozen=True, kw_only=True)
class Killed(Denoising):
    """Denoising; the process ends by SIGKILL at images of a certain height."""

    height: int

    def restore(self, photo, level, weights, options):
        if photo.pixels.shape[1] == self.height:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().restore(photo, level, weights, options)
