"""Two arms, the change of J by its definition, and ψ by its formula: what certificates are held against."""

import jax.numpy as jnp
import numpy as np

from curvature import moments


def coin(p: float, w: float = 1.0):
    """K = 2 of pass rate p and width w: the features and the moments."""
    φ = jnp.array([[w], [0.0]])
    return φ, moments([np.log(p / (1 - p)), 0.0], φ, [1.0, 0.0])


def expected_reward(logits, features, rewards, delta) -> float:
    z = np.asarray(logits) + np.asarray(features) @ np.asarray(delta)
    π = np.exp(z - z.max())
    return float(π @ np.asarray(rewards) / π.sum())


def ψ(a):
    return np.expm1(a) - a
