r"""Value, deviation, gradient and Hessian of the expected reward of one softmax policy, exactly.

With π_θ(y) ∝ exp(b(y) + θ·φ(y)) and the tilted log-partition A(θ, t) = log Σ_y exp(b + θ·φ + t r),

    J = ∂_t A,   σ² = ∂_t² A,   ∇J = ∂_t ∂_θ A = Cov(r, φ),   ∇²J = ∂_t ∂_θ² A = E[(r − J)(φ − φ̄)(φ − φ̄)ᵀ].

All four come from one pass over the arms: O(K d) for the first three, O(K d²) for the Hessian, O(K d) for
a product of the Hessian with a vector. Every centred quantity is centred twice, because the first mean carries
a rounding error of the size of the values: without it 1 − J and σ lose their digits once a policy is nearly
deterministic. Independent check: tests/curvature/test_moments.py (autodiff, enumeration, differences).
"""

from __future__ import annotations

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from curvature.check import Numbers, as_float, check_finite, check_logits, check_one, check_shape


class Arms(eqx.Module):
    """What the policy does over the arms: everything the exact quantities are contracted from."""

    probabilities: Float[Array, "*batch K"]
    """π(y)."""
    advantages: Float[Array, "*batch K"]
    """r(y) − J."""
    scores: Float[Array, "*batch K d"]
    """∇_θ log π(y) = φ(y) − φ̄."""

    @property
    def weights(self) -> Float[Array, "*batch K"]:
        """π(y)(r(y) − J): contracted with φ it is ∇J. Sums to 0."""
        return self.probabilities * self.advantages


class Moments(eqx.Module):
    """The exact local quantities of J at one point. A pytree: `jax.vmap` batches it over prompts."""

    value: Float[Array, "*batch"]
    """J, the expected reward, in units of the reward."""
    std: Float[Array, "*batch"]
    """σ, the standard deviation of the reward under the policy (population, no ε)."""
    gradient: Float[Array, "*batch d"]
    """g = ∇J."""
    hessian: Float[Array, "*batch d d"] | None
    """H = ∇²J, or None where it was not asked for (`hessian_vector_product` needs it not)."""
    arms: Arms | None = None
    """Per-arm quantities; None only where a Moments was put together by hand."""


def arms_of(moments: Moments) -> Arms:
    """The arms of one prompt.

    Raises:
        ValueError: a batch of moments, or moments without arms.
    """
    check_one("moments", moments)
    if moments.arms is None:
        raise ValueError("moments has no arms; allowed: the result of curvature.moments")
    return moments.arms


def checked_direction(moments: Moments, direction: Numbers, name: str = "direction") -> Float[Array, " d"]:
    """A direction in the parameters of one prompt's moments.

    Raises:
        ValueError: a batch of moments, a direction of another length, or not finite.
    """
    u = as_float(name, direction)
    check_one("moments", moments)
    check_shape(name, u, moments.gradient.shape)
    check_finite(name, u)
    return u


def varies(rewards: Float[Array, "*batch K"], present: Bool[Array, "*batch K"]) -> Bool[Array, "*batch 1"]:
    """Whether the rewards of the arms that are present differ.

    Where they do not, σ is 0 exactly: the rounding left in σ, which rules divide by, would make a gradient of O(1).
    """
    highest = jnp.max(jnp.where(present, rewards, -jnp.inf), axis=-1, keepdims=True)
    return highest > jnp.min(jnp.where(present, rewards, jnp.inf), axis=-1, keepdims=True)


def centre(values: Float[Array, "*batch n"]) -> Float[Array, "*batch n"]:
    """Values less their mean along the last axis, twice: the first mean is rounded in proportion to the values."""
    once = values - jnp.mean(values, axis=-1, keepdims=True)
    return once - jnp.mean(once, axis=-1, keepdims=True)


def tilt(
    logits: Numbers, rewards: Numbers
) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, " K"], Float[Array, " K"]]:
    """(J, σ, π, r − J) of one softmax: the two t-derivatives of A, and what θ-derivatives are weighted by.

    Arguments:
        logits: [K]; -inf marks an absent arm.
        rewards: [K] finite.

    Raises:
        ValueError: shapes that disagree, no arms, NaN or infinite numbers.

    >>> J, σ, π, advantages = tilt([0.0, 0.0], [1.0, 0.0])
    >>> print(J, σ, π, advantages)
    0.5 0.5 [0.5 0.5] [ 0.5 -0.5]
    """
    z, r = as_float("logits", logits), as_float("rewards", rewards)
    check_shape("logits", z, (None,))
    check_shape("rewards", r, z.shape)
    check_logits("logits", z)
    check_finite("rewards", r)
    π = jax.nn.softmax(z)
    J = jnp.sum(π * r)
    centred = r - J
    present = π > 0
    advantages = jnp.where(varies(r, present) | ~present, centred - jnp.sum(π * centred), 0)
    return J, jnp.sqrt(jnp.sum(π * advantages**2)), π, advantages


@partial(jax.jit, static_argnames="with_hessian")
def _moments(
    logits: Float[Array, " K"], features: Float[Array, "K d"], rewards: Float[Array, " K"], with_hessian: bool
) -> Moments:
    J, σ, π, advantages = tilt(logits, rewards)
    scores = features - π @ features
    scores = scores - π @ scores
    weights = π * advantages
    g = weights @ scores
    H = None
    if with_hessian:
        H = scores.T @ (weights[:, None] * scores)
        H = (H + H.T) / 2  # symmetric to the last bit, as its spectrum assumes
    return Moments(J, σ, g, H, Arms(π, advantages, scores))


def moments(logits: Numbers, features: Numbers, rewards: Numbers, *, hessian: bool = True) -> Moments:
    """Exact J, σ, ∇J and ∇²J of a log-linear policy at logits = b + θ·φ.

    Arguments:
        logits: [K] current logits; -inf marks an absent arm. Shifting all of them changes nothing.
        features: [K, d] φ(y) = ∂ logits/∂θ, finite.
        rewards: [K] r(y), real and finite.
        hessian: form the d×d Hessian. `False` leaves it None: at d = 10⁴ it would fill 800 MB, and curvature
            along directions, spectra and certificates do without it.

    Returns:
        `Moments`; batch with `jax.vmap(moments)`.

    Raises:
        ValueError: shapes that disagree, no arms, NaN or infinite numbers.

    Cost: O(K d) without the Hessian, O(K d²) with it.

    Reference: Ge, Yin, Liang, Zhang (2026), arXiv 2601.23135, for the local-curvature view; formula: docs/theory.md.

    A fair coin with feature ±½ has J = ½, σ = ½, J' = σ² = ¼ and, at p = ½, no curvature:

    >>> m = moments([0.0, 0.0], [[0.5], [-0.5]], [1.0, 0.0])
    >>> print(m.value, m.std, m.gradient, m.hessian)
    0.5 0.5 [0.25] [[0.]]
    """
    z, φ, r = as_float("logits", logits), as_float("features", features), as_float("rewards", rewards)
    check_shape("logits", z, (None,))
    check_shape("features", φ, (z.shape[0], None))
    check_shape("rewards", r, (z.shape[0],))
    check_logits("logits", z)
    check_finite("features", φ)
    check_finite("rewards", r)
    dtype = jnp.result_type(z, φ, r)
    return _moments(z.astype(dtype), φ.astype(dtype), r.astype(dtype), hessian)


def hessian_vector_product(moments: Moments, vector: Numbers) -> Float[Array, " d"]:
    """H v in O(K d), the Hessian never formed.

    Arguments:
        moments: of one prompt (vmap for a batch).
        vector: [d].

    Raises:
        ValueError: a batch of moments, a vector of another length or not finite, or a Moments that carries neither arms
            nor Hessian.
    """
    v = checked_direction(moments, vector, "vector")
    if moments.arms is not None:
        a = moments.arms
        return (a.weights * (a.scores @ v)) @ a.scores
    if moments.hessian is not None:
        return moments.hessian @ v
    raise ValueError("moments carries neither arms nor a hessian; allowed: the result of curvature.moments")
