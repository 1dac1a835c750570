"""Small statistics of the validation: slopes of log against log, intervals over seeds, paired differences.

Seeds are the replicates: an interval is Student's t over the seeds' own values, so that prompts of one model are never
counted as independent. Independent checks: tests/experiments/gsm8k/test_scaling.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

Rows = dict[str, np.ndarray]
FEWEST = 8
"""Points below which no slope is fitted."""


def stack(rows: Sequence[dict[str, float]], **constants: float) -> Rows:
    """Rows as columns, with constant columns added; a value that a row lacks is NaN."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: np.array([row.get(name, np.nan) for row in rows], np.float64) for name in names}
    return columns | {name: np.full(len(rows), value) for name, value in constants.items()}


@dataclass(frozen=True)
class Interval:
    """A mean over seeds with its 95% interval; NaN ends with fewer than two seeds."""

    mean: float
    low: float
    high: float
    number: int

    def __str__(self) -> str:
        return f"{self.mean:.3g} [{self.low:.3g}, {self.high:.3g}]"

    def within(self, low: float, high: float) -> bool:
        """The whole interval lies strictly between: one that touches an end (0 [0, 0]) does not exclude it."""
        return bool(low < self.low and self.high < high)

    def excludes(self, value: float) -> bool:
        """The value lies outside."""
        return bool(value < self.low or value > self.high)


def over_seeds(values: Sequence[float] | np.ndarray) -> Interval:
    """Mean and Student's 95% interval; values that are NaN are left out.

    >>> print(over_seeds([1.0, 2.0, 3.0]))  # 2 ± 4.303/√3
    2 [-0.484, 4.48]
    """
    x = np.asarray(values, np.float64)
    x = x[np.isfinite(x)]
    if x.size < 2:
        return Interval(float(x.mean()) if x.size else float("nan"), float("nan"), float("nan"), int(x.size))
    half = float(stats.t.ppf(0.975, x.size - 1) * x.std(ddof=1) / np.sqrt(x.size))
    return Interval(float(x.mean()), float(x.mean()) - half, float(x.mean()) + half, int(x.size))


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
    seeds = over_seeds([h.mean() for h in kept])
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
