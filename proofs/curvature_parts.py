"""T5: uᵀ∇²J u = Cov(r, M_u) for any smooth policy, M_u = (u·s)² + uᵀ∇² log π u with the score s = ∇ log π.

log π is an unknown function L of a point moved by a along u and by a' along u'; its derivatives stay unknown. Where one
response is right everything follows from its own log π. The estimates from samples are sums over S independent
responses; their means are sums over the ways in which the indices can coincide, with S left open (`mean_of_sums`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sympy as sp

from proofs.formal import formal
from proofs.symbolic import Mean, identity
from proofs.theorem import FalseVariant, Method, Part, Theorem

a, aʹ = sp.symbols("a a'", real=True)


def second_derivative(factor: int = 1) -> str:
    """∂_u ∂_u' π = π ((u·s)(u'·s) + uᵀ∇² log π u'), any L = log π; along one direction π M_u."""
    L: Any = sp.Function("L")(a, aʹ)
    M = sp.diff(L, a) * sp.diff(L, aʹ) + factor * sp.diff(L, a, aʹ)
    identity(sp.diff(sp.exp(L), a, aʹ), sp.exp(L) * M, "two directions")
    return identity(sp.diff(sp.exp(L), a, 2), sp.exp(L) * (sp.diff(L, a) ** 2 + factor * sp.diff(L, a, 2)))


def curvature_of_sum() -> str:
    """∂_u ∂_u' Σ_y r_y π(y) = Σ_y r_y π(y) M(y), K responses, K open; for r = 1 the left side is ∂_u ∂_u' 1 = 0."""
    y, K = sp.symbols("y K", integer=True, positive=True)
    L: Any = sp.Function("L")(y, a, aʹ)
    M = sp.diff(L, a) * sp.diff(L, aʹ) + sp.diff(L, a, aʹ)
    for reward in (sp.Indexed("r", y), sp.Integer(1)):
        J: Any = sp.Sum(reward * sp.exp(L), (y, 1, K))
        right: Any = sp.Sum(sp.expand(reward * sp.exp(L) * M), (y, 1, K))
        left: Any = sp.diff(J, a, aʹ)
        identity(left.func(sp.expand(left.function), *left.limits), right, f"r = {reward}")
    return "the two sums are one, also for r = 1"


def covariance(mean: int = 0) -> str:
    """E r M = Cov(r, M) as E M = 0, any law."""
    r, M = sp.symbols("r M", real=True)
    E = Mean(r, M, known={M: mean})
    return identity(E(r * M), E.covariance(r, M))


def one_right_response() -> str:
    """J = e^ℓ: ∂_u J = J (u·s), uᵀ∇²J u = J M*, σ² = J(1 − J); M* = (u·s)² + uᵀ∇²ℓ u."""
    ell: Any = sp.Function("l")(a)
    J = sp.exp(ell)
    identity(sp.diff(J, a), J * sp.diff(ell, a), "gradient")
    identity(sp.diff(J, a, 2), J * (sp.diff(ell, a) ** 2 + sp.diff(ell, a, 2)), "curvature")
    r, p = sp.symbols("r J", positive=True)
    return identity(Mean(r, known={r: p, r**2: p}).variance(r), p * (1 - p))


def parts_of_one_right(weight: int = 1) -> str:
    """Cov(r, M) = J M* and Var M = J M*² + (1 − J) E[M² | wrong], for r the indicator of the right response."""
    r, M = sp.symbols("r M", real=True)
    J, right, wrong, wrong_square = sp.symbols("J M* E[M|wrong] E[M^2|wrong]", real=True)
    first = J * right + (1 - J) * wrong
    E = Mean(r, M, known={r: J, M: first, r * M: J * right, M**2: J * right**2 + (1 - J) * wrong_square})
    centred = {wrong: -J * right / (1 - J)}  # E M = 0
    identity(E(M).subs(centred), 0, "E M")
    identity(E.covariance(r, M).subs(centred), weight * J * right, "Cov(r, M)")
    return identity(E.variance(M).subs(centred), J * right**2 + (1 - J) * wrong_square)


def two_arms_fixed_features() -> str:
    """Two arms a distance w apart, binary reward: uᵀ∇²J u = pq(1 − 2p) w² = σ²(1 − 2p) w²."""
    w, offset = sp.symbols("w b", real=True)
    J: Any = 1 / (1 + sp.exp(-(offset + w * a)))
    return identity(sp.diff(J, a, 2), J * (1 - J) * (1 - 2 * J) * w**2)


def partitions(items: Sequence[int]) -> Iterator[list[list[int]]]:
    """The ways to put `items` into unnamed groups.

    >>> sum(1 for _ in partitions(range(4)))
    15
    """
    if not items:
        yield []
        return
    first, rest = items[0], items[1:]
    for groups in partitions(rest):
        yield [[first], *groups]
        for k, group in enumerate(groups):
            yield [*groups[:k], [first, *group], *groups[k + 1 :]]


def mean_of_sums(E: Mean, terms: Sequence[sp.Expr], S: sp.Expr) -> sp.Expr:
    """E Π_k (Σ_i f_k(i)) over S independent, identically distributed responses i, for any S.

    The indices of the k sums coincide in groups; g groups can be put on S responses in S(S − 1)…(S − g + 1) ways, and
    the means over different responses multiply.
    """
    return sp.Add(
        *(
            sp.ff(S, len(groups)) * sp.Mul(*(E(sp.Mul(*(terms[k] for k in group))) for group in groups))
            for groups in partitions(range(len(terms)))
        )
    )


def sample_covariance(dropped: int = 2) -> str:
    """Cov_S is unbiased, its variance is [μ₂₂ − (S−2)/(S−1) μ₁₁² + μ₂₀μ₀₂/(S−1)]/S; any law, any S ≥ 2.

    Cov_S = [Σ rM − (Σr)(ΣM)/S]/(S − 1) does not change with the means, so r and M are centred.
    """
    r, M, S = sp.symbols("r M S", positive=True)
    E = Mean(r, M, known={r: 0, M: 0})
    mean = (mean_of_sums(E, [r * M], S) - mean_of_sums(E, [r, M], S) / S) / (S - 1)
    identity(sp.expand_func(mean), E(r * M), "unbiased")
    square = (
        mean_of_sums(E, [r * M, r * M], S)
        - 2 * mean_of_sums(E, [r * M, r, M], S) / S
        + mean_of_sums(E, [r, M, r, M], S) / S**2
    ) / (S - 1) ** 2
    variance = (E(r**2 * M**2) - (S - dropped) / (S - 1) * E(r * M) ** 2 + E(r**2) * E(M**2) / (S - 1)) / S
    return identity(sp.expand_func(square - mean**2), variance)


def shift_invariant() -> str:
    """Σ (r + c)(M + d) − Σ(r + c) Σ(M + d)/S = Σ rM − Σr ΣM/S, for any S."""
    rM, r, M, S, c, d = sp.symbols("sum_rM sum_r sum_M S c d", positive=True)
    moved = rM + c * M + d * r + S * c * d - (r + S * c) * (M + S * d) / S
    return identity(moved, rM - r * M / S)


def shuffled_rewards() -> str:
    """Rewards handed out at random: the sample covariance has mean 0 and variance s_r² s_M²/(S − 1).

    A random order π of centred numbers: E r_π(i) = 0, E r_π(i)² = A/S and E r_π(i) r_π(j) = −A/(S(S−1)), A = Σ r².
    With B = Σ M² and Σ M = 0: Var Σ r_π(i) M_i = (A/S) B − A/(S(S−1)) (0 − B); s_r² = A/(S−1), s_M² = B/(S−1).
    """
    S, A, B = sp.symbols("S A B", positive=True)
    diagonal, pair = A / S, -A / (S * (S - 1))
    identity(S * diagonal + S * (S - 1) * pair, 0, "(Σ r)² = 0")
    variance = (diagonal * B + pair * (0 - B)) / (S - 1) ** 2
    return identity(variance, A / (S - 1) * B / (S - 1) / (S - 1))


def split_halves() -> str:
    """E |ĝ|² = |g|² + tr Cov(ĝ), and E ĝᴬĝᴮ = g gʹ for independent halves, coordinate by coordinate."""
    x, y = sp.symbols("x y", real=True)
    E = Mean(x, y)
    independent = Mean(x, y, known={x * y: E(x) * E(y)})
    identity(E(x**2), E(x) ** 2 + E.variance(x), "inflated")
    return identity(independent.covariance(x, y), 0)


theorem = Theorem(
    number="T5",
    name="curvature taken apart, for any policy",
    statement="uᵀ∇²J u = Cov(r, M_u), M_u = (u·∇log π)² + uᵀ∇² log π u",
    assumptions="any policy with π > 0, twice differentiable, finitely many responses, any real rewards",
    source="this project; docs/theory.md T5",
    parts=(
        formal("the second derivative of E r is Cov(r, M)", "GeneralPolicy", "general_curvature"),
        formal("E M = 0", "GeneralPolicy", "log_curvature_centred"),
        formal("it is corr · σ · sd(M), also where one of them is 0", "GeneralPolicy", "curvature_factors"),
        formal("one right response: J M*", "GeneralPolicy", "one_right_response"),
        Part("∂_u ∂_u' π = π ((u·s)(u'·s) + uᵀ∇² log π u'), any smooth log π", Method.SYMBOLIC, second_derivative),
        Part("∂_u ∂_u' E r = E r M and 0 = ∂_u ∂_u' Σπ = E M, K responses, K open", Method.SYMBOLIC, curvature_of_sum),
        Part("E r M = Cov(r, M) when E M = 0, any law", Method.SYMBOLIC, covariance),
        Part("one right response: gradient, curvature and σ² from ℓ = log π(y*)", Method.SYMBOLIC, one_right_response),
        Part(
            "one right response: Cov(r, M) = J M*, Var M = J M*² + (1 − J) E[M²|wrong]",
            Method.SYMBOLIC,
            parts_of_one_right,
        ),
        Part("two arms, fixed features: σ²(1 − 2p) w²", Method.SYMBOLIC, two_arms_fixed_features),
        Part("the sample covariance does not change with the means, any S", Method.SYMBOLIC, shift_invariant),
        Part(
            "the sample covariance: unbiased, and its variance, any law and any S", Method.SYMBOLIC, sample_covariance
        ),
        Part("rewards handed out at random: deviation s_r s_M/√(S − 1), any S", Method.SYMBOLIC, shuffled_rewards),
        Part("split halves: no inflation by noise, any law", Method.SYMBOLIC, split_halves),
    ),
    false_variants=(
        FalseVariant("∂²π without ∇² log π", Method.SYMBOLIC, lambda: second_derivative(factor=0)),
        FalseVariant("E r M = Cov(r, M) when E M = 1", Method.SYMBOLIC, lambda: covariance(mean=1)),
        FalseVariant("Cov(r, M) = 2 J M*", Method.SYMBOLIC, lambda: parts_of_one_right(weight=2)),
        FalseVariant("S − 1 for S − 2 in the variance", Method.SYMBOLIC, lambda: sample_covariance(dropped=1)),
    ),
    on_paper="from samples: in a random order all pairs are alike",
)
