"""Dead groups, whose rewards are all equal, drawn again until they are live: DAPO's dynamic sampling, prompt by prompt.

With d = pᴳ + qᴳ, the chance of a dead group, a prompt is tried at most C = `MAX_TRIES` times, so that

    P(more than n tries) = dⁿ, n < C      E[tries] = 1 + d + … + dᶜ⁻¹ = E[update]/E[update of one group]

so the filter weighs prompts by 1/(1 − d), but for the cap; after C dead groups a prompt is left out of the update. DAPO
itself replaces a dead group by another prompt's: prompts then keep the weights that they have without the filter, and
only the update is longer. For rewards of 0 or 1. Independent checks: tests/bandits/test_redraw.py, against groups drawn
one after the other.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key
from scipy.special import gammaln

MAX_TRIES = 10
"""C (verl's `max_num_gen_batches` in its recipe for DAPO)."""


def expected_tries(pass_rate: Float[Array, " N"], group_size: int) -> Float[Array, " N"]:
    """1 + d + … + dᶜ⁻¹.

    >>> print(expected_tries(jnp.array([0.5, 1.0]), 2))  # d = 1/2 and 1
    [ 1.99804688 10.        ]
    """
    d = pass_rate**group_size + (1 - pass_rate) ** group_size
    return jnp.sum(d[:, None] ** np.arange(float(MAX_TRIES)), axis=1)


def live_counts(
    probabilities: Float[Array, "N K"], rewards: Float[Array, "N K"], group_size: int, *, key: Key[Array, ""]
) -> tuple[Int[Array, "N K"], Int[Array, " N"]]:
    """(how often each arm appears in the last group drawn, groups drawn): O(N K G), however many that were.

    The number of right responses of a live group is drawn from its distribution, then the responses among the right
    and among the wrong arms.
    """
    G, tries_key, right_key, arm_key = group_size, *jax.random.split(key, 3)
    right = jnp.sum(probabilities * rewards, axis=-1)
    wrong = jnp.sum(probabilities * (1 - rewards), axis=-1)
    p, q = right / (right + wrong), wrong / (right + wrong)
    k = np.arange(1.0, G)
    ways = gammaln(G + 1) - gammaln(k + 1) - gammaln(G - k + 1)
    chance = jnp.exp(ways + k * jnp.log(p)[:, None] + (G - k) * jnp.log(q)[:, None])
    up_to = jnp.cumsum(chance, axis=1)
    live = up_to[:, -1]
    u = jax.random.uniform(tries_key, p.shape, p.dtype)
    failed = jnp.log(u) / jnp.log1p(-jnp.minimum(live, 1))  # P(failed ≥ n) = dⁿ; -inf/-0 is inf: dead for ever
    dead = ~(failed < MAX_TRIES)
    tries = jnp.where(dead, MAX_TRIES, 1 + jnp.floor(jnp.where(dead, 0, failed))).astype(int)
    v = jax.random.uniform(right_key, p.shape, p.dtype)
    among = 1 + jnp.sum((v * live)[:, None] >= up_to[:, :-1], axis=1)
    count = jnp.where(dead, jnp.where(v < p**G / (p**G + q**G), G, 0), among)
    return _arms(probabilities, rewards, count, G, arm_key), tries


def _arms(
    π: Float[Array, "N K"], rewards: Float[Array, "N K"], count: Int[Array, " N"], G: int, key: Key[Array, ""]
) -> Int[Array, "N K"]:
    """G responses each, of which `count` are right."""

    def cdf(weights: Float[Array, "N K"]) -> Float[Array, "N K"]:
        sums = jnp.cumsum(weights, axis=-1)
        return sums / jnp.where(sums[:, -1:] > 0, sums[:, -1:], 1)

    u = jax.random.uniform(key, (π.shape[0], G, 1), π.dtype)
    of_right = (np.arange(G) < count[:, None])[:, :, None]
    ends = jnp.where(of_right, cdf(π * rewards)[:, None], cdf(π * (1 - rewards))[:, None])
    return jnp.diff(jnp.sum(u < ends, axis=1), axis=-1, prepend=0)
