"""Division where the denominator may vanish: 0 there, and no NaN in values or derivatives."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from curvature.check import Numbers


def ratio(numerator: Float[Array, "..."], denominator: Float[Array, "..."]) -> Float[Array, "..."]:
    """Numerator / denominator, and 0 where the denominator is not positive.

    >>> print(ratio(jnp.asarray([1.0, 2.0]), jnp.asarray([4.0, 0.0])))
    [0.25 0.  ]
    """
    positive = denominator > 0
    return jnp.where(positive, numerator / jnp.where(positive, denominator, 1), 0)


def inverse_power(std: Float[Array, "*shape"], alpha: Numbers) -> Float[Array, "*shape"]:
    """σ^{−α}, and 0 where σ = 0: a prompt whose reward never varies has no gradient to scale."""
    alive = std > 0
    return jnp.where(alive, jnp.where(alive, std, 1) ** -jnp.asarray(alpha, std.dtype), 0)


def solve_psd(
    matrix: Float[Array, "d d"], right: Float[Array, "d *k"], ridge: Numbers = 0.0, cutoff: float = 1e-10
) -> Float[Array, "d *k"]:
    """(S + λI)⁺ b for symmetric S ⪰ 0, by eigenvalues: exact on the range, 0 off it."""
    values, vectors = jnp.linalg.eigh(matrix)
    alive = values > cutoff * values[-1]
    shifted = jnp.where(alive, values, 0) + jnp.asarray(ridge, matrix.dtype)
    inverse = ratio(jnp.ones_like(shifted), shifted)
    coefficients = vectors.T @ right
    return vectors @ (inverse.reshape((-1,) + (1,) * (right.ndim - 1)) * coefficients)
