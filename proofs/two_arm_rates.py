"""T7: what the rules truly do on two arms. Under g/σ^α the flow is ż = (pq)^β, β = 1 − α/2, z = logit p.

Then d(q^{−β})/dt = β p^{1+β}, which lies between β p₁^{1+β} once p ≥ p₁ and β. So q^{−β} grows without end, p → 1, and
(L'Hôpital) q^{−β}/t → β, that is 1 − p ~ (βt)^{−1/β}. The hitting times are integrals of dz/(pq)^β.
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from curvature.rates import tail_exponent
from proofs.formal import formal
from proofs.symbolic import Mean, identity
from proofs.theorem import FalseVariant, Method, Part, Theorem, Unproved

p, q, t = sp.symbols("p q t", positive=True)
z, α = sp.symbols("z alpha", real=True)
β = 1 - α / 2


def logistic() -> str:
    """The logistic p = 1/(1 + e^{−z}) has dp/dz = p(1 − p), and 1/(pq) = 2 + 2 cosh z."""
    at: Any = 1 / (1 + sp.exp(-z))
    identity(sp.diff(at, z), at * (1 - at), "dp/dz")
    return identity(1 / (at * (1 - at)), 2 + sp.exp(z) + sp.exp(-z))


def flow() -> str:
    """Two arms a distance 1 apart: g = Cov(r, X) = pq and σ² = pq, so that g/σ^α = (pq)^β."""
    r, a = sp.symbols("r a", real=True)
    E = Mean(r, known={r: p, r**2: p})
    identity(E.covariance(r, a + r), p * (1 - p), "g")
    identity(E.variance(r), p * (1 - p), "σ²")
    return identity((p * q) / (p * q) ** (α / 2), (p * q) ** β)


def rate_of_tail(exponent: sp.Expr = β) -> str:
    """Under ż = (pq)^β and dq/dz = −pq: d(q^{−exponent})/dt = exponent · p^{1 + exponent}, every real α < 2."""
    velocity = (p * q) ** β
    q_dot = -p * q * velocity
    return identity(sp.powsimp(sp.expand(sp.diff(q**-exponent, q) * q_dot)), exponent * p ** (1 + exponent))


def tail() -> str:
    """βp^{1+β} → β as p → 1, it increases with p for β > 0, and q = (βt)^{−1/β} solves q^{−β} = βt."""
    b = sp.Symbol("beta", positive=True)
    rate: Any = b * p ** (1 + b)
    identity(sp.limit(rate, p, 1), b, "limit")
    identity(sp.diff(rate, p), b * (1 + b) * p**b, "slope")
    return identity(((b * t) ** (-1 / b)) ** -b, b * t)


def code_exponent(scale: int = 2) -> str:
    """−1/β = −2/(2 − α), and `tail_exponent` says so at α = 0, 1, 3/2, 7/4, where floating point is exact."""
    identity(-1 / β, -scale / (2 - α), "−1/β")
    for value in (0.0, 1.0, 1.5, 1.75):
        identity(sp.Rational(tail_exponent(value)), -1 / β.subs(α, sp.Rational(value)), f"tail_exponent({value})")
    if tail_exponent(2.0) != -float("inf"):
        raise Unproved(f"tail_exponent(2) is {tail_exponent(2.0)}")
    return "−1/β = −2/(2 − α), and so says the code at 4 values of α"


def exponential() -> str:
    """α = 2: ż = 1, and (1 − p(z₀ + t)) e^t → e^{−z₀}."""
    start = sp.Symbol("z0", real=True)
    identity(((p * q) ** β).subs(α, 2), 1, "ż")
    return identity(sp.limit(sp.exp(t) / (1 + sp.exp(start + t)), t, sp.oo), sp.exp(-start))


def clocks(scale: int = 2) -> str:
    """The times scale · (z + sinh z), 2 · scale · sinh(z/2), z have derivative (pq)^{−β} in z for α = 0, 1, 2.

    With y = e^{z/2}: 1/(pq) = 2 + y² + y⁻² = (y + 1/y)², both sides positive.
    """
    y = sp.Symbol("y", positive=True)
    inverse = 2 + y**2 + y**-2

    def in_y(derivative: Any) -> sp.Expr:
        return derivative.rewrite(sp.exp).subs(z, 2 * sp.log(y))

    identity(in_y(sp.diff(scale * (z + sp.sinh(z)), z)), inverse, "α = 0")
    identity(in_y(sp.diff(2 * scale * sp.sinh(z / 2), z)), y + 1 / y, "α = 1")
    identity((y + 1 / y) ** 2, inverse, "root")
    return identity(in_y(sp.diff(z, z)), 1, "α = 2")


def from_a_small_start(scale: int = 1) -> str:
    """Times from p₀ to 1/2, over scale/p₀, 2/√p₀ and ln(1/p₀): all three tend to 1 as p₀ → 0.

    With x = p₀/(1 − p₀) = e^{z₀}, they are 1/x − x − 2 ln x, 2/√x − 2√x and −ln x.
    """
    x = sp.Symbol("x", positive=True)
    start = sp.log(x)
    identity(-(2 * start + sp.exp(start) - sp.exp(-start)), 1 / x - x - 2 * sp.log(x), "α = 0")
    identity(-2 * (sp.exp(start / 2) - sp.exp(-start / 2)), 2 / sp.sqrt(x) - 2 * sp.sqrt(x), "α = 1")
    at = x / (1 + x)  # p₀
    ratios = {
        0: (1 / x - x - 2 * sp.log(x)) * at / scale,
        1: (2 / sp.sqrt(x) - 2 * sp.sqrt(x)) * sp.sqrt(at) / 2,
        2: -sp.log(x) / -sp.log(at),
    }
    for power, ratio in ratios.items():
        identity(sp.limit(ratio, x, 0, "+"), 1, f"α = {power}")
    return "three limits are 1"


theorem = Theorem(
    number="T7",
    name="the true separation: two arms",
    statement="ż = (pq)^{1−α/2}; α < 2: 1 − p ~ [(1 − α/2)t]^{−2/(2−α)}; α = 2: (1 − p) eᵗ → e^{−z₀}",
    assumptions="one prompt, two arms a distance 1 apart, binary reward, the flow (steps tend to 0)",
    source="this project; docs/theory.md T7",
    parts=(
        formal("q^{−β}/t → β for every solution of the flow, α < 2", "TwoArmFlow", "inverse_power_is_linear"),
        formal("(1 − p)/(βt)^{−2/(2−α)} → 1, α < 2", "TwoArmFlow", "tail"),
        formal("q/p is exactly a constant times e^{−t}, α = 2", "TwoArmFlow", "exponential_tail"),
        formal("both for 1 − J of two arms under θ̇ = g/σ^α, α < 2", "TwoArmFlow", "two_arms_tail"),
        formal("and α = 2", "TwoArmFlow", "two_arms_tail_of_squared_rule"),
        formal("an explicit solution of the flow, α = 1", "TwoArmFlow", "grpo_flow_from_half"),
        formal("the clock 2(z + sinh z), α = 0", "TwoArmFlow", "reinforce_clock"),
        formal("the clock 4 sinh(z/2), α = 1", "TwoArmFlow", "grpo_clock"),
        formal("the clock z, α = 2", "TwoArmFlow", "squared_rule_clock"),
        formal("p = ½ is reached in time τ, |p₀τ − 1| ≤ 6√p₀, α = 0", "TwoArmFlow", "reinforce_hitting_time"),
        formal("|√p₀ τ − 2| ≤ 6p₀, α = 1", "TwoArmFlow", "grpo_hitting_time"),
        formal("|τ − ln(1/p₀)| ≤ 2p₀, α = 2", "TwoArmFlow", "squared_rule_hitting_time"),
        Part("dp/dz = pq and 1/(pq) = 2 + 2 cosh z", Method.SYMBOLIC, logistic),
        Part("g/σ^α = (pq)^{1−α/2}, every real α", Method.SYMBOLIC, flow),
        Part("d(q^{−β})/dt = β p^{1+β}, every real α", Method.SYMBOLIC, rate_of_tail),
        Part("its limit at p = 1 is β and it increases with p, every β > 0", Method.SYMBOLIC, tail),
        Part("the exponent is −2/(2 − α), and the code's at 4 values of α", Method.SYMBOLIC, code_exponent),
        Part("α = 2 is exponential", Method.SYMBOLIC, exponential),
        Part("the clocks 2(z + sinh z), 4 sinh(z/2), z for α = 0, 1, 2", Method.SYMBOLIC, clocks),
        Part("their leading order 1/p₀, 2/√p₀, ln(1/p₀) from a small start", Method.SYMBOLIC, from_a_small_start),
    ),
    false_variants=(
        FalseVariant("d(q^{−α})/dt = α p^{1+α}", Method.SYMBOLIC, lambda: rate_of_tail(exponent=α)),
        FalseVariant("exponent −1/(2 − α)", Method.SYMBOLIC, lambda: code_exponent(scale=1)),
        FalseVariant("clocks 1.5 times as slow", Method.SYMBOLIC, lambda: clocks(scale=3)),
        FalseVariant("2/p₀ from a small start at α = 0", Method.SYMBOLIC, lambda: from_a_small_start(scale=2)),
    ),
    on_paper="that a solution of the flow exists (Coq: for α = 1 an explicit one)",
)
