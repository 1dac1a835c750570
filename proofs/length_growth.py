"""T10: the curvature of a policy over H tokens is at most C(H) σ w², with √(H(H−1)/8) ≤ C(H) ≤ √(H(H+1)/8 − 3/16).

uᵀ∇²J u = Cov(r, M_H² − ⟨M⟩_H), and the second argument is a martingale whose increments are (ξ_t + M_{t−1})², centred.
Lemma V(ii) bounds their conditional variance by w²M²_{t−1} + w⁴/4; here it is an identity in the moments of the
increment, so it holds for every law. Lower bounds are trees of two-valued increments, evaluated exactly.
"""

from __future__ import annotations

import itertools
from fractions import Fraction

import sympy as sp

from curvature import length_constant_bound
from proofs.enclosure import Number, exact, positive
from proofs.formal import formal, refuted
from proofs.sharp_curvature import dual_certificate, value_of_certificate
from proofs.symbolic import Mean, identity
from proofs.theorem import FalseVariant, Method, Part, Theorem

H, w = sp.symbols("H w", positive=True)
LATER = Fraction(1, 4)
"""Lemma V(ii): the coefficient of w⁴."""
FIRST = Fraction(1, 16)
"""Lemma V(i): the same where M = 0."""
CORRECTION = Fraction(3, 16)
"""C(H)² ≤ H(H+1)/8 − CORRECTION."""

WITNESSES = {
    2: "250",
    3: "293 337 194",
    4: "354 347 373 378 294 290 801",
    5: "395 358 483 382 315 304 719 402 350 355 238 346 217 830 673",
    6: "406 368 478 387 336 356 635 405 360 363 282 355 359 536 662 "
    "419 384 387 315 389 320 328 172 383 306 306 830 241 741 722 629",
}
"""H: thousand times the probability of a step up, for each node above a first fair step up, level by level: the
children of node i are 2i + 1 (up) and 2i + 2 (down). Below a first step down it is the mirror image."""
REACHED = {2: ".6495", 3: "1.0109", 4: "1.3609", 5: "1.7164", 6: "2.0686"}
"""H: what C(H) is at least."""


def increments() -> str:
    """ΔN_t = (ξ + M)² − E(ξ + M)² for N = M² − ⟨M⟩, E ξ = 0; and E(M + ξ)² = M² + Var ξ."""
    xi, M = sp.symbols("xi M", real=True)
    mean = Mean(xi, known={xi: 0})
    step = (M + xi) ** 2 - M**2 - mean.variance(xi)
    centred = identity(step, (xi + M) ** 2 - mean((xi + M) ** 2), "increment")
    return f"{centred}; {identity(mean((M + xi) ** 2), M**2 + mean.variance(xi), 'mean square')}"


def sum_of_squares(later: Number = LATER) -> str:
    """Lemma V(ii) for every law of Y in [−w/2, w/2], Z = a + Y, μ = E Y, M = E Z, D = w²/4 − Y² ≥ 0, d = E D ≥ 0:

    w²M² + later w⁴ − Var(Z²) = (2aμ + w²/2 − d)² + w²μ² + E[D(2a + Y)²] + (3/4) w² d

    No term on the right is negative. With ξ = Z − M it bounds the variance of (ξ + M)², any interval of length w.
    """
    Y, a = sp.symbols("Y a", real=True)
    mean = Mean(Y)
    mu, Z, D = mean(Y), a + Y, w**2 / 4 - Y**2
    d = mean(D)
    squares = (2 * a * mu + w**2 / 2 - d) ** 2 + w**2 * mu**2 + mean(D * (2 * a + Y) ** 2)
    return identity(
        w**2 * mean(Z) ** 2 + sp.Rational(later) * w**4 - mean.variance(Z**2), squares + sp.Rational(3, 4) * w**2 * d
    )


def first_increment(constant: Number = FIRST) -> str:
    """Lemma V(i), Var(ξ²) ≤ constant w⁴ where M = 0: T1's dual certificate at E Y = 0, for every law.

    Its value, 4m²(v² − m²) + max(0, v² − 4m²) v² on [m − v, m + v], w = 2v, is at most constant w⁴.
    """
    return f"{dual_certificate()}; {value_of_certificate(constant)}"


def variance_of_increment() -> str:
    """Var Y ≤ w²/4 (Popoviciu), every law in [−w/2, w/2]: w²/4 − Var Y = E[w²/4 − Y²] + (E Y)². So E M_t² ≤ t w²/4."""
    Y = sp.Symbol("Y", real=True)
    mean = Mean(Y)
    return identity(w**2 / 4 - mean.variance(Y), mean(w**2 / 4 - Y**2) + mean(Y) ** 2)


def telescope(correction: Number = CORRECTION) -> str:
    """w⁴/16 + Σ_{t=2}^{H} [w² (t−1)w²/4 + w⁴/4] = w⁴(H(H+1)/8 − correction) for every H, by induction on H."""

    def total(steps: sp.Expr) -> sp.Expr:
        return w**4 * (steps * (steps + 1) / 8 - sp.Rational(correction))

    one = identity(total(sp.Integer(1)), sp.Rational(FIRST) * w**4, "H = 1")
    step = w**2 * H * w**2 / 4 + sp.Rational(LATER) * w**4
    return f"{one}; {identity(total(H + 1) - total(H), step, 'H + 1')}"


def code_uses_the_bound(correction: Number = CORRECTION) -> str:
    """`length_constant_bound(H)`² is H(H+1)/8 − correction to 2⁻⁵⁰ of itself, H = 1..64."""
    for horizon in range(1, 65):
        proved = Fraction(horizon * (horizon + 1), 8) - Fraction(correction)
        error = abs(Fraction(length_constant_bound(horizon)) ** 2 - proved)
        positive(lambda: exact(proved / 2**50 - error), [])  # noqa: B023
    return "64 values"


def coin_moment(n: int) -> sp.Expr:
    """E M_Hⁿ for H fair coins ±w/2: the n-th derivative at 0 of E e^{sM} = cosh(sw/2)^H, every H."""
    s = sp.Symbol("s", real=True)
    return sp.expand(sp.diff(sp.cosh(s * w / 2) ** H, s, n).subs(s, 0))


def fair_coins(less: Number = 1) -> str:
    """ξ_t = ±w/2 fair, r = α + βM_H²: Cov(r, M_H² − ⟨M⟩_H)² = H(H − less)/8 · w⁴ Var r, for every H; ⟨M⟩_H = Hw²/4.

    The moments of M_H give Var(M_H²) = w⁴ H(H−1)/8.
    """
    M, alpha, beta = sp.symbols("M alpha beta", real=True)
    second, fourth = coin_moment(2), coin_moment(4)
    variance = identity(sp.expand(fourth - second**2), w**4 * H * (H - 1) / 8, "Var M²")
    mean = Mean(M, known={M**2: second, M**4: fourth})
    reward = alpha + beta * M**2
    covariance = mean.covariance(reward, M**2 - H * w**2 / 4)
    expected = H * (H - sp.Rational(less)) / 8 * w**4 * mean.variance(reward)
    return f"{variance}; {identity(covariance**2, expected, 'ratio')}"


def growth(square: Number = Fraction(1, 8)) -> str:
    """√(H(H−1)/8)/H and √(H(H+1)/8 − 3/16)/H have one limit, √square = 1/(2√2)."""
    lower = sp.limit(sp.sqrt(H * (H - 1) / 8) / H, H, sp.oo)
    upper = sp.limit(sp.sqrt(H * (H + 1) / 8 - sp.Rational(CORRECTION)) / H, H, sp.oo)
    limit = sp.sqrt(sp.Rational(square))
    return f"{identity(lower, limit, 'below')}; {identity(upper, limit, 'above')}"


def witness(horizon: int) -> Fraction:
    """(Cov(r, N)/(σw²))² for the best reward, r = N = M_H² − ⟨M⟩_H, over its tree of increments 1−p and −p.

    1−p has probability p. It is Var N, w = 1: the sum over the 2^H paths, each with its own M_H, ⟨M⟩_H and probability.

    >>> witness(2)
    Fraction(27, 64)
    """
    ups = [Fraction(int(thousandths), 1000) for thousandths in WITNESSES[horizon].split()]
    first = second = Fraction(0)
    for up in itertools.product((True, False), repeat=horizon):
        mirrored = not up[0]
        position, bracket, weight = Fraction(1, 2), Fraction(1, 4), Fraction(1, 2)  # in the tree above a first step up
        node = 0
        for raw in up[1:]:
            step_up = raw != mirrored
            p = ups[node]
            position += (1 - p) if step_up else -p
            weight *= p if step_up else 1 - p
            bracket += p * (1 - p)
            node = 2 * node + (1 if step_up else 2)
        value = position**2 - bracket  # the mirror image has −position
        first += weight * value
        second += weight * value**2
    return second - first**2


def witnesses(more: Fraction = Fraction(0)) -> str:
    """The trees of WITNESSES: √Var N ≥ REACHED + more, H = 2..6, the variance a rational number."""
    for horizon in WITNESSES:
        variance = witness(horizon)
        positive(lambda: exact(variance).sqrt() - exact(Fraction(REACHED[horizon]) + more), [])  # noqa: B023
    return f"C(2..6) ≥ {', '.join(REACHED.values())}"


def exact_at_two() -> str:
    """C(2) ≥ √27/8: the tree of H = 2 has variance 27/64."""
    variance = witness(2)
    return identity(sp.Rational(variance.numerator, variance.denominator), sp.Rational(27, 64))


theorem = Theorem(
    number="T10",
    name="curvature grows linearly in length",
    statement="|uᵀ∇²J u| ≤ C(H) σ w², √(H(H−1)/8) ≤ C(H) ≤ √(H(H+1)/8 − 3/16), C(H)/H → 1/(2√2)",
    assumptions="autoregressive softmax policy over a finite automaton, H tokens, any real rewards; w the greatest "
    "per-step width over reachable states",
    source="this project; docs/theory.md T10",
    parts=(
        formal("√(H(H+1)/8 − 3/16) bounds the second derivative of J, every H", "Length", "length_curvature"),
        formal("equality at √(H(H−1)/8) for fair coins, every H", "Length", "coins_curvature"),
        formal("a least constant C(H) exists", "Length", "length_constant_exists"),
        formal("it lies between the two", "Length", "length_constant_between"),
        formal("C(1) = 1/4", "Length", "length_constant_one"),
        formal("C(H)/H → 1/(2√2)", "Length", "length_constant_limit"),
        formal("the code's automata unfold to trees of the right length", "Sequence", "unfolding_length"),
        formal("and of the right width, over reachable states", "Sequence", "unfolding_width"),
        Part("increments of M² − ⟨M⟩, any law", Method.SYMBOLIC, increments),
        Part("Lemma V(ii) as a sum of squares, any law", Method.SYMBOLIC, sum_of_squares),
        Part("Lemma V(i) for the first increment, any law", Method.POLYNOMIAL, first_increment),
        Part("Var ξ ≤ w²/4, any law", Method.SYMBOLIC, variance_of_increment),
        Part("the sum over the steps, every H", Method.SYMBOLIC, telescope),
        Part("the bound in the code is this one, H = 1..64", Method.ENCLOSURE, code_uses_the_bound),
        Part("fair coins reach √(H(H−1)/8), every H", Method.SYMBOLIC, fair_coins),
        Part("both ends over H tend to 1/(2√2)", Method.SYMBOLIC, growth),
        Part("C(2) ≥ √27/8", Method.SYMBOLIC, exact_at_two),
        Part(f"C(H) ≥ {', '.join(REACHED.values())} at H = 2..6, by explicit trees", Method.ENCLOSURE, witnesses),
    ),
    false_variants=(
        refuted("any constant below √(H(H−1)/8)", "Length", "length_constant_at_least"),
        FalseVariant("Lemma V(ii) with w⁴/5", Method.SYMBOLIC, lambda: sum_of_squares(Fraction(1, 5))),
        FalseVariant("Lemma V(i) with w⁴/17", Method.POLYNOMIAL, lambda: first_increment(Fraction(1, 17))),
        FalseVariant("the sum with −1/4 for −3/16", Method.SYMBOLIC, lambda: telescope(LATER)),
        FalseVariant("the code with −1/4 for −3/16", Method.ENCLOSURE, lambda: code_uses_the_bound(LATER)),
        FalseVariant("fair coins reach √(H²/8)", Method.SYMBOLIC, lambda: fair_coins(0)),
        FalseVariant("C(H)/H → 1/4", Method.SYMBOLIC, lambda: growth(Fraction(1, 16))),
        FalseVariant("the trees reach .001 more", Method.ENCLOSURE, lambda: witnesses(Fraction(1, 1000))),
    ),
    on_paper="that no increments do better than the trees: C(H) is enclosed, not known, for H ≥ 2",
)
