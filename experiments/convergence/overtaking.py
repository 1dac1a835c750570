"""Parts "overtaking", "divisors": REINFORCE at any constant step against GRPO at one, and what a batch's divisor keeps.

Two arms at distance 1, orthogonal prompts: log-odds move by ησ²/divisor per step, so that a run is one number a prompt.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from curvature import failure_rate_lower_bound, failure_rate_upper_bound, theorem_step
from experiments.convergence.exponents import slope
from experiments.convergence.own_rates import ROUNDING, STARTS
from experiments.convergence.tables import Divisor, Overtaken
from experiments.rows import Rows, join, of

NUM_STEPS = 20_000
STEPS = np.geomspace(0.1, 1000, 20)
"""REINFORCE's, over four decades; GRPO has T6's alone."""
FIT_FROM = 2000
STUCK = 0.5
"""The pass rate of a prompt whose right and wrong answers have the same features: no update changes it."""

Divide = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(pass rates [S, P], variances [S, P]) to what each prompt's gradient is divided by."""
RULES: dict[str, Divide] = {
    "none": lambda p, variance: np.ones_like(p),
    "group": lambda p, variance: np.sqrt(variance),
    "batch": lambda p, variance: np.sqrt(variance).mean(axis=-1, keepdims=True),
    "pooled": lambda p, variance: np.sqrt((variance + p**2).mean(-1, keepdims=True) - p.mean(-1, keepdims=True) ** 2),
}
"""`pooled` divides by the deviation of all rewards of the batch at once."""


def failures(
    pass_rates: Float[np.ndarray, " P"], rule: str, step_sizes: Float[np.ndarray, " S"], num_steps: int, stuck: int = 0
) -> Float[np.ndarray, "T S P"]:
    """1 − p of every prompt before each step of every run; `stuck` prompts more enter the divisor only."""
    z = np.tile(np.log(pass_rates / (1 - pass_rates)), (len(step_sizes), 1))
    rest = np.full((len(step_sizes), stuck), STUCK)
    found = np.empty((num_steps, *z.shape))
    for t in range(num_steps):
        q = np.exp(-np.logaddexp(0, z))
        p = np.exp(-np.logaddexp(0, -z))
        found[t] = q
        everyone = np.concatenate([p, rest], axis=-1), np.concatenate([p * q, rest * (1 - rest)], axis=-1)
        divisor = np.broadcast_to(RULES[rule](*everyone), everyone[0].shape)[:, : z.shape[1]]
        z = z + step_sizes[:, None] * p * q / divisor
    return found


def _times(num_steps: int, number: int = 200) -> np.ndarray:
    return np.unique(np.geomspace(1, num_steps - 1, number).astype(int))


def _since(ahead: np.ndarray, times: np.ndarray) -> float:
    """The first of the times from which on `ahead` holds; NaN where it does not hold at the last."""
    behind = np.flatnonzero(~ahead)
    first = behind[-1] + 1 if len(behind) else 0
    return float(times[first]) if first < len(times) else np.nan


def _bound(rule: str, step_size: float, times: np.ndarray) -> np.ndarray:
    """T15 on the mean failure rate of these prompts: GRPO's from above, REINFORCE's from below."""
    q, t = 1 - STARTS, times[:, None]
    if rule == "group":
        return np.asarray(
            failure_rate_upper_bound(q, t, alpha=1.0, step_size=step_size, margin=1.0, diameter=1.0)
        ).mean(-1)
    return np.asarray(failure_rate_lower_bound(q, t, alpha=0.0, step_size=step_size, diameter=1.0)).mean(-1)


def rows() -> Rows:
    """One row a run and time: mean failure rate and its bound, and since when GRPO is ahead, measured and proved."""
    times, far = _times(NUM_STEPS), np.geomspace(1, 1e120, 4801)
    grpo = float(theorem_step(1.0))
    q = {
        "group": failures(STARTS, "group", np.asarray([grpo]), NUM_STEPS).mean(axis=-1),
        "none": failures(STARTS, "none", STEPS, NUM_STEPS).mean(axis=-1),
    }
    reached = _bound("group", grpo, far)
    parts = []
    for rule, step_size, i in [("group", grpo, 0), *(("none", η, i) for i, η in enumerate(STEPS))]:
        mine = q[rule][:, i]
        measured = proved = np.nan
        if rule == "none":
            measured = _since((q["group"][:, 0] < mine)[1:], np.arange(1, NUM_STEPS))
            proved = _since(reached < _bound(rule, step_size, far), far)
        n = len(times)
        parts.append({
            "rule": np.full(n, rule), "step_size": np.full(n, step_size), "time": times, "failure_rate": mine[times],
            "bound": _bound(rule, step_size, times), "ahead_from": np.full(n, measured),
            "proved_from": np.full(n, proved),
        })  # fmt: skip
    return join(parts)


def violations(rows: Rows) -> np.ndarray:
    """Where GRPO's mean failure rate is above its upper bound, or REINFORCE's below its lower bound."""
    q, bound = rows["failure_rate"], rows["bound"]
    return np.where(rows["rule"] == "group", q > bound * (1 + ROUNDING), q * (1 + ROUNDING) < bound)


def overtaken(rows: Rows) -> list[Overtaken]:
    """One entry a step of REINFORCE."""
    none = of(rows, rule="none")
    first = np.unique(none["step_size"], return_index=True)[1]
    return [
        {"step_size": float(none["step_size"][i]), "ahead_from": float(none["ahead_from"][i]),
         "proved_from": float(none["proved_from"][i])} for i in first
    ]  # fmt: skip


def divisor_rows() -> Rows:
    """One row a rule, number of stuck prompts and time: the mean failure rate of the others, unequal at the start."""
    times, parts = _times(NUM_STEPS), []
    for rule in RULES:
        for stuck in (0, 1):
            q = failures(STARTS, rule, np.ones(1), NUM_STEPS, stuck)[times, 0].mean(axis=-1)
            n = len(times)
            parts.append({"rule": np.full(n, rule), "num_stuck": np.full(n, stuck), "time": times, "failure_rate": q})
    return join(parts)


def divisors(rows: Rows) -> list[Divisor]:
    """The late exponent of every rule, without and with a prompt that no update changes."""
    entries: list[Divisor] = []
    for rule in RULES:
        late = [of(rows, rule=rule, num_stuck=stuck) for stuck in (0, 1)]
        fitted = [slope(np.log(r["time"][r["time"] >= FIT_FROM]), np.log(r["failure_rate"][r["time"] >= FIT_FROM]))
                  for r in late]  # fmt: skip
        entries.append({"rule": rule, "exponent": fitted[0], "exponent_with_stuck_prompt": fitted[1]})
    return entries
