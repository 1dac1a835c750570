"""Regions of the pass rate: below, around and above ½, where a log-linear policy's curvature changes its sign."""

from __future__ import annotations

import numpy as np

from experiments.gsm8k.predictions.verdict import per_seed
from experiments.gsm8k.scaling import log_slope
from experiments.rows import Rows, where
from experiments.statistics import Interval, interval

BELOW, ABOVE = 0.35, 0.65
"""Regions of p: below, around and above ½."""
REGIONS = {"below ½": (0.0, BELOW), "around ½": (BELOW, ABOVE), "above ½": (ABOVE, 1.0)}


def region(rows: Rows, low: float, high: float) -> Rows:
    """Rows with low < p ≤ high."""
    return where(rows, (rows["pass_rate"] > low) & (rows["pass_rate"] <= high))


def sides(rows: Rows) -> Rows:
    """Rows with p ≤ BELOW or p > ABOVE, with "level": a number for each (seed, state, side), within which prompts are
    compared. A rule divides prompts of one state, so differences between states do not count.
    """
    p = rows["pass_rate"]
    kept = where(rows, (p <= BELOW) | (p > ABOVE))
    keys = np.stack([kept["seed"], kept["target"], kept["pass_rate"] > ABOVE], axis=1)
    return kept | {"level": np.unique(keys, axis=0, return_inverse=True)[1].reshape(-1)}


def slopes(rows: Rows, column: str, level: str | None = None) -> Interval:
    """Exponent of |column| in σ, over seeds; within levels of a column where one is named."""
    if not len(rows["std"]):
        return interval([])
    return interval(per_seed(rows, lambda r: log_slope(r["std"], r[column], r[level] if level else None)[0]))
