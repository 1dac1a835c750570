"""What a step of learning changes, and what all learners share: one compiled update, prompts in shuffled epochs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import optax
from jaxtyping import Integer

from experiments.language.learning.devices import everywhere
from experiments.language.learning.optimiser import descend
from experiments.language.model.architecture import Parameters

Row = dict[str, float]
"""What was measured in one step, by name."""


@dataclass
class State:
    """Parameters, the optimiser's memory, and how many steps were made."""

    parameters: Parameters
    optimiser: Any
    step: int = 0


Step = Callable[[State], tuple[State, Row]]
"""One step of learning: the new state, and what was measured before it."""


def start(parameters: Parameters, transform: optax.GradientTransformation) -> State:
    """A state at step 0."""
    parameters = everywhere(parameters)
    return State(parameters, transform.init(parameters))


def make_update(loss: Callable, transform: optax.GradientTransformation) -> Callable:
    """One compiled step down the gradient of a loss.

    Arguments:
        loss: (parameters, *arguments) → (value, anything else).
        transform: the optimiser.

    Returns:
        (parameters, optimiser's state, step_size, *arguments) → (parameters, optimiser's state, length of the update,
        length of the gradient, (value, anything else)).
    """

    @jax.jit
    def update(parameters: Parameters, state: Any, step_size: Any, *arguments: Any) -> tuple:
        (value, extra), gradient = jax.value_and_grad(loss, has_aux=True)(parameters, *arguments)
        parameters, state, length = descend(transform, parameters, state, gradient, step_size)
        return parameters, state, length, optax.tree.norm(gradient), (value, extra)

    return update


def epoch_rows(number: int, size: int, seed: int, step: int) -> Integer[np.ndarray, " B"]:
    """The rows of a step: every epoch is a fresh shuffle of 0..number−1, cut into whole batches.

    >>> sorted(int(row) for step in range(3) for row in epoch_rows(6, 2, seed=0, step=step))
    [0, 1, 2, 3, 4, 5]
    """
    size = min(size, number)
    epoch, place = divmod(step, number // size)
    order = np.random.default_rng((seed, epoch)).permutation(number)
    return order[place * size : (place + 1) * size]
