"""Update rules: how per-prompt gradients and deviations become one direction (a step is on the SUM over prompts).

    none  Σ g_x (REINFORCE, Dr. GRPO)    group  Σ g_x/σ_x (GRPO)    batch  Σ g_x / mean σ
    power Σ g_x/σ_x^α                    decoupled  (Σ σ_x P_x)⁻¹ Σ g_x (T9)

A prompt with σ_x = 0 contributes 0. `batch` divides by the mean of the prompts' deviations; trainers whose "batch"
means the deviation of all pooled rewards divide by a number that also contains the spread of J_x between prompts.
"""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bandits.features import Features
from curvature.check import Numbers, check_interval
from curvature.coherence import inverse_power, solve_psd, span_basis


class Rule(eqx.Module):
    """Maps the prompts' gradients e_x ⊗ a_x and deviations to one direction in Θ."""

    @abstractmethod
    def direction(
        self, features: Features, per_prompt: Float[Array, "N m"], std: Float[Array, " N"]
    ) -> Float[Array, "r m"]:
        """The direction; exact or estimated gradients and deviations alike."""


class Power(Rule):
    """Σ g_x/σ_x^α: `none` is α = 0, `group` α = 1. The only rules that weigh each prompt by its own σ alone."""

    alpha: Float[Array, ""]

    def weight(self, std: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """σ^{−α}, 0 at σ = 0."""
        return inverse_power(std, self.alpha)

    def direction(
        self, features: Features, per_prompt: Float[Array, "N m"], std: Float[Array, " N"]
    ) -> Float[Array, "r m"]:
        return features.gather(self.weight(std)[:, None] * per_prompt)


class Batch(Rule):
    """Σ g_x / mean σ."""

    def direction(
        self, features: Features, per_prompt: Float[Array, "N m"], std: Float[Array, " N"]
    ) -> Float[Array, "r m"]:
        return inverse_power(jnp.mean(std), 1) * features.gather(per_prompt)


class Decoupled(Rule):
    """(Σ σ_x P_x + λ mean(σ) I)⁻¹ Σ g_x; the inverse is a pseudo-inverse at λ = 0."""

    projectors: Float[Array, "N m m"] | None
    """P_x in arm coordinates; None where every prompt's arms span all of them, so that Σ σ P = (Eᵀ diag σ E) ⊗ I."""
    ridge: Float[Array, ""]

    def direction(
        self, features: Features, per_prompt: Float[Array, "N m"], std: Float[Array, " N"]
    ) -> Float[Array, "r m"]:
        total = features.gather(per_prompt)
        λ = self.ridge * jnp.mean(std)
        e = features.embedding
        if e is None:  # orthogonal spans: the sum is block diagonal
            return inverse_power(std + λ, 1)[:, None] * per_prompt
        if self.projectors is None:
            return solve_psd((e * std[:, None]).T @ e, total, λ)
        r, m = total.shape
        S = jnp.einsum("n,nr,ns,nab->rasb", std, e, e, self.projectors).reshape(r * m, r * m)
        return solve_psd(S, total.reshape(-1), λ).reshape(r, m)


NAMES = ("none", "group", "batch", "power", "decoupled")


def make_rule(name: str, features: Features, *, alpha: Numbers = 1.5, ridge: float = 0.0) -> Rule:
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
        bases = jax.vmap(span_basis)(features.arms)
        projectors = bases @ bases.swapaxes(-1, -2)
        full = np.allclose(projectors, np.eye(features.arms.shape[2]), atol=1e-9)
        return Decoupled(None if full else projectors, jnp.asarray(ridge, jnp.result_type(float)))
    raise ValueError(f"rule is {name!r}; allowed: {', '.join(NAMES)}")
