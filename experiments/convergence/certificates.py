"""Part "certificates": T1, T2, T3 on random problems of any coherence, and a false variant that is caught.

Random directions, random lengths, prompts that share all their parameters: nothing is orthogonal here.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from curvature import (
    Moments,
    curvature_bound,
    deviation_certificate,
    gradient_bound,
    local_curvature,
    moments,
    tilt,
    width,
)
from experiments.rows import Rows, join

SHAPES = ((8, 2, 3), (8, 5, 6), (4, 16, 12), (2, 64, 8))
"""(N, K, d)."""
PER_SHAPE = 3000
ROUNDING = 1e-11
"""Allowed excess: differences of J, at most 1, and sums of up to 64 terms, are good to about 1e-14."""
FALSE_FACTOR = 0.5
"""The false variant claims half of T3's remainder."""


def _one(key: Key[Array, ""], N: int, K: int, d: int) -> dict[str, Array]:
    k = jax.random.split(key, 7)
    φ = jax.random.normal(k[0], (N, K, d)) * jnp.exp(jax.random.normal(k[1], (N, 1, 1)) / 2)
    z = jax.random.normal(k[2], (N, K)) * 3 * jax.random.uniform(k[3], (N, 1))
    real = jax.random.normal(k[4], (N, K))
    binary = (real > 0).astype(z.dtype)
    r = jnp.where(jax.random.bernoulli(k[5], 0.5, (N, 1)), real, binary)
    u = jax.random.normal(k[6], (d + 1,))
    δ = u[:d] / jnp.linalg.norm(u[:d]) * 10 ** (-2 + 2.477 * jax.scipy.stats.norm.cdf(u[d]))  # |δ| from .01 to 3

    def prompt(z: Float[Array, " K"], φ: Float[Array, "K d"], r: Float[Array, " K"]) -> dict[str, Array]:
        m: Moments = moments(z, φ, r, hessian=False)
        c = deviation_certificate(m, φ, δ)
        w = width(φ, δ)
        gain = tilt(z + φ @ δ, r)[0] - m.value
        return {
            "lower": c.lower, "upper": c.upper, "gain": gain, "std": m.std,
            "curvature": local_curvature(m, δ), "curvature_bound": curvature_bound(m.std, w),
            "slope": m.gradient @ δ, "slope_bound": gradient_bound(m.std, w),
        }  # fmt: skip

    return {"length": jnp.broadcast_to(jnp.linalg.norm(δ), (N,)), **jax.vmap(prompt)(z, φ, r)}


@partial(jax.jit, static_argnums=(1, 2, 3))
def _many(keys: Key[Array, " B"], N: int, K: int, d: int) -> dict[str, Array]:
    return jax.vmap(lambda key: _one(key, N, K, d))(keys)


def rows(seed: int) -> Rows:
    """One row a prompt of a random problem: certificates beside what they bound."""
    parts = []
    for i, (N, K, d) in enumerate(SHAPES):
        keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), i), PER_SHAPE)
        columns = {name: np.asarray(values).ravel() for name, values in _many(keys, N, K, d).items()}
        n = PER_SHAPE * N
        labels = {"num_prompts": np.full(n, N), "num_arms": np.full(n, K), "num_parameters": np.full(n, d)}
        parts.append({**labels, "problem": np.repeat(np.arange(PER_SHAPE), N), **columns})
    return join(parts)


def violations(rows: Rows, factor: float = 1.0) -> np.ndarray:
    """T3, both sides, with the remainder multiplied by `factor` (1: the theorem)."""
    middle, half = (rows["upper"] + rows["lower"]) / 2, factor * (rows["upper"] - rows["lower"]) / 2
    return np.abs(rows["gain"] - middle) > half + ROUNDING * (1 + half)


def curvature_violations(rows: Rows) -> np.ndarray:
    """T1 and T2's gradient bound."""
    T1 = np.abs(rows["curvature"]) > rows["curvature_bound"] * (1 + ROUNDING) + ROUNDING
    T2 = np.abs(rows["slope"]) > rows["slope_bound"] * (1 + ROUNDING) + ROUNDING
    return T1 | T2


def averages(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """(certificate, gain) of each whole problem: means over its prompts."""
    identity = rows["num_arms"] * 10**6 + rows["problem"]
    _, index, counts = np.unique(identity, return_inverse=True, return_counts=True)
    return np.bincount(index, rows["lower"]) / counts, np.bincount(index, rows["gain"]) / counts
