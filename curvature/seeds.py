r"""How many seeds it takes to see a lead of one rule over another, with s the deviation from run to run.

    seeds per arm = 2 (z_{.975} + z_{.8})² s²/Δ² = 2 · 7.85 s²/Δ²   (two-sided 5% test, 80% power, unpaired runs)

Reference: G. van Belle (2008), Statistical Rules of Thumb, §2.1. Independent check (Monte Carlo):
tests/curvature/test_seeds.py.
"""

from __future__ import annotations

import math

from scipy.stats import norm

from curvature.ranges import check_interval


def seeds_needed(lead: float, std: float, *, power: float = 0.8, level: float = 0.95) -> int:
    """Seeds per arm at which a lead is seen with this power; at least 2, as one run shows no spread.

    Arguments:
        lead: Δ > 0, in the unit of the accuracy.
        std: s ≥ 0, deviation of one run's accuracy from seed to seed, in the same unit.
        power: how often the lead shall be seen, in (0, 1).
        level: of the two-sided interval that shall exclude 0, in (0, 1).

    Raises:
        ValueError: outside those ranges.

    >>> seeds_needed(0.0065, 0.02)  # two thirds of a point, where runs differ by two points
    149
    """
    check_interval("lead", lead, 0, float("inf"), open_ends="lh")
    check_interval("std", std, 0, float("inf"), open_ends="h")
    check_interval("power", power, 0, 1, open_ends="lh")
    check_interval("level", level, 0, 1, open_ends="lh")
    quantiles = float(norm.ppf((1 + level) / 2) + norm.ppf(power))
    return max(2, math.ceil(2 * (quantiles * std / lead) ** 2))
