"""T20: each rule g/σ^α ascends its own sum Σ F(J_x), F′ = σ^(−α), under any overlap or conflict.

For a softmax (F∘J)″ = σ^{2−α}[β(1 − 2p)d² + Var(X|right) − Var(X|wrong)], β = 1 − α/2, with T18's d, so that
|(F∘J)″| ≤ Λ_α w², Λ_α = max_k ((1 − k²)/4)^β M(βk). It is met at k = 1/(1 + √α) if α + √α ≥ 1, else at 1/√(3 − α).
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import flint
import sympy as sp

from proofs.digits import rounds_to
from proofs.enclosure import Number, exact, working_precision
from proofs.formal import formal, refuted
from proofs.polynomial import decide
from proofs.symbolic import identity
from proofs.theorem import FalseVariant, Method, Part, Theorem

k, s = sp.symbols("k s", real=True)
α = sp.Symbol("alpha", positive=True)


def any_policy(coefficient: int = 1) -> str:
    """(F∘J)″ = σ^{−α}(J″ − coefficient · (α/2)(1 − 2J) J′²/σ²) for F′ = σ^{−α}, σ² = J(1 − J), J any function."""
    t = sp.Symbol("t", real=True)
    J: Any = sp.Function("J")(t)
    variance = J * (1 - J)
    slope = sp.diff(J, t)
    logarithm = sp.diff(-α / 2 * sp.log(variance), t)  # of σ^{−α}
    bend = sp.diff(J, t, 2) - coefficient * α / 2 * (1 - 2 * J) * slope**2 / variance
    return identity(sp.diff(J, t, 2) + slope * logarithm, bend)


def with_the_parts_of_t18(half: int = 2) -> str:
    """σ²[(1 − 2p)d² + V] − (α/2)(1 − 2p)σ²d² = σ²[β(1 − 2p)d² + V] with β = 1 − α/half."""
    p, d, V = sp.symbols("p d V", real=True)
    variance = p * (1 - p)
    left = variance * ((1 - 2 * p) * d**2 + V) - α / 2 * (1 - 2 * p) * (variance * d) ** 2 / variance
    return identity(left, variance * ((1 - α / half) * (1 - 2 * p) * d**2 + V))


def low_peak(shift: int = 1) -> str:
    """d/dk log[(1 − k²)^β/(1 − βk)] = 0 at k = 1/(shift + √α), α = root²."""
    root = sp.Symbol("root", positive=True)
    β = 1 - root**2 / 2
    slope = -2 * β * k / (1 - k**2) + β / (1 - β * k)
    return identity(slope.subs(k, 1 / (shift + root)), 0)


def high_peak(most: int = 3) -> str:
    """d/dk log[(1 − k²)^β k] = 0 at k = 1/root, root² = most − α."""
    root = sp.Symbol("root", positive=True)
    β = 1 - (most - root**2) / 2
    slope = -2 * β * k / (1 - k**2) + 1 / k
    return identity(slope.subs(k, 1 / root), 0)


def low_square() -> str:
    """The tangent of x^β at the peak K, 2K(1 − βK) = 1 − K²: what is left is β(k − K)²/(2K), never negative."""
    K, β = sp.symbols("K beta", positive=True)
    left = 1 - β * k - ((1 - β) * (1 - K**2) + β * (1 - k**2)) / (2 * K)
    balance = 2 * K * (1 - β * K) - (1 - K**2)
    return identity(left, β * (k - K) ** 2 / (2 * K) + balance / (2 * K))


def high_cube() -> str:
    """The same on the other branch, K²(1 + 2β) = 1: K − k(3 − k²/K²)/2 = (k − K)²(k + 2K)/(2K²)."""
    K = sp.Symbol("K", positive=True)
    return identity(K - k * (3 - k**2 / K**2) / 2, (k - K) ** 2 * (k + 2 * K) / (2 * K**2))


def grpo(denominator: int = 48) -> str:
    """α = 1: (σ M(k/2))² ≤ 1/denominator, σ² = (1 − k²)/4, M(k/2) = 1/(2(2 − k)); 1/48 is (√3/12)²."""
    return decide((1 - k**2) * denominator <= 16 * (2 - k) ** 2, [k >= 0, k < 1])


def printed(doubled: int = 1) -> str:
    """Λ = .0962, .1150, .1443, .1882, .2500 at α = 0, ½, 1, 1.5, 2."""
    values = {Fraction(0): ".0962", Fraction(1, 2): ".1150", Fraction(1): ".1443", Fraction(3, 2): ".1882"}
    with working_precision():
        said = [rounds_to(_constant(a) * doubled, text, f"Λ at {a}") for a, text in values.items()]
        said.append(rounds_to(_constant(Fraction(2)) * doubled, ".2500", "Λ at 2"))
    return ", ".join(said)


def _constant(exponent: Fraction) -> flint.arb:
    """Λ_α as a ball, at the peak of its branch."""
    a, β = exact(exponent), exact(1 - exponent / 2)
    low = a + a.sqrt() >= 1
    K = 1 / (1 + a.sqrt()) if low else 1 / (3 - a).sqrt()
    return ((1 - K * K) / 4) ** β * (1 / (4 * (1 - β * K)) if low else β * K)


def step_gain(step: Number = 1) -> str:
    """η|G|² − ΛλD²η²|G|²/2 at η = step/(ΛλD²) is |G|²/(2ΛλD²), and its slope in η is 0 there."""
    η, smoothness, G = sp.symbols("eta smoothness G", positive=True)
    gain = η * G**2 - smoothness * η**2 * G**2 / 2
    best = {η: sp.Rational(step) / smoothness}
    identity(sp.sympify(sp.diff(gain, η)).subs(best), 0, "slope")
    return identity(gain.subs(best), G**2 / (2 * smoothness))


FILE = "PowerObjective"
theorem = Theorem(
    number="T20",
    name="each rule ascends its own sum",
    statement="|(F∘J)″| ≤ Λ_α w²; ΣF(J_x) never falls at η ≤ 2/(Λ_αλD²), gains |Σg/σ^α|²/(2Λ_αλD²) at half of it",
    assumptions="rewards 0 or 1, exact gradients, softmax, 0 ≤ α ≤ 2; any overlap λ ≤ N, any conflict",
    source="this project; docs/theory.md T20",
    parts=(
        formal("the curvature of F∘J", FILE, "objective_curvature"),
        formal("Λ_α is the greatest value, every α in [0, 2]", FILE, "power_curvature_constant_bounds"),
        formal("Λ_0 = √3/18", FILE, "power_curvature_constant_of_reinforce"),
        formal("Λ_1 = √3/12", FILE, "power_curvature_constant_of_grpo"),
        formal("Λ_2 = ¼", FILE, "power_curvature_constant_of_variance_rule"),
        formal("the rule's direction is ∇ΣF(J_x)", FILE, "direction_is_gradient"),
        formal("the sum never falls", FILE, "own_sum_never_falls"),
        formal("what one step gains", FILE, "ascent_step_gain"),
        formal("the squares of the directions of a run", FILE, "squared_directions_of_a_run"),
        formal("GRPO at 4√3/(λD²)", FILE, "grpo_own_sum_gain"),
        formal("there is such an F for every α", FILE, "objective_exists"),
        formal("λ = N will do", FILE, "overlap_of_number"),
        formal("λ = 1 where spans are orthogonal", FILE, "overlap_of_orthogonal_spans"),
        formal("λ ≥ λ_max(ΣP_x) will do", FILE, "overlap_of_projections"),
        Part("the second derivative, J any function", Method.SYMBOLIC, any_policy),
        Part("with T18's parts", Method.SYMBOLIC, with_the_parts_of_t18),
        Part("where the second branch is greatest", Method.SYMBOLIC, low_peak),
        Part("where the first branch is greatest", Method.SYMBOLIC, high_peak),
        Part("the tangent leaves a square", Method.SYMBOLIC, low_square),
        Part("the tangent leaves a cube", Method.SYMBOLIC, high_cube),
        Part("Λ_1 ≤ √3/12", Method.POLYNOMIAL, grpo),
        Part("Λ at five exponents, every digit", Method.ENCLOSURE, printed),
        Part("the best step and its gain", Method.SYMBOLIC, step_gain),
    ),
    false_variants=(
        refuted("a constant below Λ_α, any α", FILE, "power_curvature_constant_is_tight"),
        refuted("half of Λ_α", FILE, "half_of_the_constant_is_not_enough"),
        FalseVariant("α for α/2 in the second derivative", Method.SYMBOLIC, lambda: any_policy(coefficient=2)),
        FalseVariant("β = 1 − α", Method.SYMBOLIC, lambda: with_the_parts_of_t18(half=1)),
        FalseVariant("the peak at 1/(2 + √α)", Method.SYMBOLIC, lambda: low_peak(shift=2)),
        FalseVariant("the peak at 1/√(4 − α)", Method.SYMBOLIC, lambda: high_peak(most=4)),
        FalseVariant("Λ_1² ≤ 1/49", Method.POLYNOMIAL, lambda: grpo(denominator=49)),
        FalseVariant("twice the digits", Method.ENCLOSURE, lambda: printed(doubled=2)),
        FalseVariant("the best step is 2/(ΛλD²)", Method.SYMBOLIC, lambda: step_gain(step=2)),
    ),
    on_paper="that ΣF is bounded for α < 2, so that the directions of a run tend to 0",
)
