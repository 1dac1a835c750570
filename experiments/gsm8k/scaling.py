"""Small statistics of the validation: shares over seeds, slopes of log against log, ranks.

Seeds are the replicates: prompts of one model are never counted as independent. Independent checks:
tests/experiments/gsm8k/test_scaling.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from experiments.statistics import Interval, interval

FEWEST = 8
"""Points below which no slope is fitted."""


def share_over_seeds(hits: Sequence[np.ndarray]) -> Interval:
    """A share, one boolean array a seed: the wider of Student's interval over seeds and Wilson's over all entries.

    Seeds that happen to agree exactly would otherwise give an interval of width 0.

    >>> print(share_over_seeds([np.array([True, False]), np.array([True, False])]))  # Wilson, 2 of 4
    0.5 [0.15, 0.85]
    """
    kept = [np.asarray(h, bool) for h in hits if len(h)]
    if not kept:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    every = np.concatenate(kept)
    wilson = stats.binomtest(int(every.sum()), every.size).proportion_ci(0.95, "wilson")
    seeds = interval([h.mean() for h in kept])
    low, high = (wilson.low, wilson.high)
    if seeds.number > 1:
        low, high = min(low, seeds.low), max(high, seeds.high)
    return Interval(float(every.mean()), float(low), float(high), len(kept))


class Slope(NamedTuple):
    """Of log|y| on log x."""

    slope: float
    error: float
    """Standard error."""
    points: int


def log_slope(x: np.ndarray, y: np.ndarray, groups: np.ndarray | None = None) -> Slope:
    """By least squares; NaN with fewer than `FEWEST` points.

    With `groups`, one level for each is taken out first, so that only differences within a group count.

    >>> x = np.linspace(0.1, 0.5, 20)
    >>> print(round(log_slope(x, -3 * x**2).slope, 6))
    2.0
    """
    keep = (x > 0) & (y != 0) & np.isfinite(x) & np.isfinite(y)
    unknown = Slope(float("nan"), float("nan"), int(keep.sum()))
    if keep.sum() < FEWEST or np.ptp(x[keep]) == 0:
        return unknown
    logs, lost = [np.log(x[keep]), np.log(np.abs(y[keep]))], 0
    if groups is not None:
        _, member = np.unique(groups[keep], return_inverse=True)
        logs = [z - (np.bincount(member, z) / np.bincount(member))[member] for z in logs]
        lost = member.max()  # levels beyond the one that least squares counts
        if np.ptp(logs[0]) < 1e-12 or keep.sum() - 2 <= lost:
            return unknown
    fit: Any = stats.linregress(logs[0], logs[1])
    free = keep.sum() - 2
    return Slope(float(fit.slope), float(fit.stderr * np.sqrt(free / (free - lost))), int(keep.sum()))


def rank_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's; NaN with fewer than `FEWEST` points."""
    keep = np.isfinite(x) & np.isfinite(y)
    if keep.sum() < FEWEST or np.ptp(x[keep]) == 0 or np.ptp(y[keep]) == 0:
        return float("nan")
    found: Any = stats.spearmanr(x[keep], y[keep])
    return float(found.statistic)
