r"""Gradient and curvature where exactly one response is right: exact, for any differentiable policy.

    ℓ = log π(y*), s = ∇ℓ:   J = e^ℓ,   σ = √(J(1−J)),   g = J s,   uᵀ∇²J u = J[(u·s)² + uᵀ∇²ℓ u]

One log-probability and its derivatives are all it takes: no sampling, no enumeration, no noise. Parameters are pytrees
of floating-point arrays and keep their dtype. Independent checks: tests/curvature/test_right_response.py.
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from curvature._along import along, check_parameters, like
from curvature.check import Numbers, as_float, check_finite, check_interval, check_length, check_shape, is_concrete
from curvature.safe import ratio

ROUNDING = 1e-3
"""By how much a log-probability may exceed 0: a float32 sum over a long response does by less."""


def _scalar(log_prob: Array) -> Array:
    """Refuses a batch in our own words, before jax.grad refuses it in its own."""
    if jnp.ndim(log_prob):
        raise ValueError(
            f"log_prob has shape {jnp.shape(log_prob)}; allowed: () (one response's; use jax.vmap for a batch)"
        )
    return log_prob


def _one_log_prob(log_prob: Array) -> Float[Array, ""]:
    """A log-probability, with the rounding above 0 taken off."""
    _scalar(log_prob)
    if is_concrete(log_prob) and not (np.isfinite(log_prob) and log_prob <= ROUNDING):
        raise ValueError(f"log_prob is {float(log_prob)}; allowed: finite numbers of at most 0")
    return jnp.minimum(log_prob, 0)


def success_std(log_prob: Numbers) -> Float[Array, "*batch"]:
    """√(J(1−J)) from log J: neither 1 − J cancels near J = 1, nor does J underflow before its root does.

    Arguments:
        log_prob: ℓ = log J ≤ 0, of any shape; rounding above 0 is taken off.

    Raises:
        ValueError: NaN, or above 0 by more than rounding.

    >>> print(round(float(success_std(np.log(0.5))), 6), success_std(1e-8))
    0.5 0.0
    """
    log_p = as_float("log_prob", log_prob)
    check_interval("log_prob", log_p, -float("inf"), ROUNDING)
    log_p = jnp.minimum(log_p, 0)
    return jnp.exp(log_p / 2) * jnp.sqrt(jnp.abs(jnp.expm1(log_p)))  # abs: 0, not −0, at J = 1


class Success(eqx.Module):
    """J and what first-order rules need, of one prompt with one right response."""

    log_prob: Float[Array, "*batch"]
    """ℓ = log π(y*)."""
    value: Float[Array, "*batch"]
    """J = e^ℓ, the pass rate."""
    std: Float[Array, "*batch"]
    """σ = e^{ℓ/2} √(1−e^ℓ), with the digits of 1 − J that ℓ carries."""
    score: PyTree[Float[Array, "..."]]
    """s = ∇ℓ, like the parameters."""

    @property
    def gradient(self) -> PyTree[Float[Array, "..."]]:
        """∇J = J s. GRPO's g/σ is (J/σ) s."""

        def leaf(s: Array) -> Array:
            J = self.value.reshape(self.value.shape + (1,) * (s.ndim - self.value.ndim))
            return J.astype(s.dtype) * s

        return jax.tree.map(leaf, self.score)


def success(log_prob: Callable[[PyTree], Array], parameters: PyTree) -> Success:
    """J, σ and ∇J where exactly one response is right. One reverse pass; jit and vmap as you like.

    Arguments:
        log_prob: θ ↦ log π_θ(y*), a scalar ≤ 0.
        parameters: θ, a pytree of floating-point arrays.

    Raises:
        ValueError: a log-probability that is not a scalar, not finite, or above 0 by more than rounding; parameters
            that are not floating-point arrays.

    Reference: Ge, Yin, Liang, Zhang (2026), arXiv 2601.23135, for the view; T5 in docs/theory.md.

    A fair coin that is right on one side: J = σ = ½, ∇J = J(1−J) = ¼.

    >>> s = success(jax.nn.log_sigmoid, jnp.asarray(0.0))
    >>> print(s.value, round(float(s.std), 6), s.gradient)
    0.5 0.5 0.25
    """
    check_parameters(parameters)
    log_p, score = jax.value_and_grad(lambda θ: _scalar(log_prob(θ)))(parameters)
    log_p = _one_log_prob(log_p)
    return Success(log_p, jnp.exp(log_p), success_std(log_p), score)


def success_curvature(log_prob: Callable[[PyTree], Array], parameters: PyTree, direction: PyTree) -> Float[Array, ""]:
    """uᵀ∇²J u = J[(u·s)² + uᵀ∇²ℓ u] where exactly one response is right, by `along`. Scales with |u|².

    Arguments as `along`, `log_prob` a scalar.

    Raises:
        ValueError: as `along` and `success`.

    >>> print(round(float(success_curvature(jax.nn.log_sigmoid, jnp.asarray(np.log(3.0)), jnp.asarray(1.0))), 6))
    -0.09375

    (J = ¾: J(1−J)(1−2J) = −3/32.)
    """
    a = along(log_prob, parameters, direction)
    return jnp.exp(_one_log_prob(a.log_prob)) * a.statistic


def success_hessian_vector_product(
    log_prob: Callable[[PyTree], Array], parameters: PyTree, direction: PyTree
) -> PyTree[Float[Array, "..."]]:
    """∇²J u = J[(u·s) s + ∇²ℓ u], like the parameters: forward over reverse, the Hessian never formed.

    Arguments as `along`, `log_prob` a scalar. With `extreme_eigenvalues_of` it gives the ends of the spectrum.

    Raises:
        ValueError: as `along` and `success`.
    """
    u = like("direction", direction, parameters)
    (log_p, s), (slope, bend) = jax.jvp(jax.value_and_grad(lambda θ: _scalar(log_prob(θ))), (parameters,), (u,))
    J = jnp.exp(_one_log_prob(log_p))
    return jax.tree.map(lambda s, b: J.astype(s.dtype) * (slope.astype(s.dtype) * s + b), s, bend)


class SuccessParts(eqx.Module):
    """T5 with one right response: the curvature and σ are exact, the spread is exact up to the wrong responses."""

    correlation: Float[Array, "*batch"]
    """corr(r, M_u)."""
    std: Float[Array, "*batch"]
    """σ."""
    spread: Float[Array, "*batch"]
    """sd(M_u)."""
    correlation_error: Float[Array, "*batch"]
    """Standard error of the correlation."""
    spread_error: Float[Array, "*batch"]
    """Standard error of the spread."""

    @property
    def curvature(self) -> Float[Array, "*batch"]:
        """The product of the first three."""
        return self.correlation * self.std * self.spread


def success_parts(log_prob: Numbers, right: Numbers, wrong: Numbers) -> SuccessParts:
    """T5 with one right response: κ = J M* exactly, and sd(M)² = J M*² + (1−J) E[M²|wrong] with the last term sampled.

    Arguments:
        log_prob: ℓ = log π(y*), a scalar ≤ 0.
        right: M* = (u·s)² + uᵀ∇²ℓ u of the right response.
        wrong: [S] M of S ≥ 2 responses drawn from the policy, the right ones thrown away.

    Returns:
        Parts whose product is J M* to rounding, and standard errors by the delta method. The estimate of sd(M)² is
        unbiased; its root is a little low, by the square of the error over 2 sd(M).

    Raises:
        ValueError: shapes, fewer than two wrong responses, NaN or infinite numbers, ℓ above 0.

    Two wrong responses of probability ¼ each beside J = ½, with M = 2 against −1 and −3 (so that E M = 0):

    >>> found = success_parts(np.log(0.5), 2.0, [-1.0, -3.0])
    >>> print(round(float(found.curvature), 6), round(float(found.spread**2), 6))  # J M*; ½·4 + ½·5
    1.0 4.5
    """
    log_p, M, others = as_float("log_prob", log_prob), as_float("right", right), as_float("wrong", wrong)
    check_shape("right", M, ())
    check_shape("wrong", others, (None,))
    check_length("wrong", others, 2)
    for name, array in (("right", M), ("wrong", others)):
        check_finite(name, array)
    log_p, M = _one_log_prob(log_p).astype(others.dtype), M.astype(others.dtype)
    J, fail, σ = jnp.exp(log_p), -jnp.expm1(log_p), success_std(log_p)
    spread = jnp.sqrt(J * M**2 + fail * jnp.mean(others**2))
    error = fail * jnp.std(others**2, ddof=1) / others.shape[0] ** 0.5  # of the spread's square
    spread_error = ratio(error, 2 * spread)
    correlation = ratio(J * M, σ * spread)
    return SuccessParts(correlation, σ, spread, jnp.abs(correlation) * ratio(spread_error, spread), spread_error)
