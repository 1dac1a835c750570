"""Hypothesis strategies for every test: random bandits, directions, updates, pass rates and group sizes.

Hypothesis draws a seed and a few shape choices; NumPy fills the arrays. Sizes come from short lists so that compiled
shapes are shared, and the draws are deliberately uneven: nearly uniform to nearly deterministic policies, binary
and real rewards, generic, one-hot, repeated and nearly flat features.
"""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from hypothesis import strategies as st
from jax import Array

SIZES = ((2, 1), (3, 2), (6, 3), (8, 5))
"""(K, d) of one bandit: arms and parameters."""

BATCHES = ((2, 3, 2), (3, 4, 5))
"""(N, K, d) of a batch of prompts."""


class Bandit(NamedTuple):
    """One prompt, a unit direction and an update of length in [1e-2, 3]."""

    logits: Array  # [K]
    features: Array  # [K, d]
    rewards: Array  # [K]
    direction: Array  # [d], |u| = 1
    delta: Array  # [d], |δ| in [1e-2, 3]


class Batch(NamedTuple):
    """N prompts over one parameter vector."""

    logits: Array  # [N, K]
    features: Array  # [N, K, d]
    rewards: Array  # [N, K]
    direction: Array  # [d]
    delta: Array  # [d]


def seeds() -> st.SearchStrategy[int]:
    return st.integers(0, 2**32 - 1)


def unit(rng: np.random.Generator, d: int) -> np.ndarray:
    u = rng.standard_normal(d)
    return u / np.linalg.norm(u)


def random_delta(rng: np.random.Generator, d: int) -> np.ndarray:
    """|δ| log-uniform in [1e-2, 3]."""
    return unit(rng, d) * np.exp(rng.uniform(np.log(1e-2), np.log(3.0)))


def random_logits(rng: np.random.Generator, K: int) -> np.ndarray:
    """Scales from nearly uniform to one arm of probability about 1 − 1e-4."""
    return rng.standard_normal(K) * np.exp(rng.uniform(np.log(0.1), np.log(4.0)))


def random_features(rng: np.random.Generator, K: int, d: int) -> np.ndarray:
    kind = rng.choice(["generic", "one-hot", "repeated", "offset"])
    φ = rng.standard_normal((K, d))
    if kind == "one-hot":
        φ = np.eye(d)[rng.integers(0, d, K)]
        φ[0], φ[-1] = 0.0, np.eye(d)[0]  # never all equal
    elif kind == "repeated":
        φ[0] = φ[-1] + rng.standard_normal(d) if K == 2 else φ[1]
    elif kind == "offset":
        φ = φ + 10.0 * rng.standard_normal(d)  # a shift common to all arms changes nothing
    return φ


def random_rewards(rng: np.random.Generator, K: int, binary: bool) -> np.ndarray:
    """Binary with both values present, or real of either sign."""
    if not binary:
        return rng.standard_normal(K)
    r = rng.integers(0, 2, K).astype(float)
    r[rng.permutation(K)[:2]] = [0.0, 1.0]
    return r


def random_correlation(seed: int, N: int, rank: int) -> np.ndarray:
    """Gram matrix of N unit vectors of that rank."""
    e = np.random.default_rng(seed).normal(size=(N, rank))
    e /= np.linalg.norm(e, axis=1, keepdims=True)
    return e @ e.T


@st.composite
def bandits(draw: st.DrawFn, binary: bool | None = None, sizes: tuple[tuple[int, int], ...] = SIZES) -> Bandit:
    """One prompt; `binary` None draws either kind of reward."""
    K, d = draw(st.sampled_from(sizes))
    is_binary = draw(st.booleans()) if binary is None else binary
    rng = np.random.default_rng(draw(seeds()))
    arrays = (
        random_logits(rng, K),
        random_features(rng, K, d),
        random_rewards(rng, K, is_binary),
        unit(rng, d),
        random_delta(rng, d),
    )
    return Bandit(*map(jnp.asarray, arrays))


@st.composite
def batches(draw: st.DrawFn, binary: bool | None = None, sizes: tuple[tuple[int, int, int], ...] = BATCHES) -> Batch:
    """N prompts that share θ, a direction and an update."""
    N, K, d = draw(st.sampled_from(sizes))
    is_binary = draw(st.booleans()) if binary is None else binary
    rng = np.random.default_rng(draw(seeds()))
    arrays = (
        np.stack([random_logits(rng, K) for _ in range(N)]),
        np.stack([random_features(rng, K, d) for _ in range(N)]),
        np.stack([random_rewards(rng, K, is_binary) for _ in range(N)]),
        unit(rng, d),
        random_delta(rng, d),
    )
    return Batch(*map(jnp.asarray, arrays))


def pass_rates(low: float = 1e-6) -> st.SearchStrategy[float]:
    """p in [low, 1 − low], uniform in the logit, so that both ends are visited."""
    edge = float(np.log(low) - np.log1p(-low))
    return st.floats(edge, -edge).map(lambda z: min(max(1.0 / (1.0 + float(np.exp(-z))), low), 1.0 - low))


def group_sizes(largest: int = 256) -> st.SearchStrategy[int]:
    """G in {2, …, 256}: the sizes in use, and the ends."""
    return st.sampled_from([size for size in (2, 3, 4, 5, 8, 16, 37, 64, 128, 256) if size <= largest])
