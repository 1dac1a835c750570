"""T4: along the prompt's own gradient T3 is best at length (2/D) ln(1 + γ), and guarantees σ[(1 + γ) ln(1 + γ) − γ].

A step of length l along g has w ≤ lD; with a = lD/2 the certificate guarantees σ[γa − ψ(a)], γ = 2|g|/(σD). What any
other length loses is σ(1 + γ)ψ(a − ln(1 + γ)), exactly, and ψ ≥ 0. That w ≤ lD, that ψ ≥ 0, and that a function whose
slope is at least 0 does not fall, are steps of the formal proof.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import sympy as sp

from curvature.constants import HALF_WIDTH, STEP_UNIT
from proofs.enclosure import Number
from proofs.formal import formal
from proofs.improvement_certificate import psi
from proofs.symbolic import identity
from proofs.theorem import FalseVariant, Method, Part, Theorem

γ, σ, D = sp.symbols("gamma sigma D", positive=True)
length, a = sp.symbols("l a", real=True)
best = sp.log(1 + γ)


def certified(half_width: Number = HALF_WIDTH) -> Any:
    """The guarantee l|g| − σψ(half_width · lD) at length l, with |g| = γσD/2."""
    return length * γ * σ * D / 2 - σ * psi(sp.Rational(half_width) * length * D)


def in_units(half_width: Number = HALF_WIDTH) -> str:
    """At l = 2a/D the guarantee is σ[γa − ψ(a)] = σ[(1 + γ)a + 1 − eᵃ]."""
    gain = certified(half_width).subs(length, 2 * a / D)
    return identity(gain, σ * ((1 + γ) * a + 1 - sp.exp(a)))


def stationary(half_width: Number = HALF_WIDTH) -> str:
    """The slope in l is 0 at l = (2/D) ln(1 + γ), the second derivative is −σ(D²/4) e^{lD/2} < 0."""
    gain = certified(half_width)
    slope: Any = sp.diff(gain, length)
    identity(sp.expand(slope.subs(length, 2 / D * best)), 0, "slope")
    return identity(sp.diff(gain, length, 2), -σ * D**2 / 4 * sp.exp(length * D / 2))


def best_gain(subtracted: sp.Expr = γ) -> str:
    """At that length it is σ[(1 + γ) ln(1 + γ) − γ], which is 0 at γ = 0 and has slope σ ln(1 + γ) ≥ 0 in γ."""
    gain = σ * ((1 + γ) * best - subtracted)
    identity(certified().subs(length, 2 / D * best), gain, "value")
    identity(gain.subs(γ, 0), 0, "γ = 0")
    return identity(sp.diff(gain, γ), σ * best)


def what_others_lose() -> str:
    """The best gain minus that at a = ln(1 + γ) + x is σ(1 + γ)ψ(x), every real x."""
    x = sp.Symbol("x", real=True)
    other = certified().subs(length, 2 / D * (best + x))
    return identity(sp.expand(σ * ((1 + γ) * best - γ) - other), sp.expand(σ * (1 + γ) * psi(x)))


def first_order(unit: Number = STEP_UNIT) -> str:
    """(2/D) ln(1 + γ) is to first order in γ the GRPO step (STEP_UNIT/D²)|g|/σ = 2γ/D."""
    gradient = γ * σ * D / 2
    identity(sp.Rational(unit) / D**2 * gradient / σ, 2 * γ / D, "GRPO's length")
    return identity(sp.limit(best / γ, γ, 0), 1)


def distance_to_first_order(scale: Number = 1) -> str:
    """0 ≤ 2γ/D − (2/D) ln(1 + γ) ≤ scale · γ²/D: both differences are 0 at γ = 0 and have slopes that are at least 0.

    The slopes are (2/D) γ/(1 + γ) and (2/D) γ²/(1 + γ).
    """
    shorter: Any = 2 * γ / D - 2 / D * best
    left: Any = sp.Rational(scale) * γ**2 / D - shorter
    for difference, slope in ((shorter, γ / (1 + γ)), (left, γ**2 / (1 + γ))):
        identity(difference.subs(γ, 0), 0, "γ = 0")
        identity(sp.diff(difference, γ), 2 / D * slope, "slope")
    return "both differences start at 0 and do not fall"


theorem = Theorem(
    number="T4",
    name="the best certified step of one prompt",
    statement="T3 along g is best at length (2/D) ln(1 + γ), where it guarantees σ[(1 + γ) ln(1 + γ) − γ]",
    assumptions="log-linear policy, finitely many responses, σ > 0, D at least the diameter, γ = 2|g|/(σD)",
    source="this project; docs/theory.md T4",
    parts=(
        formal("0 < γ ≤ 1", "Step", "alignment_between"),
        formal("J gains what the guarantee says, at every length", "Step", "step_guarantee"),
        formal("every other length has a smaller guarantee", "Step", "best_length_is_best"),
        formal("the gain of J at the best length", "Step", "best_step_gain"),
        formal("the best length is the GRPO step's within γ²/D", "Step", "best_step_is_grpo"),
        Part("the guarantee is σ[(1 + γ)a + 1 − eᵃ] at length 2a/D", Method.SYMBOLIC, in_units),
        Part("stationary at a = ln(1 + γ), and concave in the length", Method.SYMBOLIC, stationary),
        Part("its value there, 0 at γ = 0 and growing", Method.SYMBOLIC, best_gain),
        Part("what every other length loses: σ(1 + γ)ψ(a − ln(1 + γ))", Method.SYMBOLIC, what_others_lose),
        Part("first order: (4/D²)|g|/σ", Method.SYMBOLIC, first_order),
        Part("within γ²/D of it", Method.SYMBOLIC, distance_to_first_order),
    ),
    false_variants=(
        FalseVariant("the same length under ψ(12w/25)", Method.SYMBOLIC, lambda: stationary(Fraction(12, 25))),
        FalseVariant("gain σ[(1 + γ) ln(1 + γ) − γ/2]", Method.SYMBOLIC, lambda: best_gain(γ / 2)),
        FalseVariant("GRPO's length is (5/D²)|g|/σ", Method.SYMBOLIC, lambda: first_order(unit=5)),
        FalseVariant("within γ²/(2D) of it", Method.SYMBOLIC, lambda: distance_to_first_order(Fraction(1, 2))),
    ),
)
