"""T15: at a constant step the failure rate under g/σ^α is Θ(t^{−2/(2−α)}) for 0 ≤ α < 2, exponential at α = 2.

A step moves log-odds by at most h(pq)^β and at least a(pq)^β (T19), β = 1 − α/2, h = ηD²; o^β(pq)^β = p^{2β} ≤ 1 turns
this into linear growth of o^β, o = p/q. For the mean of N prompts under any overlap, q̄^{−β} grows by at most
e^{βhN} − 1 per step.
"""

from __future__ import annotations

from fractions import Fraction

import flint
import sympy as sp

from proofs.enclosure import Number, exact, positive
from proofs.formal import formal
from proofs.symbolic import identity
from proofs.theorem import FalseVariant, Method, Part, Theorem


def odds_and_variance(power: int = 2) -> str:
    """(p/q) · pq = p^power."""
    p = sp.Symbol("p", positive=True)
    return identity(p / (1 - p) * (p * (1 - p)), p**power)


def own_step(eighth: int = 8) -> str:
    """k|g|²/σ² − (kD|g|)²/8 at k = η/σ^α, |g| = σ²G: ηG²v(1 − ηD²v/eighth), v = σ^{2−α}."""
    η, D, G, σ, s = sp.symbols("eta D G sigma s", positive=True)  # s = σ^α
    k, g = η / s, σ**2 * G
    v = σ**2 / s
    return identity(k * g**2 / σ**2 - (k * D * g) ** 2 / 8, η * G**2 * v * (1 - η * D**2 * v / eighth))


def almost_right(second_reward: Number = 0) -> str:
    """Two arms, p = ½, η = D = 1, α = 0: T15's lower bound at t = 10 is below 1 − J at the start.

    For rewards 1 and r, 1 − J is (1 − r)/2, and rising J makes it less; the bound is 1/(1 + 1 + 4(e^{1/4} − 1) · 10).
    """
    growth = 4 * (exact(Fraction(1, 4)).exp() - 1)
    return positive(lambda: (1 - exact(second_reward)) / 2 - 1 / (2 + 10 * growth), [])


def chord(share: Number = 1) -> str:
    """e^{cx} − 1 ≤ share · 4x(e^{c/4} − 1) on 0 ≤ x ≤ ¼, here for 1 ≤ c ≤ 4, 1/20 ≤ x ≤ 1/5 (Coq has all)."""

    def slack(c: flint.arb, x: flint.arb) -> flint.arb:
        return exact(share) * 4 * x * (c / 4).expm1() - (c * x).expm1()

    return positive(slack, [(1, 4), (Fraction(1, 20), Fraction(1, 5))])


theorem = Theorem(
    number="T15",
    name="the rules' own rates",
    statement="o₀^β + βa p₀^{2β} t ≤ o_t^β ≤ o₀^β + 4^β(e^{βh/4^β} − 1)t; o₀e^{at} ≤ o_t ≤ o₀e^{ht} at α = 2",
    assumptions="rewards 0 or 1, exact gradients, a constant step on the sum, orthogonal spans (the mean: any spans)",
    source="this project; docs/theory.md T15",
    parts=(
        formal("no faster, any prompt of a run, α < 2", "FailureRates", "odds_no_faster"),
        formal("no faster, α = 2", "FailureRates", "log_odds_no_faster"),
        formal("no slower, margin m, α < 2", "FailureRates", "odds_no_slower"),
        formal("no slower, α = 2", "FailureRates", "log_odds_no_slower"),
        formal("the mean of N prompts, any overlap", "FailureRates", "mean_no_faster"),
        formal("the margin is at most |g|/σ²", "FailureRates", "margin_le_gap"),
        Part("(p/q) · pq = p²", Method.SYMBOLIC, odds_and_variance),
        Part("what an own step gains", Method.SYMBOLIC, own_step),
        Part("the chord of the exponential, a box", Method.ENCLOSURE, chord),
        Part("at rewards 1 and 0 the start is above the bound", Method.ENCLOSURE, almost_right),
    ),
    false_variants=(
        FalseVariant("(p/q) · pq = p", Method.SYMBOLIC, lambda: odds_and_variance(power=1)),
        FalseVariant("a ninth for an eighth", Method.SYMBOLIC, lambda: own_step(eighth=9)),
        FalseVariant("four fifths of the chord", Method.ENCLOSURE, lambda: chord(Fraction(4, 5))),
        FalseVariant("rewards 1 and .9999", Method.ENCLOSURE, lambda: almost_right(Fraction(9999, 10000))),
    ),
    on_paper="that bounds on the odds' powers say Θ(t^{−2/(2−α)}) of the failure rate",
)
