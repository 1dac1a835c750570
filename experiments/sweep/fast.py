"""Which chunks the numba kernel computes, and what it is given: problems, keys and rules as arrays, made by JAX.

Taken where numba is installed (extra `fast`), JAX computes on a CPU, and the chunk is of the kernel's kind; the JAX
program does everything else and is the reference. Independent check: tests/experiments/sweep/test_kernel.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bandits._score import Score
from bandits.features import Equicorrelated, Features
from curvature.groups import group_std
from experiments.sweep.grid import Setting
from experiments.sweep.problems import Numbers, Shape, build
from experiments.sweep.spec import Spec

SLICE = 2**18
"""Numbers of the problems that are prepared at once."""
LEAST_KL = 1e-3
"""The kernel knows KL to 1e-16: steps under smaller limits would differ from the JAX program's by more than 1e-12."""


def installed() -> bool:
    """Whether numba can be imported; it is not."""
    return find_spec("numba") is not None


def serves(spec: Spec, setting: Setting) -> bool:
    """Whether the kernel is for this setting's program."""
    limited = setting.design == "kl-limited" and spec.kl_limit >= LEAST_KL
    plain = setting.optimiser == "sgd" and not spec.clip_norm
    one_group_of_each = setting.updates_per_batch == 1 and not (setting.prompts_per_update or setting.filter)
    return (
        setting.policy == "log-linear"
        and (limited or setting.design == "constant")
        and plain
        and one_group_of_each
        and not setting.held_out
        and setting.rule_kind != "decoupled"
        and jax.default_backend() == "cpu"
        and installed()
    )


@lru_cache(maxsize=64)
def _prepare(shape: Shape) -> Callable[[tuple[Numbers, Array]], tuple[Array, ...]]:
    def one(numbers: Numbers, key: Array) -> tuple[Array, ...]:
        """(offsets [K, N], labels [N], key [2], ρ, what mixes prompts [rows, N], |e|² [N])."""
        problem_key, run_key = jax.random.split(key)
        made = build(shape, numbers, key=problem_key)
        offsets, labels, data = made.offsets.T, jnp.argmax(made.rewards, axis=1), jax.random.key_data(run_key)
        if isinstance(made.features, Equicorrelated):
            N = shape.num_prompts
            return offsets, labels, data, made.features.coherence, jnp.zeros((0, N)), jnp.ones(N)
        assert isinstance(made.features, Features)
        e = made.features.embeddings()
        return offsets, labels, data, jnp.zeros(()), _mix(e), jnp.sum(e**2, axis=1)

    return jax.jit(lambda jobs: jax.vmap(one)(*jobs))


def _mix(e: Float[Array, "N r"]) -> Array:
    """The Gram matrix where that is less work than e twice, else eᵀ."""
    N, r = e.shape
    return e @ e.T if 2 * r > N else e.T


def _rules(kind: str, group_size: int, jobs: Any) -> tuple[int, np.ndarray, np.ndarray]:
    """(divisor, weights, shifts) of the kernel, a row each run."""
    from experiments.sweep.kernel import BATCH, OWN, POOLED

    runs = len(jobs.step_size)
    divisor = {"batch": BATCH, "pooled": POOLED}.get(kind, OWN)
    alpha = np.asarray(jobs.alpha) if kind == "power" else np.zeros(runs)
    if group_size == 0:
        weights = np.stack([np.ones(runs), np.zeros(runs), -alpha], axis=1)
        if kind == "table":
            rate = jobs.weight.rate
            weights = np.stack([rate.factor, rate.of_mean, rate.of_std], axis=1)
        return divisor, weights, np.zeros((runs, 1))
    if kind == "table":
        weights, shifts = np.array(jobs.weight.table), np.array(jobs.weight.shift)
    else:
        deviation = group_std(group_size)
        weights = np.where(deviation > 0, deviation, 1) ** -alpha[:, None]
        shifts = np.zeros_like(weights)
    weights[:, [0, -1]] = 0
    return divisor, weights, shifts


def score_all(spec: Spec, setting: Setting, jobs: Any, shares: tuple[float, ...]) -> Score:
    """The scores of all jobs (`execute.Job`) of the setting's program, as NumPy arrays.

    Arguments:
        spec: the sweep.
        setting: one of the program's.
        jobs: the runs.
        shares: of the way from J at the start to the best known J, whose hitting times are kept.
    """
    from experiments.sweep.kernel import score_runs

    shape, runs = Shape.of(setting), len(jobs.step_size)
    G = 0 if setting.group_size == "exact" else int(setting.group_size)
    limit = spec.kl_limit if setting.design == "kl-limited" else 0.0
    divisor, weights, shifts = _rules(setting.rule_kind, G, jobs)
    steps, best = np.asarray(jobs.step_size), np.asarray(jobs.best_known)
    size = max(1, min(runs, SLICE // (shape.num_prompts * (shape.num_arms + shape.dimension))))
    parts = []
    for start in range(0, runs, size):
        index = np.minimum(np.arange(start, start + size), runs - 1)
        problems = _prepare(shape)(jax.tree.map(lambda leaf, index=index: leaf[index], (jobs.numbers, jobs.key)))
        now = slice(start, min(start + size, runs))
        offsets, labels, keys, *features = (np.asarray(part)[: now.stop - start] for part in problems)
        rules, way = (divisor, weights[now], shifts[now]), (steps[now], limit, best[now], np.asarray(shares))
        made = (offsets, labels, keys)
        parts.append(score_runs(made, rules, way, tuple(features), G, spec.num_steps, spec.num_curve))
    numbers, hits, curve, ratios = (np.concatenate(part) for part in zip(*parts, strict=True))
    area, final, lowest, std, largest, limited, finite = numbers.T
    answers, none = np.full(runs, float(shape.num_prompts * G * spec.num_steps)), np.full(runs, np.nan)
    fields = {
        "area": area, "final": final, "lowest": lowest, "hitting_times": hits, "curve": curve, "average_std": std,
        "cross_ratio": ratios, "largest_kl": largest, "limited_share": limited, "finite": finite.astype(bool),
        "answers_drawn": answers, "held_out_area": none, "held_out_final": none,
        "held_out_curve": np.full_like(curve, np.nan),
    }  # fmt: skip
    return jax.tree.map(np.asarray, Score(**jax.tree.map(jnp.asarray, fields)))
