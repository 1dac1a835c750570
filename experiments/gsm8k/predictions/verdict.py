"""One line of the table, and how its verdict follows from an interval.

A verdict is computed from rows by a criterion that is written beside it: confirmed, refuted, or not resolved where
the interval over seeds allows both, which is a result. The criteria were settled on pilot runs of seeds 0, 1, …; LOG.md
says which were changed then and why, and what is reported there comes from other seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from experiments.rows import Rows, of
from experiments.statistics import Interval

CONFIRMED, REFUTED, OPEN = "confirmed", "refuted", "not resolved"


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """One line of the table."""

    name: str
    claim: str
    criterion: str
    evidence: str
    verdict: str
    note: str = ""


def judge(interval: Interval, *, confirmed: tuple[float, float], refuted: list[tuple[float, float]]) -> str:
    """By where the whole interval lies; anything else, or fewer than two seeds, is not resolved."""
    if not np.isfinite([interval.low, interval.high]).all():
        return OPEN
    if interval.within(*confirmed):
        return CONFIRMED
    return REFUTED if any(interval.within(*region) for region in refuted) else OPEN


def per_seed(rows: Rows, function: Callable[[Rows], float]) -> list[float]:
    """The function's value on each seed's rows."""
    return [float(function(of(rows, seed=seed))) for seed in np.unique(rows["seed"])]
