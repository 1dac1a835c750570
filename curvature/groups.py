r"""Groups of G sampled responses with binary rewards: means and covariances (T12), the window (T13), a gain (T14).

    E ĝ_GRPO = Δμ m_G,   m_G = E√(k(G−k))/G,   k ~ Bin(G, p);      E ĝ_REINFORCE = Δμ pq (G−1)/G
    b_G(p) = E ĝ_GRPO / E ĝ_REINFORCE = E_{j~Bin(G−2, p)} [ G/√((j+1)(G−1−j)) ]  ∈  [2, G/√(G−1)]

The second form of b_G follows from C(G,k) k(G−k) = G(G−1) C(G−2,k−1); it is how everything here is computed, because
it keeps its digits as p → 0 or 1, and the window is read off it. Δμ = E[s|r=1] − E[s|r=0], deviations are the group's
population ones, the baseline is the group's mean. Independent checks (Monte Carlo): tests/curvature/test_groups.py.
"""

from __future__ import annotations

from math import lgamma

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import xlogy
from jaxtyping import Array, Float

from curvature.check import (
    Numbers,
    as_float,
    as_floats,
    check_count,
    check_finite,
    check_interval,
    check_length,
    check_shape,
)
from curvature.constants import STEP, STEP_UNIT
from curvature.deviation_bounds import psi
from curvature.rule import parse
from curvature.safe import ratio


def _pass_rate(pass_rate: Numbers) -> Float[Array, "*shape"]:
    p = as_float("pass_rate", pass_rate)
    check_interval("pass_rate", p, 0, 1)
    return p


def binomial(pass_rate: Float[Array, "*shape"], number: int) -> Float[Array, "*shape n"]:
    """P(j) for j = 0..number successes in `number` trials, on a new last axis."""
    j = np.arange(number + 1)
    choose = np.array([lgamma(number + 1) - lgamma(i + 1) - lgamma(number - i + 1) for i in j])
    p = pass_rate[..., None]
    return jnp.exp(
        jnp.asarray(choose, p.dtype) + xlogy(j.astype(p.dtype), p) + xlogy((number - j).astype(p.dtype), 1 - p)
    )


def group_std(group_size: int, *, ddof: int = 0, epsilon: float = 0.0) -> Float[np.ndarray, " counts"]:
    """Deviation (+ ε) of a group with k = 0 … G right responses: √(k(G−k)/(G(G−ddof))) + ε.

    Raises:
        ValueError: G < 2, ddof not 0 or 1, ε negative.

    >>> print(group_std(4)[1:3].round(4))  # √(3/16), √(1/4)
    [0.433 0.5  ]
    """
    check_count("group_size", group_size, 2)
    if ddof not in (0, 1):
        raise ValueError(f"ddof is {ddof!r}; allowed: 0 (population) or 1 (sample)")
    check_interval("epsilon", epsilon, 0, float("inf"), open_ends="h")
    k = np.arange(group_size + 1)
    return np.sqrt(k * (group_size - k) / (group_size * (group_size - ddof))) + epsilon


def expected_weight(pass_rate: Numbers, weights: Numbers) -> Float[Array, "*shape"]:
    """E ĝ / (pq Δμ (G−1)/G) where the estimate of a group with k right responses is ĝ · w(k): E_{j~Bin(G−2,p)} w(j+1).

    Exact for binary rewards, any weight: multiply the exact gradient g = pq Δμ by (G−1)/G and by this.

    Arguments:
        pass_rate: p in [0, 1], any shape.
        weights: [G+1] w(k) for k = 0 … G ≥ 2, as `curvature.rule.Rule.group_weights` has it. The first and the last are
            not used: a group that is all right or all wrong has ĝ = 0.

    Raises:
        ValueError: p outside [0, 1], fewer than 3 weights, a weight between the ends that is not finite.

    >>> from curvature.rule import parse
    >>> print(round(float(expected_weight(0.3, parse("none").group_weights(4))), 12))
    1.0
    """
    p, w = _pass_rate(pass_rate), as_float("weights", weights)
    check_shape("weights", w, (None,))
    check_length("weights", w, 3)
    check_finite("weights", w[1:-1])
    return binomial(p, w.shape[0] - 3) @ w[1:-1].astype(p.dtype)


def adaptivity(pass_rate: Numbers, group_size: int) -> Float[Array, "*shape"]:
    """T13: b_G(p), by how much a group of G really rescales REINFORCE. In [2, G/√(G−1)], exactly 2 at G = 2.

    Raises:
        ValueError: p outside [0, 1] or G < 2.

    >>> print(adaptivity(0.3, 2), round(float(adaptivity(1.0, 16)), 4))  # 16/√15
    2.0 4.1312
    """
    return expected_weight(pass_rate, parse("group").group_weights(group_size))


def adaptivity_window(group_size: int) -> tuple[float, float]:
    """T13: (2, G/√(G−1)), the ends of b_G over all pass rates; the exact GRPO's 1/σ² has no upper end.

    Raises:
        ValueError: G < 2.

    >>> adaptivity_window(2)
    (2.0, 2.0)
    """
    check_count("group_size", group_size, 2)
    return 2.0, group_size / float(np.sqrt(group_size - 1))


def group_factor(pass_rate: Numbers, group_size: int) -> Float[Array, "*shape"]:
    """T12: m_G(p) = E√(k(G−k))/G, the GRPO counterpart of pq. At most σ√((G−1)/G).

    Raises:
        ValueError: p outside [0, 1] or G < 2.

    >>> print(group_factor(0.5, 2))  # one right of two, half the time: ½ · ½
    0.25
    """
    check_count("group_size", group_size, 2)
    p = _pass_rate(pass_rate)
    return p * (1 - p) * (group_size - 1) / group_size * adaptivity(p, group_size)


class GroupStatistics(eqx.Module):
    """Mean and covariance of one prompt's group estimate of its gradient."""

    mean: Float[Array, " d"]
    covariance: Float[Array, "d d"]


def _conditional(
    pass_rate: Numbers, mean_gap: Numbers, right: Numbers, wrong: Numbers, group_size: int
) -> tuple[Array, Array, Array, Array]:
    check_count("group_size", group_size, 2)
    p, Δμ = _pass_rate(pass_rate), as_float("mean_gap", mean_gap)
    Σ1, Σ0 = as_float("covariance_right", right), as_float("covariance_wrong", wrong)
    check_shape("pass_rate", p, ())
    check_shape("mean_gap", Δμ, (None,))
    for name, Σ in (("covariance_right", Σ1), ("covariance_wrong", Σ0)):
        check_shape(name, Σ, (Δμ.shape[0], Δμ.shape[0]))
        check_finite(name, Σ)
    check_finite("mean_gap", Δμ)
    return p, Δμ, Σ1, Σ0


def grpo_statistics(
    pass_rate: Numbers, mean_gap: Numbers, covariance_right: Numbers, covariance_wrong: Numbers, group_size: int
) -> GroupStatistics:
    """T12 for GRPO: (1/G) Σ (r_i − r̄)/std · s_i, no ε; 0 for groups that do not vary.

    Covariance ΔμΔμᵀ[pq(G−1)/G − m_G²] + Σ₁(q−q^G)/G + Σ₀(p−p^G)/G, with the first bracket
    Var √(k(G−k))/G = pq(G−1)/G − m_G².

    Arguments:
        pass_rate: p, a scalar in [0, 1].
        mean_gap: [d] Δμ.
        covariance_right, covariance_wrong: [d, d] Cov(s | r=1), Cov(s | r=0).
        group_size: G ≥ 2.

    Raises:
        ValueError: outside those shapes and ranges.
    """
    p, Δμ, Σ1, Σ0 = _conditional(pass_rate, mean_gap, covariance_right, covariance_wrong, group_size)
    G, q = group_size, 1 - p
    m = group_factor(p, G)
    own = jnp.outer(Δμ, Δμ) * (p * q * (G - 1) / G - m**2)
    return GroupStatistics(m * Δμ, own + Σ1 * (q - q**G) / G + Σ0 * (p - p**G) / G)


def reinforce_statistics(
    pass_rate: Numbers, mean_gap: Numbers, covariance_right: Numbers, covariance_wrong: Numbers, group_size: int
) -> GroupStatistics:
    """T12 for REINFORCE with the group's mean as baseline: (1/G) Σ (r_i − r̄) s_i. Arguments as `grpo_statistics`.

    Raises:
        ValueError: as `grpo_statistics`.
    """
    p, Δμ, Σ1, Σ0 = _conditional(pass_rate, mean_gap, covariance_right, covariance_wrong, group_size)
    G, q = group_size, 1 - p
    A = (G - 1) * p * q / G**3
    mean = p * q * (G - 1) / G
    own = jnp.outer(Δμ, Δμ) * (A * ((G - 2) * (G - 3) * p * q + G - 1) - mean**2)
    return GroupStatistics(mean * Δμ, own + Σ1 * A * ((G - 2) * q + 1) + Σ0 * A * ((G - 2) * p + 1))


def _gain_arguments(
    pass_rate: Numbers,
    alignment: Numbers,
    trace_right: Numbers,
    trace_wrong: Numbers,
    group_size: int,
    diameter: Numbers,
    step: Numbers = STEP,
) -> tuple[Array, Array, Array, Array, int, Array, Array]:
    p, γ, t1, t0, D, c = as_floats(
        pass_rate=pass_rate,
        alignment=alignment,
        trace_right=trace_right,
        trace_wrong=trace_wrong,
        diameter=diameter,
        step=step,
    )
    check_count("group_size", group_size, 2)
    check_interval("pass_rate", p, 0, 1)
    check_interval("alignment", γ, 0, 1 + 1e-9)
    for name, value in (("trace_right", t1), ("trace_wrong", t0), ("step", c)):
        check_interval(name, value, 0, float("inf"), open_ends="h")
    check_interval("diameter", D, 0, float("inf"), open_ends="lh")
    return p, γ, t1, t0, group_size, D, c


def _second_moment(
    pass_rate: Array, alignment: Array, trace_right: Array, trace_wrong: Array, group_size: int, diameter: Array
) -> Array:
    """B_G = (γ²(G−1) + ν_G)/G of T14."""
    p, q, G = pass_rate, 1 - pass_rate, group_size
    ν = STEP_UNIT / diameter**2 * (trace_right * (q - q**G) + trace_wrong * (p - p**G))
    return (alignment**2 * (G - 1) + ν) / G


def expected_gain_bound(
    pass_rate: Numbers,
    alignment: Numbers,
    trace_right: Numbers,
    trace_wrong: Numbers,
    group_size: int,
    diameter: Numbers,
    step: Numbers = STEP,
) -> Float[Array, "*shape"]:
    """T14: a lower bound on E[J⁺] − J of one prompt after a sampled GRPO step of 4c/D² on its group's estimate.

    c m_G γ² − σ ψ(c) B_G. Arguments broadcast.

    Arguments:
        pass_rate: p in [0, 1].
        alignment: γ = 2|g|/(σD) in [0, 1].
        trace_right, trace_wrong: tr Cov(s | r=1), tr Cov(s | r=0), ≥ 0.
        group_size: G ≥ 2.
        diameter: D > 0.
        step: c ≥ 0 in units of 4/D².

    Raises:
        ValueError: outside those ranges, or shapes that do not broadcast.

    Two arms (γ = 1, no covariances) at p = ½ with G = 2: m = ¼, B = ½, so ¼ ln 2 − ¼ (1 − ln 2).

    >>> print(round(float(expected_gain_bound(0.5, 1.0, 0.0, 0.0, 2, 1.0)), 6))
    0.096574
    """
    p, γ, t1, t0, G, D, c = _gain_arguments(pass_rate, alignment, trace_right, trace_wrong, group_size, diameter, step)
    B = _second_moment(p, γ, t1, t0, G, D)
    return c * group_factor(p, G) * γ**2 - jnp.sqrt(p * (1 - p)) * psi(c) * B


def best_group_step(
    pass_rate: Numbers,
    alignment: Numbers,
    trace_right: Numbers,
    trace_wrong: Numbers,
    group_size: int,
    diameter: Numbers,
) -> Float[Array, "*shape"]:
    """T14: c = ln(1 + m_G γ²/(σ B_G)), the step that makes `expected_gain_bound` greatest; 0 where nothing varies.

    Arguments as `expected_gain_bound`.

    Raises:
        ValueError: as `expected_gain_bound`.

    >>> print(round(float(best_group_step(0.5, 1.0, 0.0, 0.0, 2, 1.0)), 6))  # ln(1 + ¼/(½ · ½))
    0.693147
    """
    p, γ, t1, t0, G, D, _ = _gain_arguments(pass_rate, alignment, trace_right, trace_wrong, group_size, diameter)
    cost = jnp.sqrt(p * (1 - p)) * _second_moment(p, γ, t1, t0, G, D)
    return jnp.log1p(ratio(group_factor(p, G) * γ**2, cost))
