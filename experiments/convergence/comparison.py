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
    coherent,
    draw_labels,
    equicorrelation,
    make_rule,
    offsets_for_pass_rate,
    one_hot_rewards,
    problem,
    simplex_arms,
    simulate,
)
from bandits._run import Trajectory
from bandits._step import KLLimited
from bandits.estimate import UpdateRule
from experiments.convergence.tables import Compared
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
STEPS = np.geomspace(0.1, 10_000.0, 13)


def build(coherence: float, *, key: Key[Array, ""]) -> Problem:
    """32 prompts, 8 arms, logits of the pass rates uniform on (−4, 2) as a hard data set has, random labels."""
    rate_key, label_key = jax.random.split(key)
    rates = jax.nn.sigmoid(jax.random.uniform(rate_key, (NUM_PROMPTS,), minval=-4, maxval=2))
    rewards = one_hot_rewards(draw_labels(NUM_PROMPTS, NUM_ARMS, key=label_key), NUM_ARMS)
    features = coherent(equicorrelation(NUM_PROMPTS, coherence), simplex_arms(NUM_ARMS))
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
def _runs(problems: Problem, keys: Array, steps: Float[Array, "C B"], rule: UpdateRule) -> Trajectory:
    """[coherence, seed, step]; groups depend on the seed alone, so steps and rules are compared on the same luck."""

    def one(p: Problem, key: Array, step_size: Array) -> Trajectory:
        size = KLLimited(step_size, jnp.asarray(KL_LIMIT))
        return simulate(p, rule, Sampled(GROUP_SIZE), size, NUM_STEPS, key=key).trajectory

    over_steps = jax.vmap(one, in_axes=(None, None, 0))
    over_seeds = jax.vmap(over_steps, in_axes=(0, 0, None))
    return jax.vmap(over_seeds)(problems, keys, steps)


def rows(seed: int, num_seeds: int) -> Rows:
    """One row a rule, coherence, stage ("tune" or "report"), step and seed: mean J over the run, final J, largest KL,
    and the share of updates that the KL limit shortened (where it is 1, a larger step changes nothing).
    """
    tune_key, report_key = jax.random.split(jax.random.key(seed))
    tuning = stack(TUNING_SEEDS, key=tune_key)
    reporting = stack(num_seeds, key=report_key)
    parts: list[Rows] = []
    for rule in RULES:
        grid = jnp.broadcast_to(jnp.asarray(STEPS), (len(COHERENCES), len(STEPS)))
        area = _add(parts, rule, "tune", *tuning, grid)
        best = jnp.asarray(STEPS[np.argmax(area.mean(axis=1), axis=1)])[:, None]
        _add(parts, rule, "report", *reporting, best)
    return join(parts)


def _add(
    parts: list[Rows],
    rule: str,
    stage: str,
    problems: Problem,
    keys: Array,
    steps: Float[Array, "C B"],
) -> Float[np.ndarray, "C S B"]:
    # the arms are shared, so the spans that `decoupled` asks about are those of any one prompt
    made = make_rule(rule, coherent(None, simplex_arms(NUM_ARMS), num_prompts=1), ridge=RIDGE)
    path = _runs(problems, keys, steps, made)
    C, S, B = path.value.shape[:3]
    area = np.asarray(path.value.mean(axis=-1))
    c, s, b = np.meshgrid(np.arange(C), np.arange(S), np.arange(B), indexing="ij")
    step_size = np.asarray(steps)[c, b].ravel()
    parts.append({
        "rule": np.full(C * S * B, rule), "stage": np.full(C * S * B, stage),
        "coherence": np.asarray(COHERENCES)[c].ravel(), "seed_index": s.ravel(), "step_size": step_size,
        "mean_value": area.ravel(), "initial_value": np.asarray(path.value[..., 0]).ravel(),
        "final_value": np.asarray(path.value[..., -1] + path.gain[..., -1]).ravel(),
        "largest_kl": np.asarray(path.kl.max(axis=-1)).ravel(),
        "limited_share": np.asarray((path.multiple < steps[:, None, :, None]).mean(axis=-1)).ravel(),
        "num_certificate_violations": np.asarray(jnp.sum(path.certificate > path.gain + 1e-12, axis=-1)).ravel(),
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
            verdict = (
                "baseline"
                if rule == "none"
                else "better"
                if difference[1] > 0
                else "worse"
                if difference[2] < 0
                else "no difference"
            )
            mine = at & (rows["rule"] == rule)
            entries.append({
                "coherence": coherence, "rule": rule, "mean": mean, "low": low, "high": high,
                "difference": difference[0], "difference_low": difference[1], "difference_high": difference[2],
                "verdict": verdict, "step_size": float(rows["step_size"][mine][0]),
                "at_edge": bool(rows["at_edge"][mine][0]), "limited_share": float(rows["limited_share"][mine].mean()),
            })  # fmt: skip
    return entries
