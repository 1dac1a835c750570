"""T16: no rule that learns nothing from groups of equal rewards is faster than 1/n at the end or 1/p₀ at the start.

n counts answers. A group is live with probability at most Gq̄ and at most Gp̄; a live one moves 1/q̄ to at most e^w/q̄ and
1/p̄ to at least e^{−w}/p̄. So E[1/q̄] grows by at most (e^w − 1)G per update, and 1/p̄ falls by at most (1 − e^{−w})G.
"""

from __future__ import annotations

from fractions import Fraction

import flint
import sympy as sp

from proofs.enclosure import Number, exact, positive
from proofs.formal import formal, refuted
from proofs.polynomial import decide
from proofs.symbolic import identity
from proofs.theorem import FalseVariant, Method, Part, Theorem


def jensen(coefficient: int = 2) -> str:
    """As q = coefficient/m − (1/q)/m² + q(1 − 1/(mq))²: 1/x lies above its tangent, so that E q ≥ 1/E[1/q]."""
    q, m = sp.symbols("q m", positive=True)
    return identity(q, coefficient / m - 1 / (q * m**2) + q * (1 - 1 / (m * q)) ** 2)


def live(slack: int = 0) -> str:
    """A group of G = 2, 3, 4 is live with probability 1 − p^G − q^G ≤ (G − slack) q."""
    p, q = sp.symbols("p q", real=True)
    for G in (2, 3, 4):
        decide(1 - p**G - q**G <= (G - slack) * q, [p >= 0, q >= 0, p + q <= 1, p + q >= 1])
    return "the negations have no real solution"


def good_start(quarter: Number = Fraction(1, 4)) -> str:
    """(1 − x)^{1/x} ≥ quarter for x = 1/n, here 1/100 ≤ x ≤ 49/100 (Coq has every n ≥ 2)."""

    def slack(x: flint.arb) -> flint.arb:
        return ((1 - x).log() / x).exp() - exact(quarter)

    return positive(slack, [(Fraction(1, 100), Fraction(49, 100))])


def without_silence(moves: bool = True) -> str:
    """Two arms at p = ½ that move by ln 2 at every update: 1/q after two of them exceeds 2 + (2 − 1) · 2."""
    grown = exact(4 if moves else 2)  # the odds; a rule that is silent in half of the groups of two moves once
    return positive(lambda: 1 + grown - 4, [])


FILE = "GroupLimits"
theorem = Theorem(
    number="T16",
    name="no group of samples has these rates",
    statement="E q̄ ≥ 1/(1/q̄₀ + (e^w − 1)n); E[answers to reach level] ≥ (1/p̄₀ − 1/level)/(1 − e^{−w})",
    assumptions="rewards 0 or 1; silence on groups of equal rewards; moves of at most w; prompts drawn uniformly",
    source="this project; docs/theory.md T16",
    parts=(
        formal("E[1/q̄] grows at most linearly", FILE, "mean_inverse_failure"),
        formal("E q̄, any rule, any number of prompts and arms", FILE, "group_failure_bound"),
        formal("the start, within any number of updates", FILE, "group_start_bound"),
        formal("answers drawn within T updates are at most GT", FILE, "answers_at_most"),
        formal("without a bound on the moves", FILE, "quiet_groups_bound"),
        formal("at q₀ = 1/n at least 1/(4n) is left", FILE, "failure_after_a_good_start"),
        formal("a wrong arm makes every failure rate positive", FILE, "failure_pos"),
        formal("a right arm makes every pass rate positive", FILE, "success_pos"),
        Part("1/x lies above its tangent", Method.SYMBOLIC, jensen),
        Part("how often a group is live, G = 2, 3, 4", Method.POLYNOMIAL, live),
        Part("(1 − 1/n)^n ≥ ¼, a box", Method.ENCLOSURE, good_start),
        Part("two moves without silence exceed the bound", Method.ENCLOSURE, without_silence),
    ),
    false_variants=(
        refuted("without silence", FILE, "silence_is_needed"),
        FalseVariant("the tangent with 3/m", Method.SYMBOLIC, lambda: jensen(coefficient=3)),
        FalseVariant("live with at most (G − 1) q", Method.POLYNOMIAL, lambda: live(slack=1)),
        FalseVariant("(1 − 1/n)^n ≥ 3/10", Method.ENCLOSURE, lambda: good_start(Fraction(3, 10))),
        FalseVariant("one move exceeds it", Method.ENCLOSURE, lambda: without_silence(moves=False)),
    ),
    on_paper="that the start's bound at T → ∞ bounds E n; which trainers' rules are covered, and with which w",
)
