"""T1: the curvature of J along u is at most σ w(u)²/4, and no smaller constant will do.

uᵀHu = Cov(r, Y²) ≤ σ sd(Y²) with Y = φ·u − E φ·u, and Var(Y²) ≤ w⁴/16 for every centred Y of range w (Lemma V(i)).
The supremum over all laws is w⁴/16: the dual certificate is the polynomial identity of `dual_certificate`, the law that
attains it is two-valued.
"""

from __future__ import annotations

from fractions import Fraction

import sympy as sp

from curvature.constants import CURVATURE
from proofs.enclosure import Number
from proofs.formal import formal, refuted
from proofs.polynomial import decide
from proofs.symbolic import Mean, identity
from proofs.theorem import FalseVariant, Method, Part, Theorem


def cauchy_schwarz_applies() -> str:
    """Cov(r, Y²) = E[(r − J)(Y² − c)] for every c, so that |uᵀHu| ≤ σ √E(Y² − c)²."""
    r, Y, c = sp.symbols("r Y c", real=True)
    mean = Mean(r, Y)
    return identity(mean.covariance(r, Y**2), mean((r - mean(r)) * (Y**2 - c)))


def dual_certificate() -> str:
    """For Y = m + x in [m − v, m + v], v = w/2: the quartic below Var(Y²)'s dual is a product of two factors.

    4m²(v² − m²) + 8m³ Y − (Y² − (v² − m²))² = (v² − x²) [(x + 2m)² + 4m² − v²]
    """
    m, v, x = sp.symbols("m v x", real=True)
    Y, c = m + x, v**2 - m**2
    return identity(4 * m**2 * c + 8 * m**3 * Y - (Y**2 - c) ** 2, (v**2 - x**2) * ((x + 2 * m) ** 2 + 4 * m**2 - v**2))


def value_of_certificate(constant: Number) -> str:
    """4m²(v² − m²) + v² max(0, v² − 4m²) ≤ constant · w⁴ with w = 2v, for |m| ≤ v."""
    m, v = sp.symbols("m v", real=True)
    value = 4 * m**2 * (v**2 - m**2) + v**2 * sp.Max(0, v**2 - 4 * m**2)
    return decide(value <= sp.Rational(constant) * 16 * v**4, [v > 0, -v <= m, m <= v])


def variance_of_square(constant: Number = CURVATURE) -> str:
    """The certificate's value is at most (constant · w²)²."""
    return value_of_certificate(Fraction(constant) ** 2)


def attained(constant: Number = CURVATURE) -> str:
    """Two arms a distance w apart at p = (2 − √2)/4: |uᵀHu| = constant · σ w² exactly."""
    w = sp.Symbol("w", positive=True)
    p = (2 - sp.sqrt(2)) / 4
    curvature_squared = (p * (1 - p) * (1 - 2 * p) * w**2) ** 2
    return identity(sp.expand(curvature_squared), sp.expand(sp.Rational(constant) ** 2 * p * (1 - p) * w**4))


theorem = Theorem(
    number="T1",
    name="sharp local curvature",
    statement="|uᵀ∇²J u| ≤ σ w(u)²/4",
    assumptions="log-linear policy, finitely many responses, any real rewards",
    source="this project, after Ge et al. 2026 (arXiv 2601.23135); docs/theory.md T1, Lemma V",
    parts=(
        formal("the whole statement, for the second derivative of J", "Curvature", "sharp_local_curvature"),
        formal("equality at p = (2 − √2)/4", "Curvature", "sharp_local_curvature_is_attained"),
        Part("Cov(r, Y²) = E[(r − J)(Y² − c)], any law", Method.SYMBOLIC, cauchy_schwarz_applies),
        Part("the dual certificate of sup Var(Y²)", Method.SYMBOLIC, dual_certificate),
        Part("its value is at most w⁴/16", Method.POLYNOMIAL, variance_of_square),
        Part("equality for two arms at p = (2 − √2)/4", Method.SYMBOLIC, attained),
    ),
    false_variants=(
        refuted("any constant below 1/4", "Curvature", "sharp_local_curvature_is_tight"),
        FalseVariant("Var(Y²) ≤ (6/25)² w⁴", Method.POLYNOMIAL, lambda: variance_of_square(Fraction(6, 25))),
        FalseVariant("equality at the constant 1/5", Method.SYMBOLIC, lambda: attained(Fraction(1, 5))),
    ),
)
