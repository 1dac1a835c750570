r"""How many seeds it takes to see a lead of one rule over another, with s the deviation from run to run.

    seeds per arm = the least n with P(T > t_{.975, 2n−2}) ≥ .8,  T ~ t_{2n−2} with noncentrality Δ/s √(n/2)

That is the two-sided test at 5% by which two rules' runs (unpaired, equally many) are compared, and a lead that is seen
in four of five such comparisons. With many runs n is 2 (z_{.975} + z_{.8})² s²/Δ² = 2 · 7.85 s²/Δ²; with few Student's
quantile asks for more: 4 in place of 3 where Δ is 2.5 s. Reference: W. Guenther (1981), Sample size formulas for normal
theory t tests, The American Statistician 35. Independent check (Monte Carlo): tests/curvature/test_seeds.py.
"""

from __future__ import annotations

import math

from scipy.stats import nct, norm, t

from curvature.ranges import check_interval


def seeds_needed(lead: float, std: float, *, power: float = 0.8, level: float = 0.95) -> int:
    """Seeds per arm at which a t test sees a lead with this power; at least 2, as one run shows no spread.

    Arguments:
        lead: Δ > 0, in the unit of the accuracy.
        std: s ≥ 0, deviation of one run's accuracy from seed to seed, in the same unit.
        power: how often the lead shall be seen, in (0, 1).
        level: of the two-sided interval that shall exclude 0, in (0, 1).

    Raises:
        ValueError: outside those ranges.

    >>> seeds_needed(0.0065, 0.02)  # two thirds of a point, where runs differ by two points
    150
    """
    check_interval("lead", lead, 0, float("inf"), open_ends="lh")
    check_interval("std", std, 0, float("inf"), open_ends="h")
    check_interval("power", power, 0, 1, open_ends="lh")
    check_interval("level", level, 0, 1, open_ends="lh")
    quantiles = float(norm.ppf((1 + level) / 2) + norm.ppf(power))
    number = max(2, math.ceil(2 * (max(quantiles, 0.0) * std / lead) ** 2))  # with s known: never more than without
    while std > 0 and _power(number, lead / std, level) < power:
        number += 1
    return number


def _power(number: int, lead: float, level: float) -> float:
    """How often two arms of that many runs show a lead of so many deviations."""
    degrees = 2.0 * number - 2
    return float(nct.sf(t.ppf((1 + level) / 2, degrees), degrees, lead * math.sqrt(number / 2)))
