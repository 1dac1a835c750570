r"""The step that a certificate values most: along a prompt's own gradient (T4), and along any shared direction.

    length (2/D) ln(1+γ),   gain σ[(1+γ) ln(1+γ) − γ],   γ = 2|g|/(σD)                                       (T4)

To first order it is 4/D² · g/σ: GRPO's direction and scale. Independent checks, and false variants that are refused:
tests/curvature/test_certified_step.py.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from curvature._moments import Moments
from curvature.check import Numbers, as_float, check_count, check_finite, check_interval, check_one, check_shape
from curvature.constants import HALF_WIDTH, SLOPE, STEP_UNIT
from curvature.deviation_bounds import remainder_bound
from curvature.safe import ratio


class CertifiedStep(eqx.Module):
    """The step that a certificate values most, and what it guarantees."""

    length: Float[Array, "*batch"]
    """Length of the step, in units of θ (for `best_step`) or of the given direction (for `best_step_along`)."""
    gain: Float[Array, "*batch"]
    """The guaranteed gain of J at that length, ≥ 0 up to rounding: a lower bound."""


def alignment(moments: Moments, diameter: Numbers) -> Float[Array, ""]:
    """γ = 2|g|/(σ D) ∈ [0, 1] (T2), 0 where σ or D is 0: how much of the deviation the gradient can use.

    Arguments:
        moments: of one prompt.
        diameter: D ≥ the prompt's own.

    Raises:
        ValueError: a batch of moments, or a diameter that is negative or not finite.

    >>> from curvature import moments
    >>> print(alignment(moments([0.0, 0.0], [[0.5], [-0.5]], [1.0, 0.0]), 1.0))  # two arms use all of it
    1.0
    """
    check_one("moments", moments)
    D = as_float("diameter", diameter)
    check_shape("diameter", D, ())
    check_interval("diameter", D, 0, float("inf"), open_ends="h")
    scale = SLOPE * moments.std * D.astype(moments.std.dtype)
    return ratio(jnp.linalg.norm(moments.gradient), scale)


def best_step(moments: Moments, diameter: Numbers) -> CertifiedStep:
    """T4: the best certified step along the prompt's own gradient, (2/D) ln(1+γ), and its gain.

    Guaranteed gain σ[(1+γ) ln(1+γ) − γ]. To first order the step is 4/D² · g/σ: the GRPO direction and scale.

    Arguments:
        moments: of one prompt.
        diameter: D ≥ the prompt's own, positive.

    Raises:
        ValueError: a batch of moments, or a diameter that is not positive and finite.

    >>> from curvature import moments
    >>> s = best_step(moments([0.0, 0.0], [[0.5], [-0.5]], [1.0, 0.0]), 1.0)
    >>> print(round(float(s.length), 4), round(float(s.gain), 4))  # γ = 1: 2 ln 2 and ½(2 ln 2 − 1)
    1.3863 0.1931
    """
    D = as_float("diameter", diameter)
    check_shape("diameter", D, ())
    check_interval("diameter", D, 0, float("inf"), open_ends="lh")
    γ = alignment(moments, D)
    return CertifiedStep(jnp.log1p(γ) / (HALF_WIDTH * D), moments.std * ((1 + γ) * jnp.log1p(γ) - γ))


def first_order_step(diameter: Numbers) -> Float[Array, "*shape"]:
    """4/D²: the multiplier of g/σ that `best_step` tends to as γ → 0.

    Raises:
        ValueError: a diameter that is not positive and finite.

    >>> print(first_order_step(2.0))
    1.0
    """
    D = as_float("diameter", diameter)
    check_interval("diameter", D, 0, float("inf"), open_ends="lh")
    return STEP_UNIT / D**2


def best_step_along(slopes: Numbers, std: Numbers, widths: Numbers, *, iterations: int = 60) -> CertifiedStep:
    """The multiple s ≥ 0 of one shared direction v that maximises Σ_x [s g_x·v − σ_x ψ(s w_x/2)].

    Any rule's direction gets its own best certified step this way; no orthogonality is needed. The function of s
    is concave; its derivative is bracketed in closed form and bisected, so the result is safe under jit.

    Arguments:
        slopes: [N] g_x·v.
        std: [N] σ_x ≥ 0.
        widths: [N] w_x(v) ≥ 0.
        iterations: halvings of the bracket.

    Returns:
        The multiple and the guaranteed gain of the SUM over prompts; (0, 0) where Σ g_x·v ≤ 0.

    Raises:
        ValueError: outside those shapes and ranges, or fewer than 0 halvings.

    >>> step = best_step_along([0.25], [0.5], [1.0])  # one fair coin: 2 ln 2, as `best_step`, over |g| = ¼
    >>> print(round(float(step.length) * 0.25, 4), round(float(step.gain), 4))
    0.3466 0.1931
    """
    g, σ, w = as_float("slopes", slopes), as_float("std", std), as_float("widths", widths)
    check_shape("slopes", g, (None,))
    for name, array in (("std", σ), ("widths", w)):
        check_shape(name, array, g.shape)
        check_interval(name, array, 0, float("inf"), open_ends="h")
    check_finite("slopes", g)
    check_count("iterations", iterations, 0)
    h = HALF_WIDTH * w
    ascent = jnp.sum(g)
    # Σ σh expm1(s h) ≥ σh expm1(s h) for each prompt: the root is below every prompt's own; ∞ for one that cannot move
    high = jnp.min(jnp.log1p(ascent / (σ * h)) / h)
    high = jnp.where((ascent > 0) & jnp.isfinite(high), high, 0)

    def halve(_: Array | int, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bracket
        mid = (low + high) / 2
        rising = ascent > jnp.sum(σ * h * jnp.where(σ > 0, jnp.expm1(mid * h), 0))
        return jnp.where(rising, mid, low), jnp.where(rising, high, mid)

    s, _ = jax.lax.fori_loop(0, iterations, halve, (jnp.zeros_like(high), high))
    return CertifiedStep(s, s * ascent - jnp.sum(remainder_bound(σ, s * w)))
