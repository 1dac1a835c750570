r"""How a rule weighs prompts in a population direction: by a function of the pass rate.

    direction = (1/N) Σ_x w(p_x) g_x = (1/N) Σ_x [p_x w(p_x)] ∇log π(y*_x|x),        g = p ∇log π(y*|x)

    weight    w = 1/σ^α, so p w(p) = p^{1−α/2} (1−p)^{−α/2}          batch    w = 1/mean σ, the same for every prompt
    maxrl     w = 1/p, so p w(p) = 1: the gradient of mean log p

The product p·w(p) is what a learner needs, in one expression of log p: apart, σ^{−α} overflows float32 long before the
product does. A rule with another w(p) is one more function in `COEFFICIENTS`, under its kind in `curvature.rule`.
Independent checks: tests/experiments/language/learning/test_weights.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from curvature import success_std
from curvature.rule import Rule
from curvature.safe import inverse_power

Coefficients = Callable[[Float[Array, " P"], Float[Array, ""]], Float[Array, " P"]]
"""(log p [P], α) → p·w(p) [P]."""


def power_coefficients(log_p: Float[Array, " P"], alpha: Float[Array, ""]) -> Float[Array, " P"]:
    """p_x/σ_x^α; 0 where σ_x = 0."""
    half = (alpha / 2).astype(log_p.dtype)
    fail = -jnp.expm1(jnp.minimum(log_p, 0))
    alive = fail > 0
    power = (1 - half) * log_p - half * jnp.log(jnp.where(alive, fail, 1))
    return jnp.where(alive, jnp.exp(power), 0)


def batch_coefficients(log_p: Float[Array, " P"], alpha: Float[Array, ""]) -> Float[Array, " P"]:
    """p_x over the mean of the prompts' σ; 0 where that is 0."""
    return jnp.exp(log_p) * inverse_power(jnp.mean(success_std(log_p)), 1)


def maxrl_coefficients(log_p: Float[Array, " P"], alpha: Float[Array, ""]) -> Float[Array, " P"]:
    """1: every prompt's log-likelihood counts alike; 0 where p = 1 exactly."""
    return jnp.where(-jnp.expm1(jnp.minimum(log_p, 0)) > 0, 1, 0).astype(log_p.dtype)


COEFFICIENTS: Mapping[str, Coefficients] = MappingProxyType(
    {"weight": power_coefficients, "batch": batch_coefficients, "maxrl": maxrl_coefficients}
)
"""By the kind of the rule."""


class PopulationWeight(eqx.Module):
    """A rule as a compiled step takes it: one program for all rules of a kind."""

    alpha: Float[Array, ""]
    """σ's exponent, float32."""
    kind: str = eqx.field(static=True, default="weight")
    """A key of `COEFFICIENTS`."""

    def coefficients(self, log_p: Float[Array, " P"]) -> Float[Array, " P"]:
        """p·w(p), which weighs ∇log π(y*|x)."""
        return COEFFICIENTS[self.kind](log_p, self.alpha)


def population_weight(rule: Rule) -> PopulationWeight:
    """The weight of a rule.

    Raises:
        ValueError: a rule that no population direction exists for here.
    """
    if rule.kind not in COEFFICIENTS:
        raise ValueError(f"rule is {rule.name}; allowed: rules of the kinds {', '.join(COEFFICIENTS)}")
    return PopulationWeight(jnp.asarray(rule.alpha if rule.kind == "weight" else 0.0, jnp.float32), rule.kind)
