"""How a gradient becomes a step: optax transforms with the step size kept outside, so one program serves every size."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import jax
import numpy as np
import optax
from jaxtyping import Array, Float

from experiments.language.learning.choices import OptimiserName, ScheduleName
from experiments.language.model.architecture import Parameters


def make_transform(name: str, *, max_norm: float | None = None) -> optax.GradientTransformation:
    """The direction of the step, for a step size of 1 that is applied by `descend`.

    Arguments:
        name: an `OptimiserName`: sgd (no memory), momentum (.9), adam (.9, .999), adamw (adam with weight decay .01).
        max_norm: gradients longer than this are shortened to it first.

    Raises:
        ValueError: an unknown name, or a norm that is not positive.
    """
    if name not in get_args(OptimiserName):
        raise ValueError(f"optimiser is {name!r}; allowed: {', '.join(get_args(OptimiserName))}")
    if max_norm is not None and not 0 < max_norm < float("inf"):
        raise ValueError(f"max_norm is {max_norm}; allowed: positive numbers")
    core = {
        "sgd": optax.identity(),
        "momentum": optax.trace(decay=0.9),
        "adam": optax.scale_by_adam(),
        "adamw": optax.chain(optax.scale_by_adam(), optax.add_decayed_weights(0.01)),
    }[name]
    return core if max_norm is None else optax.chain(optax.clip_by_global_norm(max_norm), core)


def make_schedule(name: str, step_size: float, num_steps: int, *, warmup: int = 0) -> Callable[[int], float]:
    """Step size by step number.

    Arguments:
        name: a `ScheduleName`.

    Raises:
        ValueError: an unknown name.

    >>> [round(make_schedule("linear", 1.0, 4)(t), 2) for t in range(5)]
    [1.0, 0.75, 0.5, 0.25, 0.0]
    """
    if name not in get_args(ScheduleName):
        raise ValueError(f"schedule is {name!r}; allowed: {', '.join(get_args(ScheduleName))}")
    rest = max(num_steps - warmup, 1)
    after = {
        "constant": optax.constant_schedule(step_size),
        "linear": optax.linear_schedule(step_size, 0.0, rest),
        "cosine": optax.cosine_decay_schedule(step_size, rest),
    }[name]
    if warmup:
        rise = optax.linear_schedule(step_size / (warmup + 1), step_size, warmup)
        after = optax.join_schedules([rise, after], [warmup])
    return lambda step: float(np.asarray(after(step)))


def descend(
    transform: optax.GradientTransformation,
    parameters: Parameters,
    state: optax.OptState,
    gradient: Parameters,
    step_size: float | np.floating | Array,
) -> tuple[Parameters, optax.OptState, Float[Array, ""]]:
    """One step down the gradient of a loss; also the length of the update."""
    direction, state = transform.update(gradient, state, parameters)
    update = optax.tree.scale(-step_size, direction)
    moved = jax.tree.map(lambda θ, δ: θ + δ, parameters, update)
    return moved, state, optax.tree.norm(update)
