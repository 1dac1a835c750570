"""How far to go along a direction: a constant, the best certified multiple (T3), or up to a limit on the KL."""

from __future__ import annotations

from abc import abstractmethod

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from bandits.policy import Local, kl_divergence
from curvature.certificate import best_step_along
from curvature.check import Numbers, as_float, check_interval, check_shape


class StepSize(eqx.Module):
    """Chooses the multiple of a direction, given what the direction does to the logits."""

    @abstractmethod
    def multiple(self, local: Local, change: Float[Array, "N K"]) -> Float[Array, ""]:
        """S ≥ 0, where `change` [N, K] is φ·v, the change of the logits per unit of s."""


class Constant(StepSize):
    """The same multiple always."""

    step_size: Float[Array, ""]

    def multiple(self, local: Local, change: Float[Array, "N K"]) -> Float[Array, ""]:
        return self.step_size


class Certified(StepSize):
    """The multiple with the greatest guaranteed gain of the sum of J_x (T3), from exact gradients and deviations.

    0 where the direction does not ascend: the certificate then promises nothing.
    """

    def multiple(self, local: Local, change: Float[Array, "N K"]) -> Float[Array, ""]:
        slopes = jnp.sum(local.coefficients * change, axis=-1)
        return best_step_along(slopes, local.std, jnp.ptp(change, axis=-1)).length


class KLLimited(StepSize):
    """`step_size`, or less: the largest multiple at which the mean over prompts of KL(π ‖ π') is within `limit`.

    KL is convex in the multiple, so Newton's iterations from above come down to the root without crossing it, and
    one chord from 0 at the end lands at or below it.
    """

    step_size: Float[Array, ""]
    limit: Float[Array, ""]
    """Nats per update."""
    iterations: int = eqx.field(static=True, default=16)  # a limit of 1e-6 needs about 12

    def multiple(self, local: Local, change: Float[Array, "N K"]) -> Float[Array, ""]:
        def divergence(s: Float[Array, ""]) -> Float[Array, ""]:
            return jnp.mean(kl_divergence(local, s * change))

        slope = jax.value_and_grad(divergence)

        def newton(_: Array | int, s: Float[Array, ""]) -> Float[Array, ""]:
            value, rise = slope(s)
            return jnp.where(value > self.limit, s - (value - self.limit) / jnp.where(value > self.limit, rise, 1), s)

        s = jax.lax.fori_loop(0, self.iterations, newton, self.step_size)
        value = divergence(s)
        return jnp.where(value > self.limit, s * self.limit / jnp.where(value > self.limit, value, 1), s)


def constant(step_size: Numbers) -> Constant:
    """A checked `Constant`. Raises ValueError unless step_size is positive and finite."""
    return Constant(_positive("step_size", step_size))


def kl_limited(step_size: Numbers, limit: Numbers = 0.05) -> KLLimited:
    """A checked `KLLimited`. Raises ValueError unless both are positive and finite."""
    return KLLimited(_positive("step_size", step_size), _positive("limit", limit))


def _positive(name: str, value: Numbers) -> Float[Array, ""]:
    number = as_float(name, value)
    check_shape(name, number, ())
    check_interval(name, number, 0, float("inf"), open_ends="lh")
    return number
