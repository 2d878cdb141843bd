"""Decide whether a new model replaces the released model of the same name (the rule of release).

A new model is released when

1. its paired gain on the validation set exceeds `STANDARD_ERRORS` standard errors, and its output is on no case of the
   stress set worse by more than `LARGEST_FALL` dB and `STANDARD_ERRORS` standard errors; or
2. it passes a case of the stress set that the old model fails, fails no case that the old model passes, and loses at
   most `LARGEST_COST` dB on the validation set.

Test sets have no influence on the decision.
"""

from __future__ import annotations

import dataclasses
import math

import pandas as pd

from groupsc.benchmark.validation import TOLERANCE, stress_changes
from groupsc.utils.errors import GroupSCError

STANDARD_ERRORS = 2.0
"""Multiple of its standard error that a difference must exceed."""
LARGEST_FALL, LARGEST_COST = 0.1, 0.01
"""Largest fall of the PSNR in dB, on a case of the stress set and on the validation set."""
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
        Cases that only the new model passes, and cases that only the old model passes.

    Examples
    --------
    >>> print(Verdict(gain=0.05, error=0.01, worse={}, passed=[], failed=[]))
    released: validation +0.0500 ± 0.0100 dB
    """

    gain: float
    error: float
    worse: dict[str, float]
    passed: list[str]
    failed: list[str]

    @property
    def released(self) -> bool:
        """Whether the new model replaces the old one."""
        better = self.gain > STANDARD_ERRORS * self.error and not self.worse
        more_robust = bool(self.passed) and not self.failed and self.gain >= -LARGEST_COST
        return better or more_robust

    def __str__(self) -> str:
        parts = [f"validation {self.gain:+.4f} ± {self.error:.4f} dB"]
        parts += [f"worse on {case} by {-change:.2f} dB" for case, change in self.worse.items()]
        changed = ("passes", self.passed), ("fails", self.failed)
        parts += [f"newly {state} {', '.join(cases)}" for state, cases in changed if cases]
        return f"{'released' if self.released else 'not released'}: {'; '.join(parts)}"


def compare(old: pd.DataFrame, new: pd.DataFrame) -> Verdict:
    """Apply the rule of release to the results of two models.

    Parameters
    ----------
    old, new : pandas.DataFrame
        Results of `groupsc.benchmark.validation.measure` for the same images, levels and noise.

    Returns
    -------
    Verdict

    Raises
    ------
    GroupSCError
        When the images or levels of the two differ.

    Examples
    --------
    >>> import pandas as pd
    >>> parts = {"part": ["validation"] * 2 + ["stress"], "case": ["a", "b", "bars"], "level": 25.0, "repetition": 0}
    >>> old = pd.DataFrame({**parts, "before": 20.0, "after": [29.0, 30.0, 28.0]})
    >>> compare(old, old.assign(after=[29.1, 30.1, 28.0])).released
    True
    """
    pairs = old.merge(new, on=KEYS, suffixes=("_old", "_new"))
    if not len(pairs) == len(old) == len(new):
        raise GroupSCError(
            f"the models were measured on {len(old)} and {len(new)} images, of which {len(pairs)} are the same; "
            "compare models of the same task and level"
        )
    change = pairs["after_new"] - pairs["after_old"]
    validated = change[pairs["part"] == "validation"]
    stressed = pairs[pairs["part"] == "stress"]
    cases = change[stressed.index].groupby([stressed["case"], stressed["level"]], dropna=False, sort=False)
    mean, error = cases.mean(), cases.sem().fillna(0.0)
    worse = mean[(mean < -LARGEST_FALL) & (mean < -STANDARD_ERRORS * error)]
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
