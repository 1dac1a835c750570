"""Part "rare": from a pass rate of 10⁻⁴, exact gradients, each rule at its own certified step; power(2) is exponential.

    q_t ≤ 1/(1 + o₀ e^{2(m/D)² t})   under g/σ² at η = 4/D²   (T15, T19),   m² = (1 + 1/(K − 1)) D²/2

One right arm of K one-hot ones, the wrong ones alike: log-odds move by η m² σ^(2−α), so that a run is one number.
"""

from __future__ import annotations

import numpy as np

from curvature import failure_rate_lower_bound, failure_rate_upper_bound, first_order_step, theorem_step
from curvature.constants import A_PRIORI_STD
from experiments.convergence.own_rates import LEAST, above, below
from experiments.convergence.tables import Rare
from experiments.rows import Rows, join, of, where

START = 1e-4
ARMS = (2, 4, 16)
NUM_STEPS = 8000
LEVELS = (0.5, 1e-3)
"""Failure rates whose first time is reported."""
STEPS = {
    0.0: float(theorem_step(1.0)) / A_PRIORI_STD,
    1.0: float(theorem_step(1.0)),
    2.0: float(first_order_step(1.0)),
}
"""By α: T6's for REINFORCE and GRPO, T19's for power(2); D = 1."""


def squared_margin(num_arms: int) -> float:
    """m² of one right arm of K at mutual distance D = 1.

    >>> squared_margin(2)
    1.0
    """
    return (1 + 1 / (num_arms - 1)) / 2


def failures(num_arms: int, alpha: float, num_steps: int) -> np.ndarray:
    """1 − p before each step."""
    z, found = float(np.log(START) - np.log1p(-START)), np.empty(num_steps)
    for t in range(num_steps):
        odds = float(np.exp(-abs(z)))
        found[t] = 1 / (1 + odds) if z < 0 else odds / (1 + odds)
        z += STEPS[alpha] * squared_margin(num_arms) * (odds / (1 + odds) ** 2) ** (1 - alpha / 2)
    return found


def rows() -> Rows:
    """One row a rule, number of arms and iteration: the failure rate between its bounds."""
    parts = []
    for alpha, step_size in STEPS.items():
        for K in ARMS:
            q = failures(K, alpha, NUM_STEPS if alpha < 2 else 200)
            t = np.arange(len(q))
            setting = {"alpha": alpha, "step_size": step_size, "diameter": 1.0}
            upper = failure_rate_upper_bound(1 - START, t, margin=squared_margin(K) ** 0.5, **setting)
            parts.append({
                "alpha": np.full(len(q), alpha), "num_arms": np.full(len(q), K), "time": t, "failure_rate": q,
                "lower": np.asarray(failure_rate_lower_bound(1 - START, t, **setting)), "upper": np.asarray(upper),
            })  # fmt: skip
    joined = join(parts)
    return where(joined, joined["failure_rate"] > LEAST)


def violations(rows: Rows) -> np.ndarray:
    """[2, row]: below the lower bound, above the upper one."""
    return np.stack([below(rows, rows["lower"]), above(rows, rows["upper"])])


def rare(rows: Rows) -> list[Rare]:
    """One entry a number of arms and level: iterations of each rule, and at most how many of power(2)."""
    entries: list[Rare] = []
    for K in ARMS:
        for level in LEVELS:
            first = {alpha: _first(of(rows, alpha=alpha, num_arms=K), "failure_rate", level) for alpha in STEPS}
            entries.append({
                "num_arms": K, "level": level, "none": first[0.0], "group": first[1.0], "power": first[2.0],
                "power_proved": _first(of(rows, alpha=2.0, num_arms=K), "upper", level),
            })  # fmt: skip
    return entries


def _first(rows: Rows, column: str, level: float) -> float:
    """When a column is first at the level or below; NaN where it never is."""
    there = rows[column] <= level
    return float(rows["time"][np.argmax(there)]) if there.any() else np.nan
