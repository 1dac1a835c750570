"""What an update is made from: groups drawn for it, or, where U updates use one batch, those of the last U-th update.

    batch ⌊t/U⌋ is drawn at update t = 0, U, 2U, … and stays until the next

A batch has a key of its own, so that the first draws of a run are the same for every U. Independent checks:
tests/bandits/test_clipped_ratio.py.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from bandits._problem import Problem
from bandits.clipped_ratio import Drawn
from bandits.epochs import batch_of_epoch
from bandits.estimate import UpdateRule
from bandits.oracle import Oracle, Sampled, Update
from bandits.policy import Local


def _chosen(
    problem: Problem, oracle: Oracle, order_key: Key[Array, ""] | None, batch: Float[Array, ""]
) -> Int[Array, " B"] | None:
    """The prompts of a batch; None: all."""
    if not oracle.prompts_per_update:
        return None
    assert order_key is not None  # `init` gave one
    return batch_of_epoch(order_key, batch, problem.num_prompts, oracle.prompts_per_update)


def no_batch(problem: Problem, oracle: Oracle, local: Local, *, order_key: Key[Array, ""]) -> Drawn | None:
    """What stands for the batch before the first update, which draws one; None where every update does."""
    if not (isinstance(oracle, Sampled) and oracle.updates_per_batch > 1):
        return None

    def draw() -> Drawn:
        chosen = _chosen(problem, oracle, order_key, jnp.zeros(()))
        return oracle.draw(problem, local, key=order_key, chosen=chosen)

    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(draw))


def next_update(
    problem: Problem,
    rule: UpdateRule,
    oracle: Oracle,
    local: Local,
    drawn: Drawn | None,
    *,
    key: Key[Array, ""],
    order_key: Key[Array, ""] | None,
    time: Float[Array, ""],
) -> tuple[Update, Key[Array, ""], Drawn | None]:
    """(the update, the key that is left, the batch that is left).

    Arguments:
        problem: with its features as they are now.
        rule, oracle: of the run.
        local: where the run is.
        drawn: the batch in use, of `no_batch` at first.
        key: of the draws.
        order_key: of the order of prompts.
        time: updates made.

    Raises:
        ValueError: several updates a batch, and no batch.
    """
    if not (isinstance(oracle, Sampled) and oracle.updates_per_batch > 1):
        # a split costs a quarter of an exact step: none where nothing is drawn
        key, draw = jax.random.split(key) if oracle.draws else (key, key)
        chosen = _chosen(problem, oracle, order_key, time)
        return oracle.update(rule, problem, local, key=draw, chosen=chosen), key, None
    if drawn is None:
        raise ValueError("state has no batch; allowed with updates_per_batch above 1: that of init(..., oracle=oracle)")
    U, kept = oracle.updates_per_batch, drawn

    def renew() -> tuple[Key[Array, ""], Drawn]:
        left, draw = jax.random.split(key)
        chosen = _chosen(problem, oracle, order_key, jnp.floor(time / U))
        return left, oracle.draw(problem, local, key=draw, chosen=chosen)

    # all runs that are computed together have one time, so that this stays a branch: groups are drawn once in U
    first = time % U == 0
    left, batch = jax.lax.cond(first, renew, lambda: (key, kept))
    direction = oracle.again(rule, problem, local, batch)
    return Update(direction, jnp.where(first, batch.answers, 0)), left, batch
