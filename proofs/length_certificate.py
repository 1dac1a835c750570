"""T11: slope, deviation and certificate of a policy over H tokens.

The score along u is a martingale M_H of H increments of range w: Var M_H ≤ Hw²/4 bounds the slope, its moment
generating function (Hoeffding) and the entropy of the tilted law bound the deviation, and the certificate integrates
T10 as T3 integrates T1.
"""

from __future__ import annotations

from fractions import Fraction

import sympy as sp

from curvature.constants import CURVATURE, HALF_WIDTH, SLOPE
from curvature.sequence_bounds import remainder_scale
from proofs.enclosure import Number, exact, positive
from proofs.formal import formal, refuted
from proofs.improvement_certificate import psi
from proofs.length_growth import CORRECTION, coin_moment, variance_of_increment
from proofs.symbolic import Mean, identity
from proofs.theorem import FalseVariant, Method, Part, Theorem

H, w, sigma = sp.symbols("H w sigma", positive=True)


def slope(constant: Number = SLOPE) -> str:
    """|g·u| = |Cov(r, M_H)| ≤ σ sd(M_H) and Var M_H ≤ H w²/4 = (constant √H w)².

    Var ξ ≤ w²/4 (T10's `variance_of_increment`); variances of the increments add, by induction:
    E(M + ξ)² = E M² + E ξ², as E[Mξ] = 0.
    """
    M, xi = sp.symbols("M xi", real=True)
    both = Mean(M, xi, known={M * xi: 0})
    add = identity(both((M + xi) ** 2), both(M**2) + both(xi**2), "sum")
    bound = identity((sp.Rational(constant) * sp.sqrt(H) * w) ** 2, H * w**2 / 4, "deviation")
    return f"one step: {variance_of_increment()}; {add}; {bound}"


def slope_attained(constant: Number = SLOPE) -> str:
    """H fair coins ±w/2 and r = α + βM_H: Cov(r, M_H)² = (constant √H w)² Var r, every H."""
    M, alpha, beta = sp.symbols("M alpha beta", real=True)
    mean = Mean(M, known={M: coin_moment(1), M**2: coin_moment(2)})
    reward = alpha + beta * M
    square = (sp.Rational(constant) * sp.sqrt(H) * w) ** 2
    return identity(mean.covariance(reward, M) ** 2, square * mean.variance(reward))


def deviation_is_a_mean() -> str:
    """∂_u log σ = E_Q M_H/2, dQ = (r − J)²/σ² dπ: with ∂_u E f = E[f M], ∂_u σ² = E[(r − J)² M], and E_Q 1 = 1."""
    r, M = sp.symbols("r M", real=True)
    mean = Mean(r, M, known={M: 0})
    J, variance = mean(r), mean.variance(r)
    derivative = mean(r**2 * M) - 2 * J * mean(r * M)  # of E r² − (E r)²
    tilted = mean((r - J) ** 2 * M) / variance
    unit = identity(mean((r - J) ** 2) / variance, 1, "Q")
    return f"{unit}; {identity(derivative / (2 * variance), tilted / 2, 'derivative')}"


def hoeffding(constant: Number = Fraction(1, 8)) -> str:
    """Bounds ln E e^{sξ} ≤ constant s²w² = s²w²/8 where E ξ = 0 and the range is w.

    Z(s) = E e^{sξ}, Φ = ln Z: Φ″ = Z″/Z − (Z′/Z)², the variance of ξ under e^{sξ}/Z, which has the same range, so
    at most w²/4; Φ(0) = 0 and Φ′(0) = E ξ = 0. The bound w²/4 integrated twice from 0 is constant s²w².
    """
    s = sp.Symbol("s", real=True)
    Z = sp.Function("Z")
    second = identity(
        sp.diff(sp.log(Z(s)), s, 2), sp.diff(Z(s), s, 2) / Z(s) - (sp.diff(Z(s), s) / Z(s)) ** 2, "variance"
    )
    bound = sp.Rational(constant) * s**2 * w**2
    start = [bound.subs(s, 0), sp.diff(bound, s).subs(s, 0)]
    for value in start:
        identity(sp.sympify(value), 0, "start")
    return f"{second}; {identity(sp.diff(bound, s, 2), w**2 / 4, 'bound')}; both start at 0 with slope 0"


def entropy(power: int = 2) -> str:
    """ln(dQ/dπ) = 2 ln|r − J| + power ln(1/σ), where |r − J| ≤ 1 as r is in [0, 1]: KL(Q‖π) ≤ 2 ln(1/σ)."""
    x = sp.Symbol("x", positive=True)  # |r − J|
    density = sp.expand_log(sp.log(x**2 / sigma**2))
    return identity(density, 2 * sp.log(x) + sp.expand_log(power * sp.log(1 / sigma)))


def deviation(constant: Number = HALF_WIDTH) -> str:
    """E_Q M/2 ≤ constant · w √(H ln(1/σ)), from λ E_Q M ≤ KL + λ²v/2 with v = Hw²/4 and KL ≤ K = 2 ln(1/σ).

    (K/λ + λv/2) = √(2vK) at λ = √(2K/v), so E_Q M ≤ √(2vK), and √(2vK)/2 = w√(H ln(1/σ))/2.
    """
    ell = sp.Symbol("ell", positive=True)  # ln(1/σ)
    K, v = 2 * ell, H * w**2 / 4
    rate = sp.sqrt(2 * K / v)
    best = identity((K / rate + rate * v / 2) ** 2, 2 * v * K, "best λ")
    return f"{best}; {identity(2 * v * K / 4, (sp.Rational(constant) * w) ** 2 * H * ell, 'bound')}"


def certificate(constant: Number = CURVATURE) -> str:
    """∫₀¹ (1−s) C σ e^{sHa} (2a)² ds = (C/(constant H²)) σψ(Ha), a = w/2: Taylor's remainder with T10 at each s.

    |d log σ/ds| ≤ Hw/2 = Ha gives σ(s) ≤ σe^{sHa}; the antiderivative is checked by differentiating it.
    """
    s, a, C = sp.symbols("s a C", positive=True)
    integrand = (1 - s) * C * sigma * sp.exp(s * H * a) * (2 * a) ** 2
    antiderivative = 4 * C * sigma * sp.exp(s * H * a) * (a * (1 - s) / H + 1 / H**2)
    derivative = identity(sp.diff(antiderivative, s), integrand, "derivative")
    integral = antiderivative.subs(s, 1) - antiderivative.subs(s, 0)
    return f"{derivative}; {identity(integral, C / (sp.Rational(constant) * H**2) * sigma * psi(H * a), 'integral')}"


def code_uses_the_scale(correction: Number = CORRECTION) -> str:
    """`remainder_scale(H)`² is (4C/H²)² with C² = H(H+1)/8 − correction, to 2⁻⁴⁸ of itself, H = 1..64."""
    for horizon in range(1, 65):
        proved = 16 * (Fraction(horizon * (horizon + 1), 8) - Fraction(correction)) / Fraction(horizon) ** 4
        error = abs(Fraction(remainder_scale(horizon)) ** 2 - proved)
        positive(lambda: exact(proved / 2**48 - error), [])  # noqa: B023
    return "64 values"


theorem = Theorem(
    number="T11",
    name="slope, deviation and certificate over tokens",
    statement="|g·u| ≤ σ√H w/2; |∂_u log σ| ≤ Hw/2 and, for r in [0, 1], ≤ (w/2)√(H ln(1/σ)); "
    "|J(θ+δ) − J(θ) − g·δ| ≤ (4C(H)/H²) σψ(Hw(δ)/2)",
    assumptions="as T10; any update δ",
    source="this project; docs/theory.md T11",
    parts=(
        formal("the certificate, with √(H(H+1)/8 − 3/16) for C(H)", "LengthCertificate", "length_certificate"),
        formal("the certificate with C(H) itself", "LengthCertificate", "length_constant_certificate"),
        formal("at H = 1 it is T3", "LengthCertificate", "remainder_scale_one"),
        formal("|g·u| ≤ σ√H w/2", "LengthCertificate", "length_gradient_slope"),
        formal("|∂_u log σ| ≤ Hw/2", "LengthCertificate", "length_deviation_slope"),
        formal("|∂_u log σ| ≤ (w/2)√(H ln(1/σ))", "LengthCertificate", "length_unit_deviation_slope"),
        formal("Hoeffding's lemma", "Hoeffding", "hoeffding"),
        Part("Var M_H ≤ Hw²/4, any law, every H by induction", Method.SYMBOLIC, slope),
        Part("fair coins attain the slope, every H", Method.SYMBOLIC, slope_attained),
        Part("∂_u log σ = E_Q M_H/2, any law", Method.SYMBOLIC, deviation_is_a_mean),
        Part("Hoeffding: the second derivative and its double integral", Method.SYMBOLIC, hoeffding),
        Part("KL(Q‖π) ≤ 2 ln(1/σ)", Method.SYMBOLIC, entropy),
        Part("the best λ gives (w/2)√(H ln(1/σ)), every H", Method.SYMBOLIC, deviation),
        Part("the integral is (4C/H²)σψ(Ha), every H and C", Method.SYMBOLIC, certificate),
        Part("the scale in the code is this one, H = 1..64", Method.ENCLOSURE, code_uses_the_scale),
    ),
    false_variants=(
        refuted("|g·u| ≤ cσ√H w, any c below 1/2", "LengthCertificate", "length_gradient_slope_is_attained"),
        FalseVariant("|g·u| ≤ .49 σ√H w", Method.SYMBOLIC, lambda: slope(Fraction(49, 100))),
        FalseVariant("Hoeffding with s²w²/9", Method.SYMBOLIC, lambda: hoeffding(Fraction(1, 9))),
        FalseVariant("KL ≤ ln(1/σ)", Method.SYMBOLIC, lambda: entropy(power=1)),
        FalseVariant("(.49 w)√(H ln(1/σ))", Method.SYMBOLIC, lambda: deviation(Fraction(49, 100))),
        FalseVariant("(3C/H²)σψ(Ha)", Method.SYMBOLIC, lambda: certificate(Fraction(1, 3))),
        FalseVariant("the code with −1/4 for −3/16", Method.ENCLOSURE, lambda: code_uses_the_scale(Fraction(1, 4))),
    ),
)
