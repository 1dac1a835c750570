"""How far a change of logits moves a softmax: KL(π ‖ π') in nats, from the change alone.

    KL = log E_π e^{u − E_π u},   u the change of the logits

Independent check: tests/bandits/test_policy.py (the definition, in NumPy).
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float


def softmax_kl(probabilities: Float[Array, "*batch K"], change: Float[Array, "*batch K"]) -> Float[Array, "*batch"]:
    """Log E e^{u − E u}, the KL of a softmax whose logits change by u.

    For a small change the cumulant is O(u²) and the centring keeps its digits.
    """
    π = probabilities
    u = jnp.where(π > 0, change - jnp.sum(π * change, axis=-1, keepdims=True), 0)
    top = jnp.max(u, axis=-1, keepdims=True)
    near = top < 1
    v = jnp.where(near, u, 0)
    small = jnp.log1p(jnp.sum(π * (jnp.expm1(v) - v), axis=-1))
    large = top[..., 0] + jnp.log(jnp.sum(π * jnp.exp(u - top), axis=-1))
    return jnp.where(near[..., 0], small, large)


def softmax_kl_along(
    probabilities: Float[Array, "*batch K"], change: Float[Array, "*batch K"], multiple: Float[Array, ""]
) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
    """(log E e^{s u}, E_s u) with u centred: KL after s · u and its slope in s, from one exponential an arm.

    Absolute, not relative, accuracy: enough to find where KL meets a limit, at a quarter of `softmax_kl`'s cost.
    """
    π = probabilities
    u = jnp.where(π > 0, change - jnp.sum(π * change, axis=-1, keepdims=True), 0)
    top = jnp.max(multiple * u, axis=-1, keepdims=True)
    tilted = π * jnp.exp(multiple * u - top)
    total = jnp.sum(tilted, axis=-1)
    return top[..., 0] + jnp.log(total), jnp.sum(tilted * u, axis=-1) / total
