r"""What each rule ascends whatever the overlap: its own sum Σ F(J_x), F′ = σ^(−α), and the step that is safe (T20).

    |d²F(J)/du²| ≤ Λ_α w(u)²,   Λ_α = max_k ((1 − k²)/4)^β M(βk),   β = 1 − α/2

The maximum is at k = 1/(1 + √α) if α + √α ≥ 1, else at 1/√(3 − α); M is that of `binary_curvature_bound` (T18). So
Σ F(J_x) is Λ_αλD²-smooth, λ the greatest eigenvalue of the sum of the prompts' projections, and the step 1/(Λ_αλD²)
never lowers it. Independent checks: tests/curvature/test_own_objective.py.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from curvature.binary_curvature import curvature_shape
from curvature.check import Numbers, as_float, as_floats, check_interval


def power_curvature_constant(alpha: Numbers) -> Float[Array, "*shape"]:
    """T20: Λ_α, the least number with |uᵀ∇²F(J)u| ≤ Λ_α w(u)² for rewards 0 and 1, F′ = σ^(−α).

    F is J at α = 0, 2 arcsin √J at α = 1, logit J at α = 2; there Λ is √3/18, √3/12 and ¼.

    Arguments:
        alpha: the rule's exponent, in [0, 2].

    Raises:
        ValueError: outside that range.

    >>> print([round(float(x), 4) for x in power_curvature_constant([0.0, 0.5, 1.0, 1.5, 2.0])])
    [0.0962, 0.115, 0.1443, 0.1882, 0.25]
    """
    α = as_float("alpha", alpha)
    check_interval("alpha", α, 0, 2)
    β = 1 - α / 2
    k = jnp.where(α + jnp.sqrt(α) >= 1, 1 / (1 + jnp.sqrt(α)), 1 / jnp.sqrt(3 - α))
    return ((1 - k**2) / 4) ** β * curvature_shape(β * k)


def ascent_step(alpha: Numbers, *, overlap: Numbers, diameter: Numbers) -> Float[Array, "*shape"]:
    """T20: 1/(Λ_αλD²), the step of Σ g/σ^α that raises Σ F(J_x) by at least |Σ g/σ^α|²/(2Λ_αλD²), F′ = σ^(−α).

    Up to twice this step the sum never falls, whatever the prompts' overlap or conflict. ΣJ may fall (X1, C6).

    Arguments:
        alpha: the rule's exponent, in [0, 2].
        overlap: λ ≥ 1, at least the greatest eigenvalue of Σ P_x over the prompts, P_x the projection on the span of
            prompt x's feature differences (`span_basis`): 1 where spans are orthogonal, and never more than N.
        diameter: D ≥ every prompt's own, positive.

    Raises:
        ValueError: outside those ranges, or shapes that do not broadcast.

    >>> print(round(float(ascent_step(1.0, overlap=1.0, diameter=2.0)), 4))  # √3
    1.7321
    """
    α, λ, D = as_floats(alpha=alpha, overlap=overlap, diameter=diameter)
    check_interval("overlap", λ, 1 - 1e-6, float("inf"), open_ends="h")
    check_interval("diameter", D, 0, float("inf"), open_ends="lh")
    return 1 / (power_curvature_constant(α) * λ * D**2)
