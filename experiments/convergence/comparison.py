"""Part "comparison": the rules as people use them: sampled groups, a KL limit per update, steps tuned on other seeds.

Every rule gets the same grid of steps, the same tuning seeds and fresh reporting seeds; a difference whose interval
contains 0 is called no difference. Labels are drawn at random, so prompts that share features conflict on the way;
below coherence 1 all of them can be right at last (J* = 1).
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from bandits import (
    Problem,
    Sampled,
    draw_labels,
    make_rule,
    offsets_for_pass_rate,
    one_hot_rewards,
    problem,
    simulate,
)
from bandits._run import Trajectory
from bandits._step import KLLimited
from bandits.estimate import UpdateRule
from bandits.features import Equicorrelated
from bandits.simplex import Simplex
from experiments.convergence.tables import Compared
from experiments.phase_diagram.lead import verdict
from experiments.rows import Rows, join
from experiments.statistics import interval

COHERENCES = (0.0, 0.3, 0.6, 0.9)
RULES = ("none", "group", "batch", "power(2)", "decoupled")
RIDGE = 0.01
"""λ of decoupled, relative to the mean deviation."""
NUM_PROMPTS, NUM_ARMS, GROUP_SIZE = 32, 8, 8
NUM_STEPS = 200
KL_LIMIT = 0.05
TUNING_SEEDS = 8
BLOCK = 32
"""Runs computed side by side."""
STEPS = np.geomspace(0.1, 10_000.0, 13)


def build(coherence: float, *, key: Key[Array, ""]) -> Problem:
    """32 prompts, 8 arms, logits of the pass rates uniform on (−4, 2) as a hard data set has, random labels."""
    rate_key, label_key = jax.random.split(key)
    rates = jax.nn.sigmoid(jax.random.uniform(rate_key, (NUM_PROMPTS,), minval=-4, maxval=2))
    rewards = one_hot_rewards(draw_labels(NUM_PROMPTS, NUM_ARMS, key=label_key), NUM_ARMS)
    features = Equicorrelated(Simplex(NUM_PROMPTS, NUM_ARMS, jnp.ones(())), jnp.asarray(coherence))
    return problem(features, offsets_for_pass_rate(rewards, rates), rewards, diameter=1.0)


def stack(num_seeds: int, *, key: Key[Array, ""]) -> tuple[Problem, Key[Array, "C S"]]:
    """Problems [coherence, seed] and the keys of their groups; the same seeds at every coherence (paired)."""
    keys = jax.random.split(key, 2 * num_seeds)
    problems = [[build(c, key=keys[i]) for i in range(num_seeds)] for c in COHERENCES]
    rows = [jax.tree.map(lambda *x: jnp.stack(x), *row) for row in problems]
    return jax.tree.map(lambda *x: jnp.stack(x), *rows), jnp.broadcast_to(
        keys[num_seeds:], (len(COHERENCES), num_seeds)
    )


@eqx.filter_jit
def _block(problems: Problem, keys: Array, steps: Float[Array, " B"], rule: UpdateRule) -> Trajectory:
    """[run, update]; groups depend on the key alone, so steps and rules are compared on the same luck."""

    def one(p: Problem, key: Array, step_size: Array) -> Trajectory:
        size = KLLimited(step_size, jnp.asarray(KL_LIMIT))
        return simulate(p, rule, Sampled(GROUP_SIZE), size, NUM_STEPS, key=key).trajectory

    return jax.vmap(one)(problems, keys, steps)


def _runs(problems: Problem, keys: Array, steps: Float[np.ndarray, "C B"], rule: UpdateRule) -> Trajectory:
    """[coherence, seed, step, update], in blocks of one size: one program a rule, whatever there is to run."""
    shape = (*keys.shape, steps.shape[1])
    c, s, b = (index.ravel() for index in np.indices(shape))
    blocks = []
    for first in range(0, len(c), BLOCK):
        run = np.arange(first, first + BLOCK) % len(c)  # the last one is filled up with the first runs
        which = c[run], s[run]
        mine = jax.tree.map(lambda x, which=which: x[which], problems)
        blocks.append(_block(mine, keys[which], jnp.asarray(steps[c[run], b[run]]), rule))
    return jax.tree.map(lambda *x: np.concatenate(x)[: len(c)].reshape(*shape, -1), *blocks)


def rows(seed: int, num_seeds: int) -> Rows:
    """One row a rule, coherence, stage ("tune" or "report"), step and seed: mean J over the run, final J, largest KL,
    and the share of updates that the KL limit shortened (where it is 1, a larger step changes nothing).
    """
    tune_key, report_key = jax.random.split(jax.random.key(seed))
    tuning = stack(TUNING_SEEDS, key=tune_key)
    reporting = stack(num_seeds, key=report_key)
    parts: list[Rows] = []
    for rule in RULES:
        grid = np.broadcast_to(STEPS, (len(COHERENCES), len(STEPS)))
        area = _add(parts, rule, "tune", *tuning, grid)
        best = STEPS[np.argmax(area.mean(axis=1).round(9), axis=1)][:, None]  # the smallest of equals
        _add(parts, rule, "report", *reporting, best)
    return join(parts)


def _add(
    parts: list[Rows],
    rule: str,
    stage: str,
    problems: Problem,
    keys: Array,
    steps: Float[np.ndarray, "C B"],
) -> Float[np.ndarray, "C S B"]:
    made = make_rule(rule, problems.features, ridge=RIDGE)
    path = _runs(problems, keys, steps, made)
    value, gain, kl, multiple, certificate = map(
        np.asarray, (path.value, path.gain, path.kl, path.multiple, path.certificate)
    )
    C, S, B = value.shape[:3]
    area = value.mean(axis=-1)
    c, s, b = np.meshgrid(np.arange(C), np.arange(S), np.arange(B), indexing="ij")
    step_size = steps[c, b].ravel()
    parts.append({
        "rule": np.full(C * S * B, rule), "stage": np.full(C * S * B, stage),
        "coherence": np.asarray(COHERENCES)[c].ravel(), "seed_index": s.ravel(), "step_size": step_size,
        "mean_value": area.ravel(), "initial_value": value[..., 0].ravel(),
        "final_value": (value[..., -1] + gain[..., -1]).ravel(),
        "largest_kl": kl.max(axis=-1).ravel(),
        "limited_share": (multiple < steps[:, None, :, None]).mean(axis=-1).ravel(),
        "num_certificate_violations": (certificate > gain + 1e-12).sum(axis=-1).ravel(),
        "at_edge": np.isin(step_size, STEPS[[0, -1]]),
    })  # fmt: skip
    return area


def table(rows: Rows, metric: str = "mean_value") -> list[Compared]:
    """One entry a coherence and rule: mean with interval, and the paired difference to `none` with a verdict."""
    entries: list[Compared] = []
    report = rows["stage"] == "report"
    for coherence in COHERENCES:
        at = report & (rows["coherence"] == coherence)

        def values(rule: str, at: np.ndarray = at) -> np.ndarray:
            mine = at & (rows["rule"] == rule)
            return rows[metric][mine][np.argsort(rows["seed_index"][mine])]

        for rule in RULES:
            mean, low, high = interval(values(rule)).ends
            difference = interval(values(rule) - values("none")).ends if rule != "none" else (0.0, 0.0, 0.0)
            said = "baseline" if rule == "none" else verdict(difference)
            mine = at & (rows["rule"] == rule)
            entries.append({
                "coherence": coherence, "rule": rule, "mean": mean, "low": low, "high": high,
                "difference": difference[0], "difference_low": difference[1], "difference_high": difference[2],
                "verdict": said, "step_size": float(rows["step_size"][mine][0]),
                "at_edge": bool(rows["at_edge"][mine][0]), "limited_share": float(rows["limited_share"][mine].mean()),
            })  # fmt: skip
    return entries
