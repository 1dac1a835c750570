"""T6: the bounds on the average gradient norm, and the strict comparison.

What one step gains (T3 with ψ(cγ) ≤ γ²ψ(c)), the best constant c, and the sums over prompts and iterations. Only the
formal proof has the two runs as recursions, that each prompt sees only its own step, and that the gains telescope;
between the other parts stand that a function whose slope is at least 0 does not fall and that ψ ≥ 0.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint
import sympy as sp

from curvature.constants import A_PRIORI_STD, HALF_WIDTH, RATE, STEP, STEP_UNIT
from proofs.enclosure import Number, exact, positive, working_precision
from proofs.formal import constants_agree, formal, refuted
from proofs.improvement_certificate import psi
from proofs.polynomial import decide
from proofs.symbolic import Mean, identity
from proofs.theorem import FalseVariant, Method, Part, Theorem

ROUNDING = Fraction(1, 2**52)
"""How far a float of curvature/constants.py may be from the logarithm it stands for."""
LN2 = sp.log(2)

c, σ, D, g = sp.symbols("c sigma D g", positive=True)


def best_step(step: sp.Expr = LN2) -> str:
    """2c + 1 − eᶜ has slope 0 and second derivative −eᶜ at c = step, where it is 2 ln 2 − 1.

    And for every real c = step + x it is 2 ln 2 − 1 − 2ψ(x), ψ ≥ 0.
    """
    a, x = sp.symbols("a x", real=True)
    gain: Any = 2 * a + 1 - sp.exp(a)
    slope: Any = sp.diff(gain, a)
    identity(slope.subs(a, step), 0, "slope")
    identity(sp.diff(gain, a, 2), -sp.exp(a), "second derivative")
    identity(gain.subs(a, step), 2 * LN2 - 1, "value")
    return identity(gain.subs(a, step + x), 2 * LN2 - 1 - 2 * psi(x))


def float_constants(step: Number = STEP, rate: Number = RATE) -> str:
    """The floats STEP and RATE are within 2⁻⁵² of ln 2 and 2 ln 2 − 1, and 2c + 1 − eᶜ ≥ RATE − 2⁻⁵² at c = STEP.

    The enclosures are strict: each difference is shown to be positive.
    """

    def claim(left_out: Callable[[flint.arb], flint.arb]) -> str:
        return positive(lambda: exact(ROUNDING) - left_out(flint.arb(2).log()), [])

    claim(lambda _: exact(rate) - (2 * exact(step) + 1 - exact(step).exp()))
    claim(lambda ln2: abs(exact(step) - ln2))
    return claim(lambda ln2: abs(exact(rate) - (2 * ln2 - 1)))


def ratio_increases(power: int = 2) -> str:
    """ψ(a)/a^power increases on a > 0: its slope is k(a)/a^(power+1), k(0) = k'(0) = 0, k'' = a eᵃ ≥ 0."""
    a = sp.Symbol("a", positive=True)
    k = a * sp.diff(psi(a), a) - power * psi(a)
    identity(sp.diff(psi(a) / a**power, a), k / a ** (power + 1), "slope")
    identity(k.subs(a, 0), 0, "k(0)")
    identity(sp.diff(k, a).subs(a, 0), 0, "k'(0)")
    return identity(sp.diff(k, a, 2), a * sp.exp(a))


def ratio_is_an_integral() -> str:
    """ψ(a)/a² = ∫₀¹ (1 − s) e^{as} ds: an antiderivative, differentiated."""
    a, s = sp.symbols("a s", positive=True)
    antiderivative = ((1 - s) / a + 1 / a**2) * sp.exp(a * s)
    identity(sp.diff(antiderivative, s), (1 - s) * sp.exp(a * s), "antiderivative")
    return identity(antiderivative.subs(s, 1) - antiderivative.subs(s, 0), psi(a) / a**2)


def step_units(unit: Number = STEP_UNIT, half_width: Number = HALF_WIDTH) -> str:
    """With γ = 2|g|/(σD), the step δ = (STEP_UNIT c/D²) g/σ has g·δ = cγ²σ and HALF_WIDTH · D|δ| = cγ."""
    length = sp.Rational(unit) * c / D**2 * g / σ
    alignment = 2 * g / (σ * D)
    identity(g * length, c * alignment**2 * σ, "g·δ")
    identity(4 * g**2 / (σ * D**2), σ * alignment**2, "σγ²")
    return identity(sp.Rational(half_width) * D * length, c * alignment)


def grpo_gain(factor: int = 2) -> str:
    """One step: σ[cγ² − γ²ψ(c)] = (4/D²)(2c + 1 − eᶜ)|g|²/σ with γ = 2|g|/(σD)."""
    alignment = 2 * g / (σ * D)
    certified = σ * (c * alignment**2 - alignment**2 * psi(c))
    return identity(certified, 4 / D**2 * (factor * c + 1 - sp.exp(c)) * g**2 / σ)


def reinforce_gain() -> str:
    """Steps ρ = σ/σ_max times as long: σγ²[cρ − ρ²ψ(c)] = (4/D²)(c − ψ(c))|g|²/σ_max + ρ(1 − ρ)σγ²ψ(c)."""
    top = sp.Symbol("sigma_max", positive=True)
    ratio, alignment = σ / top, 2 * g / (σ * D)
    certified = σ * alignment**2 * (c * ratio - ratio**2 * psi(c))
    identity(c - psi(c), 2 * c + 1 - sp.exp(c), "the bracket")
    left_out = ratio * (1 - ratio) * σ * alignment**2 * psi(c)
    return identity(certified, 4 / D**2 * (c - psi(c)) * g**2 / top + left_out)


def reinforce_loses_nothing(largest: Number = 1) -> str:
    """ρ(1 − ρ)σγ²ψ ≥ 0 for 0 ≤ ρ ≤ largest and ψ ≥ 0."""
    ratio, deviation, alignment, psi_c = sp.symbols("rho sigma gamma psi_c", real=True)
    given = [ratio >= 0, ratio <= sp.Rational(largest), deviation >= 0, psi_c >= 0]
    return decide(ratio * (1 - ratio) * deviation * alignment**2 * psi_c >= 0, given)


def cauchy_schwarz() -> str:
    """S₀S₂ − S₁² = S₀² Var(|g|/σ), S₀ = Σσ, S₁ = Σ|g|, S₂ = Σ|g|²/σ, under weights σ/S₀: any number of terms."""
    x, S0, S1, S2 = sp.symbols("x S0 S1 S2", positive=True)
    E = Mean(x, known={x: S1 / S0, x**2: S2 / S0})
    return identity(S0 * S2 - S1**2, S0**2 * E((x - E(x)) ** 2))


def assembled() -> str:
    """The squared bound minus the squared average norm is a sum of two terms that are at least 0.

    With S₀ = NTσ̄ and room = D²NΔ/(4c₀) − S₂ (the gains telescope to at most NΔ):
    σ̄D²Δ/(4c₀T) − (S₁/NT)² = [S₀ · room + (S₀S₂ − S₁²)]/(NT)². For REINFORCE with σ_max: S₂ = Σ|g|²/σ_max, S₀ = NTσ_max.
    """
    N, T, mean, gap, c0, S1, S2 = sp.symbols("N T sigma_bar Delta c0 S1 S2", positive=True)
    S0 = N * T * mean
    room = D**2 * N * gap / (4 * c0) - S2
    bound = mean * D**2 * gap / (4 * c0 * T)
    return identity(bound - (S1 / (N * T)) ** 2, (S0 * room + (S0 * S2 - S1**2)) / (N * T) ** 2)


def comparison() -> str:
    """The ratio of the squared bounds is σ̄/σ_max, and 1 − σ̄/σ_max is the mean of (σ_max − σ)/σ_max."""
    s, top, c0, gap, T = sp.symbols("s sigma_max c0 Delta T", positive=True)
    E = Mean(s)

    def bound(scale: sp.Expr) -> sp.Expr:
        return scale * D**2 * gap / (4 * c0 * T)

    identity(bound(E(s)) / bound(top), E(s) / top, "ratio")
    return identity(1 - E(s) / top, E((top - s) / top))


def a_priori(largest: Number = A_PRIORI_STD) -> str:
    """J(1 − J) ≤ A_PRIORI_STD²: with r² ≤ r, no reward in [0, 1] has a larger deviation."""
    r, J = sp.symbols("r J", real=True)
    decide(r**2 <= r, [r >= 0, r <= 1])
    return decide(sp.Rational(largest) ** 2 >= J - J**2)


def both_runs_count(sigma_max: Number = Fraction(237, 10_000), start: Fraction = Fraction(1, 10_000)) -> str:
    """Two arms, D = 1, p₀ = 10⁻⁴, T = 72: .0237 bounds every σ of its REINFORCE run, and the GRPO run has σ̄ > .0356.

    So in the strict comparison σ_max has to bound both runs. Both runs are followed in balls.
    """

    def deviations(step: Callable[[flint.arb], flint.arb]) -> list[flint.arb]:
        z, found = (exact(start) / (1 - exact(start))).log(), []
        for _ in range(72):
            p = 1 / (1 + (-z).exp())
            found.append((p * (1 - p)).sqrt())
            z += STEP_UNIT * flint.arb(2).log() * step(found[-1])
        return found

    top = exact(sigma_max)
    with working_precision():
        reinforce, grpo = deviations(lambda σ: σ**2 / top), deviations(lambda σ: σ)
    for deviation in reinforce:
        positive(lambda: top - deviation, [])  # noqa: B023
    average = positive(lambda: sum(grpo, flint.arb(0)) / 72 - exact(Fraction(356, 10_000)), [])
    return f"REINFORCE below {float(sigma_max)} throughout; GRPO's average less .0356: {average}"


theorem = Theorem(
    number="T6",
    name="bounds on the average gradient norm",
    statement="(1/NT) Σ|g| ≤ √(s D²Δ/(4 c₀ T)); s = σ̄ (GRPO), σ_max (REINFORCE); c₀ = 2 ln 2 − 1",
    assumptions="orthogonal spans, exact gradients, steps on the sum over prompts, D ≥ every D_x, σ_max ≥ every σ_x",
    source="this project, on a claim of Ge et al. 2026 (arXiv 2601.23135); docs/theory.md T6",
    parts=(
        formal("one GRPO step gains at least (4c₀/D²)|g|²/σ on each prompt", "Convergence", "grpo_gain"),
        formal("one REINFORCE step gains at least (4c₀/D²)|g|²/σ_max", "Convergence", "reinforce_gain"),
        formal("the rate of GRPO", "Convergence", "grpo_rate"),
        formal("the rate of REINFORCE", "Convergence", "reinforce_rate"),
        formal("the same with σ_max = 1/2, rewards in [0, 1]", "Convergence", "reinforce_rate_a_priori"),
        formal("the strict comparison of the two bounds", "Convergence", "strict_comparison"),
        formal("the squares of the bounds have ratio σ̄/σ_max", "Convergence", "squared_bounds"),
        formal("ψ(ac) ≤ a²ψ(c) for a in [0, 1], c ≥ 0", "Psi", "psi_scaled"),
        Part("the constants of Coq are those of the code", Method.ENCLOSURE, constants_agree),
        Part("σ_max of the REINFORCE run alone would not do: two arms, T = 72", Method.ENCLOSURE, both_runs_count),
        Part("2c + 1 − eᶜ is largest at c = ln 2, where it is c₀; every real c", Method.SYMBOLIC, best_step),
        Part("the floats STEP and RATE are ln 2 and c₀ within 2⁻⁵²", Method.ENCLOSURE, float_constants),
        Part("ψ(a)/a² increases on a > 0, so ψ(ac) ≤ a²ψ(c) for a in [0, 1]", Method.SYMBOLIC, ratio_increases),
        Part("ψ(a)/a² = ∫₀¹ (1 − s) e^{as} ds", Method.SYMBOLIC, ratio_is_an_integral),
        Part("the step 4c/D² in T3: g·δ = cγ²σ, half the width cγ", Method.SYMBOLIC, step_units),
        Part("what one GRPO step gains", Method.SYMBOLIC, grpo_gain),
        Part("what one REINFORCE step gains, with the term that is dropped", Method.SYMBOLIC, reinforce_gain),
        Part("the dropped term is at least 0 for ρ ≤ 1", Method.POLYNOMIAL, reinforce_loses_nothing),
        Part("(Σ|g|)² ≤ Σσ · Σ|g|²/σ by a variance, any number of terms", Method.SYMBOLIC, cauchy_schwarz),
        Part("the bound from the sums of gains and of deviations", Method.SYMBOLIC, assembled),
        Part("the ratio of the bounds, below 1 by the mean of 1 − σ/σ_max", Method.SYMBOLIC, comparison),
        Part("rewards in [0, 1]: σ_max = 1/2 will do", Method.POLYNOMIAL, a_priori),
    ),
    false_variants=(
        FalseVariant("the same from p₀ = 1/2", Method.ENCLOSURE, lambda: both_runs_count(start=Fraction(1, 2))),
        refuted(
            "a gain in one step from orthogonal gradients alone",
            "Counterexamples",
            "orthogonal_gradients_do_not_suffice",
        ),
        refuted("the same, all gradients nonzero", "Counterexamples", "orthogonal_nonzero_gradients_do_not_suffice"),
        FalseVariant("the best c is ½", Method.SYMBOLIC, lambda: best_step(sp.Rational(1, 2))),
        FalseVariant("c₀ larger by 10⁻⁹", Method.ENCLOSURE, lambda: float_constants(rate=RATE + 1e-9)),
        FalseVariant("the step ½ gains as much", Method.ENCLOSURE, lambda: float_constants(step=0.5)),
        FalseVariant("ψ(ac) ≤ a³ψ(c)", Method.SYMBOLIC, lambda: ratio_increases(power=3)),
        FalseVariant("the step 5c/D²", Method.SYMBOLIC, lambda: step_units(unit=5)),
        FalseVariant("c₀ = 3c + 1 − eᶜ", Method.SYMBOLIC, lambda: grpo_gain(factor=3)),
        FalseVariant("REINFORCE with σ_max below σ", Method.POLYNOMIAL, lambda: reinforce_loses_nothing(2)),
        FalseVariant("σ_max = 2/5 will do", Method.POLYNOMIAL, lambda: a_priori(Fraction(2, 5))),
    ),
)
