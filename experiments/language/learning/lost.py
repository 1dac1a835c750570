"""What a number that is not finite means: the run is lost, and parameters that are NaN stay so.

| where | what follows |
|---|---|
| `gsm8k sft`, `gsm8k train`, SFT of a validation | an error, before anything is saved |
| a run on which a step is tuned | it goes on and scores `WORST`, so its step is taken only where all are lost |
| a reported run | it goes on; where runs are compared, a lost policy's pass rate counts as 0: it solves nothing |

A lost policy shows in the length of its update and in exact pass rates. Sampled pass rates are then 0 by themselves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

WORST = -1.0
"""Below every pass rate."""


def is_lost(values: ArrayLike) -> bool:
    """Whether these numbers of a run, pass rates or lengths of updates, say that it is lost: one is not finite.

    >>> is_lost([0.2, 0.3]), is_lost([0.2, float("nan")]), is_lost(float("inf"))
    (False, True, True)
    """
    return not bool(np.isfinite(np.asarray(values, np.float64)).all())


def refuse_lost(what: str, values: ArrayLike, advice: str = "try a smaller --step-size or --max-norm") -> None:
    """Stop a run that is lost.

    Arguments:
        what: the numbers in words.

    Raises:
        FloatingPointError: it is.
    """
    if is_lost(values):
        raise FloatingPointError(f"{what} is not finite; {advice}")


def score(value: float) -> float:
    """What a run scores in tuning: the value itself, `WORST` where it is lost."""
    return WORST if is_lost(value) else float(value)


def solved(pass_rates: ArrayLike) -> np.ndarray:
    """Pass rates by which reported runs are compared: those of a lost policy count as 0.

    >>> solved([0.2, float("nan")]).tolist()
    [0.2, 0.0]
    """
    p = np.asarray(pass_rates, np.float64)
    return np.where(np.isfinite(p), p, 0.0)
