"""T14: what one GRPO step on the estimate of a sampled group gains in expectation.

T3 at the sampled step, ψ(ca) ≤ a²ψ(c), and the second moment of T12. The estimate is the deviation of the group times
a difference of mean scores, which keeps a = 2|ĝ|/D at most 1 without any condition on the policy.
"""

from __future__ import annotations

from fractions import Fraction

import sympy as sp

from curvature.constants import HALF_WIDTH, STEP_UNIT
from proofs.enclosure import Number
from proofs.formal import formal
from proofs.group_moments import G, binomial_mean, gap, grpo_variance, k, m, p, var_right, var_wrong
from proofs.improvement_certificate import psi
from proofs.polynomial import decide
from proofs.symbolic import identity
from proofs.theorem import FalseVariant, Method, Part, Theorem

c, D, B, gamma, sigma = sp.symbols("c D B_G gamma sigma", positive=True)


def estimate_is_a_difference() -> str:
    """(1/G)Σ(r_i − r̄)s_i / s = s (mean score of the right − of the wrong), s² = k(G−k)/G², for all 0 < k < G."""
    right, wrong, s = sp.symbols("right wrong s")  # mean scores of the k right and of the G − k wrong responses
    centred = (k * (1 - k / G) * right + (G - k) * (0 - k / G) * wrong) / G
    before = identity(centred, k * (G - k) / G**2 * (right - wrong), "centred")
    return f"{before}; {identity((s**2 * (right - wrong)) / s, s * (right - wrong), 'divided')}"


def at_most_half(most: Number = HALF_WIDTH) -> str:
    """Deviation s ≤ ½ where s² = k(G−k)/G², so |ĝ| ≤ D/2 and a = 2|ĝ|/D ≤ 1: mean scores are at most D apart."""
    G, k, s = sp.symbols("G k s", real=True)
    return decide(s <= sp.Rational(most), [G > 0, k >= 0, k <= G, s >= 0, sp.Eq(s**2 * G**2, k * (G - k))])


def step_in_units(unit: Number = STEP_UNIT) -> str:
    """η = 4c/D²: half the width of the step, D η|ĝ|/2, is ca with a = 2|ĝ|/D; η g·Δμ m_G is c m_G γ², as Δμ = g/σ²."""
    length, gradient = sp.symbols("length gradient", positive=True)
    eta = sp.Rational(unit) * c / D**2
    width = identity(sp.Rational(HALF_WIDTH) * D * eta * length, c * (2 * length / D), "width")
    gain = eta * gradient * (gradient / sigma**2) * m
    return f"{width}; {identity(gain, c * m * (2 * gradient / (sigma * D)) ** 2, 'first order')}"


def second_moment(truncated: bool = True) -> str:
    """(4/D²) E|ĝ|² = B_G = γ²(G−1)/G + ν_G/G, from T12: |E ĝ|² + tr Cov ĝ, with (4/D²)|Δμ|² pq = γ², every G.

    V₁, V₀ are tr Σ₁, tr Σ₀; |Δμ| = γD/(2σ), σ² = pq.
    """
    q = 1 - p
    noise = STEP_UNIT / D**2 * (var_right * (q - q**G) + var_wrong * (p - p**G))
    squared_gap = gamma**2 * D**2 / (4 * p * q)
    moment = (gap**2 * m**2 + grpo_variance(G, m, truncated)).subs(gap**2, squared_gap)
    return identity(STEP_UNIT / D**2 * moment, gamma**2 * (G - 1) / G + noise / G)


def best_step(factor: Number = 1) -> str:
    """f(c) = c m_G γ² − σψ(c)B_G has f′ = 0 at c = ln(1 + factor · m_G γ²/(σB_G)), and f″ = −σB_G eᶜ < 0: a maximum."""
    gain = c * m * gamma**2 - sigma * psi(c) * B
    best = sp.log(1 + sp.Rational(factor) * m * gamma**2 / (sigma * B))
    stationary = identity(sp.expand(sp.diff(gain, c).subs(c, best)), 0, "slope")
    return f"{stationary}; {identity(sp.diff(gain, c, 2), -sigma * B * sp.exp(c), 'second derivative')}"


def many_samples(power: int = 1) -> str:
    """G → ∞: m_G → σ and B_G → γ², so the bound becomes T6's σγ²(c − ψ(c)).

    |√x − σ| ≤ |x − σ²|/σ with x = k(G−k)/G², so |m_G − σ| ≤ √E(x − σ²)²/σ; E(x − σ²)² is a polynomial in p over G³ and
    tends to 0. ν_G is a mean of bounded numbers, here a symbol.
    """
    x, nu = sp.symbols("x nu", positive=True)
    root = identity((sp.sqrt(x) - sigma) * (sp.sqrt(x) + sigma), x - sigma**2, "root")
    away = binomial_mean(sp.expand((k * (G - k) / G**2 - p * (1 - p)) ** 2))
    spread = identity(sp.limit(sp.factor(away), G, sp.oo), 0, "spread")
    limit = sp.limit(gamma**2 * (G - 1) / G + nu / G, G, sp.oo)
    bound = (c * m * gamma**2 - sigma * psi(c) * B).subs({m: sigma, B: limit})
    return f"{root}; {spread}; {identity(bound, sigma * gamma ** (2 * power) * (c - psi(c)), 'bound')}"


theorem = Theorem(
    number="T14",
    name="the gain of one sampled GRPO step",
    statement="E[J⁺] − J ≥ c m_G γ² − σψ(c)B_G, B_G = γ²(G−1)/G + ν_G/G; best at c = ln(1 + m_G γ²/(σB_G))",
    assumptions="one prompt (or prompts with orthogonal spans), binary rewards, estimate of T12, η = 4c/D², c ≥ 0",
    source="this project; docs/theory.md T14",
    parts=(
        formal("the bound for one prompt, over all groups", "SampledStep", "sampled_step_gain"),
        formal("every other c guarantees less", "SampledStep", "best_c_is_best"),
        formal("what the best c guarantees", "SampledStep", "best_c_gain"),
        formal("ψ(ac) ≤ a²ψ(c) for 0 ≤ a ≤ 1, c ≥ 0", "Psi", "psi_scaled"),
        Part("ĝ = s (mean score right − wrong), all G and 0 < k < G", Method.SYMBOLIC, estimate_is_a_difference),
        Part("s ≤ ½", Method.POLYNOMIAL, at_most_half),
        Part("width and first order of the step", Method.SYMBOLIC, step_in_units),
        Part("(4/D²) E|ĝ|² = B_G, all G, from T12", Method.SYMBOLIC, second_moment),
        Part("the best c", Method.SYMBOLIC, best_step),
        Part("G → ∞ gives T6's step", Method.SYMBOLIC, many_samples),
    ),
    false_variants=(
        FalseVariant("s ≤ 49/100", Method.POLYNOMIAL, lambda: at_most_half(Fraction(49, 100))),
        FalseVariant("η = 5c/D² with the same bound", Method.SYMBOLIC, lambda: step_in_units(5)),
        FalseVariant("groups that do not vary count", Method.SYMBOLIC, lambda: second_moment(truncated=False)),
        FalseVariant("best at c = ln(1 + 2 m_G γ²/(σB_G))", Method.SYMBOLIC, lambda: best_step(2)),
        FalseVariant("G → ∞ gives σγ⁴(c − ψ(c))", Method.SYMBOLIC, lambda: many_samples(power=2)),
    ),
    on_paper="several prompts with orthogonal spans: each sees its own step, as in T6",
)
