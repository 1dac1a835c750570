r"""The recipe, its controls and the other configurations; and one run of GRPO beside REINFORCE.

    φ(x, y) = e_x ⊗ u_y,    e_x ∝ z_x + β c,    u_y = the unit vectors of R^K,    logit p₀ ~ U(low, high)

z_x and c are random unit vectors of R^r: the first pull prompts apart, the second is what they share. Every prompt has
one right arm, drawn at random, so prompts conflict. Steps are on the MEAN over prompts, η for GRPO and 2η for
REINFORCE (equal at σ = ½). One-hot arms have D = √2; a simplex of diameter 1 would halve every step.
Independent checks: tests/experiments/phases/test_recipe.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from bandits import (
    Features,
    Problem,
    batch_runs,
    draw_labels,
    embed,
    locate,
    offsets_for_pass_rate,
    one_hot_rewards,
    problem,
)
from experiments.phases.measure import NUM_BINS, PROFILE, Indices, along, compare

BLOCK = 4
"""Runs at a time on one core."""


@dataclass(frozen=True)
class Recipe:
    """One configuration."""

    num_prompts: int = 48
    num_arms: int = 8
    dimension: int = 16
    """r."""
    common: float = 0.3
    """β."""
    low: float = -4.0
    """Lowest logit of the initial pass rates."""
    high: float = 3.0
    """Highest."""
    conflict: float = 1.0
    """Share of prompts whose right arm is drawn at random; 0: one arm is right for all."""
    step_size: float = 2.0
    """η of GRPO, on the mean over prompts."""


MAIN = "recipe"
CONTROLS = {
    "near-orthogonal": Recipe(dimension=1024, common=0.0),
    "equal pass rates": Recipe(low=-0.5, high=-0.5),
    "one right arm": Recipe(conflict=0.0),
}
"""What is taken away: interference; the spread of σ at the start; labels that differ (where ⟨e_x, e_x'⟩ < 0 prompts
conflict even so)."""
VARIANTS = {
    "N = 96": Recipe(num_prompts=96),
    "K = 4": Recipe(num_arms=4),
    "r = 24": Recipe(dimension=24),
    "common part .6": Recipe(common=0.6),
    "logits in (-3, 2)": Recipe(low=-3.0, high=2.0),
}
"""Five configurations, each one change away from the recipe; chosen before any of them was run."""
CONFIGURATIONS = {MAIN: Recipe(), **CONTROLS, **VARIANTS}


def directions(recipe: Recipe, *, key: Key[Array, ""]) -> Float[Array, "N r"]:
    """e_x: unit vectors z_x + β c, normalised; in N coordinates with the same Gram matrix where r > N."""
    own_key, common_key = jax.random.split(key)
    z = jax.random.normal(own_key, (recipe.num_prompts, recipe.dimension))
    c = jax.random.normal(common_key, (recipe.dimension,))
    e = z / jnp.linalg.norm(z, axis=1, keepdims=True) + recipe.common * c / jnp.linalg.norm(c)
    e = e / jnp.linalg.norm(e, axis=1, keepdims=True)
    return embed(e @ e.T) if recipe.dimension > recipe.num_prompts else e


def build(recipe: Recipe, *, key: Key[Array, ""]) -> Problem:
    """One problem of this configuration, wrong arms equally likely at the start."""
    embedding_key, label_key, rate_key = jax.random.split(key, 3)
    N, K = recipe.num_prompts, recipe.num_arms
    arms = jnp.broadcast_to(jnp.eye(K), (N, K, K))
    features = Features(arms, directions(recipe, key=embedding_key))
    rewards = one_hot_rewards(draw_labels(N, K, conflict=recipe.conflict, key=label_key), K)
    logits = jax.random.uniform(rate_key, (N,), minval=recipe.low, maxval=recipe.high)
    return problem(features, offsets_for_pass_rate(rewards, jax.nn.sigmoid(logits)), rewards)


class Paths(eqx.Module):
    """A GRPO run and what was measured at each of its states; REINFORCE from the same start."""

    indices: Indices
    """[T] of every field."""
    value_none: Float[Array, "*rows"]
    """[T] J along REINFORCE's own run."""
    profile: Float[Array, "*runs B 4"]
    """By bin of σ, over all prompts and steps: count, Σ|g|², Σ|g|²/σ, Σ|g|²(1/σ − 2)."""


def simulate(problem: Problem, step_size: float, num_steps: int) -> Paths:
    """The pure run. GRPO and REINFORCE (2η) from the same start; indices along GRPO's."""

    def advance(
        carry: tuple[Array, Array, Array], _: None
    ) -> tuple[tuple[Array, Array, Array], tuple[Indices, Float[Array, ""]]]:
        group_logits, none_logits, profile = carry
        indices, change, terms = compare(problem, group_logits, step_size)
        none = locate(problem, none_logits)
        none_logits = none_logits + along(problem, "none", none, 2 * step_size)
        return (group_logits + change, none_logits, profile + terms), (indices, jnp.mean(none.value))

    start = (problem.offsets, problem.offsets, jnp.zeros((NUM_BINS, len(PROFILE))))
    (_, _, profile), (indices, value_none) = jax.lax.scan(advance, start, None, length=num_steps)
    return Paths(indices, value_none, profile)


@lru_cache
def _many(step_size: float, num_steps: int) -> Callable[[Problem], Paths]:
    return batch_runs(lambda one: simulate(one, step_size, num_steps), block=BLOCK)


def problems(name: str, seed: int, num_seeds: int) -> list[Problem]:
    """The problems of a configuration, one a seed. Seeds of one configuration do not recur in another."""
    key = jax.random.fold_in(jax.random.key(seed), list(CONFIGURATIONS).index(name))
    return [build(CONFIGURATIONS[name], key=k) for k in jax.random.split(key, num_seeds)]


def run(name: str, some: list[Problem], num_steps: int) -> Paths:
    """One run a problem of this configuration; every field gains a leading axis."""
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *some)
    return jax.tree.map(np.asarray, _many(CONFIGURATIONS[name].step_size, num_steps)(stacked))
