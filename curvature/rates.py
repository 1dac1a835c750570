"""The convergence theorem: bounds on the average gradient norm (T6) and the exact exponents of two arms (T7).

    (1/NT) Σ_{x,t} |g_x| ≤ sqrt( s · D² Δ / (4 c₀ T) ),   s = σ̄ (GRPO, step 4c/D²) or σ_max (REINFORCE, 4c/(D² σ_max))

These are upper bounds for prompts whose feature spans are orthogonal, steps on the SUM over prompts, rewards in
[0, 1]. What truly separates the rules is T7. Independent checks: tests/curvature/test_rates.py.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from curvature.check import Numbers, as_float, as_floats, check_interval
from curvature.constants import A_PRIORI_STD, RATE, STEP, STEP_UNIT


def theorem_step(diameter: Numbers) -> Float[Array, "*shape"]:
    """4c/D², GRPO's step in T6; `theorem_step(D) / σ_max` is REINFORCE's.

    Raises:
        ValueError: a diameter that is not positive and finite.

    >>> print(round(float(theorem_step(2.0)), 4))  # ln 2
    0.6931
    """
    D = as_float("diameter", diameter)
    check_interval("diameter", D, 0, float("inf"), open_ends="lh")
    return STEP_UNIT * STEP / D**2


def gradient_norm_bound(scale: Numbers, diameter: Numbers, gap: Numbers, num_steps: Numbers) -> Float[Array, "*shape"]:
    """T6: the upper bound on the average of |g_x| over prompts and T iterations. Arguments broadcast.

    Arguments:
        scale: σ̄, the average of σ_x over the prompts and iterations of the run (GRPO), or σ_max (REINFORCE;
            1/2 if nothing is known). In [0, 1/2].
        diameter: D ≥ every D_x, positive.
        gap: Δ = mean_x (sup J_x − J_x(θ₀)), in [0, 1].
        num_steps: T ≥ 1.

    Raises:
        ValueError: outside those ranges, or shapes that do not broadcast.

    >>> print(round(float(gradient_norm_bound(0.5, 1.0, 0.5, 100)), 4))  # sqrt(.25 / (4 · .3863 · 100))
    0.0402
    """
    s, D, Δ, T = as_floats(scale=scale, diameter=diameter, gap=gap, num_steps=num_steps)
    check_interval("scale", s, 0, A_PRIORI_STD)
    check_interval("diameter", D, 0, float("inf"), open_ends="lh")
    check_interval("gap", Δ, 0, 1)
    check_interval("num_steps", T, 1, float("inf"), open_ends="h")
    return jnp.sqrt(s * D**2 * Δ / (STEP_UNIT * RATE * T))


def rate_ratio_bound(average_std: Numbers, max_std: Numbers = A_PRIORI_STD) -> Float[Array, "*shape"]:
    """σ̄/σ_max ≤ 1: the ratio of the two squared bounds of T6, GRPO's over REINFORCE's. A ratio of upper bounds.

    Raises:
        ValueError: σ̄ or σ_max outside [0, 1/2], σ̄ > σ_max, or shapes that do not broadcast.

    >>> print(rate_ratio_bound(0.125))
    0.25
    """
    s, top = as_floats(average_std=average_std, max_std=max_std)
    check_interval("max_std", top, 0, A_PRIORI_STD, open_ends="l")
    check_interval("average_std / max_std", s / top, 0, 1)
    return s / top


def tail_exponent(alpha: float) -> float:
    """T7: K = 2 under g/σ^α has 1 − p ~ t^e with e = −2/(2−α) for α < 2; −inf at α = 2 (exponential).

    Raises:
        ValueError: α outside [0, 2].

    >>> tail_exponent(0.0), tail_exponent(1.0), tail_exponent(1.5)
    (-1.0, -2.0, -4.0)
    """
    check_interval("alpha", alpha, 0, 2)
    return -2 / (2 - alpha) if alpha < 2 else -float("inf")


def hitting_time(pass_rate: Numbers, alpha: float, target: Numbers = 0.5) -> Float[Array, "*shape"]:
    """T7: time for the flow ż = (p(1−p))^{1−α/2}, p = sigmoid(z), to go from p₀ to `target`, for α in {0, 1, 2}.

    Exact: 2(z + sinh z) (α=0), 4 sinh(z/2) (α=1), z (α=2), evaluated between the logits. From a small start it is
    1/p₀, 2/√p₀ and ln(1/p₀) to leading order. Time is the sum of steps, in units of 1/D² with D = 1.

    Raises:
        ValueError: pass rates outside (0, 1), shapes that do not broadcast, or another α.

    >>> print(round(float(hitting_time(0.01, 1.0)), 3))  # 2/√.01 = 20 to leading order
    19.699
    """
    p, q = as_floats(pass_rate=pass_rate, target=target)
    check_interval("pass_rate", p, 0, 1, open_ends="lh")
    check_interval("target", q, 0, 1, open_ends="lh")
    clocks = {0.0: lambda z: 2 * (z + jnp.sinh(z)), 1.0: lambda z: 4 * jnp.sinh(z / 2), 2.0: lambda z: z}
    check_interval("alpha", alpha, 0, 2)
    if float(alpha) not in clocks:
        raise ValueError(f"alpha is {alpha}; allowed: 0, 1 or 2")
    clock = clocks[float(alpha)]
    return clock(jnp.log(q) - jnp.log1p(-q)) - clock(jnp.log(p) - jnp.log1p(-p))
