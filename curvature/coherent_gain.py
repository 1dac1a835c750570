r"""What one step is guaranteed to gain when prompts share parameters: orthogonality and variance together (T17).

    ΣJ⁺ − ΣJ ≥ (4/D²) ρ(A/L) Σ |g_x|²/σ_x   at   η = 4 ln(1 + A/L)/(D²L),   ρ(r) = (1 + r) ln(1 + r) − r

for GRPO, with A and L from the coherence M_xy = ‖P_xP_y‖ and the spread of σ; A = L = 1 where spans are orthogonal, and
ρ(1) = c₀ (T6). REINFORCE has σ_max in place of every σ. Independent checks: tests/curvature/test_coherent_gain.py.
"""

from __future__ import annotations

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from curvature.check import Numbers, as_float, check_finite, check_interval, check_shape
from curvature.constants import STEP_UNIT


class CoherentGain(eqx.Module):
    """A step of one rule, and what it is guaranteed to gain; both 0 where nothing is guaranteed (A ≤ 0)."""

    step: Float[Array, ""]
    """η, on the sum: of g_x/σ_x (group) or of g_x (none)."""
    gain: Float[Array, ""]
    """A lower bound on the change of ΣJ."""
    ascent: Float[Array, ""]
    """A: the share of the first-order gain that interference leaves."""
    norm: Float[Array, ""]
    """L ≥ 1: how much further prompts are moved than by their own steps."""


def rho(ratio: Numbers) -> Float[Array, "*shape"]:
    """T17: ρ(r) = (1 + r) ln(1 + r) − r for r ≥ 0, the best of c r − ψ(c) over c; ρ(1) is T6's c₀.

    Raises:
        ValueError: a negative ratio, or one that is not finite.

    >>> print(round(float(rho(1.0)), 4))  # 2 ln 2 − 1
    0.3863
    """
    r = as_float("ratio", ratio)
    check_interval("ratio", r, 0, float("inf"), open_ends="h")
    return jnp.maximum((1 + r) * jnp.log1p(r) - r, 0)


def coherent_gain(
    gradients: Numbers, deviations: Numbers, *, coherence: Numbers, diameter: Numbers, rule: str
) -> CoherentGain:
    """T17: the step of a rule that is certified under coherence, and the gain of ΣJ that it guarantees.

    Leave out prompts with σ = 0: they push nothing, and no step moves their J.

    Arguments:
        gradients: [N, d] g_x.
        deviations: [N] σ_x > 0.
        coherence: μ in [0, 1], at least every ‖P_xP_y‖, x ≠ y; or those themselves, [N, N] (`pairwise_coherence`), of
            which the diagonal is not looked at. The matrix guarantees more.
        diameter: D ≥ every prompt's own, positive.
        rule: "group" (GRPO), or "none" (REINFORCE, with the greatest σ_x as σ_max).

    Raises:
        ValueError: outside those shapes and ranges, or another rule.

    Cost: O(N³) for a matrix.

    Two prompts with equal deviations and coherence ½: A = ½ and L = 1.5.

    >>> c = coherent_gain([[0.25], [0.25]], [0.5, 0.5], coherence=0.5, diameter=1.0, rule="group")
    >>> print(round(float(c.ascent), 4), round(float(c.norm), 4), round(float(c.step), 4))  # η = 4 ln(4/3)/1.5
    0.5 1.5 0.7672
    """
    g, σ = as_float("gradients", gradients), as_float("deviations", deviations)
    M, D = as_float("coherence", coherence), as_float("diameter", diameter)
    check_shape("gradients", g, (None, None))
    check_shape("deviations", σ, (g.shape[0],))
    check_shape("diameter", D, ())
    if M.ndim:
        check_shape("coherence", M, (g.shape[0], g.shape[0]))
    check_finite("gradients", g)
    check_interval("deviations", σ, 0, float("inf"), open_ends="lh")
    check_interval("coherence", M, 0, 1 + 1e-9)
    check_interval("diameter", D, 0, float("inf"), open_ends="lh")
    if rule not in ("group", "none"):
        raise ValueError(f"rule is {rule!r}; allowed: 'group' and 'none'")
    scale = σ if rule == "group" else jnp.full_like(σ, jnp.max(σ))
    A, L = _of_matrix(M, scale) if M.ndim else _of_number(M, scale)
    ratio = jnp.maximum(A, 0) / L
    step = STEP_UNIT * jnp.log1p(ratio) / (D**2 * L)
    gain = STEP_UNIT / D**2 * rho(ratio) * jnp.sum(jnp.sum(g**2, axis=1) / scale)
    return CoherentGain(step if rule == "group" else step / scale[0], gain, A, L)


def _of_number(μ: Float[Array, ""], σ: Float[Array, " N"]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """(A, L) from the greatest coherence and χ̂ = √(mean σ · mean 1/σ)."""
    N, χ = σ.shape[0], jnp.sqrt(jnp.mean(σ) * jnp.mean(1 / σ))
    return 1 - μ * (N * (1 + χ) / 2 - 1), 1 - μ + μ * N * χ


def _of_matrix(M: Float[Array, "N N"], σ: Float[Array, " N"]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """(A, L) from all coherences: B_xy = M_xy √(σ_x/σ_y), A = 1 − λ_max of its symmetric part."""
    eye = jnp.eye(σ.shape[0], dtype=σ.dtype)
    off = M * (1 - eye)
    B = off * jnp.sqrt(σ[:, None] / σ[None])
    A = 1 - jnp.linalg.eigvalsh((B + B.T) / 2)[-1]
    return A, jnp.maximum(jnp.linalg.norm(eye + B, 2), jnp.max(jnp.sum(eye + off, axis=1)))
