"""The best known J of a sweep's problems: 1 where all labels can be right at once, else found by ascent.

Independent check: tests/experiments/sweep/test_best_known.py.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from bandits.achievable import best_known_value
from experiments.sweep.grid import Setting
from experiments.sweep.problems import (
    NUMBERS,
    REPORTING,
    Numbers,
    Shape,
    always_realisable,
    build,
    numbers_of,
    seed_key,
)
from experiments.sweep.slices import execute
from experiments.sweep.spec import Spec


@lru_cache(maxsize=64)
def _best_program(shape: Shape) -> Callable[[tuple[Numbers, Array]], Array]:
    def one(job: tuple[Numbers, Array]) -> Array:
        numbers, key = job
        problem_key, start_key = jax.random.split(key)
        # one input for all prompts lets learnt features do no more than a shared vector of logits
        flat = replace(shape, policy="log-linear", horizon=1, dimension=0) if shape.policy == "log-bilinear" else shape
        return best_known_value(build(flat, numbers, key=problem_key), key=start_key)

    return jax.jit(lambda jobs: jax.lax.map(one, jobs))


_BEST: dict[tuple[Any, ...], float] = {}
"""Best known values of problems that other rules and groups of this process have already met."""


def best_known(spec: Spec, settings: Sequence[Setting]) -> Float[np.ndarray, "settings seeds"]:
    """The greatest mean J known for each reported problem: 1 where that is certain, else a lower bound on sup J."""
    values = np.ones((len(settings), spec.seeds))
    todo: dict[tuple[Any, ...], tuple[Setting, int]] = {}

    def name(setting: Setting, index: int) -> tuple[Any, ...]:
        numbers = tuple(getattr(setting, field) for field in NUMBERS)
        return replace(Shape.of(setting), held_out=0), numbers, setting.measured, spec.seed, index

    open_cases = [s for s in settings if not always_realisable(s)]
    for setting, index in itertools.product(open_cases, range(spec.seeds)):
        if name(setting, index) not in _BEST:
            todo[name(setting, index)] = setting, index
    if todo:
        jobs = (
            numbers_of([s for s, _ in todo.values()]),
            jnp.stack([seed_key(spec, REPORTING, i) for _, i in todo.values()]),
        )
        found = execute(_best_program(replace(Shape.of(open_cases[0]), held_out=0)), jobs, 8)
        _BEST.update(zip(todo, found.tolist(), strict=True))
    for row, setting in enumerate(settings):
        if not always_realisable(setting):
            values[row] = [_BEST[name(setting, index)] for index in range(spec.seeds)]
    return values
