r"""What the curvature of a right-or-wrong reward is: its two parts and its sharp bound, of order σ² (T18).

    uᵀ∇²J u = (1 − 2p)(g·u)²/σ² + σ² uᵀ∇²L u,   |uᵀ∇²J u| ≤ σ² w² M(|1 − 2p|),   L = log(p/(1 − p))

M(k) is k from ½ on and 1/(4(1 − k)) below; |1 − 2p| = √(1 − 4σ²), so that σ and w suffice. T1 is linear in σ and holds
for any reward; for rewards 0 and 1 this is never worse. Independent checks: tests/curvature/test_binary_curvature.py.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from curvature._moments import Arms, Moments, arms_of, checked_direction
from curvature.check import Numbers, check_interval, is_concrete
from curvature.constants import A_PRIORI_STD, CURVATURE
from curvature.deviation_bounds import std_and_width
from curvature.safe import ratio

ROUNDING = 1e-3
"""Rewards are 0 and 1 up to rounding if no further than this from them: float32 moments lose no more."""


class CurvatureSplit(eqx.Module):
    """T18: κ = slope + bend, in the units of `local_curvature`."""

    slope: Float[Array, ""]
    """(1 − 2p)(g·u)²/σ²: what the slope of the log-odds alone would give, 0 where σ = 0."""
    bend: Float[Array, ""]
    """σ² uᵀ∇²L u = σ²[Var(X|right) − Var(X|wrong)], X = φ·u: what the bend of the log-odds adds."""

    @property
    def curvature(self) -> Float[Array, ""]:
        """The sum, uᵀ∇²J u."""
        return self.slope + self.bend


def right_arms(arms: Arms, value: Float[Array, ""]) -> Bool[Array, " K"]:
    """Which arms have reward 1; the others have 0.

    Raises:
        ValueError: another reward.
    """
    rewards = arms.advantages + value
    if is_concrete(rewards):
        got = np.asarray(rewards)
        bad = got[np.minimum(np.abs(got), np.abs(got - 1)) > ROUNDING]
        if bad.size:
            raise ValueError(f"moments are of the reward {bad.flat[0]}; allowed: rewards 0 and 1")
    return rewards > 0.5


def curvature_split(moments: Moments, direction: Numbers) -> CurvatureSplit:
    """T18: uᵀ∇²J u in two parts, the slope of the log-odds squared and their bend. Exact, O(K d).

    Where the log-odds are nearly straight the first part is all of it: κ ≈ (1 − 2p)(g·u)²/σ².

    Arguments:
        moments: of one prompt with rewards 0 and 1 (vmap for a batch), with the arms that `curvature.moments` keeps.
        direction: [d] u, not normalised here.

    Raises:
        ValueError: a batch of moments, moments without arms, other rewards, a direction of another length, or not
            finite.

    Two arms have straight log-odds; a second right arm bends them:

    >>> from curvature import moments
    >>> s = curvature_split(moments([0.0, 0.0, 0.0], [[2.0], [0.0], [0.0]], [1.0, 1.0, 0.0]), [1.0])
    >>> print(round(float(s.slope), 4), round(float(s.bend), 4))  # p = 2/3, d = 1: 2/9 times −1/3 and 1
    -0.0741 0.2222
    """
    u, arms = checked_direction(moments, direction), arms_of(moments)
    right = right_arms(arms, moments.value)
    variance = moments.std**2
    slope = ratio((1 - 2 * moments.value) * (moments.gradient @ u) ** 2, variance)
    X, π = arms.scores @ u, arms.probabilities
    bend = _variance(jnp.where(right, π, 0), X) - _variance(jnp.where(right, 0, π), X)
    return CurvatureSplit(slope, variance * bend)


def _variance(weights: Float[Array, " K"], values: Float[Array, " K"]) -> Float[Array, ""]:
    """The variance of the values under the weights, which need not sum to 1; 0 where all weights are 0."""
    total = jnp.sum(weights)
    return ratio(weights @ (values - ratio(weights @ values, total)) ** 2, total)


def binary_curvature_bound(std: Numbers, width: Numbers) -> Float[Array, "*shape"]:
    """T18: an upper bound on |uᵀ∇²J u| for rewards 0 and 1, σ² w(u)² M(√(1 − 4σ²)). Sharp at every σ.

    At most `curvature_bound`, equal to it at p = (2±√2)/4 alone; nowhere more than (√3/18) w². Near σ = ½ the digits of
    σ hold |1 − 2p| to √ε only, and with it the bound.

    Arguments:
        std: σ in [0, ½].
        width: w(u) ≥ 0.

    Raises:
        ValueError: outside those ranges, or shapes that do not broadcast.

    >>> print(binary_curvature_bound(0.5, 1.0))  # p = ½: ¼ · M(0) = 1/16, where T1 has 1/8
    0.0625
    """
    σ, w = std_and_width(std, width)
    check_interval("std", σ, 0, A_PRIORI_STD * (1 + 8 * float(jnp.finfo(σ.dtype).eps)))
    return σ**2 * w**2 * curvature_shape(jnp.sqrt(jnp.maximum(1 - 4 * σ**2, 0)))


def curvature_shape(k: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """M(k) for k in [0, 1], the greatest k m² + m(1 − m): k from ½ on and 1/(4(1 − k)) below.

    >>> print(curvature_shape(jnp.asarray([0.0, 0.5, 1.0])))
    [0.25 0.5  1.  ]
    """
    return jnp.where(k >= 0.5, k, CURVATURE / (1 - jnp.minimum(k, 0.5)))
