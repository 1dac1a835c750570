"""T13: a group of G rescales REINFORCE by b_G(p), between 2 and G/√(G−1).

b_G(p) is a mean of G/√((j+1)(G−1−j)), j ~ Bin(G−2, p), so a bound on every term is a bound for every p. The product
under the root lies between G−1 and G²/4 by two exact identities, for every G.
"""

from __future__ import annotations

from fractions import Fraction

import flint
import sympy as sp

from proofs.digits import rounds_to
from proofs.enclosure import Number, working_precision
from proofs.formal import formal, refuted
from proofs.group_moments import G, binomial_mean, k, p
from proofs.polynomial import decide
from proofs.symbolic import Mean, identity
from proofs.theorem import FalseVariant, Method, Part, Theorem

CAPS = {2: "2", 4: "2.31", 8: "3.02", 16: "4.13", 64: "8.06"}
"""G: upper end of the window, as docs/theory.md prints it."""


def ratio_of_means() -> str:
    """With B = E_j 1/√((j+1)(G−1−j)): (B) of T12 gives m_G = G(G−1)pq B/G, and m_G ÷ pq(G−1)/G = G·B = b_G."""
    B = sp.Symbol("B", positive=True)
    q = 1 - p
    return identity(G * (G - 1) * p * q * B / G / (p * q * (G - 1) / G), G * B)


def two_identities() -> str:
    """(j+1)(G−1−j) − (G−1) = j(G−2−j);    G² − 4(j+1)(G−1−j) = (G−2−2j)²."""
    j = sp.Symbol("j", real=True)
    product = (j + 1) * (G - 1 - j)
    lower = identity(product - (G - 1), j * (G - 2 - j), "above G − 1")
    return f"{lower}; {identity(G**2 - 4 * product, (G - 2 - 2 * j) ** 2, 'below G²/4')}"


def window(lower: Number = 2, below: Number = 1) -> str:
    """Bounds lower ≤ G/s ≤ G/√(G − below), s² = (j+1)(G−1−j), for all real G ≥ 2 and j in [0, G−2]."""
    G, j, s, t = sp.symbols("G j s t", real=True)
    given = [G >= 2, j >= 0, j <= G - 2, s >= 0, sp.Eq(s**2, (j + 1) * (G - 1 - j)), t >= 0, sp.Eq(t**2, G - below)]
    return decide(sp.And(sp.Rational(lower) * s <= G, s >= t, s > 0), given)


def strict(least: int = 3, least_upper: int = 4) -> str:
    """Inside for 0 < p < 1: G/√(G−1) > 2 for G ≥ least, G/√(2(G−2)) < G/√(G−1) for G ≥ least_upper.

    These are the terms at j = 0 and j = 1; both have positive probability, and one term inside is enough.
    """
    G, t, s = sp.symbols("G t s", real=True)
    roots = [t >= 0, sp.Eq(t**2, G - 1), s >= 0, sp.Eq(s**2, 2 * (G - 2))]
    decide(2 * t < G, [least <= G, *roots])
    return f"both ends: {decide(s > t, [least_upper <= G, *roots])}"


def met() -> str:
    """G = 2: the only term is 2. G = 3: both are 3/√2. p = 0 leaves j = 0, p = 1 leaves j = G−2: both are G/√(G−1)."""
    j = sp.Symbol("j", real=True)
    squared = G**2 / ((j + 1) * (G - 1 - j))
    cap = G**2 / (G - 1)
    cases = [
        (squared.subs({G: 2, j: 0}), 4),
        (squared.subs({G: 3, j: 0}), sp.Rational(9, 2)),
        (squared.subs({G: 3, j: 1}), sp.Rational(9, 2)),
        (squared.subs(j, 0), cap),
        (squared.subs(j, G - 2), cap),
    ]
    for value, expected in cases:
        identity(value, expected)
    return f"{len(cases)} squares: differences expand to 0"


def lower_end_approached() -> str:
    """0 ≤ b_G(½) − 2 ≤ (G−2)/(√(G−1)(G + 2√(G−1))) → 0.

    G/s − 2 = (G−2−2j)²/(s(G+2s)) with s² = (j+1)(G−1−j), s ≥ t = √(G−1), and E(G−2−2j)² = G−2 at p = ½.
    """
    size, j, s, t = sp.symbols("G j s t", real=True)
    excess = identity((G / s - 2) * s * (G + 2 * s), G**2 - 4 * s**2)
    square = identity(G**2 - 4 * (j + 1) * (G - 1 - j), (G - 2 - 2 * j) ** 2)
    second_moment = binomial_mean((G - 2 * k) ** 2).subs(p, sp.Rational(1, 2)).subs(G, G - 2)
    identity(second_moment, G - 2)
    decide(s * (size + 2 * s) >= t * (size + 2 * t), [size >= 2, t > 0, s >= t])
    bound = (G - 2) / (sp.sqrt(G - 1) * (G + 2 * sp.sqrt(G - 1)))
    identity(sp.limit(bound, G, sp.oo), 0)
    return f"{excess}; {square}; limit 0"


def group_factor_bounded() -> str:
    """m_G² = (EX)² ≤ E X² = pq(G−1)/G, X = √(k(G−k))/G: E X² − (E X)² = E(X − E X)²."""
    X = sp.Symbol("X", real=True)
    mean = Mean(X)
    jensen = identity(mean.variance(X), mean((X - mean(X)) ** 2))
    return f"{jensen}; {identity(binomial_mean(k * (G - k) / G**2), p * (1 - p) * (G - 1) / G)}"


def expected_flow(below: Number = 1) -> str:
    """Two arms, D = 1, ż = b_G pq(G−1)/G: −q̇ = pq ż ≤ √(G−1) q², so 1/q grows at a rate of at most √(G−1).

    q = 1/(1+e^z) has dq/dz = −pq, and d(1/q)/dt = −q̇/q². `below` is the 1 of the window's upper end G/√(G−1).
    """
    z = sp.Symbol("z", real=True)
    of_z = 1 / (1 + sp.exp(z))
    slope = identity(sp.diff(of_z, z), -(1 - of_z) * of_z)
    n, b, q, t, u = sp.symbols("G b q t u", real=True)  # t = √(G−1), u = √(G − below)
    rate = (1 - q) * q * b * (1 - q) * q * (n - 1)  # −G q̇
    given = [n >= 2, t > 0, sp.Eq(t**2, n - 1), u > 0, sp.Eq(u**2, n - below), b >= 0, b * u <= n, q >= 0, q <= 1]
    return f"{slope}; {decide(rate <= t * q**2 * n, given)}"


def caps(below: int = 1) -> str:
    """G/√(G−1) is 2, 2.31, 3.02, 4.13, 8.06 at G = 2, 4, 8, 16, 64, to the digits that are printed."""
    with working_precision():
        values = [rounds_to(n / flint.arb(n - below).sqrt(), text, f"G = {n}: cap") for n, text in CAPS.items()]
    return "; ".join(values)


theorem = Theorem(
    number="T13",
    name="the adaptivity window",
    statement="E ĝ_GRPO = b_G(p) E ĝ_REINFORCE, 2 ≤ b_G(p) ≤ G/√(G−1)",
    assumptions="as T12; p in [0, 1]; the consequence for two arms: D = 1, expected dynamics in continuous time",
    source="this project; docs/theory.md T13",
    parts=(
        formal("E ĝ_GRPO = b_G(p) E ĝ_REINFORCE over all groups", "Groups", "grpo_is_adaptive"),
        formal("2 ≤ b_G(p) ≤ G/√(G−1)", "Groups", "adaptivity_window"),
        formal("b_3 = 3/√2", "Groups", "adaptivity_of_three"),
        formal("b_G > 2 for G ≥ 3, 0 < p < 1", "Groups", "adaptivity_above_two"),
        formal("below the cap for G ≥ 4, 0 < p < 1", "Groups", "adaptivity_below_cap"),
        formal("b_G(½) ≤ 2 + 1/√(G−1)", "Groups", "adaptivity_at_half"),
        formal("m_G ≤ σ√((G−1)/G), over all groups", "Groups", "group_factor_bound"),
        formal("two arms, expected flow: −q̇ ≤ √(G−1) q², any p", "Groups", "expected_flow_bound"),
        formal("so 1/q grows at most linearly along it, 1/q ≤ 1/q₀ + √(G−1) t", "Groups", "expected_tail"),
        Part("b_G is the mean of G/√((j+1)(G−1−j)), by (B), all G", Method.SYMBOLIC, ratio_of_means),
        Part("the two identities of the window, all G and j", Method.SYMBOLIC, two_identities),
        Part("each term is in [2, G/√(G−1)], all real G ≥ 2 and j", Method.POLYNOMIAL, window),
        Part("strictly inside for 0 < p < 1: above 2 for G ≥ 3, below the cap for G ≥ 4", Method.POLYNOMIAL, strict),
        Part("2 at G = 2; 3/√2 at G = 3; the cap at p = 0 and 1, all G", Method.SYMBOLIC, met),
        Part("b_G(½) → 2 as G → ∞", Method.SYMBOLIC, lower_end_approached),
        Part("m_G ≤ σ√((G−1)/G), all G", Method.SYMBOLIC, group_factor_bounded),
        Part("two arms, expected flow: −q̇ ≤ √(G−1) q²", Method.POLYNOMIAL, expected_flow),
        Part("the caps at G = 2, 4, 8, 16, 64", Method.ENCLOSURE, caps),
    ),
    false_variants=(
        refuted("a lower end above 2, at G = 2", "Groups", "adaptivity_of_two"),
        refuted("an upper end below G/√(G−1), at p = 0 and 1", "Groups", "adaptivity_cap_is_met"),
        FalseVariant("lower end 2.01", Method.POLYNOMIAL, lambda: window(lower=Fraction(201, 100))),
        FalseVariant("upper end G/√G", Method.POLYNOMIAL, lambda: window(below=0)),
        FalseVariant("above 2 from G = 2", Method.POLYNOMIAL, lambda: strict(least=2)),
        FalseVariant("below the cap from G = 3", Method.POLYNOMIAL, lambda: strict(least_upper=3)),
        FalseVariant("−q̇ ≤ √(G−1) q² from b ≤ G/√(G−2)", Method.POLYNOMIAL, lambda: expected_flow(below=2)),
        FalseVariant("caps G/√G", Method.ENCLOSURE, lambda: caps(0)),
    ),
)
