"""Part "certificates": T1, T2, T3 on random problems of any coherence, and a false variant that is caught.

Random directions, random lengths, prompts that share all their parameters: nothing is orthogonal here.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

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


def _draw(random: np.random.Generator, N: int, K: int, d: int) -> tuple[np.ndarray, ...]:
    """Logits [B, N, K], features [B, N, K, d], rewards [B, N, K] and steps [B, d]; by NumPy, as XLA takes seconds to
    compile the draws of each shape.
    """
    B = PER_SHAPE
    φ = random.standard_normal((B, N, K, d)) * np.exp(random.standard_normal((B, N, 1, 1)) / 2)
    z = random.standard_normal((B, N, K)) * 3 * random.random((B, N, 1))
    real = random.standard_normal((B, N, K))
    r = np.where(random.random((B, N, 1)) < 0.5, real, real > 0)
    return z, φ, r, draw_steps(random, B, d)


def draw_steps(random: np.random.Generator, B: int, d: int) -> Float[np.ndarray, "B d"]:
    """Steps of any direction, |δ| from .01 to 3."""
    way = random.standard_normal((B, d))
    length = 10 ** random.uniform(-2, 0.477, (B, 1))
    return way / np.linalg.norm(way, axis=1, keepdims=True) * length


def _prompt(
    z: Float[Array, " K"], φ: Float[Array, "K d"], r: Float[Array, " K"], δ: Float[Array, " d"]
) -> dict[str, Array]:
    m: Moments = moments(z, φ, r, hessian=False)
    c = deviation_certificate(m, φ, δ)
    w = width(φ, δ)
    return {
        "length": jnp.linalg.norm(δ), "lower": c.lower, "upper": c.upper, "gain": tilt(z + φ @ δ, r)[0] - m.value,
        "std": m.std, "curvature": local_curvature(m, δ), "curvature_bound": curvature_bound(m.std, w),
        "slope": m.gradient @ δ, "slope_bound": gradient_bound(m.std, w),
    }  # fmt: skip


# [B, N]: prompts of a problem share its step
_many = jax.jit(jax.vmap(jax.vmap(_prompt, in_axes=(0, 0, 0, None))))


def rows(seed: int) -> Rows:
    """One row a prompt of a random problem: certificates beside what they bound."""
    parts = []
    for i, (N, K, d) in enumerate(SHAPES):
        drawn = _draw(np.random.default_rng([seed, i]), N, K, d)
        columns = {name: np.asarray(values).ravel() for name, values in _many(*drawn).items()}
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
