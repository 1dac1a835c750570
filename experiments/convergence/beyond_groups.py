"""Part "beyond": what momentum, Adam and a rule without a baseline make of groups of samples, beside exact GRPO.

Two arms at distance 1, one prompt, groups of G. With momentum and Adam a dead group goes on with what a live one began,
which changes constants: no bound is claimed, n E q is measured. Without a baseline groups that are all right push as
well, and T16 does not hold: E q falls like 1/n².
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from curvature import group_failure_lower_bound
from experiments.convergence.sampled_groups import ANSWERS, ERRORS, START, WIDTH, error, moves, times
from experiments.convergence.tables import Beyond
from experiments.rows import Rows, join, of

GROUP_SIZE = 8
RUNS = 400
MOMENTUM = 0.9
SECOND = 0.99
"""Adam's decay of squares; its ε is 0."""
ADAM_STEP = 0.1
SEEN = (1e3, 1e4, ANSWERS)
"""Answers, nearly, at which the report looks."""

Number = Float[np.ndarray, " R"]
Memory = dict[str, Number]
Rule = Callable[[np.random.Generator, Number, Memory, int], Number]
"""(random numbers, log-odds, what it remembers, updates so far) to the change of the log-odds."""


def _estimate(rng: np.random.Generator, z: Number) -> Number:
    """GRPO's estimate from one group, at T6's step."""
    return moves("group", GROUP_SIZE)[_right(rng, z)]


def _right(rng: np.random.Generator, z: Number) -> np.ndarray:
    return rng.binomial(GROUP_SIZE, 1 / (1 + np.exp(-z)))


def _momentum(rng: np.random.Generator, z: Number, memory: Memory, t: int) -> Number:
    memory["mean"] = MOMENTUM * memory["mean"] + (1 - MOMENTUM) * _estimate(rng, z)
    return memory["mean"]


def _adam(rng: np.random.Generator, z: Number, memory: Memory, t: int) -> Number:
    estimate = _estimate(rng, z)
    memory["mean"] = MOMENTUM * memory["mean"] + (1 - MOMENTUM) * estimate
    memory["square"] = SECOND * memory["square"] + (1 - SECOND) * estimate**2
    mean, square = memory["mean"] / (1 - MOMENTUM ** (t + 1)), memory["square"] / (1 - SECOND ** (t + 1))
    return ADAM_STEP * mean / np.sqrt(np.where(square > 0, square, np.inf))


def _no_baseline(rng: np.random.Generator, z: Number, memory: Memory, t: int) -> Number:
    """Σ r s/G, divided by the true σ: right answers push by (1 − p)/σ each, wrong ones not at all. At most WIDTH."""
    return WIDTH * _right(rng, z) / GROUP_SIZE * np.exp(-z / 2)


def _exact(rng: np.random.Generator, z: Number, memory: Memory, t: int) -> Number:
    """g/σ = σ, without any sample; an update counts as a group all the same."""
    return 2 * WIDTH * np.exp(-np.abs(z) / 2) / (1 + np.exp(-np.abs(z)))


RULES: dict[str, Rule] = {
    "momentum": _momentum,
    "adam": _adam,
    "no_baseline": _no_baseline,
    "exact": _exact,
}


def rows(seed: int) -> Rows:
    """One row a rule and number of answers: the mean failure rate over runs, with its error."""
    n, parts = times(), []
    for i, (name, rule) in enumerate(RULES.items()):
        rng = np.random.default_rng([seed, 2, i])
        number = 1 if name == "exact" else RUNS
        z, memory = np.full(number, START), {"mean": np.zeros(number), "square": np.zeros(number)}
        q, updates = np.empty((number, len(n))), n // GROUP_SIZE
        for t in range(int(updates[-1]) + 1):
            q[:, updates == t] = np.exp(-np.logaddexp(0, z))[:, None]
            z = z + rule(rng, z, memory, t)
        parts.append({
            "rule": np.full(len(n), name), "num_answers": n, "failure": q.mean(axis=0),
            "failure_error": error(q) if number > 1 else np.zeros(len(n)),
        })  # fmt: skip
    return join(parts)


def silent_violations(rows: Rows) -> np.ndarray:
    """Where the rule without a baseline is below the bound that T16 gives to rules that are silent: a false claim."""
    mine = of(rows, rule="no_baseline")
    bound = np.asarray(group_failure_lower_bound(1 / (1 + np.exp(START)), mine["num_answers"], width=WIDTH))
    return mine["failure"] + ERRORS * mine["failure_error"] < bound


def beyond(rows: Rows, sampled: Rows) -> list[Beyond]:
    """What n E q is of each rule at several n, and of GRPO itself: it settles where E q falls like 1/n."""
    plain = of(sampled, rule="group", prompts="one", group_size=GROUP_SIZE)
    entries: list[Beyond] = []
    for name, one in [("group", plain), *((name, of(rows, rule=name)) for name in RULES)]:
        for n in SEEN:
            i = int(np.argmin(np.abs(np.log(one["num_answers"] / n))))
            answers = float(one["num_answers"][i])
            entries.append({"rule": name, "num_answers": answers, "scaled": answers * float(one["failure"][i])})
    return entries
