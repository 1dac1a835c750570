"""Part "own_sums": T20 on X1 and C6: each rule ascends its own sum Σ F(J_x), F′ = σ^(−α), also where ΣJ falls.

ΣF at t + 1 − ΣF at t  ≥  |Σ_x g_x/σ_x^α|²/(2Λ_αλD²)   at the step 1/(Λ_αλD²)
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from curvature import ascent_step
from experiments.convergence.counterexamples import EXAMPLES
from experiments.convergence.own_rates import ALPHAS
from experiments.convergence.tables import OwnSum
from experiments.rows import Rows, join, of

NUM_STEPS = 300
OVERLAP = 2.0
"""λ: both prompts have the one direction of the example."""
FALSE_FACTOR = 2.0
"""The false variant claims twice the gain: what the slope alone would give."""
ROUNDING = 1e-11
"""Allowed excess: sums of log-odds up to 150 and of integrals of them, both good to about 1e-14 of themselves."""


def own_value(log_odds: Float[np.ndarray, "*shape"], alpha: float) -> Float[np.ndarray, "*shape"]:
    """F(J) from log-odds L: ∫ σ^(2−α) dL, in closed form at α = 0, 1, 2; by Gauss–Legendre elsewhere. F(½) = 0.

    >>> print(own_value(np.log([3.0]), 0.0).round(6))  # J − ½
    [0.25]
    """
    L = np.asarray(log_odds, float)
    if alpha == 0:
        return np.tanh(L / 2) / 2
    if alpha == 1:
        return 2 * np.arctan(np.tanh(L / 4))
    if alpha == 2:
        return L
    nodes, weights = np.polynomial.legendre.leggauss(80)
    x = L[..., None] / 2 * (nodes + 1)
    return L / 2 * ((1 / (2 * np.cosh(x / 2))) ** (2 - alpha) @ weights)


def climb(example: str, alpha: float, num_steps: int) -> Rows:
    """One row an iteration: ΣJ, ΣF, and what the step from there is guaranteed to add to ΣF."""
    p = EXAMPLES[example]()
    φ, b, r = (np.asarray(x) for x in (p.features.dense()[..., 0], p.offsets, p.rewards))
    step_size = float(ascent_step(alpha, overlap=OVERLAP, diameter=1.0))
    θ, found = 0.0, []
    for _ in range(num_steps):
        weights = np.exp(b + φ * θ)
        right, wrong = (weights * r).sum(1), (weights * (1 - r)).sum(1)
        J, failure = right / (right + wrong), wrong / (right + wrong)
        gap = (weights * r * φ).sum(1) / right - (weights * (1 - r) * φ).sum(1) / wrong
        direction = float(((J * failure) ** (1 - alpha / 2) * gap).sum())
        found.append((float(J.sum()), step_size / 2 * direction**2, *(np.log(right) - np.log(wrong))))
        θ += step_size * direction
    value, guaranteed, *log_odds = np.asarray(found).T
    own_sum = np.sum([own_value(L, alpha) for L in log_odds], axis=0)
    return {
        "example": np.full(num_steps, example), "alpha": np.full(num_steps, alpha), "time": np.arange(num_steps),
        "total_value": value, "own_sum": own_sum, "guaranteed": guaranteed,
    }  # fmt: skip


def rows() -> Rows:
    """Every rule on both examples."""
    return join([climb(example, alpha, NUM_STEPS) for example in EXAMPLES for alpha in ALPHAS])


def violations(rows: Rows, factor: float = 1.0) -> np.ndarray:
    """Where a step adds less to its own sum than `factor` times T20's guarantee (1: the theorem); one entry a step."""
    found = []
    for example in EXAMPLES:
        for alpha in ALPHAS:
            one = of(rows, example=example, alpha=alpha)
            found.append(np.diff(one["own_sum"]) < factor * one["guaranteed"][:-1] - ROUNDING)
    return np.concatenate(found)


def own_sums(rows: Rows) -> list[OwnSum]:
    """One entry an example and rule: in how many steps ΣJ fell, and in how many its own sum did."""
    entries: list[OwnSum] = []
    for example in EXAMPLES:
        for alpha in ALPHAS:
            one = of(rows, example=example, alpha=alpha)
            value, own = np.diff(one["total_value"]), np.diff(one["own_sum"])
            entries.append({
                "example": example, "alpha": alpha, "value_falls": int((value < -ROUNDING).sum()),
                "own_sum_falls": int((own < -ROUNDING).sum()), "value_change": float(value.sum()),
                "own_sum_change": float(own.sum()),
            })  # fmt: skip
    return entries
