"""Batches of prompts: B of N prompts an update, in shuffled epochs of N/B updates that see every prompt once.

A rule then has rows of 0 for the prompts that the batch leaves out (`Estimate.batch_size`). Independent check:
tests/bandits/test_epochs.py.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key


def batch_of_epoch(key: Key[Array, ""], time: Float[Array, ""], num_prompts: int, size: int) -> Int[Array, " B"]:
    """The prompts of one update; unchecked.

    Arguments:
        key: of the order, the same for all updates of a run.
        time: updates made before this one.
        num_prompts: N.
        size: B, a divisor of N.
    """
    updates = num_prompts // size
    t = time.astype(int)
    order = jax.random.permutation(jax.random.fold_in(key, t // updates), num_prompts)
    return jax.lax.dynamic_slice(order, (t % updates * size,), (size,))


def spread_out(rows: Float[Array, "B *rest"], chosen: Int[Array, " B"] | None, num_prompts: int) -> Array:
    """Rows of a batch in their places among those of all N prompts, the others 0; None: they are all there."""
    return rows if chosen is None else jnp.zeros((num_prompts, *rows.shape[1:]), rows.dtype).at[chosen].set(rows)
