"""What an update rule is: it maps what is known of each prompt, exactly or from one group, to one direction in Θ.

Rules are in `bandits.update` and `bandits.weight`; estimates come from `bandits.oracle`. Independent checks:
tests/bandits/test_update.py.
"""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree

from bandits.epochs import spread_out
from bandits.features import FeatureMap
from bandits.policy import Local


class Estimate(eqx.Module):
    """What an update knows of each prompt, exactly or from one group; deviations of groups have ε added."""

    gradient: Float[Array, "N m"]
    """g_x or ĝ_x, a_x of e_x ⊗ a_x."""
    mean: Float[Array, " N"]
    """J_x or r̄."""
    std: Float[Array, " N"]
    """σ_x or σ̂_x + ε."""
    pooled: Float[Array, ""]
    """Deviation of all prompts' rewards at once."""
    score: Float[Array, "N m"] | None = None
    """(1/G) Σ_i s_i in the same form; None where exact."""
    group_size: int | None = eqx.field(static=True, default=None)
    """G; None where exact."""
    batch_size: int | None = eqx.field(static=True, default=None)
    """B prompts that the update sees: the rows of the others are 0. None: all."""

    @property
    def mean_std(self) -> Float[Array, ""]:
        """Mean deviation of the batch's prompts."""
        return jnp.mean(self.std) if self.batch_size is None else jnp.sum(self.std) / self.batch_size


def exact_estimate(features: FeatureMap, local: Local, chosen: Int[Array, " B"] | None = None) -> Estimate:
    """The population's gradients and deviations, of all prompts or of a batch."""
    of = local if chosen is None else jax.tree.map(lambda leaf: leaf[chosen], local)
    J, σ = of.value, of.std
    pooled = jnp.sqrt(jnp.mean(σ**2) + jnp.var(J))
    C, J, σ = (spread_out(rows, chosen, features.num_prompts) for rows in (of.coefficients, J, σ))
    return Estimate(features.contract(C), J, σ, pooled, batch_size=None if chosen is None else len(chosen))


class UpdateRule(eqx.Module):
    """Maps the prompts' gradients e_x ⊗ a_x and deviations to one direction in Θ."""

    @abstractmethod
    def direction(self, features: FeatureMap, estimate: Estimate) -> PyTree:
        """The direction; exact or estimated gradients and deviations alike."""


class Weighted(UpdateRule):
    """Σ w_x g_x, w_x from prompt x alone: only these have a mean over groups that is a sum over one prompt's (T12)."""

    @abstractmethod
    def group_weights(self, group_size: int, *, ddof: int, epsilon: float) -> Float[Array, " counts"]:
        """w(k) of a group with k = 0 … G right responses, as `curvature.rule.Rule.group_weights`."""

    def group_shifts(self, group_size: int) -> Float[Array, " counts"] | None:
        """b(k), the mean of the group's advantages; None where it is always 0."""
        return None
