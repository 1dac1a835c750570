r"""How prompts interfere: Gram matrix, cosines, the indices χ and O, and the decoupled direction (T9).

    χ = Σ_{x,x'} ⟨g_x, g_x'⟩/σ_x' ÷ Σ_x |g_x|²/σ_x,      O = |Σ_x g_x|² / Σ_x |g_x|²

Both are 1 for orthogonal gradients. GRPO ascends J to first order iff χ > 0; above 1 prompts help each other, which is
as much a finding as below. Gradients orthogonal at a point are not orthogonal spans (docs/theory.md, X1).
Independent checks: tests/curvature/test_coherence.py.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from curvature.check import Numbers, as_float, check_finite, check_interval, check_shape, is_concrete
from curvature.constants import A_PRIORI_STD
from curvature.safe import inverse_power, ratio, solve_psd

SYMMETRY = 1e-4
"""How far a Gram matrix may be from its transpose, relative to its largest entry: float32 products in any order."""


def _gradients(gradients: Numbers) -> Float[Array, "N d"]:
    g = as_float("gradients", gradients)
    check_shape("gradients", g, (None, None))
    check_finite("gradients", g)
    return g


def _std(std: Numbers, num_prompts: int) -> Float[Array, " N"]:
    σ = as_float("std", std)
    check_shape("std", σ, (num_prompts,))
    check_interval("std", σ, 0, float("inf"), open_ends="h")
    return σ


def gram(gradients: Numbers) -> Float[Array, "N N"]:
    """⟨g_x, g_x'⟩ for [N, d] gradients.

    Raises:
        ValueError: another shape, NaN or infinite numbers.

    >>> print(gram([[1.0, 0.0], [1.0, 2.0]]))
    [[1. 1.]
     [1. 5.]]
    """
    g = _gradients(gradients)
    return g @ g.T


def cosines(gradients: Numbers) -> Float[Array, "N N"]:
    """Pairwise cosines of [N, d] gradients; 0 where a gradient vanishes.

    Raises:
        ValueError: another shape, NaN or infinite numbers.

    >>> print(cosines([[2.0, 0.0], [0.0, 0.0], [3.0, 4.0]]))
    [[1.  0.  0.6]
     [0.  0.  0. ]
     [0.6 0.  1. ]]
    """
    g = _gradients(gradients)
    norm = jnp.linalg.norm(g, axis=-1, keepdims=True)
    unit = ratio(g, norm)
    return unit @ unit.T


def cross_ratio(gradients: Numbers, std: Numbers) -> Float[Array, ""]:
    """χ: the first-order gain of J under GRPO, over what it would be were the gradients orthogonal. O(N d).

    Arguments:
        gradients: [N, d] g_x.
        std: [N] σ_x ≥ 0; prompts with σ_x = 0 drop out.

    Returns:
        χ, real: 1 orthogonal, < 1 interference, ≤ 0 GRPO does not ascend, > 1 prompts help. NaN if every g_x is 0.

    Raises:
        ValueError: shapes that disagree, negative deviations, NaN or infinite numbers.

    Two prompts with the same gradient help each other:

    >>> print(cross_ratio([[1.0], [1.0]], [0.5, 0.5]))
    2.0
    """
    g = _gradients(gradients)
    weight = inverse_power(_std(std, g.shape[0]), 1)
    return jnp.sum(g, axis=0) @ (weight @ g) / (weight @ jnp.sum(g**2, axis=-1))


def orthogonality(gradients: Numbers) -> Float[Array, ""]:
    """O = |Σ g_x|²/Σ|g_x|² ∈ [0, N] of gradients [N, d]. NaN if every gradient is 0.

    Raises:
        ValueError: another shape, NaN or infinite numbers.

    >>> print(orthogonality([[1.0, 0.0], [0.0, 2.0]]))
    1.0
    """
    g = _gradients(gradients)
    return jnp.sum(jnp.sum(g, axis=0) ** 2) / jnp.sum(g**2)


def _gram(gram: Numbers) -> Float[Array, "N N"]:
    K = as_float("gram", gram)
    check_shape("gram", K, (None, None))
    check_shape("gram", K, (K.shape[0], K.shape[0]))
    check_finite("gram", K)
    if is_concrete(K):
        values = np.asarray(K)
        gap = float(np.abs(values - values.T).max())
        if gap > SYMMETRY * np.abs(values).max():
            raise ValueError(f"gram differs from its transpose by {gap:g}; allowed: a symmetric matrix")
    return K


def cross_ratio_of_gram(gram: Numbers, std: Numbers) -> Float[Array, ""]:
    """χ from the Gram matrix ⟨g_x, g_x'⟩, for gradients too large to stack. As `cross_ratio`. O(N²).

    Arguments:
        gram: [N, N] symmetric; a split-half estimate, whose diagonal may be negative, is as welcome.
        std: [N] σ_x ≥ 0; σ_x = 0 has weight 0.

    Raises:
        ValueError: not square, not symmetric, deviations of another number or negative, NaN or infinite numbers.

    >>> print(cross_ratio_of_gram([[1.0, 1.0], [1.0, 1.0]], [0.5, 0.5]))
    2.0
    """
    K = _gram(gram)
    weight = inverse_power(_std(std, K.shape[0]).astype(K.dtype), 1)
    return jnp.sum(K @ weight) / (weight @ jnp.diagonal(K))


def orthogonality_of_gram(gram: Numbers) -> Float[Array, ""]:
    """O = Σ_{x,x'} ⟨g_x, g_x'⟩ / trace, from the Gram matrix [N, N]. As `orthogonality`.

    Raises:
        ValueError: not square, not symmetric, NaN or infinite numbers.

    >>> print(orthogonality_of_gram([[1.0, 0.0], [0.0, 4.0]]))
    1.0
    """
    K = _gram(gram)
    return jnp.sum(K) / jnp.trace(K)


def relative_gain(gradient_norms: Numbers, std: Numbers) -> Float[Array, ""]:
    """R = ½ Σ(|g_x|²/σ_x) / Σ|g_x|²: GRPO's first-order gain over REINFORCE's where prompts do not interact.

    Both gains are those of one step from the same state, on the sum over prompts, REINFORCE's twice as long
    (η_none = 2 η_group), so that R = 1 where σ = ½ everywhere. As σ ≤ ½ for rewards in [0, 1], R ≥ 1 there, and it is
    smallest where deviations are high: high variance is not where scaling pays.

    Arguments:
        gradient_norms: [N] |g_x| ≥ 0.
        std: [N] σ_x ≥ 0; σ_x = 0 has weight 0.

    Returns:
        R; NaN if every g_x is 0.

    Raises:
        ValueError: outside those shapes and ranges.

    >>> print(relative_gain([1.0, 1.0], [0.5, 0.125]))  # ½ (2 + 8)/2
    2.5
    """
    norm = as_float("gradient_norms", gradient_norms)
    check_shape("gradient_norms", norm, (None,))
    check_interval("gradient_norms", norm, 0, float("inf"), open_ends="h")
    weight = inverse_power(_std(std, norm.shape[0]).astype(norm.dtype), 1)
    square = (norm / jnp.max(norm)) ** 2  # late in a run |g|² underflows before the ratio does
    return A_PRIORI_STD * (weight @ square) / jnp.sum(square)


def spread_factor(std: Numbers) -> Float[Array, ""]:
    """T9: max over pairs of ½(√(σ_x/σ_x') + √(σ_x'/σ_x)) ≥ 1, attained by the extreme deviations. O(N).

    Raises:
        ValueError: a deviation that is not positive.

    >>> print(spread_factor([0.1, 0.4]))
    1.25
    """
    σ = as_float("std", std)
    check_shape("std", σ, (None,))
    check_interval("std", σ, 0, float("inf"), open_ends="lh")
    root = jnp.sqrt(jnp.max(σ) / jnp.min(σ))
    return (root + 1 / root) / 2


def ascent_condition(coherence: Numbers, std: Numbers) -> Float[Array, ""]:
    """T9: μ(N−1)·spread. Below 1, GRPO ascends to first order; at or above 1 nothing is claimed.

    Arguments:
        coherence: μ ≥ ‖P_x P_x'‖ for all pairs, in [0, 1].
        std: [N] positive deviations.

    Raises:
        ValueError: outside those shapes and ranges.

    >>> print(ascent_condition(0.5, [0.1, 0.4, 0.4]))  # ½ · 2 · 5/4
    1.25
    """
    μ = as_float("coherence", coherence)
    check_shape("coherence", μ, ())
    check_interval("coherence", μ, 0, 1)
    σ = as_float("std", std)
    return spread_factor(σ) * (σ.shape[0] - 1) * μ


def span_basis(features: Numbers, *, tolerance: float = 1e-9) -> Float[Array, "d m"]:
    """Orthonormal columns that span the differences of one prompt's features, m = min(K−1, d); zero columns where
    the span is smaller (so that prompts batch under vmap). P_x = B Bᵀ.

    Arguments:
        features: [K, d], finite.
        tolerance: singular values below this times the largest count as 0; in [0, 1].

    Raises:
        ValueError: outside those shapes and ranges.

    >>> print(jnp.abs(span_basis([[0.0, 0.0], [0.0, 2.0], [0.0, 5.0]])))  # one direction, one zero column
    [[0. 0.]
     [1. 0.]]
    """
    check_interval("tolerance", tolerance, 0, 1)
    φ = as_float("features", features)
    check_shape("features", φ, (None, None))
    check_finite("features", φ)
    differences = φ[1:] - φ[:1]
    if differences.shape[0] == 0:
        return jnp.zeros((φ.shape[1], 0), φ.dtype)
    _, s, V = jnp.linalg.svd(differences, full_matrices=False)
    return jnp.where(s > tolerance * s[0], V.T, 0)


def pairwise_coherence(bases: Numbers) -> Float[Array, "N N"]:
    """‖P_x P_x'‖ (spectral norm): 0 for orthogonal spans, 1 as soon as two spans share a direction.

    Arguments:
        bases: [N, d, m] as `decoupled` takes them: from `span_basis`, one for each prompt.

    Raises:
        ValueError: another shape, NaN or infinite numbers.

    >>> print(pairwise_coherence([[[1.0], [0.0]], [[0.6], [0.8]]]))
    [[1.  0.6]
     [0.6 1. ]]
    """
    B = as_float("bases", bases)
    check_shape("bases", B, (None, None, None))
    check_finite("bases", B)
    return jnp.linalg.norm(jnp.einsum("adm,bdn->abmn", B, B), ord=2, axis=(-2, -1))


def decoupled(
    gradients: Numbers, std: Numbers, bases: Numbers, *, ridge: float = 0.0, cutoff: float = 1e-10
) -> Float[Array, " d"]:
    """T9: (Σ_x σ_x P_x + λ I)⁻¹ Σ_x g_x, the maximiser of the quadratic form of T3's sum.

    Orthogonal spans give `group`, one span common to all gives `batch` (Σ g / Σσ).

    Arguments:
        gradients: [N, d].
        std: [N] σ_x ≥ 0.
        bases: [N, d, m] orthonormal columns (or zero columns) spanning each prompt's feature differences.
        ridge: λ ≥ 0, relative to the mean deviation. 0: pseudo-inverse.
        cutoff: eigenvalues below this times the largest are treated as 0 in the pseudo-inverse.

    Raises:
        ValueError: mismatched shapes, negative deviations or ridge, a cutoff outside [0, 1].

    Cost: O(N m d² + d³).
    """
    g = _gradients(gradients)
    N, d = g.shape
    σ, B = _std(std, N), as_float("bases", bases)
    check_shape("bases", B, (N, d, None))
    check_finite("bases", B)
    check_interval("ridge", ridge, 0, float("inf"), open_ends="h")
    check_interval("cutoff", cutoff, 0, 1)
    S = jnp.einsum("n,nam,nbm->ab", σ, B, B)
    return solve_psd(S, jnp.sum(g, axis=0), ridge * jnp.mean(σ), cutoff)
