"""Parts "theorem", "pass_rates": the convergence theorem T6, both rules, at every T, on problems without coherence.

average over prompts and iterations of |g_x|  ≤  sqrt( s D² Δ / (4 c₀ T) ),   s = σ̄ (GRPO) or ½ (REINFORCE)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from bandits import Constant, Exact, Problem, UpdateRule, from_pass_rates, make_rule, problem, random_arms, simulate
from bandits._run import Trajectory
from bandits.draws import normal
from bandits.features import Features
from curvature import gradient_norm_bound, rate_ratio_bound, theorem_step
from curvature.constants import A_PRIORI_STD
from experiments.rows import Rows, join

NUM_PROMPTS = 64
NUM_SEEDS = 3
ARMS = (2, 4, 16)
REGIMES = {"rare": (0.001, 0.01), "hard": (0.05, 0.3), "mixed": (0.02, 0.98), "easy": (0.7, 0.99)}
"""Range of the initial pass rates, drawn uniformly."""
GRADED = "graded"
"""A fifth regime: real-valued rewards in [0, 1], random offsets."""


@dataclass(frozen=True)
class Setting:
    """One problem of the grid."""

    regime: str
    num_arms: int
    geometry: str
    problem_seed: int


def settings() -> list[Setting]:
    """The grid: regimes × arms × geometry × seeds."""
    regimes = (*REGIMES, GRADED)
    return [
        Setting(regime, K, geometry, seed)
        for K in ARMS
        for regime in regimes
        for geometry in ("simplex", "gaussian")
        for seed in range(NUM_SEEDS)
    ]


def build(setting: Setting, *, key: Key[Array, ""]) -> Problem:
    """The setting's problem: N prompts with orthogonal spans, D = 1; Gaussian prompts have diameters in [½, 1]."""
    rates_key, problem_key, arms_key = jax.random.split(key, 3)
    N, K = NUM_PROMPTS, setting.num_arms
    if setting.regime == GRADED:
        offset_key, reward_key = jax.random.split(rates_key)
        diameters = jnp.ones(N) if setting.geometry == "simplex" else jax.random.uniform(problem_key, (N,), minval=0.5)
        features = Features(random_arms(N, K, K - 1, diameter=diameters, key=arms_key), None)
        offsets = 2 * normal(offset_key, (N, K))
        return problem(features, offsets, jax.random.uniform(reward_key, (N, K)), diameter=1.0)
    low, high = REGIMES[setting.regime]
    rates = jax.random.uniform(rates_key, (N,), minval=low, maxval=high)
    return from_pass_rates(rates, num_arms=K, geometry=setting.geometry, key=problem_key)


def step_of(rule: str, diameter: Float[Array, "*B"]) -> Float[Array, "*B"]:
    """T6's step: 4c/D² for `group`, 4c/(D² σ_max) with the a-priori σ_max = ½ for `none`."""
    return theorem_step(diameter) / (1.0 if rule == "group" else A_PRIORI_STD)


@eqx.filter_jit
def _trajectories(
    problems: Problem, rule: UpdateRule, step_sizes: Float[Array, " B"], num_steps: int, key: Key[Array, ""]
) -> Trajectory:
    """One program for both rules, which differ in the numbers of `rule` alone."""

    def one(p: Problem, step_size: Float[Array, ""]) -> Trajectory:
        return simulate(p, rule, Exact(), Constant(step_size), num_steps, key=key).trajectory

    return jax.vmap(one)(problems, step_sizes)


def checks(problems: Problem, rule: str, num_steps: int) -> Rows:
    """For stacked problems [B, …]: bound and measurement at T = 1..num_steps, arrays [B, T], and what led to them."""
    made, sizes = make_rule(rule, problems.features), step_of(rule, problems.diameter)
    path = _trajectories(problems, made, sizes, num_steps, jax.random.key(0))
    T = np.asarray(path.time) + 1
    start = path.value[:, :1]
    gap = jax.vmap(lambda p: jnp.mean(p.best_values()))(problems)[:, None] - start
    scale = path.average_std if rule == "group" else jnp.full_like(path.average_std, A_PRIORI_STD)
    bound = gradient_norm_bound(scale, problems.diameter[:, None], jnp.clip(gap, 0, 1), T)
    return {
        "num_steps_T": T.astype(np.int64),
        "measured": np.asarray(path.average_gradient_norm),
        "bound": np.asarray(bound),
        "average_std": np.asarray(path.average_std),
        "value": np.asarray(path.value),
        "certificate": np.asarray(path.certificate),
        "gain": np.asarray(path.gain),
    }


def grid_rows(seed: int, num_steps: int) -> Iterator[tuple[str, Rows]]:
    """Rows of the whole grid, one batch of equal shapes at a time: (what was done, columns)."""
    keys = jax.random.split(jax.random.key(seed), len(settings()))
    for K in ARMS:
        chosen = [(i, s) for i, s in enumerate(settings()) if s.num_arms == K]
        stacked = jax.tree.map(lambda *x: jnp.stack(x), *[build(s, key=keys[i]) for i, s in chosen])
        for rule in ("group", "none"):
            arrays = checks(stacked, rule, num_steps)
            B, T = arrays["measured"].shape
            columns = {name: values.ravel() for name, values in arrays.items()}
            labels = {
                name: np.repeat([getattr(s, name) for _, s in chosen], T)
                for name in ("regime", "num_arms", "geometry", "problem_seed")
            }
            yield f"K={K} {rule}: {B} problems", {"rule": np.full(B * T, rule), **labels, **columns}


def file_rows(pass_rates: Float[np.ndarray, " N"], seed: int, num_steps: int, num_arms: int = 4) -> Rows:
    """Rows of one problem with exactly these pass rates, both rules."""
    p = from_pass_rates(pass_rates, num_arms=num_arms, key=jax.random.key(seed))
    stacked = jax.tree.map(lambda x: x[None], p)
    parts = []
    for rule in ("group", "none"):
        arrays = checks(stacked, rule, num_steps)
        parts.append({"rule": np.full(num_steps, rule), **{k: v.ravel() for k, v in arrays.items()}})
    return join(parts)


def violations(rows: Rows) -> np.ndarray:
    """Where the bound is exceeded. Both sides are float64 sums of at most 1e5 terms: 1e-9 is far above rounding."""
    return rows["measured"] > rows["bound"] * (1 + 1e-9)


def certificate_violations(rows: Rows) -> np.ndarray:
    """Where T3's lower bound exceeds the realised gain; J is of order 1 and its difference is good to about 1e-15."""
    return rows["certificate"] > rows["gain"] + 1e-12


def rate_ratios(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """At the last T of every setting: (measured, bound) ratio of the squared rates, group over none."""
    last = rows["num_steps_T"] == rows["num_steps_T"].max()
    group, none = last & (rows["rule"] == "group"), last & (rows["rule"] == "none")
    measured = (rows["measured"][group] / rows["measured"][none]) ** 2
    return measured, np.asarray(rate_ratio_bound(rows["average_std"][group]))
