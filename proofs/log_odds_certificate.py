"""T19: |L(θ + δ) − L(θ) − g·δ/σ²| ≤ w(δ)²/8 for the log-odds L of a right-or-wrong reward and any update δ.

Along the segment L″ = Var(X|right) − Var(X|wrong), and a variance of values in an interval of length w is at most w²/4.
The step along a prompt's own gradient that this values most is (4/D²) g/σ²: L rises by 2|Δμ|²/D² whatever p is.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import sympy as sp

from proofs.enclosure import Number, exact, positive
from proofs.formal import formal, refuted
from proofs.polynomial import decide
from proofs.symbolic import Mean, identity
from proofs.theorem import FalseVariant, Method, Part, Theorem


def bend(sign: int = -1) -> str:
    """L″ = Var(X|right) + sign · Var(X|wrong) where L = log R − log W, R and W being sums of weights e^{sX}.

    R′/R is a mean of X, R″/R one of X², whatever the arms are: R and W are functions that are not given.
    """
    s = sp.Symbol("s", real=True)
    R, W = (sp.Function(name)(s) for name in "RW")
    variance_right, variance_wrong = (sp.diff(f, s, 2) / f - (sp.diff(f, s) / f) ** 2 for f in (R, W))
    log_odds: Any = sp.log(R) - sp.log(W)
    return identity(sp.diff(log_odds, s, 2), variance_right + sign * variance_wrong)


def slope() -> str:
    """Cov(r, X) = pq (E[X|right] − E[X|wrong]), any law with r 0 or 1: L′ = g·u/σ²."""
    r, X, p = sp.symbols("r X p", real=True)
    mean = Mean(r, X, known={r: p})
    gap = mean(r * X) / p - mean((1 - r) * X) / (1 - p)
    return identity(mean.covariance(r, X), p * (1 - p) * gap)


def popoviciu(constant: Number = Fraction(1, 4)) -> str:
    """Second moment b ≤ a on [0, 1] with mean a: the variance b − a² is at most the constant, and at least 0."""
    a, b = sp.symbols("a b", real=True)
    return decide(b - a**2 <= sp.Rational(constant), [a >= 0, a <= 1, a**2 <= b, b <= a])


def best_step(multiple: int = 4) -> str:
    """k|g|²/σ² − k²D²|g|²/8 at k = multiple/(D²σ²) is 2|g/σ²|²/D², and its slope in k is 0 there."""
    k, D, g, v = sp.symbols("k D g v", positive=True)
    gain = k * g**2 / v - k**2 * D**2 * g**2 / 8
    best = {k: multiple / (D**2 * v)}
    identity(sp.sympify(sp.diff(gain, k)).subs(best), 0, "slope")
    return identity(gain.subs(best), 2 * (g / v) ** 2 / D**2)


def met(constant: Number = Fraction(1, 8)) -> str:
    """Right arms at 0 and 1 with equal probability: |L(s) − L − s/2| = log cosh(s/2) > (constant) s² at s = 1/100."""
    half = exact(Fraction(1, 200))
    return positive(lambda: half.cosh().log() - exact(constant) * 4 * half**2, [])


theorem = Theorem(
    number="T19",
    name="a certificate in log-odds",
    statement="|L(θ+δ) − L(θ) − g·δ/σ²| ≤ w²/8, and ≤ w without the slope; best own step (4/D²) g/σ²",
    assumptions="log-linear policy, finitely many responses, rewards 0 or 1, 0 < p < 1",
    source="this project; docs/theory.md T19",
    parts=(
        formal("the whole statement", "LogOdds", "log_odds_certificate"),
        formal("on J, both sides", "LogOdds", "log_odds_certificate_of_J"),
        formal("L moves by at most w", "LogOdds", "log_odds_move"),
        formal("what (4/D²) g/σ² gains", "LogOdds", "variance_rule_gain"),
        formal("every other multiple is certified for less", "LogOdds", "variance_rule_is_best"),
        Part("L″ = Var(X|right) − Var(X|wrong), any number of arms", Method.SYMBOLIC, bend),
        Part("L′ = g·u/σ², any law", Method.SYMBOLIC, slope),
        Part("a variance on [0, 1] is at most ¼", Method.POLYNOMIAL, popoviciu),
        Part("the best own step and its gain", Method.SYMBOLIC, best_step),
        Part("more than s²/9 is met", Method.ENCLOSURE, lambda: met(Fraction(1, 9))),
    ),
    false_variants=(
        refuted("any constant below 1/8", "LogOdds", "log_odds_certificate_is_tight"),
        FalseVariant("L″ = Var(X|right) + Var(X|wrong)", Method.SYMBOLIC, lambda: bend(sign=1)),
        FalseVariant(
            "a variance on [0, 1] is at most 2/9 (w²/9)", Method.POLYNOMIAL, lambda: popoviciu(Fraction(2, 9))
        ),
        FalseVariant("the best own step is (5/D²) g/σ²", Method.SYMBOLIC, lambda: best_step(multiple=5)),
        FalseVariant("more than s²/8 is met", Method.ENCLOSURE, met),
    ),
)
