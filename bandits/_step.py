"""How far to go along a direction: a constant, the best certified multiple (T3), or up to a limit on the KL."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from bandits.features import Move
from bandits.policy import Local, Policy, Softmax
from curvature.check import Numbers, as_float, check_interval, check_shape
from curvature.log_odds import log_odds_step_along


class Taken(eqx.Module):
    """A step that was taken."""

    multiple: Float[Array, ""]
    """The length s along the direction."""
    change: Float[Array, "N K"]
    """Of the logits."""
    kl: Float[Array, ""]
    """mean_x KL(before ‖ after), nats."""


class StepSize(eqx.Module):
    """Chooses the multiple of a direction, given what the direction does to the logits."""

    @abstractmethod
    def multiple(self, local: Local, move: Move, policy: Policy) -> Float[Array, ""]:
        """S ≥ 0, where a step of s along the direction changes the logits by move.at(s)."""

    def take(self, local: Local, move: Move, policy: Policy) -> Taken:
        """The step of that multiple, and how far the policy goes."""
        s = self.multiple(local, move, policy)
        change = move.at(s)
        return Taken(s, change, jnp.mean(policy.kl_divergence(local, change)))


class Constant(StepSize):
    """The same multiple always."""

    step_size: Float[Array, ""]

    def multiple(self, local: Local, move: Move, policy: Policy) -> Float[Array, ""]:
        return self.step_size


class Certified(StepSize):
    """The multiple with the greatest guaranteed gain of the sum of J_x (T3, T11), from exact gradients and deviations.

    0 where the direction does not ascend: the certificate then promises nothing. Fixed features only.
    """

    right_or_wrong: bool = eqx.field(static=True, default=False)
    """That all rewards are 0 or 1, of which nothing is checked: T19 then promises more, and steps are longer."""

    def multiple(self, local: Local, move: Move, policy: Policy) -> Float[Array, ""]:
        """Raises ValueError where features are learnt, and where T19 does not hold: in sequences."""
        if move.quadratic is not None:
            raise ValueError("step_size is Certified(); allowed with learnt features: constant or kl_limited")
        slopes = jnp.sum(local.coefficients * move.linear, axis=-1)
        if not self.right_or_wrong:
            return policy.best_step(slopes, local.std, policy.width(move.linear))
        if not isinstance(policy, Softmax):
            raise ValueError("step_size is Certified(right_or_wrong=True); allowed with sequences: Certified()")
        return log_odds_step_along(slopes, jnp.clip(local.value, 0, 1), policy.width(move.linear)).length


class _Bracket(eqx.Module):
    """The root is within [low, high] and `point` is to be looked at next."""

    point: Float[Array, ""]
    low: Float[Array, ""]
    high: Float[Array, ""]
    done: Bool[Array, ""]
    count: Int[Array, ""]


class KLLimited(StepSize):
    """`step_size`, or less: the largest multiple at which the mean over prompts of KL(π ‖ π') is within `limit`.

    With fixed features KL is convex in the multiple s, 0 at 0 and nearly Var(u) s²/2: Newton's iterations seek the root
    of √KL − √limit from √(2 limit/Var(u)), or from `step_size` if that is less. Each point also bounds the root: it is
    beyond the chord from 0 and before KL's tangent, and no iteration leaves those bounds. One chord at the end lands at
    or below the limit. With learnt features the logits bend along the direction: bisection finds a multiple within the
    limit, beyond which a little more would exceed it.
    """

    step_size: Float[Array, ""]
    limit: Float[Array, ""]
    """Nats per update."""
    iterations: int = eqx.field(static=True, default=32)  # at most; most steps need 2 to 5

    def multiple(self, local: Local, move: Move, policy: Policy) -> Float[Array, ""]:
        return self.take(local, move, policy).multiple

    def take(self, local: Local, move: Move, policy: Policy) -> Taken:
        """KL comes with the multiple: only the last point's is computed exactly."""

        def divergence(s: Float[Array, ""]) -> Float[Array, ""]:
            return jnp.mean(policy.kl_divergence(local, move.at(s)))

        if move.quadratic is not None:
            s = self._bisect(divergence)
            return Taken(s, move.at(s), divergence(s))
        s = self._root(local, move.linear, policy)
        value = divergence(s)
        over = value > self.limit
        s = jnp.where(over, s * self.limit / jnp.where(over, value, 1), s)
        return Taken(s, move.at(s), jnp.minimum(value, self.limit))

    def _root(self, local: Local, change: Float[Array, "N K"], policy: Policy) -> Float[Array, ""]:
        """Where KL meets the limit, to rounding, or `step_size`."""
        tolerance = 1e-8 * self.limit + 4 * jnp.finfo(change.dtype).eps  # the step from there squares the error
        along = policy.kl_along(local, change)

        def evaluate(bracket: _Bracket) -> _Bracket:
            s = bracket.point
            value, slope = map(jnp.mean, along(s))
            excess, rising = value - self.limit, slope > 0
            slope = jnp.where(rising, slope, 1)
            chord = jnp.where(excess > 0, s * self.limit / jnp.where(excess > 0, value, 1), s)
            low = jnp.maximum(bracket.low, chord)
            high = jnp.minimum(bracket.high, jnp.where(rising, s - excess / slope, jnp.inf))
            root = jnp.sqrt(jnp.maximum(value, 0))
            newton = s - 2 * root * (root - jnp.sqrt(self.limit)) / slope
            new = jnp.clip(jnp.where(root > 0, newton, high), low, high)
            done = ~(jnp.abs(excess) > tolerance) | ((excess <= 0) & (s >= self.step_size))  # NaN is the end too
            return _Bracket(new, low, high, done, bracket.count + 1)

        variance = jnp.mean(policy.variance(local, change))
        quadratic = jnp.sqrt(2 * self.limit / jnp.where(variance > 0, variance, 1))
        start = jnp.where(variance > 0, jnp.minimum(self.step_size, quadratic), self.step_size)
        bracket = _Bracket(start, jnp.zeros_like(start), self.step_size, jnp.asarray(False), jnp.asarray(0))
        return jax.lax.while_loop(lambda b: ~b.done & (b.count < self.iterations), evaluate, bracket).point

    def _bisect(self, divergence: Callable[[Float[Array, ""]], Float[Array, ""]]) -> Float[Array, ""]:
        def halve(_: Array | int, ends: tuple[Array, Array]) -> tuple[Array, Array]:
            low, high = ends
            middle = jnp.where(low > 0, jnp.sqrt(low * high), high / 16)  # in logarithms once something fits
            fits = divergence(middle) <= self.limit
            return jnp.where(fits, middle, low), jnp.where(fits, high, middle)

        zero = jnp.zeros_like(self.step_size)
        low, _ = jax.lax.fori_loop(0, self.iterations, halve, (zero, self.step_size))
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
