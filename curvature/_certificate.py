"""The certificate: two-sided bounds on what an update of any size does to J, the best that are proved (T3, T19).

    max(T3, T19, least reward − J)  ≤  J(θ+δ) − J(θ)  ≤  min(T3, T19, greatest reward − J)

T3 holds for any reward, T19 where rewards are 0 and 1: it is better for long steps and rare success, T3 at high pass
rates and short steps. Each alone: `deviation_certificate`, `log_odds_certificate`. Independent checks, and the false
variants that are refused: tests/curvature/test_certificate.py.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from curvature._moments import Moments
from curvature.check import Numbers, as_float
from curvature.deviation_bounds import Certificate, deviation_certificate
from curvature.log_odds import certificate_of_arms


def certificate(moments: Moments, features: Numbers, delta: Numbers) -> Certificate:
    """Bounds on the change of this prompt's J under any update δ: the better of T3 and T19, within the rewards' range.

    Arguments:
        moments: of one prompt at θ (vmap for a batch). Without arms neither rewards nor range are known: T3 alone.
        features: [K, d] the same features as the moments were made of. An absent arm (logit -inf) may carry the
            features of a present one, so that it does not widen the bound.
        delta: [d] the update of θ, finite, of any length.

    Returns:
        `Certificate(lower, upper)`, within [least reward − J, greatest reward − J].

    Raises:
        ValueError: mismatched shapes, NaN or infinite numbers.

    Cost: O(K d).

    >>> from curvature import moments
    >>> φ = [[0.5], [-0.5]]
    >>> m = moments([0.0, 0.0], φ, [1.0, 0.0])
    >>> c = certificate(m, φ, [1.0])  # J rises from .5 to 1/(1+1/e) = .731: T19; T3 alone has .1756 and .3244
    >>> print(round(float(c.lower), 4), round(float(c.upper), 4))
    0.2058 0.2311
    """
    general = deviation_certificate(moments, features, delta)
    if moments.arms is None:
        return general
    rewards = moments.arms.advantages + moments.value
    binary = _are_binary(rewards)
    φ, δ = as_float("features", features), as_float("delta", delta)
    special = certificate_of_arms(moments.arms, binary & (rewards > 0.5), φ, δ)
    lower = jnp.where(binary, jnp.maximum(general.lower, special.lower), general.lower)
    upper = jnp.where(binary, jnp.minimum(general.upper, special.upper), general.upper)
    least, greatest = jnp.min(moments.arms.advantages), jnp.max(moments.arms.advantages)
    return Certificate(jnp.maximum(lower, jnp.minimum(least, 0)), jnp.minimum(upper, jnp.maximum(greatest, 0)))


def _are_binary(rewards: Float[Array, " K"]) -> Bool[Array, ""]:
    """Whether all are 0 or 1, but for the rounding of J, a sum over the arms, to which advantages were added."""
    rounding = 4 * (rewards.shape[0] + 4) * float(jnp.finfo(rewards.dtype).eps)
    return jnp.all(jnp.minimum(jnp.abs(rewards), jnp.abs(rewards - 1)) <= rounding)
