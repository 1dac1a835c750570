r"""Bounds for responses of H tokens: curvature grows with length (T10), slope, deviation and certificate (T11).

    |uᵀ∇²J u| ≤ C(H) σ w²,     √(H(H−1)/8) ≤ C(H) ≤ √(H(H+1)/8 − 3/16)                                      (T10)
    |∇J·u| ≤ σ√H w/2,     |J(θ+δ) − J(θ) − ∇J·δ| ≤ (4C(H)/H²) σ ψ(H w(δ)/2)                                 (T11)

w is the width of the change of one state's logits, the greatest over states that can be reached (`sequence_width`).
Independent checks, and the smaller bounds that are refused: tests/curvature/test_sequence_bounds.py.
"""

from __future__ import annotations

from math import sqrt

import jax.numpy as jnp
from jaxtyping import Array, Float

from curvature._length_constant import length_constant_bound
from curvature.check import Numbers, as_float, check_count, check_interval
from curvature.constants import A_PRIORI_STD, CURVATURE, SLOPE
from curvature.deviation_bounds import remainder_bound, std_and_width


def sequence_curvature_bound(std: Numbers, width: Numbers, horizon: int) -> Float[Array, "*shape"]:
    """T10: an upper bound on |uᵀ∇²J u|, √(H(H+1)/8 − 3/16) σ w². T1's at H = 1.

    Arguments:
        std: σ ≥ 0.
        width: w ≥ 0, as `sequence_width`.
        horizon: H ≥ 1.

    Raises:
        ValueError: outside those ranges, or shapes that do not broadcast.

    >>> print(sequence_curvature_bound(0.5, 2.0, 1))
    0.5
    """
    σ, w = std_and_width(std, width)
    return length_constant_bound(horizon) * σ * w**2


def sequence_gradient_bound(std: Numbers, width: Numbers, horizon: int) -> Float[Array, "*shape"]:
    """T11: an upper bound on |∇J·u|, σ√H w/2. Met by a reward that is affine in a sum of H fair coins.

    Arguments as `sequence_curvature_bound`.

    Raises:
        ValueError: as `sequence_curvature_bound`.

    >>> print(sequence_gradient_bound(0.5, 2.0, 4))
    1.0
    """
    check_count("horizon", horizon, 1)
    σ, w = std_and_width(std, width)
    return SLOPE * sqrt(horizon) * σ * w


def sequence_log_std_bound(width: Numbers, horizon: int, std: Numbers | None = None) -> Float[Array, "*shape"]:
    """T11: an upper bound on |∂_u log σ|: Hw/2; with σ of rewards in [0, 1], (w/2)√(H ln(1/σ)) where that is less.

    Arguments:
        width: w ≥ 0, as `sequence_width`.
        horizon: H ≥ 1.
        std: σ in [0, 1/2], which rewards in [0, 1] cannot exceed; None where rewards are any.

    Raises:
        ValueError: outside those ranges, or shapes that do not broadcast.

    >>> print(sequence_log_std_bound(1.0, 100), sequence_log_std_bound(1.0, 100, 0.5).round(3))
    50.0 4.163
    """
    check_count("horizon", horizon, 1)
    if std is None:
        w = as_float("width", width)
        check_interval("width", w, 0, float("inf"))
        return SLOPE * horizon * w
    σ, w = std_and_width(std, width)
    check_interval("std", σ, 0, A_PRIORI_STD)
    return SLOPE * w * jnp.minimum(float(horizon), jnp.sqrt(-horizon * jnp.log(σ)))


def remainder_scale(horizon: int) -> float:
    """4C(H)/H² with T10's proved constant: what multiplies σ in T11's certificate; 1 at H = 1, ~ √2/H for long ones.

    Raises:
        ValueError: H < 1.

    >>> remainder_scale(1)
    1.0
    """
    return length_constant_bound(horizon) / (CURVATURE * horizon**2)


def sequence_remainder_bound(std: Numbers, width: Numbers, horizon: int) -> Float[Array, "*shape"]:
    """T11's certificate: an upper bound on |J(θ+δ) − J(θ) − ∇J·δ|, (4C(H)/H²) σ ψ(Hw/2). T3's at H = 1.

    Arguments as `sequence_curvature_bound`, w that of the update δ.

    Raises:
        ValueError: as `sequence_curvature_bound`.

    >>> print(round(float(sequence_remainder_bound(0.5, 2.0, 1)), 4))  # ½ (e − 2)
    0.3591
    """
    σ, w = std_and_width(std, width)
    return remainder_bound(remainder_scale(horizon) * σ, horizon * w)
