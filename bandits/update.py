"""Update rules: how per-prompt gradients and deviations become one direction (a step is on the SUM over prompts).

    none, group, power(a)   Σ g_x/σ_x^a, a = 0, 1, a     batch    Σ g_x/mean σ       decoupled  (Σ σ_x P_x)⁻¹ Σ g_x (T9)
    maxrl, focal(γ), pass(K), leave_one_out  `Weight`    pooled   Σ g_x/deviation of all rewards of the batch

Names are those of `curvature.rule`; `Weight` is in `bandits.weight`. A prompt with σ_x = 0 contributes 0. `batch`
divides by the mean of the deviations of the update's prompts, `pooled` by a number that also contains the spread of J_x
between prompts. Independent checks: tests/bandits/test_update.py.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from bandits.estimate import Estimate, UpdateRule, Weighted
from bandits.features import FeatureMap
from bandits.weight import weight_of
from curvature.check import check_interval
from curvature.groups import group_std
from curvature.rule import NAMES, REWEIGHING, parse
from curvature.safe import inverse_power

SERVED = (*NAMES, *REWEIGHING)
"""The rules that can be made here."""


class Power(Weighted):
    """Σ g_x/σ_x^α of any rewards: `none` is α = 0, `group` α = 1."""

    alpha: Float[Array, ""]

    def weight(self, std: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """σ^{−α} of a prompt, or of a group, with this deviation; 0 at σ = 0."""
        return inverse_power(std, self.alpha)

    def group_weights(self, group_size: int, *, ddof: int, epsilon: float) -> Float[Array, " counts"]:
        """(σ̂ + ε)^{−α}."""
        return self.weight(jnp.asarray(group_std(group_size, ddof=ddof, epsilon=epsilon), self.alpha.dtype))

    def direction(self, features: FeatureMap, estimate: Estimate) -> PyTree:
        return features.gather(self.weight(estimate.std)[:, None] * estimate.gradient)


class Batch(UpdateRule):
    """Σ g_x / mean σ."""

    def direction(self, features: FeatureMap, estimate: Estimate) -> PyTree:
        return features.gather(inverse_power(estimate.mean_std, 1) * estimate.gradient)


class Pooled(UpdateRule):
    """Σ g_x / deviation of all rewards of the batch (TRL `scale_rewards="batch"`)."""

    def direction(self, features: FeatureMap, estimate: Estimate) -> PyTree:
        return features.gather(inverse_power(estimate.pooled, 1) * estimate.gradient)


class Decoupled(UpdateRule):
    """(Σ σ_x P_x + λ mean(σ) I)⁻¹ Σ g_x; the inverse is a pseudo-inverse at λ = 0."""

    projectors: Float[Array, "N m m"] | None
    """P_x in the features' short coordinates; None where they need none (`FeatureMap.projectors`)."""
    ridge: Float[Array, ""]

    def direction(self, features: FeatureMap, estimate: Estimate) -> PyTree:
        σ = estimate.std
        return features.decouple(estimate.gradient, σ, self.ridge * estimate.mean_std, self.projectors)


def make_rule(
    name: str,
    features: FeatureMap,
    *,
    alpha: float = 1.5,
    ridge: float = 0.0,
    group_size: int | None = None,
    ddof: int = 0,
    epsilon: float = 0.0,
) -> UpdateRule:
    """A rule by its name.

    Arguments:
        name: one of `SERVED`, such as "group" or "power(2)"; "power" alone takes its exponent from `alpha`.
        features: of the problem (its spans enter `decoupled`).
        alpha: exponent of "power" where the name has none, ≥ 0.
        ridge: λ of `decoupled`, relative to the mean deviation, ≥ 0.
        group_size, ddof, epsilon: the oracle's, from which the tables of maxrl, focal, pass and leave_one_out are made;
            without a group_size they serve exact gradients only. Other rules do not look at them.

    Raises:
        ValueError: an unknown name, a negative exponent or ridge, settings of groups that `Sampled` would refuse,
            leave_one_out without a group_size.
    """
    rule, dtype = parse(name, alpha=alpha, allowed=SERVED), jnp.result_type(float)
    if rule.kind == "decoupled":
        check_interval("ridge", ridge, 0, float("inf"), open_ends="h")
        return Decoupled(features.projectors(), jnp.asarray(ridge, dtype))
    if rule.kind == "weight":
        # a strong type for every α: none, group and power(α) share a compiled program
        return Power(jnp.asarray(rule.alpha, dtype))
    if rule.kind in ("batch", "pooled"):
        return Batch() if rule.kind == "batch" else Pooled()
    return weight_of(rule, group_size, ddof=ddof, epsilon=epsilon)
