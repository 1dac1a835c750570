r"""A certificate in log-odds for right-or-wrong rewards, and the step that it values most: g/σ², power(2) (T19).

    | L(θ+δ) − L(θ) − g·δ/σ² | ≤ w(δ)²/8,   | L(θ+δ) − L(θ) | ≤ w(δ),   L = log(p/(1 − p))

As p is the sigmoid of L, what this says of J never leaves [0, 1], however long the step. Along a prompt's own gradient
the best certified step is (4/D²) g/σ². Independent checks: tests/curvature/test_log_odds.py.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from curvature._moments import Arms, Moments, arms_of, checked_direction
from curvature._width import width
from curvature.binary_curvature import right_arms
from curvature.certified_step import CertifiedStep, best_step_along
from curvature.check import Numbers, as_float, check_finite, check_interval, check_shape
from curvature.deviation_bounds import Certificate, remainder_bound
from curvature.safe import ratio


def change_of_sigmoid(
    p: Float[Array, "*shape"], q: Float[Array, "*shape"], change: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """sigmoid(log(p/q) + change) − p for p + q = 1, to full relative accuracy; ±inf is allowed.

    >>> print(round(float(change_of_sigmoid(jnp.asarray(0.5), jnp.asarray(0.5), jnp.asarray(jnp.log(3.0)))), 12))
    0.25
    """
    down = jnp.exp(-jnp.abs(change))
    moved = -p * q * jnp.expm1(-jnp.abs(change))
    return jnp.where(change > 0, ratio(moved, q * down + p), -ratio(moved, q + p * down))


def _sides(arms: Arms, right: Bool[Array, " K"]) -> tuple[Float[Array, " K"], Float[Array, " K"]]:
    """The probabilities of the right arms and of the wrong ones, 0 elsewhere."""
    return jnp.where(right, arms.probabilities, 0), jnp.where(right, 0, arms.probabilities)


def log_odds_certificate(moments: Moments, features: Numbers, delta: Numbers) -> Certificate:
    """T19: bounds on the change of this prompt's J under any update δ, rewards 0 and 1.

    Arguments:
        moments: of one prompt at θ (vmap for a batch), with the arms that `curvature.moments` keeps.
        features: [K, d] the same features as the moments were made of.
        delta: [d] the update of θ, finite, of any length.

    Returns:
        `Certificate(lower, upper)`, within [−J, 1 − J].

    Raises:
        ValueError: moments without arms, other rewards, mismatched shapes, NaN or infinite numbers.

    Cost: O(K d).

    >>> from curvature import moments
    >>> φ = [[0.5], [-0.5]]
    >>> c = log_odds_certificate(moments([0.0, 0.0], φ, [1.0, 0.0]), φ, [1.0])  # sigmoid(1 − ⅛) and sigmoid(1), less ½
    >>> print(round(float(c.lower), 4), round(float(c.upper), 4))
    0.2058 0.2311
    """
    arms = arms_of(moments)
    right = right_arms(arms, moments.value)
    φ, δ = as_float("features", features), checked_direction(moments, delta, "delta")
    check_shape("features", φ, arms.scores.shape)
    check_finite("features", φ)
    return certificate_of_arms(arms, right, φ, δ)


def certificate_of_arms(
    arms: Arms, right_arm: Bool[Array, " K"], φ: Float[Array, "K d"], δ: Float[Array, " d"]
) -> Certificate:
    """`log_odds_certificate` of checked arguments, where it is said which arms have reward 1, all others 0."""
    right, wrong = _sides(arms, right_arm)
    p, q, w = jnp.sum(right), jnp.sum(wrong), width(φ, δ)
    X = arms.scores @ δ
    slope, bend = ratio(right @ X, p) - ratio(wrong @ X, q), w**2 / 8
    low, high = jnp.maximum(slope - bend, -w), jnp.minimum(slope + bend, w)
    # where one side has (nearly) underflowed its mean is not known: it weighs up to `lost` more, and L moves by up to w
    lost = _lost(arms)
    unsure = jnp.minimum(p, q) * float(jnp.finfo(p.dtype).eps) <= lost
    rare, common = jnp.minimum(p, q) + lost, jnp.maximum(p, q)
    gain = jnp.where(unsure, change_of_sigmoid(rare, common, w), 0)
    lower = jnp.where(unsure, jnp.where(p <= q, -p, -gain), change_of_sigmoid(p, q, low))
    upper = jnp.where(unsure, jnp.where(p <= q, gain, q), change_of_sigmoid(p, q, high))
    one_sided = jnp.all(arms.advantages == arms.advantages[0])
    return Certificate(jnp.where(one_sided, 0, lower), jnp.where(one_sided, 0, upper))


def _lost(arms: Arms) -> Float[Array, ""]:
    """More than all probabilities together that have underflowed to 0."""
    π = arms.probabilities
    return jnp.sum(jnp.where(π > 0, 0, float(jnp.finfo(π.dtype).tiny)))


def log_odds_step(moments: Moments, diameter: Numbers) -> CertifiedStep:
    """T19: the best step along the prompt's own gradient that log-odds certify, (4/D²) g/σ², and its gain of J.

    L rises by at least 2|Δμ|²/D² whatever p is, Δμ = E[φ|right] − E[φ|wrong] = g/σ².

    Arguments:
        moments: of one prompt with rewards 0 and 1, with the arms that `curvature.moments` keeps.
        diameter: D ≥ the prompt's own, positive.

    Returns:
        The length (4/D²)|g|/σ² and the guaranteed gain of J; (0, 0) where the reward does not vary.

    Raises:
        ValueError: a batch of moments, moments without arms, other rewards, a diameter that is not positive and finite.

    >>> from curvature import moments
    >>> s = log_odds_step(moments([0.0, 0.0], [[0.5], [-0.5]], [1.0, 0.0]), 1.0)  # sigmoid(2) − ½
    >>> print(float(s.length), round(float(s.gain), 4))
    4.0 0.3808
    """
    arms = arms_of(moments)
    right, wrong = _sides(arms, right_arms(arms, moments.value))
    D = as_float("diameter", diameter)
    check_shape("diameter", D, ())
    check_interval("diameter", D, 0, float("inf"), open_ends="lh")
    p, q = jnp.sum(right), jnp.sum(wrong)
    gap = jnp.linalg.norm(ratio(right @ arms.scores, p) - ratio(wrong @ arms.scores, q))
    gap = jnp.where((p > 0) & (q > 0), gap, 0)
    return CertifiedStep(4 * gap / D**2, change_of_sigmoid(p, q, 2 * (gap / D) ** 2))


def log_odds_step_along(slopes: Numbers, pass_rates: Numbers, widths: Numbers) -> CertifiedStep:
    """The multiple s of one shared direction v that is guaranteed most by the better of T3 and T19, prompt by prompt.

    Σ_x max(s g_x·v − σ_x ψ(s w_x/2), sigmoid(L_x + s g_x·v/σ_x² − (s w_x)²/8) − p_x) has several maxima. The search is
    over 80 multiples, from T3's best to nearly 10⁶ times it, then between the neighbours of the best: never less
    than `best_step_along`.

    Arguments:
        slopes: [N] g_x·v.
        pass_rates: [N] p_x in [0, 1], of rewards 0 and 1.
        widths: [N] w_x(v) ≥ 0.

    Returns:
        The multiple and the guaranteed gain of the SUM over prompts; (0, 0) where Σ g_x·v ≤ 0.

    Raises:
        ValueError: outside those shapes and ranges.

    >>> p = 1e-4  # one coin: η = 4 along g/σ², where T3's best step is promised 2.0e-6
    >>> step = log_odds_step_along([p * (1 - p)], [p], [1.0])
    >>> print(round(float(step.length), 3), round(float(step.gain), 6))  # sigmoid(L + 2) − p
    4.0 0.000638
    """
    g, p, w = as_float("slopes", slopes), as_float("pass_rates", pass_rates), as_float("widths", widths)
    check_shape("slopes", g, (None,))
    check_shape("pass_rates", p, g.shape)
    check_interval("pass_rates", p, 0, 1)
    variance = p * (1 - p)
    first = best_step_along(g, jnp.sqrt(variance), w)

    def gain(s: Float[Array, ""]) -> Float[Array, ""]:
        log_odds = jnp.maximum(ratio(s * g, variance) - (s * w) ** 2 / 8, -s * w)
        special = change_of_sigmoid(p, 1 - p, jnp.where(variance > 0, log_odds, 0))
        return jnp.sum(jnp.maximum(s * g - remainder_bound(jnp.sqrt(variance), s * w), special))

    grid = first.length * 2.0 ** jnp.arange(0, 20, 1 / 4)
    values = jax.vmap(gain)(grid)
    best = jnp.argmax(values)

    def narrow(_: Array | int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = ends
        left, right = low + (high - low) / 3, high - (high - low) / 3
        rising = gain(left) < gain(right)
        return jnp.where(rising, left, low), jnp.where(rising, high, right)

    ends = grid[jnp.maximum(best - 1, 0)], grid[jnp.minimum(best + 1, len(grid) - 1)]
    low, high = jax.lax.fori_loop(0, 60, narrow, ends)
    s = (low + high) / 2
    better = gain(s) > values[best]
    return CertifiedStep(jnp.where(better, s, grid[best]), jnp.where(better, gain(s), values[best]))
