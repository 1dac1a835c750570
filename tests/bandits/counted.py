"""A sampled oracle's estimate of groups that are given, not drawn."""

import jax
import jax.numpy as jnp
import numpy as np

from bandits import Sampled, Softmax, UpdateRule, coherent, locate, problem
from bandits.policy import group_from_counts


class Given(Softmax):
    """Groups with these counts of each arm, whatever the key."""

    counts: jax.Array

    def group_estimate(self, local, rewards, group_size, ddof, *, key):
        return group_from_counts(self.counts, local.probabilities, rewards, group_size, ddof)


class Seen(UpdateRule):
    """What a rule is given, as its direction."""

    def direction(self, features, estimate):
        return estimate.gradient, estimate.std


def estimate(oracle: Sampled, counts, rewards):
    """(coefficients of φ in ĝ, σ̂ + ε) of groups given as counts of each arm; arms are unit vectors, so φ is the arm."""
    N, K = rewards.shape
    features = coherent(None, np.eye(K), num_prompts=N)
    made = problem(features, jnp.zeros((N, K)), rewards, policy=Given(jnp.asarray(counts)))
    return oracle.direction(Seen(), made, locate(made, made.offsets), key=jax.random.key(0))
