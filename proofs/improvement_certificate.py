"""T3: |J(θ + δ) − J(θ) − g·δ| ≤ σ ψ(w(δ)/2) for every update δ, ψ(a) = eᵃ − 1 − a.

Along the segment f(s) = J(θ + sδ): T2 makes σ(s) ≤ σ e^{sw/2}, T1 then |f''(s)| ≤ σ e^{sw/2} w²/4, and Taylor's
remainder is at most the integral of `remainder_integral`. Between these parts stands that a function whose slope is at
least 0 does not fall; the formal proof has this step too.

Two arms have a second proof here, without T1 and T2. With rewards 0 and 1, p = J(θ), q = 1 − p and z ≥ 0 the change of
the logit (z < 0: exchange the arms),

    J(θ + δ) − p − pq z = pq z² N/den,   N = Φ₂(z) − p Φ₁(z),   den = 1 + p z Φ₁(z),   Φₖ(z) = Σₙ zⁿ/(n + k)!

and ψ(z/2) = (z/2)² Φ₂(z/2), so that z² can be divided out exactly; what is left is enclosed over all p and z in [0, 4].
At z = 0 it is (1 − 8pq)²/64, which is 0 at T1's p: near those two corners the quotient by z is enclosed instead.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import flint
import sympy as sp

from curvature.constants import CURVATURE, HALF_WIDTH, SLOPE
from proofs.enclosure import Number, exact, positive
from proofs.formal import formal, refuted
from proofs.symbolic import identity
from proofs.theorem import FalseVariant, Method, Part, Theorem

TERMS = 40
"""Terms of the series of Φₖ; what follows is inside the ball."""


def psi(a: Any) -> Any:
    """ψ(a) = eᵃ − 1 − a."""
    return sp.exp(a) - 1 - a


def deviation_along() -> str:
    """d/ds (V e^{−2·SLOPE·ws}) = (V' − 2·SLOPE·w V) e^{−2·SLOPE·ws}, V = σ²: at most 0 by T2, so V(s) ≤ V(0) e^{sw}."""
    s, w = sp.symbols("s w", real=True)
    V: Any = sp.Function("V")(s)
    rate = 2 * sp.Rational(SLOPE) * w
    decay: Any = sp.exp(-rate * s)
    identity(rate - w, 0, "rate")
    return identity(sp.diff(V * decay, s), (sp.diff(V, s) - rate * V) * decay)


def comparison() -> str:
    """For h = σ ψ(sw/2) ± (f(s) − f(0) − s f'(0)): h(0) = h'(0) = 0 and h'' = σ e^{sw/2} w²/4 ± f''(s), any f."""
    s, w, σ = sp.symbols("s w sigma", real=True)
    start, slope = sp.symbols("f0 f0'", real=True)
    f: Any = sp.Function("f")(s)
    bound = σ * psi(sp.Rational(HALF_WIDTH) * w * s)
    for sign in (1, -1):
        h = bound + sign * (f - start - s * slope)
        at_start = {f: start, sp.diff(f, s): slope}
        first: Any = sp.diff(h, s)
        identity(first.subs(at_start).subs(s, 0), 0, "h'(0)")
        identity(h.subs(at_start).subs(s, 0), 0, "h(0)")
        growth = sp.Rational(CURVATURE) * w**2 * σ * sp.exp(sp.Rational(SLOPE) * w * s)
        identity(sp.diff(h, s, 2), growth + sign * sp.diff(f, s, 2), "h''")
    return "values and slopes at 0 agree, the second derivative is T1's bound ± f''"


def remainder_integral(half_width: Number = HALF_WIDTH) -> str:
    """∫₀¹ (1 − s) CURVATURE w² σ e^{SLOPE·ws} ds = σ ψ(half_width · w): an antiderivative, differentiated."""
    s = sp.Symbol("s", real=True)
    w, σ = sp.symbols("w sigma", positive=True)
    a = sp.Rational(half_width) * w
    antiderivative = σ * ((1 - s) * a + 1) * sp.exp(s * a)
    integrand = (1 - s) * sp.Rational(CURVATURE) * w**2 * σ * sp.exp(sp.Rational(SLOPE) * w * s)
    identity(sp.diff(antiderivative, s), integrand, "antiderivative")
    return identity(antiderivative.subs(s, 1) - antiderivative.subs(s, 0), σ * psi(a))


def sharp_to_second_order(half_width: Number = HALF_WIDTH) -> str:
    """Two arms at p = (2 − √2)/4: both sides and their slopes vanish at w = 0; the second derivatives are equal."""
    w = sp.Symbol("w", real=True)
    p = (2 - sp.sqrt(2)) / 4
    left = p / (p + (1 - p) * sp.exp(-w)) - p - p * (1 - p) * w
    right = sp.sqrt(sp.expand(p * (1 - p))) * psi(sp.Rational(half_width) * w)
    for order in (0, 1):
        identity(sp.expand(sp.diff(left, w, order).subs(w, 0)), 0, f"left, order {order}")
        identity(sp.diff(right, w, order).subs(w, 0), 0, f"right, order {order}")
    ratio = sp.radsimp(sp.diff(left, w, 2).subs(w, 0) / sp.diff(right, w, 2).subs(w, 0))
    return identity(ratio, 1)


def ratio_at_one() -> str:
    """Two arms at T1's p, w = 1: the ratio of the two sides, for the better sign of the step, lies in (.885, .895)."""

    def ratio(sign: int) -> flint.arb:
        p = (2 - flint.arb(2).sqrt()) / 4
        q = 1 - p
        left = p / (p + q * flint.arb(-sign).exp()) - p - p * q * sign
        return abs(left) / ((p * q).sqrt() * (flint.arb("0.5").exp() - exact(Fraction(3, 2))))

    low, high = exact(Fraction(885, 1000)), exact(Fraction(895, 1000))
    positive(lambda: ratio(1).max(ratio(-1)) - low, [])
    return positive(lambda: high - ratio(1).max(ratio(-1)), [])


def _parts(p: Any, z: Any, A: Any, B: Any, h: Any) -> tuple[Any, Any, Any]:
    """(F, F₀, G): F = F₀ + zG, pq z⁴ F/den² = σ²ψ(hz)² − remainder²; from A = Φ₃(z), B = Φ₃(hz), h = HALF_WIDTH."""
    first = 1 + z / 2 + z * z * A
    n = A - p / 2 - p * z * A
    m = h * h * (h * B + p * first * (1 + 2 * h * z * B) / 2)
    half_minus_p = (1 - 2 * p) / 2
    start = h**4 / 4 - p * (1 - p) * half_minus_p**2
    quotient = h * h * m + z * m * m - p * (1 - p) * (2 * half_minus_p * n + z * n * n)
    return start + z * quotient, start, quotient


def two_arms_divided(half_width: Number = HALF_WIDTH) -> str:
    """σ²ψ(z/2)² − (J − p − pq z)² = pq z⁴ F/den² and F = (1 − 8pq)²/64 + zG, exactly."""
    p, z, exp_z, exp_h = sp.symbols("p z e^z e^hz", positive=True)
    h = sp.Rational(half_width)
    A = (exp_z - 1 - z - z**2 / 2) / z**3
    B = (exp_h - 1 - h * z - (h * z) ** 2 / 2) / (h * z) ** 3
    F, start, _ = _parts(p, z, A, B, h)
    den = p * exp_z + 1 - p
    remainder = p * exp_z / den - p - p * (1 - p) * z
    difference = p * (1 - p) * (exp_h - 1 - h * z) ** 2 - remainder**2
    identity(start, (1 - 8 * p * (1 - p)) ** 2 / 64, "at z = 0")
    return identity(difference, p * (1 - p) * z**4 * F / den**2)


def _increasing_series(z: flint.arb, k: int) -> flint.arb:
    """Φₖ over an interval of z ≥ 0, on which it increases (all coefficients are positive)."""

    def at(point: flint.arb) -> flint.arb:
        tail = point.exp() * point**TERMS / flint.arb(TERMS + k).fac()
        total = tail.union(flint.arb(0))
        for n in reversed(range(TERMS)):
            total += point**n / flint.arb(n + k).fac()
        return total

    return at(z.lower().max(flint.arb(0))).union(at(z.upper()))


def two_arms(half_width: Number = HALF_WIDTH) -> str:
    """F > 0, or F ≥ zG with G > 0, for all p in [0, 1] and z in [0, 4]."""
    h = exact(half_width)

    def part(index: int) -> Callable[[flint.arb, flint.arb], flint.arb]:
        return lambda p, z: _parts(p, z, _increasing_series(z, 3), _increasing_series(h * z, 3), h)[index]

    near, far = Fraction(1, 4), 4
    corners = [(Fraction(12, 100), Fraction(17, 100)), (Fraction(83, 100), Fraction(88, 100))]
    rest = [(0, corners[0][0]), (corners[0][1], corners[1][0]), (corners[1][1], 1)]
    positive(part(0), [corners[0], (near, near)])
    positive(part(0), [(0, 1), (near, far)])
    for strip in rest:
        positive(part(0), [strip, (0, near)])
    return "; ".join(positive(part(2), [strip, (0, near)]) for strip in corners)


def two_arms_far() -> str:
    """For z ≥ 4, |J − p − pq z| ≤ σ sinh(z/2) ≤ σ ψ(z/2), with a = z/2 ≥ 2.

    J − p = pq(e^z − 1)/(pe^z + q) and pe^z + q ≥ 2 √(pq) e^a, so 0 ≤ J − p ≤ σ sinh a; and pq z ≤ σa ≤ σ sinh a.
    k(a) = ψ(a) − sinh a = cosh a − 1 − a has k'' = cosh a > 0, k'(2) > 0 and k(2) > 0.
    """
    root_p, root_q, exp_a, a = sp.symbols("sqrt_p sqrt_q e^a a", positive=True)
    p, q = root_p**2, root_q**2
    identity(p * exp_a**2 + q - 2 * root_p * root_q * exp_a, (root_p * exp_a - root_q) ** 2, "the two means")
    rise = p * exp_a**2 / (p * exp_a**2 + q) - p
    identity(rise.subs(p, 1 - q), (p * q * (exp_a**2 - 1) / (p * exp_a**2 + q)).subs(p, 1 - q), "J − p")
    sinh = (sp.exp(a) - sp.exp(-a)) / 2
    k = psi(a) - sinh
    identity(sp.diff(k, a, 2), (sp.exp(a) + sp.exp(-a)) / 2, "k''")
    positive(lambda x: x.sinh() - 1, [(2, 2)])
    return positive(lambda x: x.cosh() - 1 - x, [(2, 2)])


theorem = Theorem(
    number="T3",
    name="the certificate",
    statement="|J(θ + δ) − J(θ) − g·δ| ≤ σ ψ(w(δ)/2), every δ",
    assumptions="log-linear policy, finitely many responses, any real rewards",
    source="this project; docs/theory.md T3",
    parts=(
        formal("the whole statement for one prompt", "Certificate", "certificate"),
        formal("averaged over prompts, a lower bound on the change", "Certificate", "improvement_certificate"),
        Part("T2 along the segment: σ² e^{−sw} has slope (dσ²/ds − wσ²) e^{−sw}", Method.SYMBOLIC, deviation_along),
        Part("σψ(sw/2) ± the remainder starts at 0 with slope 0; its second derivative", Method.SYMBOLIC, comparison),
        Part("∫₀¹ (1 − s) σ (w/2)² e^{sw/2} ds = σ ψ(w/2)", Method.SYMBOLIC, remainder_integral),
        Part("two arms at T1's p: the ratio of the sides tends to 1 as w → 0", Method.SYMBOLIC, sharp_to_second_order),
        Part("and is .89 at w = 1 for the better sign", Method.ENCLOSURE, ratio_at_one),
        Part("two arms: z⁴ divided out of σ²ψ² − remainder², exactly", Method.SYMBOLIC, two_arms_divided),
        Part("two arms, every p, w ≤ 4, either sign: the bound itself", Method.ENCLOSURE, two_arms),
        Part("two arms, every p, w ≥ 4: the bound itself", Method.ENCLOSURE, two_arms_far),
    ),
    false_variants=(
        refuted("σ ψ(cw), any c in [0, 1/2)", "Certificate", "certificate_is_tight"),
        FalseVariant("the integral is σ ψ(12w/25)", Method.SYMBOLIC, lambda: remainder_integral(Fraction(12, 25))),
        FalseVariant("ratio 1 at ψ(12w/25)", Method.SYMBOLIC, lambda: sharp_to_second_order(Fraction(12, 25))),
        FalseVariant("two arms: σ ψ(12w/25)", Method.ENCLOSURE, lambda: two_arms(Fraction(12, 25))),
    ),
    on_paper="the limit of the ratio by L'Hôpital's rule, twice; in the second proof for two arms: rewards other than "
    "0 and 1 scale both sides alike, z < 0 is the exchange of the arms, k'' > 0 keeps k' and k positive",
)
