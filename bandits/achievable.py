r"""The greatest mean J that any parameter reaches: 1 where all prompts can be right at once, else the best one found.

J is not concave, and its supremum is often at infinity. Where the labels are realisable (`bandits.realisable`, a linear
programme) it is the mean of the best rewards, exactly. Elsewhere `best_known_value` ascends log J of the prompts first
(concave for one softmax with one right arm) and J from there and from random starts: a LOWER bound on the supremum, and
called so. Independent checks: tests/bandits/test_achievable.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Key, PyTree

from bandits._problem import Problem, locate
from bandits.features import Kronecker
from bandits.geometry import written_out
from curvature.safe import ratio


def best_known_value(
    problem: Problem, *, key: Key[Array, ""], num_starts: int = 32, num_steps: int = 400
) -> Float[Array, ""]:
    """A lower bound on sup_θ mean J, by Adam (optax) from several starts; at least J at the start. Fixed features.

    Arguments:
        key: random starts.
        num_starts: starts besides the ascent of Σ log J_x, at growing distances from 0.
        num_steps: iterations per start and stage.
    """
    # Adam and the starts depend on the basis: always that of arrays of arms
    features = written_out(problem.features) if isinstance(problem.features, Kronecker) else problem.features

    def moved(θ: PyTree) -> Float[Array, " N"]:
        return locate(problem, problem.offsets + features.move(θ).linear).value

    def loss(θ: PyTree) -> Float[Array, ""]:
        return -jnp.mean(moved(θ))

    def log_loss(θ: PyTree) -> Float[Array, ""]:
        value = moved(θ)
        return -jnp.mean(jnp.log(jnp.where(value > 0, value, 1)))

    origin = features.initial()
    distances = jnp.geomspace(1.0, 64.0, num_starts)
    draws = jax.vmap(lambda k: jax.random.normal(k, origin.shape, origin.dtype))(jax.random.split(key, num_starts))
    starts = jnp.concatenate([
        ascend(log_loss, origin, num_steps)[None],
        origin[None],
        ratio(distances, jnp.sqrt(jnp.asarray(float(origin.shape[1]))))[:, None, None] * draws,
    ])  # fmt: skip
    ends = jax.vmap(lambda θ: ascend(loss, θ, num_steps))(starts)
    further = jnp.concatenate([starts, ends, 4 * ends, 16 * ends, 64 * ends])  # the supremum is often at infinity
    found = -jax.vmap(loss)(further)
    return jnp.max(jnp.where(jnp.isfinite(found), found, -jnp.inf))


def ascend(loss: Callable[[Array], Array], start: Float[Array, "r m"], num_steps: int) -> Float[Array, "r m"]:
    """Where Adam leads from `start`, its step sizes falling from 1 to 0 along half a cosine: no line search to fail on
    the flat stretches far out, where J is all but constant.
    """
    with jax.numpy_dtype_promotion("standard"):  # optax mixes integers and floats
        optimiser = optax.adam(optax.cosine_decay_schedule(1.0, num_steps))

        def iterate(carry: tuple[Array, Any], _: None) -> tuple[tuple[Array, Any], None]:
            θ, state = carry
            change: Any
            change, state = optimiser.update(jax.grad(loss)(θ), state)
            return (θ + change, state), None

        (θ, _), _ = jax.lax.scan(iterate, (start, optimiser.init(start)), None, length=num_steps)
    return θ
