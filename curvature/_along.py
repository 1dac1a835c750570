r"""log π of any differentiable policy and its first two derivatives along a direction, by nested forward derivatives.

    a = u·∇ log π,   b = uᵀ∇² log π u,   M_u = a² + b:   E M_u = 0,  Cov(r, M_u) = uᵀ∇²J u                          (T5)

Parameters are pytrees of floating-point arrays and keep their dtype. Independent checks: tests/curvature/test_along.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from curvature.check import as_float, check_finite


def check_parameters(parameters: PyTree) -> None:
    """A tree of floating-point arrays: others have no derivatives.

    Raises:
        ValueError: another kind of leaf.
    """
    for leaf in jax.tree.leaves(parameters):
        dtype = leaf.dtype if hasattr(leaf, "dtype") else np.asarray(leaf).dtype
        if not jnp.issubdtype(dtype, jnp.floating):
            raise ValueError(f"parameters has a leaf of dtype {dtype}; allowed: floating-point arrays")


def like(name: str, direction: PyTree, parameters: PyTree) -> PyTree:
    """`direction` in the dtypes of `parameters`.

    Raises:
        ValueError: parameters that are not floating-point arrays; another structure, another shape, or not finite.
    """
    check_parameters(parameters)
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
        ValueError: parameters that are not floating-point arrays, a direction of another structure or shape, or not
            finite.

    >>> a = along(lambda θ: -(θ**2), jnp.asarray(3.0), jnp.asarray(1.0))
    >>> print(a.slope, a.bend)
    -6.0 -2.0
    """
    u = like("direction", direction, parameters)
    (log_p, slope), (_, bend) = jax.jvp(lambda θ: jax.jvp(log_prob, (θ,), (u,)), (parameters,), (u,))
    return Along(log_p, slope, bend)
