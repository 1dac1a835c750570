"""How far to go along a direction: a constant, the best certified multiple (T3), or up to a limit on the KL."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from bandits.features import Move
from bandits.policy import Local, Policy
from curvature.check import Numbers, as_float, check_interval, check_shape


class StepSize(eqx.Module):
    """Chooses the multiple of a direction, given what the direction does to the logits."""

    @abstractmethod
    def multiple(self, local: Local, move: Move, policy: Policy) -> Float[Array, ""]:
        """S ≥ 0, where a step of s along the direction changes the logits by move.at(s)."""


class Constant(StepSize):
    """The same multiple always."""

    step_size: Float[Array, ""]

    def multiple(self, local: Local, move: Move, policy: Policy) -> Float[Array, ""]:
        return self.step_size


class Certified(StepSize):
    """The multiple with the greatest guaranteed gain of the sum of J_x (T3, T11), from exact gradients and deviations.

    0 where the direction does not ascend: the certificate then promises nothing. Fixed features only.
    """

    def multiple(self, local: Local, move: Move, policy: Policy) -> Float[Array, ""]:
        """Raises ValueError where features are learnt."""
        if move.quadratic is not None:
            raise ValueError("step_size is Certified(); allowed with learnt features: constant or kl_limited")
        slopes = jnp.sum(local.coefficients * move.linear, axis=-1)
        return policy.best_step(slopes, local.std, policy.width(move.linear))


class KLLimited(StepSize):
    """`step_size`, or less: the largest multiple at which the mean over prompts of KL(π ‖ π') is within `limit`.

    With fixed features KL is convex in the multiple, so Newton's iterations from above come down to the root without
    crossing it, and one chord from 0 at the end lands at or below it. With learnt features the logits bend along the
    direction: bisection finds a multiple within the limit, beyond which a little more would exceed it.
    """

    step_size: Float[Array, ""]
    limit: Float[Array, ""]
    """Nats per update."""
    iterations: int = eqx.field(static=True, default=16)  # a limit of 1e-6 needs about 12

    def multiple(self, local: Local, move: Move, policy: Policy) -> Float[Array, ""]:
        def divergence(s: Float[Array, ""]) -> Float[Array, ""]:
            return jnp.mean(policy.kl_divergence(local, move.at(s)))

        if move.quadratic is not None:
            return self._bisect(divergence)

        def newton(carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            s, _, count = carry
            values, slopes = policy.kl_along(local, move.linear, s)
            excess, rise = jnp.mean(values) - self.limit, jnp.mean(slopes)
            new = jnp.where(excess > 0, s - excess / jnp.where(excess > 0, rise, 1), s)
            return new, new < s, count + 1

        start = (self.step_size, jnp.asarray(True), jnp.asarray(0))
        s, _, _ = jax.lax.while_loop(lambda c: c[1] & (c[2] < self.iterations), newton, start)
        value = divergence(s)
        return jnp.where(value > self.limit, s * self.limit / jnp.where(value > self.limit, value, 1), s)

    def _bisect(self, divergence: Callable[[Float[Array, ""]], Float[Array, ""]]) -> Float[Array, ""]:
        def halve(_: Array | int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
            low, high = ends
            middle = jnp.where(low > 0, jnp.sqrt(low * high), high / 16)  # in logarithms once something fits
            fits = divergence(middle) <= self.limit
            return jnp.where(fits, middle, low), jnp.where(fits, high, middle)

        zero = jnp.zeros_like(self.step_size)
        low, _ = jax.lax.fori_loop(0, 2 * self.iterations, halve, (zero, self.step_size))
        return jnp.where(divergence(self.step_size) <= self.limit, self.step_size, low)


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
