"""Many runs at once: on a CPU in blocks that fit a core's cache, split among threads; elsewhere one `jax.vmap`.

Independent check: tests/bandits/test_run.py, batches against runs one by one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bandits._problem import Problem
from curvature.check import check_count, is_concrete

BLOCK_NUMBERS = 2**14
"""Size of one array of a block of runs: a few of them (128 KiB each) fit a core's second-level cache."""


def in_blocks(simulate_one: Callable[..., Any], block: int) -> Callable[..., Any]:
    """`jax.vmap(simulate_one)`, on a CPU one block of runs after the other."""
    if jax.default_backend() != "cpu":
        return jax.vmap(simulate_one)

    def blocks(*batched: Any) -> Any:
        num_runs = jax.tree.leaves(batched)[0].shape[0]
        return jax.lax.map(lambda one: simulate_one(*one), batched, batch_size=min(block, num_runs))

    return blocks


def on_all_cores(compiled: Callable[..., Any], block: int, batched: tuple[Any, ...]) -> Any:
    """Split the runs among as many threads as there are CPU cores: XLA runs small loops on one core only."""
    leaves = jax.tree.leaves(batched)
    num_runs = leaves[0].shape[0]
    workers = min(os.cpu_count() or 1, num_runs // block)
    if workers < 2 or jax.default_backend() != "cpu" or not all(map(is_concrete, leaves)):
        return compiled(*batched)
    # equal shares, so that one compilation serves them all; the last is filled up with copies of the last run
    shares = np.minimum(np.arange(workers * -(-num_runs // workers)), num_runs - 1).reshape(workers, -1)
    with ThreadPoolExecutor(workers) as pool:
        work = [jax.tree.map(lambda leaf, share=share: leaf[share], batched) for share in shares]
        parts = list(pool.map(lambda share: jax.block_until_ready(compiled(*share)), work))
    return jax.tree.map(lambda *part: jnp.concatenate(part)[:num_runs], *parts)


def block_size(problem: Problem) -> int:
    """How many runs of this problem make a block that stays in a core's cache."""
    return max(1, BLOCK_NUMBERS // problem.rewards.size)


def batch_runs(simulate_one: Callable[..., Any], *, block: int = 64) -> Callable[..., Any]:
    """`jax.jit(jax.vmap(simulate_one))`, the same numbers faster on a CPU: blocks that fit the cache, on all cores.

    Arguments:
        simulate_one: a pure function of one run, such as `lambda size: simulate(..., size, ...)`.
        block: runs at a time on one core (`block_size(problem)` suggests it). Elsewhere than on a CPU it is ignored.
            With eigenvalues inside (`decoupled` of general embeddings) make it the number of runs, which keeps to one
            core: two such programs at once can wait for each other for ever inside XLA.

    Returns:
        A function of the same arguments, each with a leading axis of one length; so is the result.

    Raises:
        ValueError: a block that is not a positive integer.

    >>> print(batch_runs(lambda x: x**2, block=1)(jnp.arange(3.0)))
    [0. 1. 4.]
    """
    check_count("block", block, 1)
    compiled = jax.jit(in_blocks(simulate_one, block))
    return lambda *batched: on_all_cores(compiled, block, batched)
