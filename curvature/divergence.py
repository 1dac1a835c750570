"""How far a change of logits moves a softmax: KL(π ‖ π') in nats, from the change alone.

    KL = log E_π e^{u − E_π u},   u the change of the logits

Independent check: tests/curvature/test_divergence.py (the definition, in NumPy).
"""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float

from curvature.check import Numbers, as_floats, check_finite, check_interval, check_shape

ROUNDING = 1e-6
"""By how much a probability may exceed 1: a softmax in float32 does by less."""


def softmax_kl(probabilities: Numbers, change: Numbers) -> Float[Array, "*batch"]:
    """Log E e^{u − E u}, the KL of a softmax whose logits change by u.

    For a small change the cumulant is O(u²) and the centring keeps its digits.

    Arguments:
        probabilities: [..., K] π, each row of sum 1; 0 marks an absent arm.
        change: [..., K] u, finite.

    Raises:
        ValueError: shapes that do not broadcast, probabilities outside [0, 1], NaN or infinite numbers.

    A fair coin that becomes 1 : 3, ln(2/√3):

    >>> print(round(float(softmax_kl([0.5, 0.5], [0.0, 1.0986123])), 6))
    0.143841
    """
    π, change = as_floats(probabilities=probabilities, change=change)
    check_shape("probabilities", π, (*π.shape[:-1], None))
    check_shape("change", change, (*change.shape[:-1], π.shape[-1]))
    check_interval("probabilities", π, 0, 1 + ROUNDING)
    check_finite("change", change)
    u = centred_change(π, change)
    top = jnp.max(u, axis=-1, keepdims=True)
    near = top < 1
    v = jnp.where(near, u, 0)
    small = jnp.log1p(jnp.sum(π * (jnp.expm1(v) - v), axis=-1))
    large = top[..., 0] + jnp.log(jnp.sum(π * jnp.exp(u - top), axis=-1))
    return jnp.where(near[..., 0], small, large)


def softmax_kl_along(
    probabilities: Float[Array, "*batch K"], change: Float[Array, "*batch K"]
) -> Callable[[Float[Array, ""]], tuple[Float[Array, "*batch"], Float[Array, "*batch"]]]:
    """(log E e^{s u}, E_s u) as a function of s ≥ 0, u centred: KL after s · u and its slope in s.

    One exponential per arm and s; what does not depend on s is computed once. Absolute, not relative, accuracy: enough
    to find where KL meets a limit, at a quarter of `softmax_kl`'s cost.
    """
    π, u = probabilities, centred_change(probabilities, change)
    top = jnp.max(u, axis=-1)
    below = u - top[..., None]

    def at(multiple: Float[Array, ""]) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"]]:
        tilted = π * jnp.exp(multiple * below)
        total = jnp.sum(tilted, axis=-1)
        return multiple * top + jnp.log(total), jnp.sum(tilted * u, axis=-1) / total

    return at


def centred_change(probabilities: Float[Array, "*batch K"], change: Float[Array, "*batch K"]) -> Array:
    """U − E_π u, and 0 for absent arms."""
    mean = jnp.sum(probabilities * change, axis=-1, keepdims=True)
    return jnp.where(probabilities > 0, change - mean, 0)


def softmax_variance(probabilities: Float[Array, "*batch K"], change: Float[Array, "*batch K"]) -> Array:
    """Var_π u: the second derivative of KL(π ‖ π') in s at 0, where the logits change by s · u."""
    return jnp.sum(probabilities * centred_change(probabilities, change) ** 2, axis=-1)
