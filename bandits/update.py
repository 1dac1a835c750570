"""Update rules: how per-prompt gradients and deviations become one direction (a step is on the SUM over prompts).

    none  Σ g_x (REINFORCE, Dr. GRPO)    group  Σ g_x/σ_x (GRPO)    batch  Σ g_x / mean σ
    power Σ g_x/σ_x^α                    decoupled  (Σ σ_x P_x)⁻¹ Σ g_x (T9)

A prompt with σ_x = 0 contributes 0. `batch` divides by the mean of the prompts' deviations; trainers whose "batch"
means the deviation of all pooled rewards divide by a number that also contains the spread of J_x between prompts.
"""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from bandits.features import FeatureMap
from curvature.check import Numbers, check_interval
from curvature.safe import inverse_power


class Rule(eqx.Module):
    """Maps the prompts' gradients e_x ⊗ a_x and deviations to one direction in Θ."""

    @abstractmethod
    def direction(self, features: FeatureMap, per_prompt: Float[Array, "N m"], std: Float[Array, " N"]) -> PyTree:
        """The direction; exact or estimated gradients and deviations alike."""


class Power(Rule):
    """Σ g_x/σ_x^α: `none` is α = 0, `group` α = 1. The only rules that weigh each prompt by its own σ alone."""

    alpha: Float[Array, ""]

    def weight(self, std: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """σ^{−α}, 0 at σ = 0."""
        return inverse_power(std, self.alpha)

    def direction(self, features: FeatureMap, per_prompt: Float[Array, "N m"], std: Float[Array, " N"]) -> PyTree:
        return features.gather(self.weight(std)[:, None] * per_prompt)


class Batch(Rule):
    """Σ g_x / mean σ."""

    def direction(self, features: FeatureMap, per_prompt: Float[Array, "N m"], std: Float[Array, " N"]) -> PyTree:
        return features.gather(inverse_power(jnp.mean(std), 1) * per_prompt)


class Decoupled(Rule):
    """(Σ σ_x P_x + λ mean(σ) I)⁻¹ Σ g_x; the inverse is a pseudo-inverse at λ = 0."""

    projectors: Float[Array, "N m m"] | None
    """P_x in the features' short coordinates; None where they need none (`FeatureMap.projectors`)."""
    ridge: Float[Array, ""]

    def direction(self, features: FeatureMap, per_prompt: Float[Array, "N m"], std: Float[Array, " N"]) -> PyTree:
        return features.decouple(per_prompt, std, self.ridge * jnp.mean(std), self.projectors)


NAMES = ("none", "group", "batch", "power", "decoupled")


def make_rule(name: str, features: FeatureMap, *, alpha: Numbers = 1.5, ridge: float = 0.0) -> Rule:
    """A rule by its name.

    Arguments:
        name: one of `NAMES`.
        features: of the problem (its spans enter `decoupled`).
        alpha: exponent of `power`, ≥ 0.
        ridge: λ of `decoupled`, relative to the mean deviation, ≥ 0.

    Raises:
        ValueError: an unknown name, a negative exponent or ridge.
    """
    if name == "none":
        return Power(jnp.asarray(0.0))
    if name == "group":
        return Power(jnp.asarray(1.0))
    if name == "power":
        check_interval("alpha", alpha, 0, float("inf"), open_ends="h")
        return Power(jnp.asarray(alpha, jnp.result_type(float)))
    if name == "batch":
        return Batch()
    if name == "decoupled":
        check_interval("ridge", ridge, 0, float("inf"), open_ends="h")
        return Decoupled(features.projectors(), jnp.asarray(ridge, jnp.result_type(float)))
    raise ValueError(f"rule is {name!r}; allowed: {', '.join(NAMES)}")
