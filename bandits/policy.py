"""How logits become responses, and the policy at one point of a run: what rules, steps and records are made of.

A policy is log-linear in a table of logits z_x; its features say how parameters move the table. Per prompt: J, σ and
the coefficients ∂J/∂z, whose contraction with the features is the gradient. One softmax over K arms is `Softmax`,
here; sequences of tokens are `bandits.autoregressive`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, PyTree

from bandits.features import FeatureMap
from bandits.redraw import MAX_TRIES, live_counts
from curvature._moments import tilt, varies
from curvature.certified_step import best_step_along
from curvature.deviation_bounds import remainder_bound
from curvature.divergence import softmax_kl, softmax_kl_along, softmax_variance
from curvature.safe import inverse_power

Along: TypeAlias = Callable[[Float[Array, ""]], tuple[Float[Array, " N"], Float[Array, " N"]]]
"""Of a multiple s ≥ 0."""


class Local(eqx.Module):
    """Exact per-prompt quantities at the current logits."""

    logits: Float[Array, "N K"]
    """z = b + θ·φ."""
    probabilities: Float[Array, "N K"]
    """π(y|x); of each token in its state where responses are sequences."""
    value: Float[Array, " N"]
    """J_x."""
    std: Float[Array, " N"]
    """σ_x."""
    coefficients: Float[Array, "N K"]
    """∂J_x/∂z(x, y), for one softmax π(y|x)(r(x,y) − J_x): g_x = Σ_y coefficient · φ(x, y)."""
    occupancy: Float[Array, "N S"] | None = None
    """Expected visits of each state, where responses are sequences."""


class Group(eqx.Module):
    """One group of G responses for every prompt."""

    coefficients: Float[Array, "N K"]
    """Of φ in (1/G) Σ_i (r_i − r̄) ∇log π(y_i)."""
    mean: Float[Array, " N"]
    """r̄."""
    std: Float[Array, " N"]
    """Deviation of the r_i."""
    scores: Float[Array, "N K"]
    """Of φ in (1/G) Σ_i ∇log π(y_i), whose mean over groups is 0."""
    better: Float[Array, "N K"] | None = None
    """(1/G) Σ_i (r_i − r̄)⁺ one-hot(y_i) of sequences, token by token; None: the positive entries of `coefficients`."""
    worse: Float[Array, "N K"] | None = None
    """The same of (r_i − r̄)⁻, so that both together are the part of `coefficients` before π is subtracted."""

    def sides(self) -> tuple[Float[Array, "N K"], Float[Array, "N K"]]:
        """(`better`, `worse`): what responses above and below their group's mean contribute."""
        if self.better is None or self.worse is None:
            return jnp.maximum(self.coefficients, 0), jnp.minimum(self.coefficients, 0)
        return self.better, self.worse


class Policy(eqx.Module):
    """Maps tables of logits [N, K] to everything that a run asks for. Tables of several prompts at once."""

    @abstractmethod
    def locate(self, logits: Float[Array, "N K"], rewards: Float[Array, "N K"]) -> Local:
        """The exact quantities at these logits."""

    @abstractmethod
    def kl_divergence(self, local: Local, change: Float[Array, "N K"]) -> Float[Array, " N"]:
        """KL(π ‖ π') per prompt, of whole responses, after the logits change by `change`; nats, ≥ 0."""

    @abstractmethod
    def kl_along(self, local: Local, change: Float[Array, "N K"]) -> Along:
        """(KL(π ‖ π'), its derivative in s) after s · change: as `kl_divergence` to an absolute error of rounding."""

    @abstractmethod
    def variance(self, local: Local, change: Float[Array, "N K"]) -> Float[Array, " N"]:
        """The second derivative of KL(π ‖ π') in s at 0 along s · change: the variance of the change under π."""

    @abstractmethod
    def width(self, change: Float[Array, "N K"]) -> Float[Array, " N"]:
        """w: how far a change of the logits moves two arms of one choice apart."""

    @abstractmethod
    def remainder_bound(self, std: Float[Array, " N"], width: Float[Array, " N"]) -> Float[Array, " N"]:
        """An upper bound on |J(z + change) − J(z) − ∂J/∂z·change| (T3; T11 for sequences)."""

    @abstractmethod
    def best_step(
        self, slopes: Float[Array, " N"], std: Float[Array, " N"], width: Float[Array, " N"]
    ) -> Float[Array, ""]:
        """The multiple of a direction with the greatest certified gain of the sum of J_x."""

    @abstractmethod
    def scores(self, local: Local, weights: Float[Array, "N K"]) -> Float[Array, "N K"]:
        """Coefficients of φ in Σ_y weights(y) ∇log π(y), of the choices y of one softmax."""

    @abstractmethod
    def group_estimate(
        self, local: Local, rewards: Float[Array, "N K"], group_size: int, ddof: int, *, key: Key[Array, ""]
    ) -> Group:
        """One group of G responses per prompt."""

    def live_group(
        self, local: Local, rewards: Float[Array, "N K"], group_size: int, ddof: int, *, key: Key[Array, ""]
    ) -> tuple[Group, Int[Array, " N"]]:
        """(the last group, groups drawn) where dead groups are drawn again, at most `MAX_TRIES` in all."""

        def draw(number: Array | int) -> Group:
            return self.group_estimate(local, rewards, group_size, ddof, key=jax.random.fold_in(key, number))

        def again(number: Array | int, last: tuple[Group, Array]) -> tuple[Group, Array]:
            group, tries = last
            dead = group.std == 0

            def newer(old: Array, new: Array) -> Array:
                return jnp.where(dead.reshape(-1, *[1] * (old.ndim - 1)), new, old)

            return jax.tree.map(newer, group, draw(number)), tries + dead.astype(tries.dtype)

        return jax.lax.fori_loop(1, MAX_TRIES, again, (draw(0), jnp.ones(rewards.shape[0], int)))

    @abstractmethod
    def best_values(self, offsets: Float[Array, "N K"], rewards: Float[Array, "N K"]) -> Float[Array, " N"]:
        """Sup J_x of each prompt on its own."""

    @abstractmethod
    def diameters(self, features: FeatureMap) -> Float[Array, " N"]:
        """D_x: the greatest distance between the features of two arms of one choice."""

    @abstractmethod
    def is_binary(self, rewards: Float[Array, "N K"]) -> bool:
        """Whether every response pays 0 or 1; False where that is not known. Concrete rewards only."""


class Softmax(Policy):
    """One choice among K arms."""

    def locate(self, logits: Float[Array, "N K"], rewards: Float[Array, "N K"]) -> Local:
        """O(N K)."""
        J, σ, π, advantages = jax.vmap(tilt)(logits, rewards)
        return Local(logits, π, J, σ, π * advantages)

    def kl_divergence(self, local: Local, change: Float[Array, "N K"]) -> Float[Array, " N"]:
        """`softmax_kl`."""
        return softmax_kl(local.probabilities, change)

    def kl_along(self, local: Local, change: Float[Array, "N K"]) -> Along:
        """`softmax_kl_along`."""
        return softmax_kl_along(local.probabilities, change)

    def variance(self, local: Local, change: Float[Array, "N K"]) -> Float[Array, " N"]:
        """Var_π of the change."""
        return softmax_variance(local.probabilities, change)

    def width(self, change: Float[Array, "N K"]) -> Float[Array, " N"]:
        """max_y − min_y."""
        return jnp.ptp(change, axis=-1)

    def remainder_bound(self, std: Float[Array, " N"], width: Float[Array, " N"]) -> Float[Array, " N"]:
        """σ ψ(w/2)."""
        return remainder_bound(std, width)

    def best_step(
        self, slopes: Float[Array, " N"], std: Float[Array, " N"], width: Float[Array, " N"]
    ) -> Float[Array, ""]:
        """`curvature.best_step_along`."""
        return best_step_along(slopes, std, width).length

    def scores(self, local: Local, weights: Float[Array, "N K"]) -> Float[Array, "N K"]:
        """Weights less π times their sum."""
        return weights - local.probabilities * jnp.sum(weights, axis=-1, keepdims=True)

    def group_estimate(
        self, local: Local, rewards: Float[Array, "N K"], group_size: int, ddof: int, *, key: Key[Array, ""]
    ) -> Group:
        """From counts of each arm."""
        counts = draw_counts(local.probabilities, group_size, key=key).astype(local.value.dtype)
        return group_from_counts(counts, local.probabilities, rewards, group_size, ddof)

    def live_group(
        self, local: Local, rewards: Float[Array, "N K"], group_size: int, ddof: int, *, key: Key[Array, ""]
    ) -> tuple[Group, Int[Array, " N"]]:
        """In one draw, of rewards of 0 or 1."""
        counts, tries = live_counts(local.probabilities, rewards, group_size, key=key)
        counts = counts.astype(local.value.dtype)
        return group_from_counts(counts, local.probabilities, rewards, group_size, ddof), tries

    def best_values(self, offsets: Float[Array, "N K"], rewards: Float[Array, "N K"]) -> Float[Array, " N"]:
        """The best reward among the arms that are present."""
        return jnp.where(jnp.isfinite(offsets), rewards, -jnp.inf).max(axis=-1)

    def diameters(self, features: FeatureMap) -> Float[Array, " N"]:
        """Exact: O(N K² m)."""
        return features.diameters()

    def is_binary(self, rewards: Float[Array, "N K"]) -> bool:
        """All rewards are 0 or 1."""
        return bool(np.isin(np.asarray(rewards), (0.0, 1.0)).all())


def draw_counts(probabilities: Float[Array, "N K"], group_size: int, *, key: Key[Array, ""]) -> Int[Array, "N K"]:
    """How often each arm appears among G independent draws, by inverting the distribution function: O(N K G)."""
    cdf = jnp.cumsum(probabilities, axis=-1)
    cdf = cdf / cdf[:, -1:]  # the last entry is exactly 1: no draw falls past it
    u = jax.random.uniform(key, (probabilities.shape[0], group_size, 1), probabilities.dtype)
    below = jnp.sum(u < cdf[:, None, :], axis=1)
    return jnp.diff(below, axis=-1, prepend=0)


def group_from_counts(
    counts: Float[Array, "N K"],
    probabilities: Float[Array, "N K"],
    rewards: Float[Array, "N K"],
    group_size: int,
    ddof: int,
) -> Group:
    """Groups given as counts of each arm. Σ_i (r_i − r̄) = 0, so the scores of `coefficients` need no centring."""
    mean = jnp.sum(counts * rewards, axis=-1, keepdims=True) / group_size
    centred = rewards - mean
    centred = centred - jnp.sum(counts * centred, axis=-1, keepdims=True) / group_size  # twice, as in `moments`
    centred = jnp.where(varies(rewards, counts > 0), centred, 0)
    std = jnp.sqrt(jnp.sum(counts * centred**2, axis=-1) / (group_size - ddof))
    return Group(counts * centred / group_size, mean[:, 0], std, counts / group_size - probabilities)


def interference(features: FeatureMap, local: Local) -> tuple[Float[Array, " N"], Float[Array, ""], Float[Array, ""]]:
    """(|g_x|², χ, O) at this point, from gradients in their short form: `curvature.cross_ratio`, `orthogonality`."""
    a = features.contract(local.coefficients)
    squares, weight = features.squared_norms(a), inverse_power(local.std, 1)
    total, scaled = features.gather(a), features.gather(weight[:, None] * a)
    return squares, _inner(total, scaled) / jnp.sum(weight * squares), _inner(total, total) / jnp.sum(squares)


def _inner(one: PyTree, other: PyTree) -> Float[Array, ""]:
    return sum(jax.tree.leaves(jax.tree.map(lambda a, b: jnp.sum(a * b), one, other)), start=jnp.zeros(()))
