"""T12: mean and covariance of the gradient estimate of a group of G sampled responses.

Everything is a binomial sum. Those of polynomials come from the generating function E z^k = (q + pz)^G by
differentiation with G a symbol, so they hold for every G; the one that is no polynomial, m_G = E√(k(G−k))/G, stays a
symbol. Covariances are taken along a direction: their quadratic forms determine them.
"""

from __future__ import annotations

import itertools

import sympy as sp

from proofs.formal import formal
from proofs.symbolic import Mean, identity
from proofs.theorem import FalseVariant, Method, Part, Theorem

G, k = sp.symbols("G k", positive=True)
p = sp.Symbol("p", positive=True)
gap, wrong, var_right, var_wrong, m = sp.symbols("Δμ mu_0 V_1 V_0 m_G", real=True)
"""Along a direction: mean of the score right − wrong, mean wrong, variances; m_G."""
right = wrong + gap
FIXED = range(2, 6)
"""The group sizes of the enumeration."""


def binomial_mean(polynomial: sp.Expr) -> sp.Expr:
    """E f(k) for k ~ Bin(G, p), f a polynomial: the moments are (z d/dz)ⁿ (1 − p + pz)^G at z = 1.

    >>> sp.factor(binomial_mean(k * (G - k)))
    -G*p*(G - 1)*(p - 1)
    """
    z = sp.Symbol("z", positive=True)
    generating = (1 - p + p * z) ** G
    terms = []
    for coefficient in reversed(sp.Poly(polynomial, k).all_coeffs()):
        terms.append(coefficient * generating.subs(z, 1))
        generating = z * sp.diff(generating, z)
    return sp.Add(*terms)


def mixed_mean(polynomial: sp.Expr) -> sp.Expr:
    """E[f(k); 0 < k < G]: less the terms of k = 0, probability (1 − p)^G, and k = G, probability p^G."""
    ends = polynomial.subs(k, 0) * (1 - p) ** G + polynomial.subs(k, G) * p**G
    return binomial_mean(polynomial) - ends


def shifted_binomial(count: sp.Expr = G * (G - 1)) -> str:
    """(B): C(G,k) p^k q^(G−k) k(G−k) = count · pq · C(G−2,k−1) p^(k−1) q^(G−1−k), from n! = n (n−1)! alone."""
    f, a, b, P, Q, q = sp.symbols("f a b P Q q", positive=True)  # (G−2)!, (k−1)!, (G−1−k)!, p^(k−1), q^(G−1−k)
    factorial_G, factorial_k, factorial_rest = G * (G - 1) * f, k * a, (G - k) * b
    before = factorial_G / (factorial_k * factorial_rest) * (P * p) * (Q * q) * k * (G - k)
    return identity(before, count * p * q * f / (a * b) * P * Q)


def binomial_sums() -> str:
    """The sums that the covariances need, for every G, with q = 1 − p.

    E k(G−k) = G(G−1)pq,    E k(G−k)² = G(G−1)pq((G−2)q + 1),    E k²(G−k) = G(G−1)pq((G−2)p + 1),
    E k²(G−k)² = G(G−1)pq((G−2)(G−3)pq + G−1),    E[k; 0<k<G] = G(p − p^G),    E[G−k; 0<k<G] = G(q − q^G)
    """
    q = 1 - p
    sums = [
        (binomial_mean(k * (G - k)), G * (G - 1) * p * q),
        (binomial_mean(k * (G - k) ** 2), G * (G - 1) * p * q * ((G - 2) * q + 1)),
        (binomial_mean(k**2 * (G - k)), G * (G - 1) * p * q * ((G - 2) * p + 1)),
        (binomial_mean(k**2 * (G - k) ** 2), G * (G - 1) * p * q * ((G - 2) * (G - 3) * p * q + G - 1)),
        (mixed_mean(k), G * (p - p**G)),
        (mixed_mean(G - k), G * (q - q**G)),
    ]
    for left, value in sums:
        identity(left, value)
    return f"{len(sums)} differences expand to 0"


def given_rewards() -> str:
    """For k right answers among G: mean and variance of ĝ = (1/G)Σ(r_i − r̄)s_i along a direction, and of ĝ/s.

    E ĝ = Δμ k(G−k)/G²,  Var ĝ = (V₁ k(G−k)² + V₀ k²(G−k))/G⁴;   s² = k(G−k)/G²:  E ĝ/s = Δμ s,
    Var ĝ/s = (V₁(G−k) + V₀ k)/G².  Means add, and variances of independent scores add.
    """
    s = sp.Symbol("s", positive=True)
    mean_reward = k / G
    weight_right, weight_wrong = (1 - mean_reward) / G, (0 - mean_reward) / G
    mean = k * weight_right * right + (G - k) * weight_wrong * wrong
    variance = k * weight_right**2 * var_right + (G - k) * weight_wrong**2 * var_wrong
    squared_deviation = k / G - mean_reward**2  # r² = r
    return "; ".join(
        [
            identity(mean, gap * k * (G - k) / G**2, "mean"),
            identity(variance, _variance_given(k), "variance"),
            identity(squared_deviation, k * (G - k) / G**2, "s²"),
            identity((mean / s).subs(mean, gap * s**2), gap * s, "mean over s"),
            identity(variance / squared_deviation, (var_right * (G - k) + var_wrong * k) / G**2, "variance over s²"),
        ]
    )


def _variance_given(k: sp.Expr) -> sp.Expr:
    return (var_right * k * (G - k) ** 2 + var_wrong * k**2 * (G - k)) / G**4


def grpo_variance(size: sp.Expr, m: sp.Expr, truncated: bool = True) -> sp.Expr:
    """T12's covariance of the GRPO estimate along a direction; `truncated=False` forgets groups that do not vary."""
    q, lost = 1 - p, int(truncated)
    own = p * q * (size - 1) / size - m**2
    return gap**2 * own + var_right * (q - lost * q**size) / size + var_wrong * (p - lost * p**size) / size


def reinforce_variance(size: sp.Expr, third: int = 3) -> sp.Expr:
    """T12's covariance of the REINFORCE estimate along a direction; `third` is the 3 of (G−2)(G−3)."""
    q = 1 - p
    A = (size - 1) * p * q / size**3
    own = A * ((size - 2) * (size - third) * p * q + size - 1) - (p * q * (size - 1) / size) ** 2
    return gap**2 * own + var_right * A * ((size - 2) * q + 1) + var_wrong * A * ((size - 2) * p + 1)


def grpo_covariance(truncated: bool = True) -> str:
    """E Var(·|k) + E (E[·|k])² − (Δμ m_G)² is the formula of T12, every G, m_G a symbol: E[√(k(G−k))/G] = m_G.

    A group with k = 0 or G contributes 0, so the conditional variances are summed over 0 < k < G.
    """
    within = mixed_mean((var_right * (G - k) + var_wrong * k) / G**2)
    of_means = gap**2 * (binomial_mean(k * (G - k) / G**2) - m**2)
    return identity(within + of_means, grpo_variance(G, m, truncated))


def reinforce_mean_and_covariance(third: int = 3) -> str:
    """E E[·|k] = Δμ pq(G−1)/G, and E Var(·|k) + E (E[·|k])² − (E E[·|k])² is the formula of T12, for every G."""
    mean_given = gap * k * (G - k) / G**2
    mean = gap * p * (1 - p) * (G - 1) / G
    within = binomial_mean(sp.expand(_variance_given(k)))
    of_means = binomial_mean(sp.expand(mean_given**2)) - mean**2
    identity(binomial_mean(mean_given), mean, "mean")
    return identity(within + of_means, reinforce_variance(G, third), "mean and covariance")


def enumeration(truncated: bool = True, third: int = 3) -> str:
    """G = 2..5, all 2^G patterns of rewards written out: mean and variance of both estimates are those of T12.

    Nothing of the above is used: the estimate is Σ c_i s_i with c_i = (r_i − r̄)/G, divided by the deviation of the
    pattern for GRPO (patterns that do not vary give 0); scores are independent given the rewards.
    """
    q = 1 - p
    for size in FIXED:
        factor = sp.Add(
            *(sp.binomial(size, j) * p**j * q ** (size - j) * sp.sqrt(j * (size - j)) / size for j in range(size + 1))
        )
        n = sp.Integer(size)
        for rescaled, mean, variance in (
            (True, gap * factor, grpo_variance(n, factor, truncated)),
            (False, gap * p * q * (n - 1) / n, reinforce_variance(n, third)),
        ):
            first, second = _enumerate(size, rescaled)
            identity(first, mean, f"mean at G = {size}")
            identity(second - first**2, variance, f"variance at G = {size}")
    return f"G = {FIXED[0]}..{FIXED[-1]}, GRPO and REINFORCE: differences expand to 0"


def _enumerate(size: int, rescaled: bool) -> tuple[sp.Expr, sp.Expr]:
    """E ĝ and E ĝ² over all patterns of `size` rewards."""
    scores = sp.symbols(f"s_1:{size + 1}", real=True)
    first = second = sp.Integer(0)
    for rewards in itertools.product((0, 1), repeat=size):
        mean_reward = sp.Rational(sum(rewards), size)
        deviation = sp.sqrt(sum((r - mean_reward) ** 2 for r in rewards) / size)
        if deviation == 0:
            continue
        estimate = sp.Add(*((r - mean_reward) / size * s for r, s in zip(rewards, scores, strict=True)))
        means = [right if r else wrong for r in rewards]
        known: dict[sp.Expr, sp.Expr | int] = dict(zip(scores, means, strict=True))
        for i, s in enumerate(scores):
            known[s**2] = means[i] ** 2 + (var_right if rewards[i] else var_wrong)
            known |= {s * scores[j]: means[i] * means[j] for j in range(i)}
        mean = Mean(*scores, known=known)
        probability = p ** sum(rewards) * (1 - p) ** (size - sum(rewards))
        scale = deviation if rescaled else 1
        first += probability * mean(estimate) / scale
        second += probability * mean(estimate**2) / scale**2
    return first, second


theorem = Theorem(
    number="T12",
    name="mean and covariance of the group estimate",
    statement="GRPO: Δμ m_G and ΔμΔμᵀ[pq(G−1)/G − m_G²] + Σ₁(q−q^G)/G + Σ₀(p−p^G)/G; REINFORCE: Δμ pq(G−1)/G and "
    "ΔμΔμᵀ[A((G−2)(G−3)pq + G−1) − (pq(G−1)/G)²] + Σ₁A((G−2)q+1) + Σ₀A((G−2)p+1), A = (G−1)pq/G³",
    assumptions="binary rewards, G ≥ 2 independent responses, baseline the group's mean, population deviation of the "
    "group, groups that do not vary contribute 0",
    source="this project; docs/theory.md T12",
    parts=(
        formal("(B) for every f and G ≥ 2", "Binomial", "shifted_binomial"),
        formal("the number of right answers in a group is binomial", "Groups", "right_answers_binomial"),
        formal("the mean of REINFORCE's estimate over all groups", "Groups", "reinforce_mean"),
        formal("the mean of GRPO's", "Groups", "grpo_mean"),
        formal("the covariance of REINFORCE's, every entry", "GroupMoments", "reinforce_covariance"),
        formal("the covariance of GRPO's, every entry", "GroupMoments", "grpo_covariance"),
        Part("(B): C(G,k)k(G−k) = G(G−1)C(G−2,k−1), all G and 0 < k < G", Method.SYMBOLIC, shifted_binomial),
        Part("the six binomial sums, all G, from the generating function", Method.SYMBOLIC, binomial_sums),
        Part("mean and variance given k right answers, all G and k", Method.SYMBOLIC, given_rewards),
        Part("GRPO's covariance from them, all G, m_G a symbol", Method.SYMBOLIC, grpo_covariance),
        Part("REINFORCE's mean and covariance from them, all G", Method.SYMBOLIC, reinforce_mean_and_covariance),
        Part("G = 2, 3, 4, 5: both by writing out every pattern of rewards, all p", Method.SYMBOLIC, enumeration),
    ),
    false_variants=(
        FalseVariant("(B) with G² for G(G−1)", Method.SYMBOLIC, lambda: shifted_binomial(G**2)),
        FalseVariant("GRPO: groups that do not vary count", Method.SYMBOLIC, lambda: grpo_covariance(truncated=False)),
        FalseVariant("REINFORCE: (G−2)² for (G−2)(G−3)", Method.SYMBOLIC, lambda: reinforce_mean_and_covariance(2)),
        FalseVariant("G = 2..5: groups that do not vary count", Method.SYMBOLIC, lambda: enumeration(truncated=False)),
        FalseVariant("G = 2..5: (G−2)² for (G−2)(G−3)", Method.SYMBOLIC, lambda: enumeration(third=2)),
    ),
)
