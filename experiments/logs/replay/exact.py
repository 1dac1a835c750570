"""Exact runs of simulated prompts whose gradients have given cosines, many at once: what a replay of a study computes.

    e_x = √m c ⊕ √(1−m) u_x,  u_x at random on the sphere of d dimensions:    cosines have mean m, deviation (1−m)/√d

Where all prompts share one right arm and the wrong ones are equally likely, cos(g_x, g_x') = ⟨e_x, e_x'⟩ at the start.
Where right arms are drawn at random, the replay of `advise`, it is ρ with probability 1/K and −ρ/(K−1) else: of mean 0
and deviation ρ/√(K−1) at any overlap ρ. Steps are population steps of a constant size, as the study's: no limit on the
KL. Independent check: tests/experiments/logs/replay/test_exact.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from bandits._problem import Problem
from bandits._score import score
from bandits._step import Constant
from bandits.features import Features
from bandits.optimiser import make_optimiser
from bandits.oracle import Exact
from bandits.policy import Softmax
from bandits.rewards import one_hot_rewards
from bandits.simplex import Simplex
from bandits.update import make_rule
from experiments.logs.replay.leads import NUM_ARMS

Overlap = Literal["measured", "advise"]
"""Cosines of the measured mean and deviation; or the replay of `advise`, of the measured deviation and mean 0."""
MOST_OVERLAP, MOST_DIMENSIONS = 0.95, 256
NEVER = 1e-12
"""Pass rates are kept so far from 0 and 1."""


class Prompts(eqx.Module):
    """N prompts; arrays of many where they are batched."""

    odds: Float[Array, "*runs N"]
    embedding: Float[Array, "*runs N r"]
    right: Int[Array, "*runs N"]
    """The right arm."""


@dataclass(frozen=True)
class Sets:
    """S sets in D draws each."""

    prompts: Prompts
    """[S · D, …]"""
    shape: tuple[int, int]
    """(S, D)"""


def draw_sets(rates: np.ndarray, mean: np.ndarray, std: np.ndarray, overlap: Overlap, draws: range) -> Sets:
    """Every set in every draw of its embeddings and right arms.

    Arguments:
        rates: [S, N] pass rates.
        mean, std: [S] of the cosines.
        overlap: how the cosines come about.
        draws: seeds.
    """
    S, N = rates.shape
    p = np.clip(rates, NEVER, 1 - NEVER)
    found = [_embedded(N, mean[s], std[s], overlap, np.random.default_rng([d, s])) for s in range(S) for d in draws]
    width = max(N + 1, *(e.shape[1] for e, _ in found))  # columns of 0 change nothing; one program for both overlaps
    embedding = np.stack([np.pad(e, ((0, 0), (0, width - e.shape[1]))) for e, _ in found])
    right = np.stack([labels for _, labels in found])
    odds = np.repeat(np.log(p) - np.log1p(-p), len(draws), axis=0)
    return Sets(Prompts(jnp.asarray(odds), jnp.asarray(embedding), jnp.asarray(right)), (S, len(draws)))


def _embedded(
    number: int, mean: float, std: float, overlap: Overlap, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(e [N, r], right arms [N])."""
    if overlap == "advise":
        ρ = min(std * np.sqrt(NUM_ARMS - 1), MOST_OVERLAP)
        own, right = np.eye(number), rng.integers(NUM_ARMS, size=number)
    else:
        ρ = float(np.clip(mean, 0, MOST_OVERLAP))
        d = round(((1 - ρ) / max(std, 1e-9)) ** 2) if std > 0 else MOST_DIMENSIONS
        own = rng.normal(size=(number, min(max(d, 1), MOST_DIMENSIONS)))
        own /= np.linalg.norm(own, axis=1, keepdims=True)
        right = np.zeros(number, int)
    return np.hstack([np.sqrt(1 - ρ) * own, np.full((number, 1), np.sqrt(ρ))]), right


def build(prompts: Prompts) -> Problem:
    """The problem of one draw."""
    N = prompts.odds.shape[0]
    rewards = one_hot_rewards(prompts.right, NUM_ARMS)
    wrong = jax.nn.log_sigmoid(-prompts.odds) - np.log(NUM_ARMS - 1)
    offsets = jnp.where(rewards == 1, jax.nn.log_sigmoid(prompts.odds)[:, None], wrong[:, None])
    features = Features(Simplex(N, NUM_ARMS, jnp.ones(())), prompts.embedding)
    return Problem(features, offsets, rewards, jnp.ones(()), Softmax())


@lru_cache(maxsize=32)
def _program(rule: str, optimiser: str, num_steps: int) -> Callable[[Prompts, Array], Array]:
    def one(prompts: Prompts, step_size: Float[Array, ""]) -> Array:
        problem = build(prompts)
        found = score(
            problem, make_rule(rule, problem.features), Exact(), Constant(step_size), num_steps, levels=jnp.ones(1),
            key=jax.random.key(0), optimiser=make_optimiser(optimiser),
        )  # fmt: skip
        return jnp.where(found.finite, found.area, -jnp.inf)

    return jax.jit(jax.vmap(jax.vmap(one, in_axes=(0, None)), in_axes=(None, 0)))


def areas(sets: Sets, rule: str, steps: np.ndarray, num_steps: int, *, optimiser: str = "sgd") -> np.ndarray:
    """[B, S, D] mean over `num_steps` updates of the mean pass rate; −∞ of a run that was lost.

    Arguments:
        sets: S sets in D draws.
        rule: its name.
        steps: [B] step sizes, on the sum over prompts.
        num_steps: T.
        optimiser: "sgd" or "adam".
    """
    found = _program(rule, optimiser, num_steps)(sets.prompts, jnp.asarray(steps, float))
    return np.asarray(found).reshape(len(steps), *sets.shape)


def cosines(sets: Sets) -> np.ndarray:
    """[S, D, N(N−1)/2] of the gradients at the start."""

    def one(prompts: Prompts) -> Array:
        problem = build(prompts)
        g = problem.features.contract(problem.policy.locate(problem.offsets, problem.rewards).coefficients)
        g = g / jnp.linalg.norm(g, axis=1, keepdims=True)
        return ((prompts.embedding @ prompts.embedding.T) * (g @ g.T))[np.triu_indices(len(g), 1)]

    return np.asarray(jax.vmap(one)(sets.prompts)).reshape(*sets.shape, -1)
