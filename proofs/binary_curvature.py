"""T18: the curvature of a right-or-wrong reward is of order σ², |uᵀ∇²J u| ≤ σ² w² M(|1 − 2p|), sharply at every p.

uᵀ∇²J u = (1 − 2p)(g·u)²/σ² + σ² uᵀ∇²L u with the log-odds L of any policy; for a softmax, with X = φ·u and
d = E[X|right] − E[X|wrong], it is σ²[(1 − 2p)d² + Var(X|right) − Var(X|wrong)]. M(k) is k from ½ on and 1/(4(1 − k))
below: the maximum of k m² + m(1 − m) over 0 ≤ m ≤ 1.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import sympy as sp

from proofs.enclosure import Number
from proofs.formal import formal, refuted
from proofs.polynomial import decide
from proofs.symbolic import Mean, identity
from proofs.theorem import FalseVariant, Method, Part, Theorem

k, m, d, s = sp.symbols("k m d s", real=True)


def any_policy(coefficient: int = 2) -> str:
    """J″ = (1 − coefficient · J) J′²/(J(1 − J)) + J(1 − J) L″ for L = log(J/(1 − J)), J any function."""
    t = sp.Symbol("t", real=True)
    J: Any = sp.Function("J")(t)
    log_odds = sp.diff(sp.log(J) - sp.log(1 - J), t, 2)
    slope = sp.diff(J, t)
    return identity(sp.diff(J, t, 2), (1 - coefficient * J) * slope**2 / (J * (1 - J)) + J * (1 - J) * log_odds)


def split(coefficient: int = 2) -> str:
    """Cov(r, Y²) = pq[(1 − coefficient · p)d² + Var(X|right) − Var(X|wrong)], any law of (r, X) with r 0 or 1."""
    r, X, p = sp.symbols("r X p", real=True)
    mean = Mean(r, X, known={r: p})
    right, right_square = mean(r * X) / p, mean(r * X**2) / p
    wrong, wrong_square = mean((1 - r) * X) / (1 - p), mean((1 - r) * X**2) / (1 - p)
    parts = (1 - coefficient * p) * (right - wrong) ** 2 + right_square - right**2 - (wrong_square - wrong**2)
    return identity(mean((r - p) * (X - mean(X)) ** 2), p * (1 - p) * parts)


def envelope_far(constant: Number = 1) -> str:
    """½ ≤ k ≤ 1: k d² + m(1 − m) ≤ constant · k where |d| ≤ m or |d| ≤ 1 − m (m(1 − m) bounds the variance)."""
    near = sp.Or(sp.And(-m <= d, d <= m), sp.And(m - 1 <= d, d <= 1 - m))
    bound = k * d**2 + m * (1 - m) <= sp.Rational(constant) * k
    return decide(bound, [k >= sp.Rational(1, 2), k <= 1, m >= 0, m <= 1, near])


def envelope_near(constant: Number = 1) -> str:
    """0 ≤ k < ½: 4(1 − k)(k d² + m(1 − m)) ≤ constant, on the same terms."""
    near = sp.Or(sp.And(-m <= d, d <= m), sp.And(m - 1 <= d, d <= 1 - m))
    bound = 4 * (1 - k) * (k * d**2 + m * (1 - m)) <= sp.Rational(constant)
    return decide(bound, [k >= 0, k < sp.Rational(1, 2), m >= 0, m <= 1, near])


def two_valued_everywhere() -> str:
    """False: M(k) = k also below ½."""
    return decide(k * d**2 + m * (1 - m) <= k, [k >= 0, k <= 1, m >= 0, m <= 1, -m <= d, d <= m])


def variance_by_the_gap() -> str:
    """False: Var(X|right) ≤ d(1 − d), X in [0, 1], E[X|right] = m, E[X²|right] = s, E[X|wrong] = m − d ≥ 0."""
    return decide(s - m**2 <= d * (1 - d), [m * m <= s, s <= m, m <= 1, d >= 0, d <= m])


def attained(constant: Number = 1) -> str:
    """¼ < p < ½: arms right at 1, right at 0, wrong at 0 with ¼, p − ¼, q attain constant · σ²/(4(1 − k)), k = 1−2p."""
    p = sp.Symbol("p", real=True)
    arms = ((sp.Rational(1, 4), 1, 1), (p - sp.Rational(1, 4), 1, 0), (1 - p, 0, 0))
    mean = sum(probability * X for probability, _, X in arms)
    curvature = sum(probability * (r - p) * (X - mean) ** 2 for probability, r, X in arms)
    return identity(sp.expand(curvature), sp.Rational(constant) * p * (1 - p) / (8 * p))


def never_worse() -> str:
    """σ M(k) ≤ ¼ with σ² = (1 − k²)/4, both branches: T18 is at most T1."""
    given = [s > 0, 4 * s**2 + k**2 <= 1, 4 * s**2 + k**2 >= 1, k >= 0, k < 1]
    decide(s * k <= sp.Rational(1, 4), given)
    return decide(s <= 1 - k, [*given, k < sp.Rational(1, 2)])


def greatest(constant: Number = Fraction(1, 18)) -> str:
    """σ² M(k) ≤ constant · √3 for all k, both branches."""
    root = sp.Symbol("root", real=True)
    given = [root > 0, root**2 <= 3, root**2 >= 3, k >= 0, k < 1]
    decide((1 - k**2) * k <= 4 * sp.Rational(constant) * root, given)
    return decide((1 + k) / 16 <= sp.Rational(constant) * root, [*given, k < sp.Rational(1, 2)])


def reinforce_gain(step: int = 6) -> str:
    """η g² − (√3/36)D²η²g² at η = step · √3/D² is 3√3 g²/D², and its slope in η is 0 there."""
    η, D, g = sp.symbols("eta D g", positive=True)
    gain = η * g**2 - sp.sqrt(3) / 36 * D**2 * η**2 * g**2
    best = {η: step * sp.sqrt(3) / D**2}
    identity(sp.expand(sp.diff(gain, η).subs(best)), 0, "slope")
    return identity(sp.expand(gain.subs(best)), 3 * sp.sqrt(3) * g**2 / D**2)


theorem = Theorem(
    number="T18",
    name="curvature of a right-or-wrong reward",
    statement="uᵀ∇²J u = (1 − 2p)(g·u)²/σ² + σ² uᵀ∇²L u, |uᵀ∇²J u| ≤ σ² w² M(|1 − 2p|) ≤ (√3/18) w²",
    assumptions="rewards 0 or 1, 0 < p < 1; the identity for any twice differentiable policy, the bounds for a softmax",
    source="this project; docs/theory.md T18",
    parts=(
        formal("the identity, any twice differentiable pass rate", "BinaryCurvature", "curvature_of_a_pass_rate"),
        formal("the two parts for a softmax", "BinaryCurvature", "binary_curvature_split"),
        formal("the bound, for the second derivative of J", "BinaryCurvature", "binary_curvature"),
        formal("equality at every p", "BinaryCurvature", "binary_curvature_is_attained"),
        formal("never worse than T1", "BinaryCurvature", "binary_curvature_never_worse"),
        formal("at most (√3/18) w² everywhere", "BinaryCurvature", "binary_curvature_any"),
        formal("REINFORCE at 6√3/D² gains (3√3/D²)|g|²", "BinaryCurvature", "reinforce_binary_gain"),
        Part("the identity, J any function", Method.SYMBOLIC, any_policy),
        Part("the two parts, any law", Method.SYMBOLIC, split),
        Part("the envelope, k ≥ ½", Method.POLYNOMIAL, envelope_far),
        Part("the envelope, k < ½", Method.POLYNOMIAL, envelope_near),
        Part("equality for three arms, ¼ < p < ½", Method.SYMBOLIC, attained),
        Part("never worse than T1, both branches", Method.POLYNOMIAL, never_worse),
        Part("σ² M ≤ √3/18, both branches", Method.POLYNOMIAL, greatest),
        Part("the best step of REINFORCE and its gain", Method.SYMBOLIC, reinforce_gain),
    ),
    false_variants=(
        refuted("at any p a smaller factor than M(|1 − 2p|)", "BinaryCurvature", "binary_curvature_is_tight"),
        refuted("M(k) = k at p = ½", "BinaryCurvature", "two_valued_shape_is_not_enough"),
        FalseVariant("(1 − J) for (1 − 2J), any policy", Method.SYMBOLIC, lambda: any_policy(coefficient=1)),
        FalseVariant("(1 − p) for (1 − 2p), any law", Method.SYMBOLIC, lambda: split(coefficient=1)),
        FalseVariant("M(k) = k below ½", Method.POLYNOMIAL, two_valued_everywhere),
        FalseVariant(".99 of M, k ≥ ½", Method.POLYNOMIAL, lambda: envelope_far(Fraction(99, 100))),
        FalseVariant(".99 of M, k < ½", Method.POLYNOMIAL, lambda: envelope_near(Fraction(99, 100))),
        FalseVariant("Var(X|right) ≤ d(w − d)", Method.POLYNOMIAL, variance_by_the_gap),
        FalseVariant("three arms attain .99", Method.SYMBOLIC, lambda: attained(Fraction(99, 100))),
        FalseVariant("σ² M ≤ √3/19", Method.POLYNOMIAL, lambda: greatest(Fraction(1, 19))),
        FalseVariant("the best step is 5√3/D²", Method.SYMBOLIC, lambda: reinforce_gain(step=5)),
    ),
)
