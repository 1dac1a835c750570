"""Random automata, and the dynamic programme on NumPy's arrays."""

import jax.numpy as jnp
import numpy as np

from curvature import sequence_tilt
from tests.strategies import random_logits


def automaton(rng, S, V):
    """Logits, rewards, transitions, terminal rewards."""
    z = np.stack([random_logits(rng, V) for _ in range(S)])
    return z, rng.normal(size=(S, V)), rng.integers(0, S, (S, V)), rng.normal(size=S)


def dynamic(z, r, τ, H, end):
    return sequence_tilt(jnp.asarray(z), jnp.asarray(r), jnp.asarray(τ), H, jnp.asarray(end))
