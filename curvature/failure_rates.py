r"""How fast failures vanish under exact gradients at a constant step: bounds from both sides (T15).

    o₀^β + βa p₀^{2β} t  ≤  o_t^β  ≤  o₀^β + 4^β (e^{βh/4^β} − 1) t,   o = p/(1 − p), β = 1 − α/2, h = ηD²

for the rule g/σ^α on the sum over prompts of orthogonal spans, rewards 0 and 1; a = ηm²(1 − h/(8·4^β)), m the margin.
At α = 2 the odds lie between o₀e^{at} and o₀e^{ht}. Independent checks: tests/curvature/test_failure_rates.py.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from jaxtyping import Array, Float

from curvature.check import Numbers, as_float, as_floats, check_count, check_finite, check_interval, check_shape


def _checked(
    initial_failure: Numbers, time: Numbers, alpha: float, step_size: Numbers, diameter: Numbers
) -> tuple[Float[Array, "..."], Float[Array, "..."], Float[Array, "..."], Float[Array, "..."], float]:
    """(q₀, t, η, D, β) as arrays that broadcast.

    Raises:
        ValueError: out of range, or shapes that do not broadcast.
    """
    q, t, η, D = as_floats(initial_failure=initial_failure, time=time, step_size=step_size, diameter=diameter)
    check_interval("initial_failure", q, 0, 1, open_ends="lh")
    check_interval("time", t, 0, float("inf"), open_ends="h")
    check_interval("alpha", alpha, 0, 2)
    check_interval("step_size", η, 0, float("inf"), open_ends="h")
    check_interval("diameter", D, 0, float("inf"), open_ends="lh")
    return q, t, η, D, 1 - alpha / 2


def _failure(
    initial_failure: Float[Array, "..."], exponent: float, growth: Float[Array, "..."], time: Float[Array, "..."]
) -> Float[Array, "..."]:
    """1 − p where the odds' power β is o₀^β + growth · t; for β = 0 the log-odds are log o₀ + growth · t."""
    log_odds = jnp.log1p(-initial_failure) - jnp.log(initial_failure)
    added = jnp.where(time > 0, growth * time, 0)
    if exponent == 0:
        return jax.nn.sigmoid(-log_odds - added)
    return jax.nn.sigmoid(-jnp.logaddexp(exponent * log_odds, jnp.log(added)) / exponent)


def failure_rate_lower_bound(
    initial_failure: Numbers, time: Numbers, *, alpha: float, step_size: Numbers, diameter: Numbers
) -> Float[Array, "*shape"]:
    """T15: no faster. A lower bound on a prompt's failure rate 1 − p after t steps of g/σ^α, spans orthogonal.

    Arguments:
        initial_failure: q₀ = 1 − p₀ in (0, 1).
        time: t ≥ 0 steps.
        alpha: in [0, 2]: 0 is REINFORCE, 1 GRPO.
        step_size: η ≥ 0, on the sum over prompts.
        diameter: D ≥ the prompt's own, positive.

    Raises:
        ValueError: outside those ranges, or shapes that do not broadcast.

    >>> print(round(float(failure_rate_lower_bound(0.5, 10, alpha=2.0, step_size=0.1, diameter=1.0)), 4))  # 1/(1 + e)
    0.2689
    """
    q, t, η, D, β = _checked(initial_failure, time, alpha, step_size, diameter)
    h = η * D**2
    return _failure(q, β, 4**β * jnp.expm1(β * h / 4**β) if β > 0 else h, t)


def failure_rate_upper_bound(
    initial_failure: Numbers,
    time: Numbers,
    *,
    alpha: float,
    step_size: Numbers,
    margin: Numbers,
    diameter: Numbers,
) -> Float[Array, "*shape"]:
    """T15: no slower. An upper bound on a prompt's failure rate after t steps of g/σ^α, spans orthogonal.

    Arguments:
        initial_failure, time, alpha, step_size, diameter: as in `failure_rate_lower_bound`; η ≤ 2^{5−α}/D².
        margin: m in [0, D], at most the prompt's own (`curvature.margin`).

    Raises:
        ValueError: outside those ranges, or shapes that do not broadcast.

    Two arms 1 apart, η = 1, α = 2: the odds grow by at least e^{7/8} a step.

    >>> bound = failure_rate_upper_bound(0.5, 8, alpha=2.0, step_size=1.0, margin=1.0, diameter=1.0)
    >>> print(round(float(bound) * (1 + 2.718281828459045**7), 6))
    1.0
    """
    q, t, η, D, β = _checked(initial_failure, time, alpha, step_size, diameter)
    m, *_ = as_floats(margin=margin, initial_failure=q, time=t, step_size=η, diameter=D)
    check_interval("margin / diameter", m / D, 0, 1 + 1e-9)
    share = η * D**2 / 4**β / 8
    check_interval("step_size · diameter² / 2^(5 − alpha)", share, 0, 1)
    a = η * m**2 * (1 - share)
    return _failure(q, β, β * a * (1 - q) ** (2 * β) if β > 0 else a, t)


def mean_failure_lower_bound(
    initial_failure: Numbers, time: Numbers, *, alpha: float, step_size: Numbers, diameter: Numbers, num_prompts: int
) -> Float[Array, "*shape"]:
    """T15: no faster, whatever the overlap or conflict. A lower bound on the mean failure rate of N prompts.

    Arguments:
        initial_failure: the mean of 1 − p₀ over the prompts, in (0, 1).
        time, step_size: as in `failure_rate_lower_bound`.
        alpha: in [0, 2).
        diameter: D ≥ every prompt's own, positive.
        num_prompts: N ≥ 1.

    Raises:
        ValueError: outside those ranges, or shapes that do not broadcast.

    >>> bound = mean_failure_lower_bound(0.5, 100, alpha=0.0, step_size=0.1, diameter=1.0, num_prompts=2)
    >>> print(round(float(1 / bound), 4))  # 2 + 100 (e^.2 − 1)
    24.1403
    """
    q, t, η, D, β = _checked(initial_failure, time, alpha, step_size, diameter)
    check_interval("alpha", alpha, 0, 2, open_ends="h")
    check_count("num_prompts", num_prompts, 1)
    growth = jnp.where(t > 0, jnp.expm1(β * η * D**2 * num_prompts) * t, 0)
    return (q**-β + growth) ** (-1 / β)


def margin(features: Numbers, rewards: Numbers) -> float:
    """m, the distance between the hull of the right arms' features and the hull of the wrong arms' (T15).

    A least-squares problem with nonnegative weights on all differences right − wrong (SciPy), rounded down to what its
    solution separates for sure. One-hot arms have m² = 1/|right| + 1/|wrong|.

    Arguments:
        features: [K, d] of the arms that are present, finite.
        rewards: [K] 0 or 1, both among them.

    Raises:
        ValueError: other shapes, other rewards, or rewards that are all alike.

    Cost: |right| · |wrong| columns.

    >>> round(margin([[0.0, 0.0], [0.0, 2.0], [3.0, 1.0]], [0.0, 0.0, 1.0]), 12)
    3.0
    """
    φ, r = as_float("features", features), as_float("rewards", rewards)
    check_shape("features", φ, (None, None))
    check_shape("rewards", r, (φ.shape[0],))
    check_finite("features", φ)
    values, right = np.asarray(φ, dtype=float), np.asarray(r) == 1
    if not np.isin(np.asarray(r), (0, 1)).all() or right.all() or not right.any():
        raise ValueError(f"rewards is {np.asarray(r).tolist()}; allowed: 0 and 1, both among them")
    apart = (values[right][:, None] - values[~right][None]).reshape(-1, values.shape[1])
    scale = np.linalg.norm(apart, axis=1).max()
    if scale == 0:
        return 0.0
    # least |Px|² + (Σx − 1)² over x ≥ 0 is met at a multiple of the weights of the point of least norm
    weights, _ = scipy.optimize.nnls(
        np.vstack([apart.T / scale, np.ones(len(apart))]), np.r_[np.zeros(values.shape[1]), 1]
    )
    nearest = weights @ apart
    length = np.linalg.norm(nearest)
    return max(0.0, float((apart @ nearest).min() / length)) if length > 0 else 0.0
