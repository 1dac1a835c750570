"""The problems of a sweep: pure functions of numbers and a key, so that every run of a program builds its own.

    logit p_x = logit(pass_rate) + spread · z_x,   z the normal quantiles at (x + ½)/N, of deviation 1, in a drawn order

One right arm a prompt; `conflict` of the labels are drawn at random. The draws depend on the seed alone: coherence,
pass rates, groups and rules are compared on the same luck. Independent checks: in
tests/experiments/sweep/test_problems.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from scipy.stats import norm

from bandits._problem import Problem
from bandits.autoregressive import chain
from bandits.bilinear import Layers, LogBilinear
from bandits.features import Equicorrelated, FeatureMap, Features
from bandits.policy import Policy, Softmax
from bandits.rewards import draw_labels, one_hot_rewards
from bandits.simplex import Simplex
from experiments.sweep.grid import Setting
from experiments.sweep.spec import Spec

TUNING, REPORTING = 0, 1
"""Stages of a sweep; each has seeds of its own."""

HIDDEN = 8
"""Hidden units of a log-bilinear policy where the grid's dimension is 0."""


@dataclass(frozen=True)
class Shape:
    """What a compiled program is made for."""

    policy: str
    num_prompts: int
    num_arms: int
    horizon: int
    dimension: int

    @staticmethod
    def of(setting: Setting) -> Shape:
        """The shape of a setting's problems."""
        return Shape(setting.policy, setting.num_prompts, setting.num_arms, setting.horizon, setting.dimension)


class Numbers(eqx.Module):
    """What problems of one shape differ in, but for the seed."""

    conflict: Float[Array, "*runs"]
    coherence: Float[Array, "*runs"]
    pass_rate: Float[Array, "*runs"]
    spread: Float[Array, "*runs"]


def numbers_of(settings: Sequence[Setting]) -> Numbers:
    """Of several settings."""
    return Numbers(*(jnp.asarray([getattr(s, name) for s in settings]) for name in Numbers.__annotations__))


def seed_key(spec: Spec, stage: int, index: int) -> Key[Array, ""]:
    """The key of a seed: of the problem's draws and of the groups."""
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(spec.seed), stage), index)


def log_odds(num_prompts: int, pass_rate: Float[Array, ""], spread: Float[Array, ""]) -> Float[Array, " N"]:
    """Logits of the pass rates, in increasing order: median `pass_rate` (for odd N a prompt's own), deviation `spread`.

    >>> print(jax.nn.sigmoid(log_odds(3, jnp.asarray(0.5), jnp.asarray(0.0))))
    [0.5 0.5 0.5]
    """
    z = norm.ppf((np.arange(num_prompts) + 0.5) / num_prompts)
    scale = z.std()
    return jnp.log(pass_rate) - jnp.log1p(-pass_rate) + spread * (z / scale if scale > 0 else z)


def embeddings(num_prompts: int, dimension: int, coherence: Float[Array, ""], *, key: Key[Array, ""]) -> Array:
    """Unit vectors e_x = √ρ c + √(1−ρ) z_x in R^r, z_x uniform on the unit sphere of the r − 1 directions besides c.

    Mean inner product ρ; with r below N prompts are not independent and labels may conflict for good; r = 1 is c alone.
    """
    z = jax.random.normal(key, (num_prompts, dimension - 1))
    z = z / jnp.linalg.norm(z, axis=1, keepdims=True)
    common = jnp.sqrt(coherence) if dimension > 1 else jnp.ones(())
    return jnp.concatenate([jnp.full((num_prompts, 1), common), jnp.sqrt(1 - coherence) * z], axis=1)


def build(shape: Shape, numbers: Numbers, *, key: Key[Array, ""]) -> Problem:
    """One problem; `numbers` of one run. Traceable; arguments are those of a checked `Spec`."""
    N, K = shape.num_prompts, shape.num_arms
    order_key, label_key, feature_key = jax.random.split(key, 3)
    odds = jax.random.permutation(order_key, log_odds(N, numbers.pass_rate, numbers.spread))
    labels = draw_labels(N, K, conflict=numbers.conflict, key=label_key)
    policy: Policy = Softmax()
    if shape.policy == "autoregressive":
        policy, arms, offsets, rewards = chain(jax.nn.log_sigmoid(odds), labels, shape.horizon, K)
    else:
        arms = Simplex(N, K, jnp.ones(()))
        rewards = one_hot_rewards(labels, K)
        wrong = jax.nn.log_sigmoid(-odds) - np.log(K - 1)
        offsets = jnp.where(rewards == 1, jax.nn.log_sigmoid(odds)[:, None], wrong[:, None])
    features: FeatureMap
    if shape.policy == "log-bilinear":
        features = _learnt(shape, numbers.coherence, key=feature_key)
    elif shape.dimension == 0:
        features = Equicorrelated(arms, numbers.coherence)
    else:
        features = Features(arms, embeddings(N, shape.dimension, numbers.coherence, key=feature_key))
    return Problem(features, offsets, rewards, jnp.ones(()), policy)


def _learnt(shape: Shape, coherence: Float[Array, ""], *, key: Key[Array, ""]) -> LogBilinear:
    """Inputs of coherence ρ; both layers start at random with E|e_x|² = 1."""
    h = shape.dimension or HIDDEN
    inputs = Equicorrelated(jnp.zeros((shape.num_prompts, 1, 1)), coherence).embeddings()
    inner_key, arms_key = jax.random.split(key)
    draw = jax.random.normal(inner_key, (inputs.shape[1], h)), jax.random.normal(arms_key, (shape.num_arms, h))
    return LogBilinear(inputs, Layers(draw[0] / np.sqrt(h), draw[1] / np.sqrt(h)))


def always_realisable(setting: Setting) -> bool:
    """Whether every draw of labels can be right for all prompts at once, so that sup J = 1 without computing it.

    Linearly independent e_x (dimension 0, ρ < 1) can be moved apart at will, and two hidden units suffice to tell arms
    apart; with labels all alike and ρ > 0 the common direction serves every prompt.
    """
    independent = setting.coherence < 1 and (
        setting.dimension == 0 or (setting.policy == "log-bilinear" and setting.dimension >= 2)
    )
    return independent or setting.num_prompts == 1 or (setting.conflict == 0 and setting.coherence > 0)
