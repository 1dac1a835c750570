"""T17: what one step gains under coherence, (4/D²) ρ(A/L) Σ|g_x|²/σ_x, ρ(r) = (1 + r) ln(1 + r) − r.

A is 1 less the greatest eigenvalue of the symmetric part of B, B_xy = ‖P_xP_y‖√(σ_x/σ_y) off the diagonal, L bounds the
norm of I + B and the row sums of I + ‖P_xP_y‖. With one number μ for the coherence B is μ(√σ(1/√σ)ᵀ − I).
"""

from __future__ import annotations

import sympy as sp

from proofs.digits import rounds_to
from proofs.enclosure import exact, working_precision
from proofs.formal import formal
from proofs.polynomial import decide
from proofs.symbolic import identity
from proofs.theorem import FalseVariant, Method, Part, Theorem


def best_length(factor: int = 1) -> str:
    """At e^c = 1 + factor · r the gain c r − ψ(c) is (1 + r) c − r, and its slope in c is 0."""
    r, c, E = sp.symbols("r c E", positive=True)  # E = e^c
    at_best = {E: 1 + factor * r}
    identity((r - (E - 1)).subs(at_best), 0, "slope")
    return identity((c * r - (E - 1 - c)).subs(at_best), (1 + r) * c - r)


def own_units() -> str:
    """η A a² − (4/D²)ψ(c) a² at η = 4c/(D²L), r = A/L, is (4/D²)(c r − ψ(c)) a²."""
    D, A, L, c, ψ, a = sp.symbols("D A L c psi a", positive=True)
    gain = 4 * c / (D**2 * L) * A * a**2 - 4 / D**2 * ψ * a**2
    return identity(gain, 4 / D**2 * (c * A / L - ψ) * a**2)


def two_prompts(spread: bool = True) -> str:
    """N = 2, σ = (s², 1): 2(√σ·a)(1/√σ·a) ≤ (2 + X)|a|², X = 2χ̂ = (s² + 1)/s; without spread X is 2."""
    s, a, b = sp.symbols("s a b", real=True)
    X = s**2 + 1 if spread else 2 * s  # times s
    return decide(2 * (s * a + b) * (a + s * b) <= (2 * s + X) * (a**2 + b**2), [s > 0])


def as_in_t9(half: int = 2) -> str:
    """N = 2: χ̂ is T9's s = ½(√(σ₁/σ₂) + √(σ₂/σ₁)), so that A = 1 − μs; roots of σ are s and t."""
    s, t, μ = sp.symbols("s t mu", positive=True)
    χ = (s**2 + t**2) / (2 * s * t)
    identity(χ**2, (s**2 + t**2) / 2 * (1 / s**2 + 1 / t**2) / 2, "χ̂²")
    return identity(1 - μ * (2 * (1 + χ) / 2 - 1), 1 - μ * (s / t + t / s) / half)


def equal_deviations() -> str:
    """χ̂ = 1: A = 1 − μ(N − 1), L = 1 + μ(N − 1), REINFORCE's."""
    N, μ = sp.symbols("N mu", positive=True)
    identity(1 - μ * (N * (1 + 1) / 2 - 1), 1 - μ * (N - 1), "A")
    return identity(1 - μ + μ * N, 1 + μ * (N - 1), "L")


def printed(ratio: int = 1) -> str:
    """ρ(1) = .3863, T6's c₀."""
    with working_precision():
        r = exact(ratio)
        return rounds_to((1 + r) * (1 + r).log() - r, ".3863", "ρ(1)")


FILE = "CoherentGain"
theorem = Theorem(
    number="T17",
    name="the theorem under coherence",
    statement="ΣJ⁺ − ΣJ ≥ (4/D²) ρ(A/L) Σ|g|²/σ at η = 4 ln(1 + A/L)/(D²L); A = 1 − μ(N(1 + χ̂)/2 − 1), L = 1 − μ + μNχ̂",
    assumptions="log-linear policies, σ_x > 0, exact gradients, coherence of the spans below M or μ, A > 0",
    source="this project; docs/theory.md T17",
    parts=(
        formal("the gain, from any matrix of coherences", FILE, "coherent_gain"),
        formal("the gain from μ, any divisors", FILE, "uniform_coherent_gain"),
        formal("GRPO", FILE, "grpo_coherent_gain"),
        formal("REINFORCE", FILE, "reinforce_coherent_gain"),
        formal("the symmetric part of a matrix of rank one", FILE, "buzano"),
        formal("the norm for μ", FILE, "uniform_operator"),
        formal("ρ(1) is T6's constant", FILE, "rho_at_one"),
        Part("the best length", Method.SYMBOLIC, best_length),
        Part("first order less remainder", Method.SYMBOLIC, own_units),
        Part("two prompts, any deviations", Method.POLYNOMIAL, two_prompts),
        Part("N = 2: T9's condition", Method.SYMBOLIC, as_in_t9),
        Part("equal deviations", Method.SYMBOLIC, equal_deviations),
        Part("ρ(1), every digit", Method.ENCLOSURE, printed),
    ),
    false_variants=(
        FalseVariant("the best length is ln(1 + 2r)", Method.SYMBOLIC, lambda: best_length(factor=2)),
        FalseVariant("χ̂ = 1 whatever the deviations", Method.POLYNOMIAL, lambda: two_prompts(spread=False)),
        FalseVariant("N = 2 without the half in s", Method.SYMBOLIC, lambda: as_in_t9(half=1)),
        FalseVariant("ρ(2) has those digits", Method.ENCLOSURE, lambda: printed(ratio=2)),
    ),
    on_paper="that eigenvalues and norms of the matrix give the two quadratic inequalities; the average along a run",
)
