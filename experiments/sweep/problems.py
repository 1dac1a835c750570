"""The problems of a sweep: pure functions of numbers and a key, so that every run of a program builds its own.

    logit p_x = logit(pass_rate) + spread · z_x,   z the normal quantiles at (x + ½)/N, of deviation 1, in a drawn order
    p_x = the Beta quantiles at (x + ½)/N of a real run (law rollouts)

One right arm a prompt; `conflict` of the labels are drawn at random, the others are one arm for all, or a teacher's:

    label of x = argmax_k W_k·e_x,   W of independent normal entries, drawn once a problem

Held-out prompts have pass rates, labels (the same W, the same shared arm) and features of the same law; where every
prompt has a direction of its own, theirs are not the trained prompts', and only the common direction transfers. The
draws depend on the seed alone: coherence, pass rates, groups and rules are compared on the same luck, and the trained
prompts do not depend on the held-out. Independent checks: tests/experiments/sweep/test_problems.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key
from scipy.stats import beta, norm

from bandits._problem import Problem
from bandits.autoregressive import chain
from bandits.bilinear import Layers, LogBilinear
from bandits.features import Equicorrelated, FeatureMap, Features
from bandits.held_out import Unseen
from bandits.policy import Policy, Softmax
from bandits.rewards import draw_labels, one_hot_rewards
from bandits.simplex import Simplex
from experiments.sweep.grid import LABELS, LAWS, Setting
from experiments.sweep.spec import Spec

TUNING, REPORTING = 0, 1
"""Stages of a sweep; each has seeds of its own."""
ROLLOUTS = (0.35, 0.65)
"""Exponents of the Beta law of the pass rates of 1,209 prompts in the first eight visits of a published run (GRPO,
groups of 8, Qwen2.5-Math-1.5B, mathematics): maximum likelihood from the counts, .354 and .651, no mass at 0 or 1."""
HELD_OUT, TEACHER = 1, 2
"""What keys are folded with for the draws of held-out prompts, and of the teacher (and 3, of what is each prompt's)."""

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
    held_out: int = 0

    @staticmethod
    def of(setting: Setting) -> Shape:
        """The shape of a setting's problems."""
        return Shape(*(getattr(setting, field.name) for field in fields(Shape)))

    @property
    def own_directions(self) -> bool:
        """Whether every prompt has a direction of its own besides the one that all share."""
        return self.dimension == 0 or self.policy == "log-bilinear"


class Numbers(eqx.Module):
    """What problems of one shape differ in, but for the seed."""

    conflict: Float[Array, "*runs"]
    coherence: Float[Array, "*runs"]
    pass_rate: Float[Array, "*runs"]
    spread: Float[Array, "*runs"]
    labels: Int[Array, "*runs"] | int = 0
    """Place in `LABELS`."""
    law: Int[Array, "*runs"] | int = 0
    """Place in `LAWS`."""
    odds: Float[Array, "*runs N"] | None = None
    """Logits of the pass rates of the law measured, in increasing order; None under others."""
    held_out_odds: Float[Array, "*runs M"] | None = None
    """The same of the held-out prompts, where there are any."""


NUMBERS = ("conflict", "coherence", "pass_rate", "spread", "labels", "law")
"""The axes that are `Numbers`."""


def numbers_of(settings: Sequence[Setting]) -> Numbers:
    """Of several settings of one shape and one measured law."""
    places = {"labels": LABELS, "law": tuple(LAWS)}

    def one(setting: Setting, name: str) -> float:
        value = getattr(setting, name)
        return places[name].index(value) if name in places else value

    def quantiles(number: int) -> Array | None:
        if measured is None or number == 0:
            return None
        return jnp.broadcast_to(jnp.asarray(measured.odds(number)), (len(settings), number))

    first, measured = settings[0], settings[0].measured
    numbers = {name: jnp.asarray([one(s, name) for s in settings]) for name in NUMBERS}
    return Numbers(**numbers, odds=quantiles(first.num_prompts), held_out_odds=quantiles(first.held_out))


def seed_key(spec: Spec, stage: int, index: int) -> Key[Array, ""]:
    """The key of a seed: of the problem's draws and of the groups."""
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(spec.seed), stage), index)


def log_odds(
    num_prompts: int, pass_rate: Float[Array, ""], spread: Float[Array, ""], law: Int[Array, ""] | int = 0
) -> Float[Array, " N"]:
    """Logits of the pass rates, in increasing order: median `pass_rate` (for odd N a prompt's own), deviation `spread`;
    under the law rollouts quantiles of `ROLLOUTS`.

    >>> print(jax.nn.sigmoid(log_odds(3, jnp.asarray(0.5), jnp.asarray(0.0))))
    [0.5 0.5 0.5]
    """
    at = (np.arange(num_prompts) + 0.5) / num_prompts
    z = norm.ppf(at)
    scale = z.std()
    odds = jnp.log(pass_rate) - jnp.log1p(-pass_rate) + spread * (z / scale if scale > 0 else z)
    return jnp.where(jnp.asarray(law) == 0, odds, _rollout_odds(at))


def _rollout_odds(at: np.ndarray) -> np.ndarray:
    """Logits of quantiles; 1 − p has the Beta law with its exponents exchanged, whose quantiles keep their digits."""
    a, b = ROLLOUTS
    return np.log(beta.ppf(at, a, b)) - np.log(beta.ppf(1 - at, b, a))


def embeddings(num_prompts: int, dimension: int, coherence: Float[Array, ""], *, key: Key[Array, ""]) -> Array:
    """Unit vectors e_x = √ρ c + √(1−ρ) z_x in R^r, z_x uniform on the unit sphere of the r − 1 directions besides c.

    Mean inner product ρ; with r below N prompts are not independent and labels may conflict for good; r = 1 is c alone.
    """
    z = jax.random.normal(key, (num_prompts, dimension - 1))
    z = z / jnp.linalg.norm(z, axis=1, keepdims=True)
    common = jnp.sqrt(coherence) if dimension > 1 else jnp.ones(())
    return jnp.concatenate([jnp.full((num_prompts, 1), common), jnp.sqrt(1 - coherence) * z], axis=1)


def _agreed(
    shape: Shape,
    numbers: Numbers,
    embedding: Array | None,
    number: int,
    *,
    key: Key[Array, ""],
    own_key: Key[Array, ""],
) -> Int[Array, " N"]:
    """The right arms of prompts that do not conflict; `key` is the problem's, `own_key` of these prompts."""
    K, ρ = shape.num_arms, numbers.coherence
    teacher_key = jax.random.fold_in(key, TEACHER)
    if embedding is not None:
        scores = embedding @ jax.random.normal(teacher_key, (shape.dimension, K))
    else:
        common, own = jax.random.normal(teacher_key, (K,)), jax.random.normal(own_key, (number, K))
        scores = jnp.sqrt(ρ) * common + jnp.sqrt(1 - ρ) * own
    shared = draw_labels(1, K, conflict=0.0, key=key)
    return jnp.where(jnp.asarray(numbers.labels) == 0, shared, jnp.argmax(scores, axis=1))


def build(shape: Shape, numbers: Numbers, *, key: Key[Array, ""]) -> Problem:
    """One problem; `numbers` of one run. Traceable; arguments are those of a checked `Spec`."""
    return _build(shape, numbers, shape.num_prompts, jax.random.split(key, 3), key)


def build_held_out(shape: Shape, numbers: Numbers, *, key: Key[Array, ""]) -> Problem | None:
    """The held-out prompts of `build`'s problem, moved by the same parameters; None where there are none."""
    if not shape.held_out:
        return None
    return _build(shape, numbers, shape.held_out, jax.random.split(jax.random.fold_in(key, HELD_OUT), 3), key, True)


def _build(
    shape: Shape, numbers: Numbers, N: int, keys: Key[Array, "3"], key: Key[Array, ""], held_out: bool = False
) -> Problem:
    """N prompts with draws from `keys`; `key` is of what all prompts of a problem share."""
    K, ρ = shape.num_arms, numbers.coherence
    order_key, label_key, feature_key = keys
    odds = numbers.held_out_odds if held_out else numbers.odds
    if odds is None:
        odds = log_odds(N, numbers.pass_rate, numbers.spread, numbers.law)
    odds = jax.random.permutation(order_key, odds)
    e = None if shape.own_directions else embeddings(N, shape.dimension, ρ, key=feature_key)
    own_key = jax.random.fold_in(label_key, TEACHER + 1)
    agreed = _agreed(shape, numbers, e, N, key=jax.random.split(key, 3)[1], own_key=own_key)
    labels = draw_labels(N, K, conflict=numbers.conflict, agreed=agreed, key=label_key)
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
        features = _learnt(shape, ρ, key=feature_key)
    elif e is not None:
        features = Features(arms, e)
    else:
        features = Unseen(arms, ρ, shape.num_prompts) if held_out else Equicorrelated(arms, ρ)
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
    apart; with labels all alike and ρ > 0 the common direction serves every prompt, and a teacher's W its own labels.
    """
    independent = setting.coherence < 1 and (
        setting.dimension == 0 or (setting.policy == "log-bilinear" and setting.dimension >= 2)
    )
    agree = setting.conflict == 0 and (setting.coherence > 0 or setting.labels == "teacher")
    return independent or setting.num_prompts == 1 or agree
