"""Normal numbers of small arrays, by one compiled program whatever the shape; the very numbers of `jax.random.normal`.

XLA takes up to a second and a half to compile the draws of one shape, longest where it is no multiple of its vectors.
Threefry numbers an array's entries along its rows, so that the first n of a long vector are those of every shape of n.
Independent check: tests/bandits/test_draws.py.
"""

from __future__ import annotations

import math

import jax
from jaxtyping import Array, Float, Key

from curvature.check import is_concrete

SMALL = 2**14
"""Numbers drawn at least, in .3 ms."""


def normal(key: Key[Array, ""], shape: tuple[int, ...]) -> Float[Array, "..."]:
    """Standard normal numbers, as `jax.random.normal(key, shape)` draws them."""
    size = math.prod(shape)
    plain = size > SMALL or not is_concrete(key)  # inside a program nothing is compiled anew
    ordered = jax.config.jax_threefry_partitionable  # pyright: ignore[reportAttributeAccessIssue]
    if plain or not ordered:  # then the first numbers depend on how many follow
        return jax.random.normal(key, shape)
    return jax.random.normal(key, (SMALL,))[:size].reshape(shape)
