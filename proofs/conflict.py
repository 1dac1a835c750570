"""C6: two prompts in conflict; GRPO's first steps lower ΣJ, REINFORCE's raise it, and in the end GRPO is ahead.

The start is rational; steps are enclosed by balls; over all θ the values are rational functions of x = e^{θ/2}, so that
suprema are statements of polynomial arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import flint
import sympy as sp

from proofs.digits import rounds_to
from proofs.enclosure import exact, positive, working_precision
from proofs.few_arms import Arm, first_changes, run, settles, start, sum_of_values
from proofs.formal import formal
from proofs.polynomial import decide
from proofs.symbolic import identity
from proofs.theorem import FalseVariant, Method, Part, Theorem, Unproved

HALF, QUARTER, TENTH = Fraction(1, 2), Fraction(1, 4), Fraction(1, 10)
PROMPTS = (
    (Arm(HALF, (QUARTER,), True), Arm(HALF, (-QUARTER,))),
    (Arm(TENTH, (-HALF,), True), Arm(1 - TENTH, (HALF,))),
)
DEVIATIONS = (Fraction(1, 2), Fraction(3, 10))
CHANGES = {True: "-.0041", False: ".0081"}
"""Rescaled by 1/σ or not: what T6's first step adds to ΣJ, as docs/theory.md prints it."""
SETTLED = 12
"""GRPO's run is followed by balls this far; from there it is shown to settle."""


def starts() -> str:
    """J = (.5, .1), σ = (.5, .3), g = (.125, −.09), Σg = .035, Σg/σ = −.05, χ = −7/233, O = 49/949, in rationals."""
    moments = [start(prompt) for prompt in PROMPTS]
    gradients = [g for _, _, (g,) in moments]
    found: list[object] = [[J for J, _, _ in moments], [variance for _, variance, _ in moments], gradients]
    scaled = [g / s for g, s in zip(gradients, DEVIATIONS, strict=True)]
    own = sum((g * t for g, t in zip(gradients, scaled, strict=True)), Fraction(0))
    found += [sum(gradients), sum(scaled), sum(gradients) * sum(scaled) / own]
    found.append(sum(gradients) ** 2 / sum(g**2 for g in gradients))
    expected = [
        [HALF, TENTH],
        [s**2 for s in DEVIATIONS],
        [Fraction("0.125"), Fraction("-0.09")],
        Fraction("0.035"),
        Fraction("-0.05"),
        Fraction(-7, 233),
        Fraction(49, 949),
    ]
    if found != expected:
        raise Unproved(f"{found} is not {expected}")
    return "equal as rational numbers"


def coefficients() -> str:
    """χ = −7/233 is −.0300, O = 49/949 is .052; T9's s = ½(√(5/3) + √(3/5)) is 1.0328 and χ ≥ 1 − s = −.0328."""
    with working_precision():
        ratio = exact(DEVIATIONS[0] / DEVIATIONS[1]).sqrt()
        spread = (ratio + 1 / ratio) / 2
        positive(lambda: exact(Fraction(-7, 233)) - (1 - spread), [])
        return "; ".join(
            [
                rounds_to(exact(Fraction(-7, 233)), "-.0300", "χ"),
                rounds_to(exact(Fraction(49, 949)), ".052", "O"),
                rounds_to(spread, "1.0328", "s"),
                rounds_to(1 - spread, "-.0328", "T9's bound"),
            ]
        )


def closed_forms() -> str:
    """J₁ = sigmoid(θ/2), J₂ = sigmoid(−θ − ln 9), with y = e^{θ/4}: from the probabilities of the arms."""
    y = sp.Symbol("y", positive=True)
    J2 = y**-2 / 10 / (y**-2 / 10 + 9 * y**2 / 10)
    return f"{identity(y / (y + 1 / y), 1 / (1 + y**-2), 'J₁')}; {identity(J2, 1 / (1 + 9 * y**4), 'J₂')}"


def first_steps(printed: Mapping[bool, str] = CHANGES) -> str:
    """T6's first step changes ΣJ by −.0041 (GRPO) and by +.0081 (REINFORCE)."""
    with working_precision():
        sums = {rescaled: sum(first_changes(PROMPTS, rescaled=rescaled), flint.arb(0)) for rescaled in printed}
        return "; ".join(
            rounds_to(sums[rescaled], text, "GRPO" if rescaled else "REINFORCE") for rescaled, text in printed.items()
        )


def falls_then_passes(falls: int = 2, passes: int = 7) -> str:
    """GRPO: ΣJ falls in steps 1 and 2 and rises in steps 3 to 12; behind REINFORCE up to step 6, ahead in 7 to 12."""
    with working_precision():
        group, none = (
            [sum_of_values(PROMPTS, parameter) for parameter in run(PROMPTS, SETTLED, rescaled=rescaled)]
            for rescaled in (True, False)
        )
    for t in range(1, SETTLED + 1):
        for larger, smaller, swapped in (
            (group[t], group[t - 1], t <= falls),
            (group[t], none[t], t < passes),
        ):
            positive(lambda: smaller - larger if swapped else larger - smaller, [])  # noqa: B023
    return f"{2 * SETTLED} signs"


def settles_below(end: str = "1.0196", parameter: str = "-7.25", low: Fraction = Fraction(-9)) -> str:
    """From step 12 on GRPO tends to θ = −7.25, where Σ 2 arcsin √J has a maximum (F changes sign + to −); ΣJ = 1.0196.

    F = Σg/σ falls on [−9, −5] and 1 + ηF′ > 0 there; θ₁₂ is inside. On [−7.26, −5] ΣJ > 1; REINFORCE has less.
    """
    high = Fraction(-5)
    with working_precision():
        last = run(PROMPTS, SETTLED, rescaled=True)[-1]
    positive(lambda: (exact(high) - last).min(last - exact(low)), [])
    evidence, zero = settles(PROMPTS, low, high, rescaled=True)
    with working_precision():
        positive(lambda t: sum_of_values(PROMPTS, t) - 1, [(Fraction("-7.26"), high)])
        position = rounds_to(zero, parameter, "θ")
        return f"{evidence}; {position}; {rounds_to(sum_of_values(PROMPTS, zero), end, 'ΣJ')}"


def creeps(bound: Fraction = Fraction(1)) -> str:
    """For θ ≥ 0, x = e^{θ/2} ≥ 1: Σg > 0, so REINFORCE climbs without end; ΣJ < bound = 1 and ΣJ → 1.

    J₁ = x/(1+x), J₂ = 1/(1+9x²), 2g₁ = x/(1+x)², g₂ = −9x²/(1+9x²)².
    """
    x = sp.Symbol("x", real=True)
    J1, J2 = x / (1 + x), 1 / (1 + 9 * x**2)
    identity(sp.diff(J1, x) * x / 2, x / (1 + x) ** 2 / 2, "g₁")  # dx/dθ = x/2
    identity(sp.diff(J2, x) * x / 2, -9 * x**2 / (1 + 9 * x**2) ** 2, "g₂")
    decide(x * (1 + 9 * x**2) ** 2 > 18 * x**2 * (1 + x) ** 2, [x >= 1])
    identity(sp.limit(J1 + J2, x, sp.oo), 1, "limit")
    total = x * (1 + 9 * x**2) + (1 + x)
    return decide(total < sp.Rational(bound) * (1 + x) * (1 + 9 * x**2), [x >= 1])


def supremum(printed: str = "1.0257") -> str:
    """Over all θ sup ΣJ is 1.0257 to half a unit: nowhere more, and at x = e^{θ/2} = 1/19 (θ = −5.89) that much."""
    half_unit = Fraction("5e-5")
    x = sp.Symbol("x", real=True)
    total, denominator = x * (1 + 9 * x**2) + (1 + x), (1 + x) * (1 + 9 * x**2)
    least, most = (sp.Rational(Fraction(printed) + sign * half_unit) for sign in (-1, 1))
    decide(total >= least * denominator, [sp.Eq(x, sp.Rational(1, 19))])
    return decide(total <= most * denominator, [x > 0])


def best_parameter(low: Fraction = Fraction("0.0525"), high: Fraction = Fraction("0.0527")) -> str:
    """The supremum is met between x = low and x = high, where θ = 2 ln x is −5.89 to its digits.

    d ΣJ/dx = [(1+9x²)² − 18x(1+x)²] / [(1+x)²(1+9x²)²] is positive on (0, low], negative on [high, 1/5], and from there
    on ΣJ < 1.
    """
    x = sp.Symbol("x", real=True)
    polynomial, denominator = (1 + 9 * x**2) ** 2 - 18 * x * (1 + x) ** 2, (1 + x) * (1 + 9 * x**2)
    slope = identity(sp.diff(x / (1 + x) + 1 / (1 + 9 * x**2), x), polynomial / denominator**2, "slope")
    with working_precision():
        rounds_to(2 * exact(low).log(), "-5.89", "θ")
        rounds_to(2 * exact(high).log(), "-5.89", "θ")
    last = Fraction(1, 5)
    decide(polynomial > 0, [x > 0, x <= sp.Rational(low)])
    decide(polynomial < 0, [x >= sp.Rational(high), x <= sp.Rational(last)])
    return f"{slope}; {decide(x * (1 + 9 * x**2) + (1 + x) < denominator, [x >= sp.Rational(last)])}"


theorem = Theorem(
    number="C6",
    name="conflict",
    statement="two prompts that pull one parameter in opposite directions: Σg = .035, Σg/σ = −.05; GRPO first lowers "
    "ΣJ and ends at 1.0196, REINFORCE raises it and tends to 1",
    assumptions="J₁ = sigmoid(θ/2), J₂ = sigmoid(−θ − ln 9), start θ = 0, D = 1, exact gradients, T6's steps",
    source="this project; docs/theory.md C6",
    parts=(
        formal(
            "ΣJ falls in GRPO's first step and rises in REINFORCE's", "Counterexamples", "conflict_can_reverse_grpo"
        ),
        Part("J, σ, g, Σg, Σg/σ, χ, O at the start, in rationals", Method.SYMBOLIC, starts),
        Part("χ, O and T9's bound as printed", Method.ENCLOSURE, coefficients),
        Part("J₁ and J₂ in closed form", Method.SYMBOLIC, closed_forms),
        Part("the first steps: −.0041 and +.0081", Method.ENCLOSURE, first_steps),
        Part(
            "GRPO falls for two steps and passes REINFORCE at the seventh, 12 steps",
            Method.ENCLOSURE,
            falls_then_passes,
        ),
        Part("GRPO settles at θ = −7.25, ΣJ = 1.0196, above 1 from step 12 on", Method.ENCLOSURE, settles_below),
        Part("REINFORCE climbs without end, ΣJ below 1 and tending to 1", Method.POLYNOMIAL, creeps),
        Part("sup ΣJ = 1.0257 over all θ", Method.POLYNOMIAL, supremum),
        Part("it is met at θ = −5.89", Method.POLYNOMIAL, best_parameter),
    ),
    false_variants=(
        FalseVariant("GRPO's first step gains .0041", Method.ENCLOSURE, lambda: first_steps({True: ".0041"})),
        FalseVariant("GRPO falls for three steps", Method.ENCLOSURE, lambda: falls_then_passes(falls=3)),
        FalseVariant("GRPO passes REINFORCE at the sixth step", Method.ENCLOSURE, lambda: falls_then_passes(passes=6)),
        FalseVariant("GRPO ends at sup ΣJ", Method.ENCLOSURE, lambda: settles_below(end="1.0257")),
        FalseVariant("ΣJ < .99 for θ ≥ 0", Method.POLYNOMIAL, lambda: creeps(Fraction(99, 100))),
        FalseVariant("sup ΣJ = 1.0256", Method.POLYNOMIAL, lambda: supremum("1.0256")),
        FalseVariant("it is met at x > .0527", Method.POLYNOMIAL, lambda: best_parameter(low=Fraction("0.0527"))),
    ),
    on_paper="an increasing map carries its iterates to its fixed point; a bounded increasing run would end at a zero "
    "of Σg",
)
