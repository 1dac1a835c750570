"""T9: the decoupled direction, and χ ≥ 1 − μ(N − 1)s.

Vectors enter through their inner products only, so that nothing depends on the dimension. Sums over pairs of prompts
are treated pair by pair, or as means over the N prompts; N is open unless a claim names it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import sympy as sp

from curvature.constants import HALF_WIDTH, STEP_UNIT
from proofs.enclosure import Number
from proofs.formal import formal, refuted
from proofs.improvement_certificate import psi
from proofs.polynomial import decide
from proofs.symbolic import Mean, identity
from proofs.theorem import FalseVariant, Method, Part, Theorem, Unproved

D = sp.Symbol("D", positive=True)


def second_order(half_width: Number = HALF_WIDTH) -> str:
    """ψ(a)/a² → 1/2 as a → 0; with a = HALF_WIDTH · D|P_x δ| the term σψ is (D²/8) σ|P_x δ|² to second order."""
    a, reach, σ = sp.symbols("a reach sigma", positive=True)
    half = sp.limit(psi(a) / a**2, a, 0)
    identity(half, sp.Rational(1, 2), "limit")
    return identity(σ * half * (sp.Rational(half_width) * D * reach) ** 2, D**2 / 8 * σ * reach**2)


def maximiser(unit: Number = STEP_UNIT) -> str:
    """Q(δ) = G·δ − (D²/8) δ·Sδ, G = Σg, S symmetric: Sδ = (STEP_UNIT/D²) G makes Q(δ) − Q(δ + v) = (D²/8) v·Sv, any v.

    And v·Sv = Σ σ_x |P_x v|² ≥ 0. The symbols are inner products, so that the dimension is open.
    """
    G_δ, G_v, v_S_v = sp.symbols("G.delta G.v v.Sv", real=True)
    scale = sp.Rational(unit) / D**2
    δ_S_δ, v_S_δ = scale * G_δ, scale * G_v
    at_δ = G_δ - D**2 / 8 * δ_S_δ
    moved = G_δ + G_v - D**2 / 8 * (δ_S_δ + 2 * v_S_δ + v_S_v)
    return identity(at_δ - moved, D**2 / 8 * v_S_v)


def orthogonal_spans() -> str:
    """P_x' g_x = g_x for x' = x, else 0: S g_x = Σ_x' σ_x' P_x' g_x = σ_x g_x, so that S Σ g_x/σ_x = Σ g_x; N open."""
    x, other, N = sp.symbols("x x' N", integer=True, positive=True)
    σ = sp.IndexedBase("sigma", positive=True)
    inside: Any = sp.Sum(sp.Indexed(σ, other) * sp.KroneckerDelta(other, x), (other, 1, N)).doit()
    value, condition = inside.args[0]
    if condition != sp.Ge(N, x):
        raise Unproved(f"the sum over prompts was taken apart by {condition}")
    return identity(value / sp.Indexed(σ, x), 1)


def common_span() -> str:
    """P_x = P for all x: S = (Σσ)P, and PΣg = Σg, so that S (Σg/Σσ) = Σg."""
    total, G = sp.symbols("sum_sigma sum_g", positive=True)
    return identity(total * (G / total), G)


def independent_prompts(power: int = 1) -> str:
    """δ = Eᵀ(EEᵀ)⁻¹Σ⁻¹a solves EᵀΣE δ = Eᵀa, lies in the span of E's rows, and Eδ = Σ⁻¹a; one coordinate of the a_x.

    E is N × d, both open, with independent rows e_x. SymPy only cancels a matrix against its inverse beside it; what is
    left must be the same product.
    """
    N, d = sp.symbols("N d", integer=True, positive=True)
    E: Any = sp.MatrixSymbol("E", N, d)
    Σ: Any = sp.MatrixSymbol("Sigma", N, N)
    a: Any = sp.MatrixSymbol("a", N, 1)
    δ = E.T * sp.Inverse(E * E.T) * Σ**-power * a
    for name, left, right in (("equation", E.T * Σ * E * δ, E.T * a), ("move", E * δ, Σ**-1 * a)):
        if left.doit() != right.doit():
            raise Unproved(f"{name}: {left.doit()} is not {right.doit()}")
    return "inverses cancel to the same product, in the equation and in the move"


def symmetrised(weight: int = 1) -> str:
    """Per pair: ⟨g, g'⟩(1/σ + 1/σ') = 2⟨h, h'⟩ s with h = g/√σ, s = ½(√(σ/σ') + √(σ'/σ)); |g|²/σ = |h|²."""
    root, rootʹ = sp.symbols("sqrt_sigma sqrt_sigma'", positive=True)
    h_h, h_hʹ = sp.symbols("h.h h.h'", real=True)
    s = (root / rootʹ + rootʹ / root) / 2
    identity(root**2 * h_h / root**2, h_h, "diagonal")
    return identity(root * rootʹ * h_hʹ * (1 / root**2 + 1 / rootʹ**2), 2 * weight * h_hʹ * s)


def spread_at_least_one(least: Number = 1) -> str:
    """The spread s = ½(√(σ/σ') + √(σ'/σ)) is at least 1: with roots t, t' that is t² + t'² ≥ 2tt'."""
    t, tʹ = sp.symbols("t t'", real=True)
    return decide(t**2 + tʹ**2 >= 2 * sp.Rational(least) * t * tʹ, [t > 0, tʹ > 0])


def one_pair(coherent: bool = True) -> str:
    """2⟨h, h'⟩ s' ≥ −2 μ s |h||h'| from |⟨h, h'⟩| ≤ μ|h||h'| and 0 < s' ≤ s; without the first it is false."""
    inner, size, sizeʹ, μ, s, sʹ = sp.symbols("h.h' |h| |h'| mu s s'", real=True)
    given = [size >= 0, sizeʹ >= 0, μ >= 0, sʹ > 0, sʹ <= s]
    if coherent:
        given.append(sp.Abs(inner) <= μ * size * sizeʹ)
    return decide(2 * inner * sʹ >= -2 * μ * s * size * sizeʹ, given)


def all_pairs(subtracted: int = 1) -> str:
    """(N − 1)Σ|h|² − Σ_{x≠x'}|h||h'| = N² Var|h| ≥ 0, the variance over the N prompts."""
    size, N = sp.symbols("|h| N", positive=True)
    E = Mean(size)
    squares, pairs = N * E(size**2), (N * E(size)) ** 2 - N * E(size**2)
    return identity((N - subtracted) * squares - pairs, N**2 * E.variance(size))


def tight_for_two() -> str:
    """N = 2, h' = −h, μ = 1: χ = 1 − s exactly."""
    root, rootʹ, h_h = sp.symbols("sqrt_sigma sqrt_sigma' h.h", positive=True)
    s = (root / rootʹ + rootʹ / root) / 2
    products = {(0, 0): root**2 * h_h, (1, 1): rootʹ**2 * h_h, (0, 1): -root * rootʹ * h_h, (1, 0): -root * rootʹ * h_h}
    σ = (root**2, rootʹ**2)
    above = sp.Add(*(product / σ[xʹ] for (_, xʹ), product in products.items()))
    below = products[0, 0] / σ[0] + products[1, 1] / σ[1]
    return identity(above / below, 1 - s)


theorem = Theorem(
    number="T9",
    name="the decoupled direction and the ascent condition",
    statement="(4/D²)(Σσ_x P_x)⁺Σg_x maximises T3 to second order; χ ≥ 1 − μ(N − 1)s if ‖P_x P_x'‖ ≤ μ",
    assumptions="σ_x > 0, g_x in the range of P_x, s at least ½(√(σ_x/σ_x') + √(σ_x'/σ_x)) for all pairs",
    source="this project; docs/theory.md T9",
    parts=(
        formal("χ ≥ 1 − μ(N − 1)s, any N and dimension", "Coherence", "ascent_condition"),
        formal("the same for the gradients of prompts and GRPO's direction", "Coherence", "grpo_ascent_condition"),
        Part("T3's sum to second order: (D²/8) Σσ|P_x δ|²", Method.SYMBOLIC, second_order),
        Part("stationary points maximise it, any dimension and any N", Method.SYMBOLIC, maximiser),
        Part("orthogonal spans: `group`, N open", Method.SYMBOLIC, orthogonal_spans),
        Part("one span common to all: `batch`", Method.SYMBOLIC, common_span),
        Part("independent prompts move as if alone, any N and dimension", Method.SYMBOLIC, independent_prompts),
        Part("χ's numerator in h = g/√σ, pair by pair", Method.SYMBOLIC, symmetrised),
        Part("s ≥ 1", Method.POLYNOMIAL, spread_at_least_one),
        Part("what one pair can take away", Method.POLYNOMIAL, one_pair),
        Part("Σ_{x≠x'}|h||h'| ≤ (N − 1)Σ|h|² by a variance, any N", Method.SYMBOLIC, all_pairs),
        Part("equality for N = 2, opposed gradients, |h| = |h'|", Method.SYMBOLIC, tight_for_two),
    ),
    false_variants=(
        refuted("a smaller multiple of μ(N − 1)s, at N = 2", "Coherence", "ascent_condition_tight"),
        FalseVariant("the direction with 5/D²", Method.SYMBOLIC, lambda: maximiser(unit=5)),
        FalseVariant("independent prompts without 1/σ", Method.SYMBOLIC, lambda: independent_prompts(power=0)),
        FalseVariant("χ's numerator with 2s for s", Method.SYMBOLIC, lambda: symmetrised(weight=2)),
        FalseVariant("s ≥ 11/10", Method.POLYNOMIAL, lambda: spread_at_least_one(Fraction(11, 10))),
        FalseVariant("one pair without coherence at most μ", Method.POLYNOMIAL, lambda: one_pair(coherent=False)),
        FalseVariant("(N − 2) in place of (N − 1)", Method.SYMBOLIC, lambda: all_pairs(subtracted=2)),
    ),
    on_paper="Sδ = (4/D²)Σg is solvable, and its shortest solution is the pseudo-inverse's; "
    "‖P_x P_x'‖ ≤ μ says |⟨v, v'⟩| ≤ μ|v||v'| for v, v' in the two spans",
)
