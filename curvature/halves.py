r"""How prompts interfere, from sampled gradients: |g|², the Gram matrix, χ and O without the noise's own square.

    E⟨A_x, B_x'⟩ = ⟨g_x, g_x'⟩, x = x' included, where A and B estimate g from independent halves of the responses

One estimate alone has |ĝ_x|² too large by the trace of its covariance, which draws χ and O to 1. Products across halves
have not, and flipping signs of rows says how large they would be from noise alone. Independent checks:
tests/curvature/test_halves.py.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from curvature.check import Numbers, as_float, check_finite, check_interval, check_length, check_shape
from curvature.safe import inverse_power
from curvature.sampled import Estimate


def _halves(first: Numbers, second: Numbers) -> tuple[Float[Array, "N d"], Float[Array, "N d"]]:
    A, B = as_float("first", first), as_float("second", second)
    check_shape("first", A, (None, None))
    check_shape("second", B, A.shape)
    check_finite("first", A)
    check_finite("second", B)
    return A, B.astype(A.dtype)


def split_half_gram(first: Numbers, second: Numbers) -> Float[Array, "N N"]:
    """½(ABᵀ + BAᵀ): unbiased for ⟨g_x, g_x'⟩, the diagonal included, where A and B are independent estimates of g.

    Arguments:
        first, second: [N, d] the prompts' gradients estimated from two disjoint sets of responses.

    Raises:
        ValueError: shapes that disagree, NaN or infinite numbers.

    The Gram matrix of one estimate has the noise's square on its diagonal, and χ and O drift to 1 with it.

    >>> print(split_half_gram([[1.0], [2.0]], [[3.0], [1.0]]))  # |g_1|² from 1 · 3
    [[3.  3.5]
     [3.5 2. ]]
    """
    A, B = _halves(first, second)
    C = A @ B.T
    return (C + C.T) / 2


def split_half_squared_norm(first: Numbers, second: Numbers) -> Float[Array, " N"]:
    """⟨A_x, B_x⟩, unbiased for |g_x|²; negative where noise rules. Arguments as `split_half_gram`. O(N d).

    Raises:
        ValueError: as `split_half_gram`.

    >>> print(split_half_squared_norm([[1.0, 2.0]], [[3.0, -1.0]]))
    [1.]
    """
    A, B = _halves(first, second)
    return jnp.sum(A * B, axis=-1)


class Ratio(eqx.Module):
    """A ratio of two estimates: NaN, not a wild number, where the denominator is inside its noise."""

    value: Float[Array, "*batch"]
    standard_error: Float[Array, "*batch"]
    """By the jackknife over prompts; NaN with the value."""
    numerator: Estimate
    denominator: Estimate

    @property
    def resolved(self) -> Bool[Array, "*batch"]:
        """Whether the denominator is resolved and positive."""
        return self.denominator.resolved & (self.denominator.value > 0)


class SplitHalfIndices(eqx.Module):
    """χ and O from independent halves."""

    cross_ratio: Ratio
    """χ; numerator Σ ⟨g_x, g_x'⟩/σ_x', denominator Σ |g_x|²/σ_x."""
    orthogonality: Ratio
    """O; numerator |Σ g_x|², denominator Σ |g_x|²."""


def _index(terms: Float[Array, "N N"]) -> Ratio:
    """Σ terms ÷ trace, with jackknife errors and sign-flip nulls."""
    N = terms.shape[0]
    own = jnp.diagonal(terms)
    cross = jnp.sum(terms) - jnp.sum(own)
    # without prompt x; scaled back to N prompts, because the cross sum has N(N−1) terms and χ grows with N
    own_left = (jnp.sum(own) - own) * N / (N - 1)
    cross_left = (cross - jnp.sum(terms, axis=0) - jnp.sum(terms, axis=1) + 2 * own) * N / (N - 2)

    def error(left: Float[Array, " N"]) -> Float[Array, ""]:
        return jnp.sqrt((N - 1) / N * jnp.sum((left - jnp.mean(left)) ** 2))

    numerator = Estimate(jnp.sum(terms), error(own_left + cross_left), jnp.sqrt(jnp.sum(terms**2)))
    denominator = Estimate(jnp.sum(own), error(own_left), jnp.sqrt(jnp.sum(own**2)))
    found = Ratio(numerator.value, numerator.value, numerator, denominator)  # only to ask whether it is resolved
    safe = jnp.where(found.resolved, denominator.value, 1)
    # resolved: no own term is above half their sum, so no replicate's denominator vanishes
    left = (own_left + cross_left) / jnp.where(found.resolved, own_left, 1)
    value = jnp.where(found.resolved, numerator.value / safe, jnp.nan)
    return Ratio(value, jnp.where(found.resolved, error(left), jnp.nan), numerator, denominator)


def split_half_indices(first: Numbers, second: Numbers, std: Numbers) -> SplitHalfIndices:
    """χ and O from two independent estimates of every prompt's gradient, with errors and noise nulls.

    Standard errors: jackknife over prompts, so for prompts drawn like these; replicates are scaled to N prompts. Nulls:
    the standard deviation of the sum when the sign of every row of both halves is flipped at random, √Σ(terms²): what
    noise without signal does. A sum of n equal terms is √n of its null, so fewer than 5 prompts that carry the
    denominator cannot be resolved, however clean.

    Arguments:
        first, second: [N, d] as `split_half_gram`, N ≥ 3.
        std: [N] σ_x ≥ 0, taken as known; from other samples where it is estimated. σ_x = 0 has weight 0.

    Raises:
        ValueError: mismatched shapes, fewer than 3 prompts, negative deviations, NaN or infinite numbers.
    """
    A, B = _halves(first, second)
    return split_half_indices_of(A @ B.T, std)


def split_half_indices_of(cross_gram: Numbers, std: Numbers) -> SplitHalfIndices:
    """`split_half_indices` from C_xx' = ⟨A_x, B_x'⟩ [N, N], not symmetrised, for gradients too large to stack.

    Raises:
        ValueError: not square, fewer than 3 prompts, negative deviations, NaN or infinite numbers.
    """
    C, σ = as_float("cross_gram", cross_gram), as_float("std", std)
    check_shape("cross_gram", C, (None, None))
    check_shape("cross_gram", C, (C.shape[0], C.shape[0]))
    check_length("cross_gram", C, 3)
    check_finite("cross_gram", C)
    check_shape("std", σ, (C.shape[0],))
    check_interval("std", σ, 0, float("inf"), open_ends="h")
    weight = inverse_power(σ.astype(C.dtype), 1)
    return SplitHalfIndices(_index((weight[:, None] + weight) / 2 * C), _index(C))
