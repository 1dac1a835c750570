r"""Gradient and curvature of any differentiable policy: exact where one response is right, else from samples.

    one right response y*, ℓ = log π(y*), s = ∇ℓ:   J = e^ℓ,  σ = √(J(1−J)),  g = J s,  uᵀ∇²J u = J[(u·s)² + uᵀ∇²ℓ u]
    sampled responses:                              uᵀ∇²J u = Cov(r, M),  M = (u·s)² + uᵀ∇² log π u          (T5)

The first line needs one log-probability and its derivatives: no sampling, no enumeration, no noise. The second is an
unbiased estimate that says how large it would be if rewards had nothing to do with responses (its null). Parameters are
pytrees of floating-point arrays and keep their dtype. Independent checks: tests/curvature/test_estimate.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PyTree

from curvature.check import Numbers, as_float, check_finite, check_shape, is_concrete
from curvature.local import CurvatureParts
from curvature.safe import ratio

ROUNDING = 1e-3
"""By how much a log-probability may exceed 0: a float32 sum over a long response does by less."""


# --- one right response: exact ------------------------------------------------------------------------------------


def _like(name: str, direction: PyTree, parameters: PyTree) -> PyTree:
    """`direction` in the dtypes of `parameters`, or a ValueError where structure, shapes or numbers do not fit."""
    want, got = jax.tree.structure(parameters), jax.tree.structure(direction)
    if want != got:
        raise ValueError(f"{name} is a tree {got}; allowed: the parameters' tree {want}")

    def leaf(u: Any, θ: Any) -> Array:
        u = as_float(name, u)
        if u.shape != jnp.shape(θ):
            raise ValueError(f"{name} has a leaf of shape {u.shape}; allowed: the parameters' {jnp.shape(θ)}")
        check_finite(name, u)
        return u.astype(jnp.result_type(θ))

    return jax.tree.map(leaf, direction, parameters)


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


def success_std(log_prob: Float[Array, "*batch"]) -> Float[Array, "*batch"]:
    """√(J(1−J)) from log J: neither 1 − J cancels near J = 1, nor does J underflow before its root does.

    Rounding above log J = 0 is taken off.

    >>> print(round(float(success_std(jnp.log(0.5))), 6), success_std(jnp.asarray(1e-8)))
    0.5 0.0
    """
    log_prob = jnp.minimum(log_prob, 0)
    return jnp.exp(log_prob / 2) * jnp.sqrt(jnp.abs(jnp.expm1(log_prob)))  # abs: 0, not −0, at J = 1


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
        ValueError: a log-probability that is not a scalar, not finite, or above 0 by more than rounding.

    Reference: Ge, Yin, Liang, Zhang (2026), arXiv 2601.23135, for the view; T5 in docs/theory.md.

    A fair coin that is right on one side: J = σ = ½, ∇J = J(1−J) = ¼.

    >>> s = success(jax.nn.log_sigmoid, jnp.asarray(0.0))
    >>> print(s.value, round(float(s.std), 6), s.gradient)
    0.5 0.5 0.25
    """
    log_p, score = jax.value_and_grad(lambda θ: _scalar(log_prob(θ)))(parameters)
    log_p = _one_log_prob(log_p)
    return Success(log_p, jnp.exp(log_p), success_std(log_p), score)


class Along(eqx.Module):
    """log π and its first two derivatives along a direction, of one response or of several."""

    log_prob: Float[Array, "*shape"]
    slope: Float[Array, "*shape"]
    """a = u·∇ log π."""
    bend: Float[Array, "*shape"]
    """b = uᵀ∇² log π u."""

    @property
    def statistic(self) -> Float[Array, "*shape"]:
        """M_u = a² + b of T5: its mean over the policy is 0, its covariance with the reward is the curvature."""
        return self.slope**2 + self.bend


def along(log_prob: Callable[[PyTree], Array], parameters: PyTree, direction: PyTree) -> Along:
    """Two nested forward derivatives: a few forward passes, however many responses, and no reverse pass.

    Arguments:
        log_prob: θ ↦ log π_θ of one response (a scalar) or of S of them ([S]).
        parameters: θ, a pytree of floating-point arrays.
        direction: u, a pytree like θ, not normalised here.

    Raises:
        ValueError: a direction of another structure or shape, or not finite.

    >>> a = along(lambda θ: -(θ**2), jnp.asarray(3.0), jnp.asarray(1.0))
    >>> print(a.slope, a.bend)
    -6.0 -2.0
    """
    u = _like("direction", direction, parameters)
    (log_p, slope), (_, bend) = jax.jvp(lambda θ: jax.jvp(log_prob, (θ,), (u,)), (parameters,), (u,))
    return Along(log_p, slope, bend)


def success_curvature(log_prob: Callable[[PyTree], Array], parameters: PyTree, direction: PyTree) -> Float[Array, ""]:
    """uᵀ∇²J u = J[(u·s)² + uᵀ∇²ℓ u] where exactly one response is right, by `along`. Scales with |u|².

    Arguments as `along`, `log_prob` a scalar.

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
    """
    u = _like("direction", direction, parameters)
    (log_p, s), (slope, bend) = jax.jvp(jax.value_and_grad(lambda θ: _scalar(log_prob(θ))), (parameters,), (u,))
    J = jnp.exp(_one_log_prob(log_p))
    return jax.tree.map(lambda s, b: J.astype(s.dtype) * (slope.astype(s.dtype) * s + b), s, bend)


class SuccessParts(eqx.Module):
    """T5 with one right response: the curvature and σ are exact, the spread is exact up to the wrong responses."""

    parts: CurvatureParts
    spread_error: Float[Array, ""]
    """Standard error of sd(M_u)."""
    correlation_error: Float[Array, ""]
    """Standard error of corr(r, M_u)."""


def success_parts(log_prob: Numbers, right: Numbers, wrong: Numbers) -> SuccessParts:
    """T5 with one right response: κ = J M* exactly, and sd(M)² = J M*² + (1−J) E[M²|wrong] with the last term sampled.

    Arguments:
        log_prob: ℓ = log π(y*), a scalar ≤ 0.
        right: M* = (u·s)² + uᵀ∇²ℓ u of the right response.
        wrong: [S] M of S ≥ 2 responses drawn from the policy, the right ones thrown away.

    Returns:
        `parts` whose product is J M* to rounding, and standard errors by the delta method. The estimate of sd(M)² is
        unbiased; its root is a little low, by the square of the error over 2 sd(M).

    Raises:
        ValueError: shapes, fewer than two wrong responses, NaN or infinite numbers, ℓ above 0.

    Two wrong responses of probability ¼ each beside J = ½, with M = 2 against −1 and −3 (so that E M = 0):

    >>> found = success_parts(np.log(0.5), 2.0, [-1.0, -3.0]).parts
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
    return SuccessParts(
        CurvatureParts(correlation, σ, spread), spread_error, jnp.abs(correlation) * ratio(spread_error, spread)
    )


# --- sampled responses --------------------------------------------------------------------------------------------


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


def check_length(name: str, array: Array, least: int) -> None:
    """At least `least` entries along the first axis."""
    if array.shape[0] < least:
        raise ValueError(f"{name} has length {array.shape[0]}; allowed: at least {least}")


def _covariance(x: Float[Array, " S"], y: Float[Array, " S"]) -> tuple[Array, Array, Array]:
    """Unbiased Cov(x, y), its standard error (plug-in central moments), and its permutation null."""
    S = x.shape[0]
    x, y = x - jnp.mean(x), y - jnp.mean(y)
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

    >>> print(sampled_variance([1.0, 0.0]).value)
    0.5
    """
    r = as_float("rewards", rewards)
    check_shape("rewards", r, (None,))
    check_length("rewards", r, 2)
    check_finite("rewards", r)
    value, error, _ = _covariance(r, r)
    return Estimate(value, error, jnp.zeros_like(value))
