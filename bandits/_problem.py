"""A problem: what each prompt's arms look like, what they pay, and where the policy starts.

Logits are b(x,y) + θ·φ(x,y) and a run starts at Θ = 0: the offset b alone sets the initial pass rates.
"""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, PyTree

from bandits.draws import normal
from bandits.features import FeatureMap
from bandits.geometry import coherent, equicorrelation, random_arms, simplex_arms
from bandits.policy import Local, Policy, Softmax
from bandits.rewards import draw_labels, offsets_for_pass_rate, one_hot_rewards
from curvature.check import Numbers, as_float, check_finite, check_logits, check_shape


class Problem(eqx.Module):
    """N prompts with K arms each."""

    features: FeatureMap
    offsets: Float[Array, "N K"]
    """b(x, y); -inf for an absent arm."""
    rewards: Float[Array, "N K"]
    """r(x, y)."""
    diameter: Float[Array, ""]
    """D ≥ every D_x: the unit of the certified steps."""
    policy: Policy = Softmax()
    """How a prompt's logits become a response."""

    @property
    def num_prompts(self) -> int:
        """N."""
        return self.rewards.shape[0]

    def at(self, parameters: PyTree) -> Problem:
        """The problem with the features that these parameters see: itself, unless features are learnt."""
        here = self.features.at(parameters)
        return self if here is self.features else eqx.tree_at(lambda problem: problem.features, self, here)

    def best_values(self) -> Float[Array, " N"]:
        """Sup J_x of each prompt on its own."""
        return self.policy.best_values(self.offsets, self.rewards)


def locate(problem: Problem, logits: Float[Array, "N K"]) -> Local:
    """The exact quantities at these logits."""
    return problem.policy.locate(logits, problem.rewards)


def problem(
    features: FeatureMap,
    offsets: Numbers,
    rewards: Numbers,
    *,
    diameter: float | None = None,
    policy: Policy | None = None,
) -> Problem:
    """Put a problem together, checked.

    Arguments:
        features: from `bandits.features`.
        offsets: [N, K] b; -inf marks an absent arm (give it the features of a present one).
        rewards: [N, K].
        diameter: D; by default the greatest of the prompts' own, exactly.
        policy: `Softmax()` by default, one choice among K arms.

    Raises:
        ValueError: mismatched shapes, NaN or infinite numbers, D below a prompt's own.
    """
    b, r = as_float("offsets", offsets), as_float("rewards", rewards)
    check_shape("rewards", r, features.table)
    check_shape("offsets", b, r.shape)
    check_logits("offsets", b)
    check_finite("rewards", r)
    policy = Softmax() if policy is None else policy
    largest = policy.diameters(features).max()
    if diameter is not None and not diameter >= float(largest) * (1 - 1e-12):
        raise ValueError(f"diameter is {diameter}; allowed: at least {float(largest):.6g}, the features' own")
    return Problem(features, b, r, largest if diameter is None else jnp.asarray(diameter, r.dtype), policy)


def from_pass_rates(
    pass_rates: Numbers,
    *,
    num_arms: int = 4,
    coherence: float = 0.0,
    geometry: str = "simplex",
    conflict: float = 1.0,
    diameter: float = 1.0,
    key: Key[Array, ""],
) -> Problem:
    """Prompts with one right arm each and exactly these initial pass rates.

    Arguments:
        pass_rates: [N] strictly inside (0, 1).
        num_arms: K ≥ 2.
        coherence: ρ in [0, 1] between every two prompts; 0 makes their spans orthogonal.
        geometry: "simplex" (all arms equally far apart) or "gaussian" (random arms, K − 1 dimensions).
        conflict: share of the prompts whose right arm is drawn at random (see `draw_labels`).
        diameter: D of every prompt.
        key: the source of all randomness.

    Raises:
        ValueError: a rate outside (0, 1), an unknown geometry, and as above.
    """
    p = as_float("pass_rates", pass_rates)
    check_shape("pass_rates", p, (None,))
    N = p.shape[0]
    arms_key, label_key, base_key = jax.random.split(key, 3)
    correlation = None if coherence == 0 else equicorrelation(N, coherence)
    if geometry == "simplex":
        arms, base = simplex_arms(num_arms, diameter), None
    elif geometry == "gaussian":
        arms = random_arms(N, num_arms, num_arms - 1, diameter=diameter, key=arms_key)
        base = normal(base_key, (N, num_arms))
    else:
        raise ValueError(f"geometry is {geometry!r}; allowed: 'simplex' or 'gaussian'")
    rewards = one_hot_rewards(draw_labels(N, num_arms, conflict=conflict, key=label_key), num_arms)
    return problem(
        coherent(correlation, arms, num_prompts=N), offsets_for_pass_rate(rewards, p, base), rewards, diameter=diameter
    )
