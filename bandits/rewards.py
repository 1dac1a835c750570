"""Rewards and offsets that set each prompt's pass rate and deviation exactly, and labels that agree or conflict.

Binary: b + t·r with t = logit p − logit(Σ_right e^b / Σ_all e^b) has pass rate exactly p.
Real-valued: r = J + σ · (raw − E raw)/sd(raw) has mean J and deviation σ under the initial policy.
Independent checks: tests/bandits/test_rewards.py.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key
from scipy.optimize import linprog

from bandits.features import FeatureMap
from curvature.check import Numbers, as_float, check_count, check_finite, check_interval, check_shape


def one_hot_rewards(labels: Int[Array, " N"], num_arms: int) -> Float[Array, "N K"]:
    """1 for the right arm of each prompt, 0 for the others."""
    return jax.nn.one_hot(labels, num_arms, dtype=jnp.result_type(float))


def draw_labels(
    num_prompts: int,
    num_arms: int,
    *,
    conflict: Numbers = 1.0,
    agreed: Int[Array, " N"] | None = None,
    key: Key[Array, ""],
) -> Int[Array, " N"]:
    """The right arm of each prompt. `conflict` 0: the same arm for all (realisable at any coherence); 1: drawn
    uniformly and independently; between: that share of the prompts is redrawn.

    Arguments:
        num_prompts: N ≥ 1.
        num_arms: K ≥ 2.
        conflict: in [0, 1].
        agreed: [N] right arms of the prompts that are not redrawn; by default one arm, drawn, for all.
        key: the source of all randomness.

    Raises:
        ValueError: conflict outside [0, 1].
    """
    check_count("num_prompts", num_prompts, 1)
    check_count("num_arms", num_arms, 2)
    check_interval("conflict", conflict, 0, 1)
    common, redrawn, which = jax.random.split(key, 3)
    shared = jax.random.randint(common, (), 0, num_arms) if agreed is None else agreed
    own = jax.random.randint(redrawn, (num_prompts,), 0, num_arms)
    count = jnp.round(jnp.asarray(conflict) * float(num_prompts)).astype(int)
    chosen = jax.random.permutation(which, jnp.arange(num_prompts)) < count
    return jnp.where(chosen, own, shared)


def offsets_for_pass_rate(rewards: Numbers, pass_rate: Numbers, base: Numbers | None = None) -> Float[Array, "N K"]:
    """Offsets b under which every prompt passes with exactly the given rate.

    Arguments:
        rewards: [N, K] of 0 and 1, each prompt with at least one of both.
        pass_rate: [N], or a number, strictly inside (0, 1): 0 and 1 need a prior first (`bandits.pass_rates`).
        base: [N, K] logits whose proportions within the right and within the wrong arms are kept; uniform by default.

    Raises:
        ValueError: rewards that are not binary, a prompt with one kind of arm only, rates outside (0, 1).

    >>> print(jax.nn.softmax(offsets_for_pass_rate([[1.0, 0.0, 0.0]], 0.2)).round(3))
    [[0.2 0.4 0.4]]
    """
    r, p = as_float("rewards", rewards), as_float("pass_rate", pass_rate)
    check_shape("rewards", r, (None, None))
    values = np.asarray(r)
    if not np.isin(values, (0.0, 1.0)).all():
        raise ValueError(f"rewards contains {values[~np.isin(values, (0.0, 1.0))].flat[0]}; allowed: 0 and 1")
    one_kind = (values == values[:, :1]).all(axis=1)
    if one_kind.any():
        raise ValueError(
            f"rewards of prompt {one_kind.argmax()} are all {values[one_kind][0, 0]:g}; allowed: both 0 and 1"
        )
    check_interval("pass_rate", p, 0, 1, open_ends="lh")
    if p.ndim:
        check_shape("pass_rate", p, (r.shape[0],))
    b = jnp.zeros_like(r) if base is None else as_float("base", base)
    check_shape("base", b, r.shape)
    check_finite("base", b)
    log_right = jax.nn.logsumexp(jnp.where(r == 1, b, -jnp.inf), axis=-1)
    log_wrong = jax.nn.logsumexp(jnp.where(r == 0, b, -jnp.inf), axis=-1)
    # log p and log(1−p) apart: their difference alone would do, but this keeps the offsets log-probabilities
    return b + jnp.where(r == 1, (jnp.log(p) - log_right)[:, None], (jnp.log1p(-p) - log_wrong)[:, None])


def rewards_with_moments(logits: Numbers, value: Numbers, std: Numbers, raw: Numbers) -> Float[Array, "N K"]:
    """Real-valued rewards with the given mean and deviation under softmax(logits), in the shape of `raw`.

    Arguments:
        logits: [N, K].
        value, std: [N] or numbers; std ≥ 0.
        raw: [N, K] rewards before the shift and scale; must vary within every prompt.

    Raises:
        ValueError: a prompt whose raw rewards do not vary, negative deviations, mismatched shapes.
    """
    z, x = as_float("logits", logits), as_float("raw", raw)
    check_shape("logits", z, (None, None))
    check_shape("raw", x, z.shape)
    check_finite("logits", z)
    check_finite("raw", x)
    J, σ = as_float("value", value), as_float("std", std)
    check_finite("value", J)
    check_interval("std", σ, 0, float("inf"), open_ends="h")
    for name, array in (("value", J), ("std", σ)):
        if array.ndim:
            check_shape(name, array, (z.shape[0],))
    π = jax.nn.softmax(z)
    centred = x - jnp.sum(π * x, axis=-1, keepdims=True)
    centred = centred - jnp.sum(π * centred, axis=-1, keepdims=True)  # twice, as in `curvature.moments`
    spread = jnp.sqrt(jnp.sum(π * centred**2, axis=-1, keepdims=True))
    flat = np.asarray((spread[:, 0] == 0) | (jnp.ptp(x, axis=-1) == 0))
    if flat.any():
        raise ValueError(f"raw of prompt {flat.argmax()} does not vary; allowed: at least two different rewards")
    N = z.shape[0]
    return jnp.broadcast_to(J, (N,))[:, None] + jnp.broadcast_to(σ, (N,))[:, None] * centred / spread


def realisable(features: FeatureMap, labels: Int[Array, " N"]) -> bool:
    """Whether one parameter makes every prompt's right arm the likeliest, so that sup_θ J = 1.

    A linear programme (HiGHS through SciPy's `linprog`): is there θ with (φ(x,y*) − φ(x,y))·θ ≥ 1 for all wrong y?
    Where not, prompts conflict and no rule can reach J = 1.

    Raises:
        RuntimeError: the solver gave up.
    """
    φ, y = np.asarray(features.dense()), np.asarray(labels)
    N, K, d = φ.shape
    margins = φ[np.arange(N), y][:, None] - φ
    wrong = np.ones((N, K), bool)
    wrong[np.arange(N), y] = False
    answer = linprog(np.zeros(d), A_ub=-margins[wrong], b_ub=-np.ones(wrong.sum()), bounds=(None, None), method="highs")
    if answer.status not in (0, 2):
        raise RuntimeError(f"linprog ended with status {answer.status}: {answer.message}")
    return answer.status == 0
