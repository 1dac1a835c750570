"""Local curvature: along a direction, at the ends of the spectrum, and taken apart (T5).

    κ(u) = uᵀ∇²J u = E[(r − J) M_u] = corr(r, M_u) · σ · sd(M_u),   M_u = (u·s)² + uᵀ∇² log π u,   s = ∇ log π

The deviation σ is one factor of three: T1 bounds the other two by w(u)²/4, T5 says what they are.
"""

from __future__ import annotations

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike
from jaxtyping import Array, Float
from scipy.sparse.linalg import LinearOperator, eigsh

from curvature._moments import Moments, arms_of, checked_direction, hessian_vector_product, tilt
from curvature.check import Numbers, as_float, check_count, check_finite, check_interval, check_one, check_shape
from curvature.safe import ratio

DENSE_LIMIT = 512
"""Up to this many parameters the whole spectrum is cheaper than Lanczos iterations."""

SMALL = 20
"""Vectors in ARPACK's basis: with no more parameters than this, Lanczos would build the matrix anyway."""

LANCZOS_TOLERANCE = {np.dtype(np.float64): 1e-10, np.dtype(np.float32): 1e-5}
"""Relative accuracy asked of Lanczos by default."""


def local_curvature(moments: Moments, direction: Numbers) -> Float[Array, ""]:
    """uᵀ∇²J u, exactly, in O(K d); never forms the Hessian.

    Arguments:
        moments: of one prompt (vmap for a batch).
        direction: [d] u, not normalised here: the result scales with |u|². Pass a unit vector for the
            curvature per unit of length squared.

    Raises:
        ValueError: a batch of moments, a direction of another length, or not finite.

    At p = (2+√2)/4 a coin with features ±½ has the sharp ratio of T1, |κ| = σ w²/4:

    >>> from curvature import moments
    >>> p = (2 + 2**0.5) / 4
    >>> m = moments([np.log(p / (1 - p)), 0.0], [[0.5], [-0.5]], [1.0, 0.0])
    >>> print(round(float(-local_curvature(m, [1.0]) / m.std), 12))
    0.25
    """
    u = checked_direction(moments, direction)
    if moments.arms is None:
        return u @ hessian_vector_product(moments, u)
    return moments.arms.weights @ (moments.arms.scores @ u) ** 2


class CurvatureParts(eqx.Module):
    """T5: κ = correlation · std · spread. The product is exact wherever σ and spread are positive."""

    correlation: Float[Array, ""]
    """corr(r, M_u) in [−1, 1]; 0 where either factor does not vary."""
    std: Float[Array, ""]
    """σ."""
    spread: Float[Array, ""]
    """sd(M_u) under the policy, in units of 1/θ²."""

    @property
    def curvature(self) -> Float[Array, ""]:
        """The product."""
        return self.correlation * self.std * self.spread


def _parts(
    π: Float[Array, " K"], advantages: Float[Array, " K"], σ: Float[Array, ""], M: Float[Array, " K"]
) -> CurvatureParts:
    M = M - π @ M
    M = M - π @ M  # twice, as in `moments`: the first mean carries a rounding of the size of M
    spread = jnp.sqrt(π @ M**2)
    return CurvatureParts(ratio(π @ (advantages * M), σ * spread), σ, spread)


def curvature_parts(moments: Moments, direction: Numbers) -> CurvatureParts:
    """T5 for a log-linear policy, where M_u = (u·s)² − Var(u·φ).

    Arguments:
        moments: of one prompt, with its arms.
        direction: [d].

    Raises:
        ValueError: a batch of moments, a direction of another length or not finite, or Moments without arms.
    """
    u, a = checked_direction(moments, direction), arms_of(moments)
    return _parts(a.probabilities, a.advantages, moments.std, (a.scores @ u) ** 2)


def curvature_parts_of(
    logits: Callable[[Float[Array, " d"]], Float[Array, " K"]],
    parameters: Numbers,
    rewards: Numbers,
    direction: Numbers,
) -> CurvatureParts:
    """T5 for any differentiable policy over K arms, by two nested forward derivatives of log π.

    Arguments:
        logits: θ ↦ [K] (log-probabilities do as well).
        parameters, direction: [d], finite.
        rewards: [K], finite.

    Raises:
        ValueError: shapes that disagree, NaN or infinite numbers.

    >>> p = (2 + 2**0.5) / 4  # as in `local_curvature`
    >>> parts = curvature_parts_of(lambda θ: jnp.stack([θ[0], 0 * θ[0]]), [np.log(p / (1 - p))], [1.0, 0.0], [1.0])
    >>> print(round(float(-parts.curvature / parts.std), 12))
    0.25
    """
    θ, u, r = as_float("parameters", parameters), as_float("direction", direction), as_float("rewards", rewards)
    check_shape("parameters", θ, (None,))
    check_shape("direction", u, θ.shape)
    for name, array in (("parameters", θ), ("direction", u)):
        check_finite(name, array)
    u = u.astype(θ.dtype)

    def log_policy(step: Float[Array, ""]) -> Float[Array, " K"]:
        return jax.nn.log_softmax(logits(θ + step * u))

    zero, one = jnp.zeros((), θ.dtype), jnp.ones((), θ.dtype)

    def slope(step: Float[Array, ""]) -> Float[Array, " K"]:
        return jax.jvp(log_policy, (step,), (one,))[1]

    score, bend = jax.jvp(slope, (zero,), (one,))
    _, σ, π, advantages = tilt(log_policy(zero), r)
    return _parts(π, advantages, σ, score**2 + bend)


class Extremes(eqx.Module):
    """The least and the greatest eigenvalue of a symmetric matrix (∇²J) with unit eigenvectors."""

    least: Float[Array, ""]
    greatest: Float[Array, ""]
    least_vector: Float[Array, " d"]
    greatest_vector: Float[Array, " d"]


def extreme_eigenvalues(moments: Moments, *, tolerance: float = 1e-10, seed: int = 0) -> Extremes:
    """Both ends of the spectrum of ∇²J.

    Dense below `DENSE_LIMIT` parameters; above it, implicitly restarted Lanczos (ARPACK through
    `scipy.sparse.linalg.eigsh`) on Hessian-vector products, O(K d) each. Runs on the host: not for use under jit.

    Arguments:
        moments: of one prompt; the Hessian need not have been formed.
        tolerance: relative accuracy of the Lanczos eigenvalues, in [0, 1).
        seed: of the Lanczos start vector, ≥ 0.

    Raises:
        ValueError: a batch of moments, or outside those ranges.
        scipy.sparse.linalg.ArpackNoConvergence: no convergence; raise `tolerance`.
    """
    check_one("moments", moments)
    check_interval("tolerance", tolerance, 0, 1, open_ends="h")
    check_count("seed", seed, 0)
    d = moments.gradient.shape[0]
    if d <= DENSE_LIMIT:
        H = moments.hessian
        if H is None:
            H = jax.vmap(lambda e: hessian_vector_product(moments, e))(jnp.eye(d, dtype=moments.gradient.dtype))
        values, vectors = jnp.linalg.eigh(H)
        return Extremes(values[0], values[-1], vectors[:, 0], vectors[:, -1])
    compiled = jax.jit(hessian_vector_product)

    def product(v: np.ndarray) -> np.ndarray:
        return np.asarray(compiled(moments, jnp.asarray(v)))

    return extreme_eigenvalues_of(product, d, dtype=moments.gradient.dtype, tolerance=tolerance, seed=seed)


def extreme_eigenvalues_of(
    product: Callable[[np.ndarray], np.ndarray],
    size: int,
    *,
    dtype: DTypeLike = np.float64,
    tolerance: float | None = None,
    max_iterations: int | None = None,
    seed: int = 0,
) -> Extremes:
    """Both ends of the spectrum of any symmetric matrix that is known by its products with vectors.

    Implicitly restarted Lanczos (ARPACK through `scipy.sparse.linalg.eigsh`); up to `SMALL` rows, where Lanczos would
    span the whole space, the matrix itself. Runs on the host: not for use under jit. Pytrees go through
    `jax.flatten_util.ravel_pytree`.

    Arguments:
        product: v ↦ H v, [size] to [size]; H symmetric to rounding.
        size: d ≥ 1.
        dtype: float32 or float64, of the vectors that `product` is given.
        tolerance: relative accuracy of the eigenvalues; by default 1e-10 in float64 and 1e-5 in float32, whose products
            do no better. No finer than the dtype's own epsilon.
        max_iterations: restarts allowed; by default 10 d.
        seed: of the start vector.

    Raises:
        ValueError: another size or dtype, a tolerance outside [0, 1), no restarts, a negative seed, or a product
            of another shape or not finite.
        scipy.sparse.linalg.ArpackNoConvergence: no convergence; raise `tolerance` or `max_iterations`.

    >>> found = extreme_eigenvalues_of(lambda v: np.array([2.0, -1.0, 0.5]) * v, 3)
    >>> print(found.least, found.greatest)
    -1.0 2.0
    """
    check_count("size", size, 1)
    check_count("seed", seed, 0)
    try:
        kind = np.dtype(dtype)
    except TypeError:
        raise ValueError(f"dtype is {dtype!r}; allowed: float32 or float64") from None
    if kind not in LANCZOS_TOLERANCE:
        raise ValueError(f"dtype is {kind}; allowed: float32 or float64")
    tol = LANCZOS_TOLERANCE[kind] if tolerance is None else tolerance
    check_interval("tolerance", tol, 0, 1, open_ends="h")
    if max_iterations is not None:
        check_count("max_iterations", max_iterations, 1)

    def checked(v: np.ndarray) -> np.ndarray:
        result = np.asarray(product(v.ravel()))
        if result.shape != (size,):
            raise ValueError(f"product returned shape {result.shape}; allowed: ({size},)")
        if not np.isfinite(result).all():
            raise ValueError(f"product returned {result[~np.isfinite(result)][0]}; allowed: finite numbers")
        return result.astype(kind, copy=False)

    if size <= SMALL:
        H = np.stack([checked(e) for e in np.eye(size, dtype=kind)])
        values, vectors = np.linalg.eigh((H + H.T) / 2)
        return _extremes(values, vectors)
    # the stubs know neither the callable form of LinearOperator nor a tolerance that is not an integer
    operator = LinearOperator((size, size), matvec=checked, dtype=kind)  # pyright: ignore[reportCallIssue]
    start = np.random.default_rng(seed).standard_normal(size).astype(kind)
    if not np.any(checked(start)):  # H = 0: σ or every score vanishes
        unit = jnp.asarray(start / np.linalg.norm(start))
        return Extremes(jnp.zeros((), kind), jnp.zeros((), kind), unit, unit)
    values, vectors = eigsh(
        operator,
        k=2,
        which="BE",
        tol=max(tol, float(np.finfo(kind).eps)),  # pyright: ignore[reportArgumentType]
        v0=start,
        maxiter=max_iterations,
    )
    return _extremes(values, vectors)


def _extremes(values: np.ndarray, vectors: np.ndarray) -> Extremes:
    low, high = np.argmin(values), np.argmax(values)
    return Extremes(
        jnp.asarray(values[low]), jnp.asarray(values[high]), jnp.asarray(vectors[:, low]), jnp.asarray(vectors[:, high])
    )
