r"""What the deviation bounds for any reward: curvature, slope and the change of J under any update (T1–T3).

    |J(θ+δ) − J(θ) − ∇J·δ| ≤ σ ψ(w(δ)/2),   ψ(a) = eᵃ − 1 − a                                         (T3)

No orthogonality and no smallness is assumed. Averaged over prompts the lower end is a computable guarantee for
the whole objective. Independent checks, and the false variants that are refused:
tests/curvature/test_deviation_bounds.py.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from curvature._moments import Moments
from curvature._width import width
from curvature.check import (
    Numbers,
    as_float,
    as_floats,
    check_finite,
    check_interval,
    check_one,
    check_shape,
)
from curvature.constants import CURVATURE, HALF_WIDTH, SLOPE

OVERFLOW = 1e3
"""Beyond it eᵃ is infinite, and so is ψ: what is subtracted may as well stay finite."""


def psi(a: Numbers) -> Float[Array, "*shape"]:
    """ψ(a) = eᵃ − 1 − a, to full relative accuracy for a near 0, where the formula itself cancels.

    Arguments:
        a: any shape; ±inf gives inf.

    Raises:
        ValueError: NaN, or what is no number.

    >>> print(float(psi(1e-9)) / 5e-19 - 1 < 1e-8)
    True
    """
    a = as_float("a", a)
    check_interval("a", a, -float("inf"), float("inf"))
    # Taylor to a¹⁰/10!: the next term is below 6e-17 of ψ at |a| = 0.1
    series = jnp.ones_like(a)
    for n in range(10, 2, -1):
        series = 1 + a / n * series
    return jnp.where(jnp.abs(a) < 0.1, a**2 / 2 * series, jnp.expm1(a) - jnp.minimum(a, OVERFLOW))


def std_and_width(std: Numbers, width: Numbers) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    """σ in [0, ∞) and w in [0, ∞], as arrays that broadcast.

    Raises:
        ValueError: outside those ranges, or shapes that do not broadcast.
    """
    σ, w = as_floats(std=std, width=width)
    check_interval("std", σ, 0, float("inf"), open_ends="h")
    check_interval("width", w, 0, float("inf"))
    return σ, w


def remainder_bound(std: Numbers, width: Numbers) -> Float[Array, "*shape"]:
    """T3's right side, σ ψ(w/2). 0 at σ = 0 (a reward that never varies), whatever the width; may be +inf.

    Arguments:
        std: σ ≥ 0.
        width: w ≥ 0 of the update; inf is one that overflowed.

    Raises:
        ValueError: outside those ranges, or shapes that do not broadcast.

    >>> print(round(float(remainder_bound(0.5, 2.0)), 4))  # ½ (e − 2)
    0.3591
    """
    σ, w = std_and_width(std, width)
    return σ * jnp.where(σ > 0, psi(HALF_WIDTH * w), 0)


class Certificate(eqx.Module):
    """lower ≤ J(θ+δ) − J(θ) ≤ upper, in units of the reward."""

    lower: Float[Array, "*batch"]
    upper: Float[Array, "*batch"]


def deviation_certificate(moments: Moments, features: Numbers, delta: Numbers) -> Certificate:
    """T3: bounds on the change of this prompt's J under any update δ, whatever its rewards, from σ alone.

    `certificate` is never worse, and better where rewards are 0 and 1.

    Arguments:
        moments: of one prompt at θ (vmap for a batch).
        features: [K, d] the same features as the moments were made of. An absent arm (logit -inf) may carry the
            features of a present one, so that it does not widen the bound.
        delta: [d] the update of θ, finite, of any length.

    Returns:
        `Certificate(lower, upper)`; (-inf, inf) once exp(w/2) overflows.

    Raises:
        ValueError: mismatched shapes, NaN or infinite numbers.

    Cost: O(K d).

    >>> from curvature import moments
    >>> φ = [[0.5], [-0.5]]
    >>> m = moments([0.0, 0.0], φ, [1.0, 0.0])
    >>> c = deviation_certificate(m, φ, [1.0])  # J rises from .5 to 1/(1+1/e) = .731; ¼ ± ½ψ(½)
    >>> print(round(float(c.lower), 4), round(float(c.upper), 4))
    0.1756 0.3244
    """
    φ, δ = as_float("features", features), as_float("delta", delta)
    check_one("moments", moments)
    d = moments.gradient.shape[0]
    check_shape("delta", δ, (d,))
    check_shape("features", φ, (None if moments.arms is None else moments.arms.scores.shape[0], d))
    check_finite("delta", δ)
    check_finite("features", φ)
    first_order = moments.gradient @ δ
    remainder = remainder_bound(_std_bound(moments), width(φ, δ))
    return Certificate(first_order - remainder, first_order + remainder)


def _std_bound(moments: Moments) -> Float[Array, ""]:
    """σ, or more where arms' probabilities have underflowed to 0: a long enough step would bring them back.

    Such a π(y) is below the smallest normal number; what it may add to σ² is below that times (r(y) − J)².
    """
    if moments.arms is None:
        return moments.std
    lost = jnp.where(moments.arms.probabilities > 0, 0, moments.arms.advantages)
    tiny = float(jnp.finfo(lost.dtype).tiny)
    return jnp.hypot(moments.std, tiny**0.5 * jnp.linalg.norm(lost))


def curvature_bound(std: Numbers, width: Numbers) -> Float[Array, "*shape"]:
    """T1: an upper bound on |uᵀ∇²J u|: σ w(u)²/4. Sharp: K = 2, p = (2±√2)/4.

    Arguments:
        std: σ ≥ 0.
        width: w(u) ≥ 0.

    Raises:
        ValueError: outside those ranges, or shapes that do not broadcast.

    >>> print(curvature_bound(0.5, [1.0, 2.0]))
    [0.125 0.5  ]
    """
    σ, w = std_and_width(std, width)
    return CURVATURE * σ * w**2


def gradient_bound(std: Numbers, width: Numbers) -> Float[Array, "*shape"]:
    """T2: an upper bound on |∇J·u|: σ w(u)/2. Arguments as `curvature_bound`.

    Raises:
        ValueError: as `curvature_bound`.

    >>> print(gradient_bound(0.5, 2.0))
    0.5
    """
    σ, w = std_and_width(std, width)
    return SLOPE * σ * w


def log_std_bound(width: Numbers, pass_rate: Numbers | None = None) -> Float[Array, "*shape"]:
    """T2: an upper bound on |∂_u log σ|: w(u)/2, and |1 − 2p| w(u)/2 for binary rewards of pass rate p.

    Arguments:
        width: w(u) ≥ 0.
        pass_rate: p in [0, 1]; None where rewards are not known to be binary.

    Raises:
        ValueError: outside those ranges, or shapes that do not broadcast.

    >>> print(log_std_bound(2.0), log_std_bound(2.0, 0.25))
    1.0 0.5
    """
    if pass_rate is None:
        w = as_float("width", width)
        check_interval("width", w, 0, float("inf"))
        return SLOPE * w
    p, w = as_floats(pass_rate=pass_rate, width=width)
    check_interval("width", w, 0, float("inf"))
    check_interval("pass_rate", p, 0, 1)
    return SLOPE * jnp.abs(1 - 2 * p) * w
