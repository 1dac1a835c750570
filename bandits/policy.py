"""The policy at one point of a run: every exact quantity that rules, steps and records are made of.

Per prompt: π, J, σ and the coefficients π(y)(r(y) − J), whose contraction with the arms is the gradient.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from bandits.features import Features
from bandits.problem import Problem
from curvature.moments import tilt


class Local(eqx.Module):
    """Exact per-prompt quantities at the current logits."""

    logits: Float[Array, "N K"]
    """b + θ·φ."""
    probabilities: Float[Array, "N K"]
    value: Float[Array, " N"]
    """J_x."""
    std: Float[Array, " N"]
    """σ_x."""
    coefficients: Float[Array, "N K"]
    """π(y|x)(r(x,y) − J_x): g_x = Σ_y coefficient · φ(x, y)."""


def locate(problem: Problem, logits: Float[Array, "N K"]) -> Local:
    """The exact quantities at these logits: O(N K)."""
    J, σ, π, advantages = jax.vmap(tilt)(logits, problem.rewards)
    return Local(logits, π, J, σ, π * advantages)


def contract(features: Features, coefficients: Float[Array, "N K"]) -> Float[Array, "N m"]:
    """a_x = Σ_y coefficient(x, y) u_{x,y}, so that the prompt's gradient is e_x ⊗ a_x."""
    # this order of the operands keeps a batch of runs in place; the other makes XLA transpose it (a third slower)
    return jnp.einsum("nk,nkm->nm", coefficients, features.arms)


def gradient_norms(features: Features, per_prompt: Float[Array, "N m"]) -> Float[Array, " N"]:
    """|e_x ⊗ a_x| = |e_x| |a_x|."""
    return jnp.sqrt(features.squared_lengths() * jnp.sum(per_prompt**2, axis=-1))


def kl_divergence(local: Local, change: Float[Array, "N K"]) -> Float[Array, " N"]:
    """KL(π ‖ π') per prompt after the logits change by `change`: log E e^{u − E u}, in nats, ≥ 0.

    For a small change the cumulant is O(u²) and the centring keeps its digits.
    """
    π = local.probabilities
    u = jnp.where(π > 0, change - jnp.sum(π * change, axis=-1, keepdims=True), 0)
    top = jnp.max(u, axis=-1, keepdims=True)
    near = top < 1
    v = jnp.where(near, u, 0)
    small = jnp.log1p(jnp.sum(π * (jnp.expm1(v) - v), axis=-1))
    large = top[:, 0] + jnp.log(jnp.sum(π * jnp.exp(u - top), axis=-1))
    return jnp.where(near[:, 0], small, large)
