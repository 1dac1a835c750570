"""T2: how fast the deviation changes, |∂_u log σ| ≤ w/2, and |∇J·u| ≤ σ w/2.

∂_u σ² = E (r − J)² Y with Y = X − E X, X = φ·u (T0), and |Y| ≤ w pointwise. For binary r, σ² = pq makes it
(1 − 2p) ∂_u p. The slope of J is a covariance, and a variable of range w has deviation at most w/2 (Popoviciu).
Between the parts stand ∂_u E f = Cov(f, X) and that a mean of something that is at least 0 is at least 0; the formal
proof has these steps too.
"""

from __future__ import annotations

from fractions import Fraction

import sympy as sp

from curvature.constants import A_PRIORI_STD, SLOPE
from proofs.enclosure import Number
from proofs.formal import formal, refuted
from proofs.polynomial import decide
from proofs.symbolic import Mean, identity
from proofs.theorem import FalseVariant, Method, Part, Theorem

p, w = sp.symbols("p w", positive=True)


def slope_of_variance() -> str:
    """∂_u σ² = E (r − J)² Y, from ∂_u E f = Cov(f, X) and σ² = E r² − (E r)²."""
    r, X = sp.symbols("r X", real=True)
    E = Mean(r, X)
    slope = E.covariance(r**2, X) - 2 * E(r) * E.covariance(r, X)
    return identity(slope, E((r - E(r)) ** 2 * (X - E(X))))


def pointwise(slope: Number = SLOPE) -> str:
    """(r − J)² |X − m| ≤ 2 slope w (r − J)² where X and its mean m lie in an interval of length w."""
    r, J, X, m, low, width = sp.symbols("r J X m low w", real=True)
    return decide(
        (r - J) ** 2 * sp.Abs(X - m) <= 2 * sp.Rational(slope) * width * (r - J) ** 2,
        [low <= X, low + width >= X, low <= m, low + width >= m],
    )


def _binary() -> tuple[Mean, sp.Symbol, sp.Symbol, sp.Expr]:
    """A binary reward of pass rate p, and X of conditional means a₁ (right) and a₀ (wrong)."""
    r, X = sp.symbols("r X", real=True)
    right, wrong = sp.symbols("a1 a0", real=True)
    known = {r: p, r**2: p, X: p * right + (1 - p) * wrong, r * X: p * right, r**2 * X: p * right}
    return Mean(r, X, known=known), r, X, right - wrong


def binary_slope(factor: int = 2) -> str:
    """Binary r: ∂_u J = pq (a₁ − a₀) and ∂_u log σ = (1 − factor · p)(a₁ − a₀)/2."""
    E, r, X, gap = _binary()
    identity(E.variance(r), p * (1 - p), "σ²")
    identity(E.covariance(r, X), p * (1 - p) * gap, "∂_u J")
    log_slope = E((r - p) ** 2 * (X - E(X))) / (2 * E.variance(r))
    return identity(log_slope, (1 - factor * p) * gap / 2)


def binary_bound(slope: Number = SLOPE) -> str:
    """|(1 − 2p)(a₁ − a₀)/2| ≤ slope |1 − 2p| w where a₁ and a₀ lie in an interval of length w."""
    rate, right, wrong, low, width = sp.symbols("p a1 a0 low w", real=True)
    interval = [low <= right, low + width >= right, low <= wrong, low + width >= wrong]
    half_slope = (1 - 2 * rate) * (right - wrong) / 2
    return decide(sp.Abs(half_slope) <= sp.Rational(slope) * sp.Abs(1 - 2 * rate) * width, interval)


def popoviciu() -> str:
    """Var X = (m − a)(b − m) − E (X − a)(b − X), any law: the last mean is at least 0 for a ≤ X ≤ b."""
    X, a, b = sp.symbols("X a b", real=True)
    E = Mean(X)
    m = E(X)
    return identity((m - a) * (b - m) - E((X - a) * (b - X)), E.variance(X))


def half_width(slope: Number = SLOPE, a_priori: Number = A_PRIORI_STD) -> str:
    """(m − a)(b − m) ≤ (slope (b − a))², and, for a = 0 and b = 1, at most a_priori²."""
    m, a, b = sp.symbols("m a b", real=True)
    product = (m - a) * (b - m)
    decide(product.subs({a: 0, b: 1}) <= sp.Rational(a_priori) ** 2)
    return decide(product <= (sp.Rational(slope) * (b - a)) ** 2)


def cauchy_schwarz() -> str:
    """E (v (r − J) − c Y)² = v (v s − c²) with v = Var X, s = Var r, c = Cov(r, X): so c² ≤ s v, any law."""
    r, X = sp.symbols("r X", real=True)
    E = Mean(r, X)
    v, s, c = E.variance(X), E.variance(r), E.covariance(r, X)
    return identity(E((v * (r - E(r)) - c * (X - E(X))) ** 2), v * (v * s - c**2))


def gradient_bound(slope: Number = SLOPE) -> str:
    """c² ≤ σ² v and v ≤ w²/4 give |c| ≤ slope σ w; so γ = 2|g|/(σD) ≤ 1, with u = g/|g| and w ≤ D."""
    c, s, v, width = sp.symbols("c sigma v w", real=True)
    given = [s >= 0, width >= 0, v >= 0, c**2 <= s**2 * v, 4 * v <= width**2]
    return decide(sp.Abs(c) <= sp.Rational(slope) * s * width, given)


def attained(slope: Number = SLOPE) -> str:
    """Two arms a distance w apart: equality in the binary bound at every p < 1/2 (and p > 1/2, arms exchanged).

    The first bound is approached as p → 0; |∇J·u| = pq w is slope σ w at p = 1/2.
    """
    log_slope = (1 - 2 * p) * w / 2
    identity(log_slope, sp.Rational(slope) * (1 - 2 * p) * w, "binary")
    identity(sp.limit(log_slope, p, 0), sp.Rational(slope) * w, "p → 0")
    squares = (p * (1 - p) * w) ** 2, sp.Rational(slope) ** 2 * p * (1 - p) * w**2
    return identity(squares[0].subs(p, sp.Rational(1, 2)), squares[1].subs(p, sp.Rational(1, 2)))


theorem = Theorem(
    number="T2",
    name="how fast the deviation changes",
    statement="|∂_u log σ| ≤ w/2; binary r: |∂_u log σ| ≤ |1 − 2p| w/2; |∇J·u| ≤ σ w/2",
    assumptions="log-linear policy, finitely many responses, any real rewards (or binary, where said), σ > 0",
    source="this project (Popoviciu's inequality: textbook); docs/theory.md T2",
    parts=(
        formal("the first bound, for the derivative of log σ", "Deviation", "deviation_slope"),
        formal("the bound for binary rewards", "Deviation", "binary_deviation_slope"),
        formal("the bound on ∇J·u", "Deviation", "gradient_slope"),
        formal("rewards in [0, 1]: σ ≤ 1/2", "Deviation", "a_priori_deviation"),
        Part("∂_u σ² = E (r − J)² Y, any law", Method.SYMBOLIC, slope_of_variance),
        Part("(r − J)² |Y| ≤ w (r − J)², pointwise", Method.POLYNOMIAL, pointwise),
        Part("binary r: ∂_u log σ = (1 − 2p)(E[X|right] − E[X|wrong])/2, any law of X", Method.SYMBOLIC, binary_slope),
        Part("binary r: that is at most |1 − 2p| w/2", Method.POLYNOMIAL, binary_bound),
        Part("Cov(r, X)² ≤ σ² Var X by a square, any law", Method.SYMBOLIC, cauchy_schwarz),
        Part("Var X = (m − a)(b − m) − E (X − a)(b − X), any law", Method.SYMBOLIC, popoviciu),
        Part("(m − a)(b − m) ≤ (b − a)²/4, and σ ≤ 1/2 for rewards in [0, 1]", Method.POLYNOMIAL, half_width),
        Part("hence |∇J·u| ≤ σ w/2", Method.POLYNOMIAL, gradient_bound),
        Part("equality for two arms", Method.SYMBOLIC, attained),
    ),
    false_variants=(
        refuted("|∂_u log σ| ≤ c w, any c below 1/2", "Deviation", "deviation_slope_is_tight"),
        refuted("binary r: |∂_u log σ| ≤ c|1 − 2p| w, any c below 1/2", "Deviation", "binary_deviation_slope_is_tight"),
        refuted("|∇J·u| ≤ c σw, any c below 1/2", "Deviation", "gradient_slope_is_tight"),
        refuted("σ ≤ c for rewards in [0, 1], any c below 1/2", "Deviation", "a_priori_deviation_is_tight"),
        FalseVariant("|∂_u log σ| ≤ 12w/25, pointwise", Method.POLYNOMIAL, lambda: pointwise(Fraction(12, 25))),
        FalseVariant("binary r: the constant 12/25", Method.POLYNOMIAL, lambda: binary_bound(Fraction(12, 25))),
        FalseVariant("binary r: ∂_u log σ without the 2 of 1 − 2p", Method.SYMBOLIC, lambda: binary_slope(factor=1)),
        FalseVariant("sd X ≤ 12w/25", Method.POLYNOMIAL, lambda: half_width(Fraction(12, 25))),
        FalseVariant("|∇J·u| ≤ 12σw/25", Method.POLYNOMIAL, lambda: gradient_bound(Fraction(12, 25))),
        FalseVariant(
            "σ ≤ 12/25 for rewards in [0, 1]", Method.POLYNOMIAL, lambda: half_width(a_priori=Fraction(12, 25))
        ),
    ),
)
