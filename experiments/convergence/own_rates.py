"""Parts "own_rates", "mean_rates": failure rates of runs between both bounds of T15, prompt by prompt and in the mean.

    o₀^β + βa p₀^{2β} t  ≤  o_t^β  ≤  o₀^β + 4^β (e^{βh/4^β} − 1) t,   o = p/(1 − p), β = 1 − α/2, h = ηD²

Both ends where spans are orthogonal; of the mean, under any overlap or conflict, that it falls no faster.
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bandits import (
    Constant,
    Exact,
    Power,
    Problem,
    State,
    draw_labels,
    equicorrelated,
    from_pass_rates,
    init,
    offsets_for_pass_rate,
    one_hot_rewards,
    problem,
    simplex_arms,
    step,
)
from curvature import failure_rate_lower_bound, failure_rate_upper_bound, margin, mean_failure_lower_bound
from experiments.convergence.tables import Between
from experiments.rows import Rows, join, where

ALPHAS = (0.0, 0.5, 1.0, 1.5, 2.0)
ARMS = (2, 4, 16)
SHARES = (0.02, 0.5)
"""Steps, as shares of the longest that the upper bound allows, 2^{5−α}/D²."""
STARTS = 1 / (1 + np.exp(-np.linspace(-5, 5, 8)))
"""Initial pass rates of the prompts, from .0067 to .9933."""
NUM_STEPS = 1000
OVERLAPS = ((0.3, 1.0), (1.0, 1.0), (1.0, 0.0))
"""(coherence, conflict) of the problems whose mean is held against its bound."""
OVERLAP_ARMS = 4
ROUNDING = 1e-9
"""Allowed excess: a failure rate is e^{−z} for a sum z of 1,000 steps, below 700 and good to about 1e-13 of itself."""
LEAST = 1e-290
"""Rows end where a failure rate is no longer above this: what is smaller has lost digits."""
FALSE_LOWER, FALSE_UPPER = 0.9, 1.1
"""The false variants claim the lower bound at nine tenths of the step, the upper bound at eleven tenths."""


@eqx.filter_jit
def _failures(problems: Problem, alphas: Array, step_sizes: Array, num_steps: int) -> Float[Array, "B A T N"]:
    """1 − p of every prompt before each step, to full relative accuracy, for stacked problems."""

    def one(p: Problem, alpha: Array, step_size: Array) -> Float[Array, "T N"]:
        def advance(state: State, _: None) -> tuple[State, Float[Array, " N"]]:
            wrong = jnp.where(p.rewards == 1, -jnp.inf, state.local.logits)
            log_failure = jax.nn.logsumexp(wrong, axis=-1) - jax.nn.logsumexp(state.local.logits, axis=-1)
            return step(p, Power(alpha), Exact(), Constant(step_size), state)[0], jnp.exp(log_failure)

        return jax.lax.scan(advance, init(p, key=jax.random.key(0)), None, length=num_steps)[1]

    over_steps = jax.vmap(one, in_axes=(None, 0, 0))
    return jax.vmap(over_steps, in_axes=(0, None, None))(problems, alphas, step_sizes)


def _rules() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(α, share, step) of every run, D = 1."""
    alpha, share = (x.ravel() for x in np.meshgrid(ALPHAS, SHARES, indexing="ij"))
    return alpha, share, share * 2 ** (5 - alpha)


def _stacked(problems: list[Problem]) -> Problem:
    return jax.tree.map(lambda *x: jnp.stack(x), *problems)


def rows(seed: int) -> Rows:
    """One row a prompt, run and iteration: the failure rate, and what its two bounds are made of. Orthogonal spans."""
    alpha, share, step_size = _rules()
    parts = []
    for i, K in enumerate(ARMS):
        key = jax.random.fold_in(jax.random.key(seed), i)
        problems = [from_pass_rates(STARTS, num_arms=K, geometry=each, key=key) for each in ("simplex", "gaussian")]
        q = np.asarray(_failures(_stacked(problems), jnp.asarray(alpha), jnp.asarray(step_size), NUM_STEPS))
        arms = [np.asarray(p.features.dense()) for p in problems]
        margins = [[margin(φ, r) for φ, r in zip(u, np.asarray(p.rewards), strict=True)]
                   for u, p in zip(arms, problems, strict=True)]  # fmt: skip
        B, A, T, N = q.shape
        b, a, t, n = (x.ravel() for x in np.meshgrid(*map(np.arange, q.shape), indexing="ij"))
        parts.append({
            "num_arms": np.full(B * A * T * N, K), "geometry": np.array(["simplex", "gaussian"])[b], "prompt": n,
            "alpha": alpha[a], "share": share[a], "step_size": step_size[a], "time": t,
            "margin": np.minimum(np.asarray(margins), 1.0)[b, n],
            "initial_failure": q[:, :, 0][b, a, n], "failure_rate": q.ravel(),
        })  # fmt: skip
    joined = join(parts)
    return where(joined, joined["failure_rate"] > LEAST)


def mean_rows(seed: int) -> Rows:
    """One row a run and iteration of problems that overlap: the mean failure rate, and what its bound is made of."""
    alpha, share, step_size = (x[np.repeat(np.asarray(ALPHAS) < 2, len(SHARES))] for x in _rules())
    N, K = len(STARTS), OVERLAP_ARMS

    def build(coherence: float, conflict: float) -> Problem:
        labels = draw_labels(N, K, conflict=conflict, key=jax.random.key(seed))
        rewards = one_hot_rewards(labels, K)
        features = equicorrelated(simplex_arms(K), coherence, num_prompts=N)
        return problem(features, offsets_for_pass_rate(rewards, STARTS), rewards, diameter=1.0)

    problems = _stacked([build(*each) for each in OVERLAPS])
    q = np.asarray(_failures(problems, jnp.asarray(alpha), jnp.asarray(step_size), NUM_STEPS)).mean(axis=-1)
    b, a, t = (x.ravel() for x in np.meshgrid(*map(np.arange, q.shape), indexing="ij"))
    coherence, conflict = np.asarray(OVERLAPS).T
    return {
        "coherence": coherence[b], "conflict": conflict[b], "num_prompts": np.full(q.size, N), "alpha": alpha[a],
        "share": share[a], "step_size": step_size[a], "time": t, "initial_failure": q[:, :, 0][b, a],
        "failure_rate": q.ravel(),
    }  # fmt: skip


def _by_alpha(rows: Rows, bound: Callable[[float, Rows], Array]) -> np.ndarray:
    """A bound at every row, from the rows of one α at a time."""
    values = np.empty(len(rows["alpha"]))
    for alpha in np.unique(rows["alpha"]):
        mine = rows["alpha"] == alpha
        some = {name: rows[name][mine] for name in rows if rows[name].dtype.kind in "if"}
        values[mine] = bound(float(alpha), some)
    return values


def lower(rows: Rows, factor: float = 1.0) -> np.ndarray:
    """T15's lower bound at every row, for `factor` times the step (1: the theorem)."""
    return _by_alpha(rows, lambda alpha, r: failure_rate_lower_bound(
        r["initial_failure"], r["time"], alpha=alpha, step_size=factor * r["step_size"], diameter=1.0))  # fmt: skip


def upper(rows: Rows, factor: float = 1.0) -> np.ndarray:
    """T15's upper bound at every row, for `factor` times the step (1: the theorem)."""
    return _by_alpha(rows, lambda alpha, r: failure_rate_upper_bound(
        r["initial_failure"], r["time"], alpha=alpha, step_size=factor * r["step_size"], margin=r["margin"],
        diameter=1.0))  # fmt: skip


def mean_lower(rows: Rows, num_prompts: int | None = None) -> np.ndarray:
    """T15's lower bound on the mean at every row; the false variant claims it for one prompt."""
    N = int(rows["num_prompts"][0]) if num_prompts is None else num_prompts
    return _by_alpha(rows, lambda alpha, r: mean_failure_lower_bound(
        r["initial_failure"], r["time"], alpha=alpha, step_size=r["step_size"], diameter=1.0,
        num_prompts=N))  # fmt: skip


def between(rows: Rows) -> list[Between]:
    """By α, at the last iteration of the runs at the short step: how far the median prompt is from both bounds."""
    late = where(rows, (rows["time"] == NUM_STEPS - 1) & (rows["share"] == SHARES[0]))
    above_lower, below_upper = late["failure_rate"] / lower(late), upper(late) / late["failure_rate"]
    return [
        {"alpha": alpha, "above_lower": float(np.median(above_lower[late["alpha"] == alpha])),
         "below_upper": float(np.median(below_upper[late["alpha"] == alpha]))} for alpha in ALPHAS
    ]  # fmt: skip


def below(rows: Rows, bound: np.ndarray) -> np.ndarray:
    """Where the failure rate is below a bound that it should not be below."""
    return rows["failure_rate"] * (1 + ROUNDING) < bound


def above(rows: Rows, bound: np.ndarray) -> np.ndarray:
    """Where the failure rate is above a bound that it should not be above."""
    return rows["failure_rate"] > bound * (1 + ROUNDING)
