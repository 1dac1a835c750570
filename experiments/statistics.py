"""Intervals over seeds: Student's t for means, order statistics for the median of what is known only within limits.

    mean ± t_{n−1} · sd/√n            [x_(k), x_(n+1−k)],  k the largest with 2 P(Bin(n, ½) < k) ≤ 1 − level
    mean ± t_ν √(sd_C²/C + sd_S²/S)   of cells crossed with seeds: sd_C of the cells' means, sd_S of the seeds'

The second needs no shape of the distribution. Where a value is known only to lie in [low, high], as a time that was
never reached within the run, the lower limit is taken from the lows and the upper limit from the highs, which can only
widen it. Independent check: tests/experiments/phase_diagram/test_statistics.py measures the coverage of all three.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import stats


@cache
def _quantile(level: float, degrees: int) -> float:
    return float(stats.t.ppf((1 + level) / 2, degrees))


@cache
def _order(level: float, count: int) -> int:
    """The k of the order statistics; 0 where `count` is too small for any."""
    k = 0
    while 2 * stats.binom.cdf(k, count, 0.5) <= 1 - level:
        k += 1
    return k


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and the ends of its Student-t interval."""

    mean: float
    low: float
    high: float
    number: int
    """Values that it is made of."""

    def __str__(self) -> str:
        return f"{self.mean:.3g} [{self.low:.3g}, {self.high:.3g}]"

    @property
    def ends(self) -> tuple[float, float, float]:
        """(mean, low, high)."""
        return self.mean, self.low, self.high

    def within(self, low: float, high: float) -> bool:
        """The whole interval lies strictly between: one that touches an end (0 [0, 0]) does not exclude it."""
        return bool(low < self.low and self.high < high)

    def excludes(self, value: float) -> bool:
        """The value lies outside; never where there is no interval."""
        return bool(value < self.low or value > self.high)


def interval(values: Sequence[float] | np.ndarray, level: float = 0.95) -> Interval:
    """Mean and Student-t interval over seeds.

    A NaN or infinite value is a seed that has none: it is left out, and `number` counts those that stay. Whoever must
    not lose a seed in silence compares `number` with what was run. The mean of nothing is NaN, and so are the ends with
    fewer than two values.

    >>> print(interval([1.0, 2.0, 3.0]))  # 2 ± 4.303/√3
    2 [-0.484, 4.48]
    >>> print(interval([1.0, float("nan")]))
    1 [nan, nan]
    """
    x = np.asarray(values, np.float64)
    x = x[np.isfinite(x)]
    if x.size < 2:
        return Interval(float(x.mean()) if x.size else float("nan"), float("nan"), float("nan"), int(x.size))
    mean, low, high = band(x, level)
    return Interval(float(mean), float(low), float(high), int(x.size))


def band(samples: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means over the first axis, and the ends of their Student-t intervals; at least two samples, NaN where one is."""
    mean = samples.mean(axis=0)
    half = _quantile(level, len(samples) - 1) * samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    return mean, mean - half, mean + half


def crossed_interval(values: np.ndarray, level: float = 0.95) -> Interval:
    """Mean over cells that share their seeds, with an interval for other seeds and other cells like these.

    What cells and seeds have between them, each for itself, is counted twice: the interval may be too wide, and is not
    too narrow. Of one cell it is `interval` over its seeds.

    Arguments:
        values: [C, S] finite, of C ≥ 1 cells and S ≥ 2 seeds.

    Reference:
        A. C. Cameron, J. B. Gelbach, D. L. Miller (2011), Robust Inference With Multiway Clustering, J. Bus. Econ.
        Stat. 29, (2.11), without the last term; F. E. Satterthwaite (1946), Biometrics Bulletin 2, for ν.

    >>> print(crossed_interval(np.array([[1.0, 2.0, 3.0]])))
    2 [-0.484, 4.48]
    >>> print(crossed_interval(np.array([[1.0, 3.0], [2.0, 4.0]])))  # variances of means 1 and .25, ν = 1.47
    2.5 [-4.42, 9.42]
    """
    seeds = values.mean(axis=0)
    if len(values) == 1:
        return interval(seeds, level)
    parts = np.array([x.var(ddof=1) / len(x) for x in (seeds, values.mean(axis=1))])
    mean, total = float(values.mean()), float(parts.sum())
    degrees = total**2 / float((parts**2 / (np.array(values.shape[::-1]) - 1)).sum()) if total else 1.0
    half = float(stats.t.ppf((1 + level) / 2, degrees)) * np.sqrt(total)
    return Interval(mean, mean - half, mean + half, values.size)


def median_interval(low: np.ndarray, high: np.ndarray, level: float = 0.95) -> tuple[float | None, float, float]:
    """Median and its sign-test interval, of values known to lie in [low, high] each.

    Arguments:
        low, high: [n] limits of each value, equal where it is known, infinite where there is none.
        level: the interval covers the median at least this often.

    Returns:
        The median, or None where the limits leave it open; the ends of the interval, infinite where the sample says
        nothing (always with fewer than 6 values at level .95).

    Reference:
        W. J. Conover (1999), Practical Nonparametric Statistics, §3.2.

    >>> x = np.arange(1.0, 10.0)  # 9 values: the second and the second to last, P(Bin(9, ½) < 2) = .0195
    >>> median_interval(x, x)
    (5.0, 2.0, 8.0)
    """
    k = _order(level, len(low))
    least, most = float(np.median(low)), float(np.median(high))
    median = least if least == most and np.isfinite(least) else None
    if k == 0:
        return median, -np.inf, np.inf
    return median, float(np.sort(low)[k - 1]), float(np.sort(high)[len(high) - k])
