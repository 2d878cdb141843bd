"""The rule of release: when one model replaces another of the same name.

A new model is released when

1. its paired gain on the validation set exceeds `ERRORS` standard errors, and on no case of the stress set its output
   is worse by more than `WORSE` dB and `ERRORS` standard errors; or
2. it passes a case of the stress set that the old one fails, fails none that the old one passes, and loses at most
   `COST` dB on the validation set.

Test sets choose nothing.
"""

from __future__ import annotations

import dataclasses
import math

import pandas as pd

from groupsc.benchmark.validation import TOLERANCE, stress_changes
from groupsc.utils.errors import GroupSCError

ERRORS, WORSE, COST = 2.0, 0.1, 0.01
KEYS = ["part", "case", "level", "repetition"]


@dataclasses.dataclass(frozen=True)
class Verdict:
    """The comparison of two models.

    Attributes
    ----------
    gain, error : float
        Mean difference on the validation set in dB, new minus old, and its standard error over the images.
    worse : dict of str to float
        Cases of the stress set that are worse by more than the rule allows, with the difference in dB.
    passed, failed : list of str
        Cases that only the new, and only the old model passes.
    """

    gain: float
    error: float
    worse: dict[str, float]
    passed: list[str]
    failed: list[str]

    @property
    def released(self) -> bool:
        """Whether the new model replaces the old one."""
        better = self.gain > ERRORS * self.error and not self.worse
        mended = bool(self.passed) and not self.failed and self.gain >= -COST
        return better or mended

    def __str__(self) -> str:
        parts = [f"validation {self.gain:+.4f} ± {self.error:.4f} dB"]
        parts += [f"worse on {case} by {-change:.2f} dB" for case, change in self.worse.items()]
        changed = ("passes", self.passed), ("fails", self.failed)
        parts += [f"newly {state} {', '.join(cases)}" for state, cases in changed if cases]
        return f"{'released' if self.released else 'not released'}: {'; '.join(parts)}"


def compare(old: pd.DataFrame, new: pd.DataFrame) -> Verdict:
    """Apply the rule to two models that `groupsc.benchmark.validation.measure` measured.

    Parameters
    ----------
    old, new : pandas.DataFrame
        Rows of the same images, levels and noise.

    Raises
    ------
    GroupSCError
        When the rows are of other images or levels.
    """
    pairs = old.merge(new, on=KEYS, suffixes=("_old", "_new"))
    if not len(pairs) == len(old) == len(new):
        raise GroupSCError(
            f"the models were measured on {len(old)} and {len(new)} images, {len(pairs)} of them the same; compare "
            "models of the same task and level"
        )
    change = pairs["after_new"] - pairs["after_old"]
    validated = change[pairs["part"] == "validation"]
    stressed = pairs[pairs["part"] == "stress"]
    cases = change[stressed.index].groupby([stressed["case"], stressed["level"]], dropna=False, sort=False)
    mean, error = cases.mean(), cases.sem().fillna(0.0)
    worse = mean[(mean < -WORSE) & (mean < -ERRORS * error)]
    fails_old, fails_new = (stress_changes(rows) < -TOLERANCE for rows in (old, new))
    return Verdict(
        gain=validated.mean(),
        error=validated.sem(),
        worse={_name(case): value for case, value in worse.items()},
        passed=[_name(case) for case in fails_old.index[fails_old & ~fails_new]],
        failed=[_name(case) for case in fails_old.index[~fails_old & fails_new]],
    )


def _name(case: tuple[str, float]) -> str:
    picture, level = case
    return picture if math.isnan(level) else f"{picture} at {level:g}"
