r"""Features with exactly controlled coherence between prompts and exactly controlled diameter.

    φ(x, y) = e_x ⊗ u_{x,y},     ⟨e_x, e_x'⟩ = C_xx',  |e_x| = 1

C is any correlation matrix; ‖P_x P_x'‖ = |C_xx'| where prompts share the span of their arms, and never more. C = I
gives orthogonal spans, C = 11ᵀ identical features. Independent checks: tests/bandits/test_geometry.py.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from bandits.draws import normal
from bandits.features import Equicorrelated, Features, Kronecker
from bandits.simplex import Simplex
from curvature.check import Numbers, as_float, check_count, check_finite, check_interval, check_shape


def equicorrelation(num_prompts: int, coherence: float) -> Float[np.ndarray, "N N"]:
    """(1−ρ) I + ρ 11ᵀ, ρ in [0, 1].

    Raises:
        ValueError: ρ outside [0, 1], fewer than 1 prompt.

    >>> equicorrelation(2, 0.5).tolist()
    [[1.0, 0.5], [0.5, 1.0]]
    """
    check_count("num_prompts", num_prompts, 1)
    check_interval("coherence", coherence, 0, 1)
    return (1 - coherence) * np.eye(num_prompts) + coherence


def embed(correlation: Numbers, *, cutoff: float = 1e-12) -> Float[Array, "N r"]:
    """Unit vectors e_x with ⟨e_x, e_x'⟩ = C_xx', in the smallest dimension r = rank C.

    Raises:
        ValueError: C is not a correlation matrix: not symmetric, diagonal other than 1, or an eigenvalue below 0.
    """
    C = np.asarray(as_float("correlation", correlation))
    check_shape("correlation", jnp.asarray(C), (None, C.shape[0] if C.ndim else None))
    check_finite("correlation", jnp.asarray(C))
    if not np.allclose(C, C.T, rtol=0, atol=1e-12):
        raise ValueError(f"correlation differs from its transpose by {np.abs(C - C.T).max():.3g}; allowed: symmetric")
    if not np.allclose(np.diag(C), 1, rtol=0, atol=1e-12):
        raise ValueError(f"correlation has diagonal entry {np.diag(C)[np.abs(np.diag(C) - 1).argmax()]}; allowed: 1")
    values, vectors = np.linalg.eigh(C)
    if values[0] < -1e-10 * values[-1]:
        raise ValueError(f"correlation has eigenvalue {values[0]:.6g}; allowed: none below 0")
    alive = values > cutoff * values[-1]
    return jnp.asarray(vectors[:, alive] * np.sqrt(values[alive]))


def simplex_arms(num_arms: int, diameter: float = 1.0) -> Float[Array, "K K-1"]:
    """Corners of a regular simplex around 0, every pair at distance D. Every arm is alike. K ≥ 2.

    Raises:
        ValueError: fewer than 2 arms, a diameter that is not positive and finite.

    >>> print(simplex_arms(2)[:, 0])
    [ 0.5 -0.5]
    """
    check_count("num_arms", num_arms, 2)
    check_interval("diameter", diameter, 0, float("inf"), open_ends="lh")
    # Helmert's rows: an orthonormal basis of the space orthogonal to 1, in which e_y − 1/K are the corners
    rows = np.tril(np.ones((num_arms - 1, num_arms)), 0)
    index = np.arange(1, num_arms)
    rows[index - 1, index] = -index
    rows /= np.sqrt(index * (index + 1))[:, None]
    return jnp.asarray(rows.T * diameter / np.sqrt(2))


def written_out(features: Kronecker) -> Kronecker:
    """The same features with an array of arms, in the K − 1 coordinates of `simplex_arms`: O(N K²) memory.

    Raises:
        ValueError: fewer than two arms.
    """
    if not isinstance(features.arms, Simplex):
        return features
    N, K, _ = features.arms.shape
    arms = jnp.broadcast_to(features.arms.diameter * simplex_arms(K), (N, K, K - 1))
    return eqx.tree_at(lambda f: f.arms, features, arms)


def random_arms(
    num_prompts: int, num_arms: int, dimension: int, *, diameter: Numbers = 1.0, key: Key[Array, ""]
) -> Array:
    """Gaussian arms [N, K, m], each prompt's scaled to have exactly its diameter (a number, or [N]).

    Raises:
        ValueError: fewer than 1 prompt, 2 arms or 1 dimension, a diameter that is not positive and finite.
    """
    check_count("num_prompts", num_prompts, 1)
    check_count("num_arms", num_arms, 2)
    check_count("dimension", dimension, 1)
    D = as_float("diameter", diameter)
    check_interval("diameter", D, 0, float("inf"), open_ends="lh")
    u = normal(key, (num_prompts, num_arms, dimension))
    u = u - u.mean(axis=1, keepdims=True)
    return u * (D / Features(u, None).diameters())[:, None, None]


def coherent(correlation: Numbers | None, arms: Numbers, *, num_prompts: int | None = None) -> Features:
    """Features with the given coherence between prompts.

    Arguments:
        correlation: [N, N] C; None for orthogonal spans (C = I, stored as nothing at all).
        arms: [K, m] shared by all prompts, or [N, K, m].
        num_prompts: N, needed only where neither array tells.

    Raises:
        ValueError: arrays that disagree on N, or a C that is not a correlation matrix.
    """
    u = as_float("arms", arms)
    check_finite("arms", u)
    e = None if correlation is None else embed(correlation)
    N = e.shape[0] if e is not None else u.shape[0] if u.ndim == 3 else num_prompts
    if N is None:
        raise ValueError("num_prompts is None; allowed: an integer, where arms are shared and correlation is None")
    check_count("num_prompts", N, 1)
    if u.ndim == 2:
        u = jnp.broadcast_to(u, (N, *u.shape))
    check_shape("arms", u, (N, None, None))
    return Features(u, e)


def equicorrelated(arms: Numbers, coherence: Numbers, *, num_prompts: int | None = None) -> Equicorrelated:
    """Features with coherence ρ between every two prompts; arguments otherwise as `coherent`.

    Raises:
        ValueError: ρ outside [0, 1], and as `coherent`.
    """
    ρ = as_float("coherence", coherence)
    check_shape("coherence", ρ, ())
    check_interval("coherence", ρ, 0, 1)
    return Equicorrelated(
        coherent(None, arms, num_prompts=num_prompts).written_arms(), ρ.astype(jnp.result_type(float))
    )
