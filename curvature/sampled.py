r"""Curvature and deviation from sampled responses: unbiased, with the error and with what noise alone would give.

    uᵀ∇²J u = Cov(r, M),   M = (u·s)² + uᵀ∇² log π u                                                        (T5)

An estimate says how large it would be if rewards had nothing to do with responses: its null. Independent checks:
tests/curvature/test_sampled.py.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from curvature._moments import centre
from curvature.check import Numbers, as_float, check_finite, check_length, check_shape


class Estimate(eqx.Module):
    """An unbiased estimate, its error, and what it would scatter by were there nothing to see."""

    value: Float[Array, "*batch"]
    standard_error: Float[Array, "*batch"]
    null: Float[Array, "*batch"]
    """Standard deviation of the estimate when its cause is taken away (rewards permuted, signs flipped)."""

    @property
    def resolved(self) -> Bool[Array, "*batch"]:
        """|value| > 2 max(standard error, null): below, an estimate is noise and no trend may be read from it."""
        return jnp.abs(self.value) > 2 * jnp.maximum(self.standard_error, self.null)


def _covariance(x: Float[Array, " S"], y: Float[Array, " S"]) -> tuple[Array, Array, Array]:
    """Unbiased Cov(x, y), its standard error (plug-in central moments), and its permutation null."""
    S = x.shape[0]
    x, y = centre(x), centre(y)
    m11, m20, m02 = jnp.mean(x * y), jnp.mean(x**2), jnp.mean(y**2)
    # Var = [μ22 − (S−2)/(S−1) μ11² + μ20 μ02/(S−1)]/S; with 1/S moments it is never negative
    variance = (jnp.mean((x * y) ** 2) - (S - 2) / (S - 1) * m11**2 + m20 * m02 / (S - 1)) / S
    null = S * jnp.sqrt(m20 * m02) / (S - 1) ** 1.5
    return S / (S - 1) * m11, jnp.sqrt(variance), null


def sampled_curvature(rewards: Numbers, slopes: Numbers, bends: Numbers) -> Estimate:
    """uᵀ∇²J u of one prompt from S sampled responses: the unbiased Cov(r, M), M = a² + b (T5).

    The direction u must come from other samples (or from none): a u that is fitted to these responses makes the
    estimate biased. Where (u·s)² and uᵀ∇² log π u nearly cancel, as in a language model, expect `resolved` to be False
    and report no slope of |κ| against σ: the error itself has one.

    Arguments:
        rewards: [S] r_i, S ≥ 2 responses drawn from the policy; vmap for several prompts.
        slopes: [S] a_i = u·∇ log π(y_i).
        bends: [S] b_i = uᵀ∇² log π(y_i) u (both from `along`).

    Returns:
        The standard error is √([m22 − (S−2)/(S−1) m11² + m20 m02/(S−1)]/S) from central sample moments of (r, M); its
        square is low by a relative O(1/S), and it knows nothing of a rare response that was not drawn.
        The null is the standard deviation over all S! ways to hand the rewards to the responses, sd(r) sd(M)/√(S−1)
        with sample deviations: exact for a permutation.

    Raises:
        ValueError: shapes that disagree, fewer than two responses, NaN or infinite numbers.

    >>> e = sampled_curvature([1.0, 0.0], [2.0, 1.0], [-1.0, -1.0])  # M = 3, 0: ½·(½·1.5 + ½·1.5)·2
    >>> print(e.value, e.null)
    1.5 1.5
    """
    r, a, b = as_float("rewards", rewards), as_float("slopes", slopes), as_float("bends", bends)
    check_shape("rewards", r, (None,))
    check_length("rewards", r, 2)
    for name, array in (("slopes", a), ("bends", b)):
        check_shape(name, array, r.shape)
    for name, array in (("rewards", r), ("slopes", a), ("bends", b)):
        check_finite(name, array)
    return Estimate(*_covariance(r.astype(a.dtype), a**2 + b.astype(a.dtype)))


def sampled_variance(rewards: Numbers) -> Estimate:
    """σ² of one prompt from S ≥ 2 rewards, unbiased, with the error that the fourth moment gives. Its null is 0.

    Arguments:
        rewards: [S] finite.

    Raises:
        ValueError: another shape, fewer than two rewards, NaN or infinite numbers.

    >>> print(sampled_variance([1.0, 0.0]).value)
    0.5
    """
    r = as_float("rewards", rewards)
    check_shape("rewards", r, (None,))
    check_length("rewards", r, 2)
    check_finite("rewards", r)
    value, error, _ = _covariance(r, r)
    return Estimate(value, error, jnp.zeros_like(value))
