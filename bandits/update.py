"""Update rules: how per-prompt gradients and deviations become one direction (a step is on the SUM over prompts).

    none, group, power(a)  Σ g_x/σ_x^a, a = 0, 1, a       batch  Σ g_x/mean σ       decoupled  (Σ σ_x P_x)⁻¹ Σ g_x (T9)

Their names are those of `curvature.rule`. A prompt with σ_x = 0 contributes 0. `batch` divides by the mean of the
prompts' deviations; trainers whose "batch" means the deviation of all pooled rewards divide by a number that also
contains the spread of J_x between prompts. Independent checks: tests/bandits/test_update.py.
"""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from bandits.features import FeatureMap
from curvature.check import check_interval
from curvature.groups import group_std
from curvature.rule import NAMES, parse
from curvature.safe import inverse_power

SERVED = tuple(name for name in NAMES if name != "pooled")
"""The rules that can be made here: all but the one that needs the rewards of other prompts."""


class UpdateRule(eqx.Module):
    """Maps the prompts' gradients e_x ⊗ a_x and deviations to one direction in Θ."""

    @abstractmethod
    def direction(self, features: FeatureMap, per_prompt: Float[Array, "N m"], std: Float[Array, " N"]) -> PyTree:
        """The direction; exact or estimated gradients and deviations alike."""


class Weighted(UpdateRule):
    """Σ w_x g_x, w_x from prompt x alone: only these have a mean over groups that is a sum over one prompt's (T12)."""

    @abstractmethod
    def weight(self, std: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """W of a prompt, or of a group, with this deviation."""

    @abstractmethod
    def group_weights(self, group_size: int, *, ddof: int, epsilon: float) -> Float[Array, " counts"]:
        """w(k) of a group with k = 0 … G right responses, as `curvature.rule.Rule.group_weights`."""

    def direction(self, features: FeatureMap, per_prompt: Float[Array, "N m"], std: Float[Array, " N"]) -> PyTree:
        return features.gather(self.weight(std)[:, None] * per_prompt)


class Power(Weighted):
    """Σ g_x/σ_x^α: `none` is α = 0, `group` α = 1."""

    alpha: Float[Array, ""]

    def weight(self, std: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """σ^{−α}, 0 at σ = 0."""
        return inverse_power(std, self.alpha)

    def group_weights(self, group_size: int, *, ddof: int, epsilon: float) -> Float[Array, " counts"]:
        """(σ̂ + ε)^{−α}."""
        return self.weight(jnp.asarray(group_std(group_size, ddof=ddof, epsilon=epsilon), self.alpha.dtype))


class Batch(UpdateRule):
    """Σ g_x / mean σ."""

    def direction(self, features: FeatureMap, per_prompt: Float[Array, "N m"], std: Float[Array, " N"]) -> PyTree:
        return features.gather(inverse_power(jnp.mean(std), 1) * per_prompt)


class Decoupled(UpdateRule):
    """(Σ σ_x P_x + λ mean(σ) I)⁻¹ Σ g_x; the inverse is a pseudo-inverse at λ = 0."""

    projectors: Float[Array, "N m m"] | None
    """P_x in the features' short coordinates; None where they need none (`FeatureMap.projectors`)."""
    ridge: Float[Array, ""]

    def direction(self, features: FeatureMap, per_prompt: Float[Array, "N m"], std: Float[Array, " N"]) -> PyTree:
        return features.decouple(per_prompt, std, self.ridge * jnp.mean(std), self.projectors)


def make_rule(name: str, features: FeatureMap, *, alpha: float = 1.5, ridge: float = 0.0) -> UpdateRule:
    """A rule by its name.

    Arguments:
        name: one of `SERVED`, such as "group" or "power(2)"; "power" alone takes its exponent from `alpha`.
        features: of the problem (its spans enter `decoupled`).
        alpha: exponent of "power" where the name has none, ≥ 0.
        ridge: λ of `decoupled`, relative to the mean deviation, ≥ 0.

    Raises:
        ValueError: an unknown name, a negative exponent or ridge.
    """
    rule, dtype = parse(name, alpha=alpha, allowed=SERVED), jnp.result_type(float)
    if rule.kind == "decoupled":
        check_interval("ridge", ridge, 0, float("inf"), open_ends="h")
        return Decoupled(features.projectors(), jnp.asarray(ridge, dtype))
    # a strong type for every α: none, group and power(α) share a compiled program
    return Batch() if rule.kind == "batch" else Power(jnp.asarray(rule.alpha, dtype))
