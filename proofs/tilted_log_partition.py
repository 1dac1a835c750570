"""T0: J, σ², ∇J and ∇²J are derivatives of one function, A(θ, t) = log Σ_y exp(b + θ·φ + t r).

Along two directions u, u' put X = φ·u and X' = φ·u'. Then Z = e^A is a sum over the K arms whose derivatives are sums
of r^a X^b X'^c against the same exponential. SymPy differentiates these sums with K left open, and each derivative of A
is compared with the moment that it should be; two directions give every entry of the gradient and of the Hessian.
"""

from __future__ import annotations

import itertools
from typing import Any

import sympy as sp

from proofs.formal import formal
from proofs.symbolic import Mean, identity
from proofs.theorem import FalseVariant, Method, Part, Theorem

r, X, Xʹ = sp.symbols("r X X'", real=True)
θ, θʹ, t = sp.symbols("theta theta' t", real=True)

K = sp.Symbol("K", integer=True, positive=True)


def total(monomial: sp.Expr | int) -> Any:
    """Σ_y r^a X^b X'^c exp(b_y + θ X_y + θ' X'_y + t r_y), for the monomial r^a X^b X'^c."""
    y = sp.Symbol("y", integer=True)
    offset, *at_arm = (sp.Indexed(name, y) for name in ("offset", "reward", "shift", "shift'"))
    term = sp.sympify(monomial).subs(dict(zip((r, X, Xʹ), at_arm, strict=True)))
    exponent = offset + t * at_arm[0] + θ * at_arm[1] + θʹ * at_arm[2]
    return sp.Sum(term * sp.exp(exponent), (y, 1, K))


def tilted_mean() -> Mean:
    """E under the policy: moments up to r² X X' are ratios of two sums over the arms."""
    monomials = [r**a * X**b * Xʹ**c for a, b, c in itertools.product(range(3), range(2), range(2))]
    return Mean(r, X, Xʹ, known={m: total(m) / total(1) for m in monomials})


def cumulant(*symbols: sp.Symbol) -> sp.Expr:
    """The derivative of A by the given symbols, one after the other."""
    return sp.diff(sp.log(total(1)), *symbols)


def value() -> str:
    """∂_t A = E r = J."""
    return identity(cumulant(t), tilted_mean()(r))


def variance(centring: int = 1) -> str:
    """∂_t² A = E (r − J)² = σ²."""
    E = tilted_mean()
    return identity(cumulant(t, t), E((r - centring * E(r)) ** 2))


def gradient() -> str:
    """∂_t ∂_u A = Cov(r, X), and it is ∂_u J."""
    E = tilted_mean()
    identity(sp.diff(E(r), θ), E.covariance(r, X), "∂_u J")
    return identity(cumulant(t, θ), E.covariance(r, X))


def hessian(centring: int = 1) -> str:
    """∂_t ∂_u ∂_u' A = E (r − J)(X − E X)(X' − E X'), and it is ∂_u ∂_u' J."""
    E = tilted_mean()
    right = E((r - centring * E(r)) * (X - E(X)) * (Xʹ - E(Xʹ)))
    identity(sp.diff(E(r), θ, θʹ), right, "∂_u ∂_u' J")
    return identity(cumulant(t, θ, θʹ), right)


def slope_of_variance(centring: int = 1) -> str:
    """∂_t² ∂_u A = E (r − J)² (X − E X), and it is ∂_u σ²."""
    E = tilted_mean()
    right = E((r - centring * E(r)) ** 2 * (X - E(X)))
    identity(sp.diff(E.variance(r), θ), right, "∂_u σ²")
    return identity(cumulant(t, t, θ), right)


def one_direction() -> str:
    """For u = u', uᵀ∇²J u = E (r − J) Y² = Cov(r, Y²) with Y = X − E X, any law."""
    E = Mean(r, X)
    Y = X - E(X)
    return identity(E((r - E(r)) * Y**2), E.covariance(r, Y**2))


def only_differences() -> str:
    """A common vector v added to all features changes neither Cov(r, X) nor E (r − J) Y², any law."""
    v = sp.Symbol("v", real=True)
    E = Mean(r, X)
    identity(E.covariance(r, X + v), E.covariance(r, X), "slope")
    return identity(E.covariance(r, (X + v - E(X + v)) ** 2), E.covariance(r, (X - E(X)) ** 2))


theorem = Theorem(
    number="T0",
    name="the tilted log-partition",
    statement="J = ∂_t A, σ² = ∂_t² A, ∇J = ∂_t ∂_θ A = Cov(r, φ), ∇²J = ∂_t ∂_θ² A = E (r − J)(φ − φ̄)(φ − φ̄)ᵀ",
    assumptions="log-linear policy, any finite number of responses, any real rewards",
    source="cumulants, textbook; docs/theory.md T0",
    parts=(
        formal("∂_t A = J", "Tilt", "tilt_mean"),
        formal("∂_t² A = σ²", "Tilt", "tilt_variance"),
        formal("∂_t ∂_u A = g·u", "Tilt", "tilt_gradient"),
        formal("∂_t ∂_u² A = uᵀ∇²J u", "Tilt", "tilt_curvature"),
        formal("the first derivative of J along a line exists, everywhere", "Line", "J_along"),
        formal("and the second", "Line", "slope_along"),
        formal("∂_u J = ∇J·u with ∇J = Cov(r, φ)", "Line", "gradient_is_derivative"),
        formal("∂_u² J = E (r − J)(X − E X)²", "Line", "curvature_is_second_derivative"),
        Part("J = ∂_t A, for K arms, K open", Method.SYMBOLIC, value),
        Part("σ² = ∂_t² A, for K arms, K open", Method.SYMBOLIC, variance),
        Part("∂_u J = ∂_t ∂_u A = Cov(r, X), for K arms, K open", Method.SYMBOLIC, gradient),
        Part("∂_u ∂_u' J = ∂_t ∂_u ∂_u' A = E (r − J)(X − E X)(X' − E X'), K open", Method.SYMBOLIC, hessian),
        Part("∂_u σ² = ∂_t² ∂_u A = E (r − J)² (X − E X), for K arms, K open", Method.SYMBOLIC, slope_of_variance),
        Part("uᵀ∇²J u = Cov(r, (X − E X)²), any law", Method.SYMBOLIC, one_direction),
        Part("only differences of features matter to ∇J and ∇²J, any law", Method.SYMBOLIC, only_differences),
    ),
    false_variants=(
        FalseVariant("∇²J = E r (φ − φ̄)(φ − φ̄)ᵀ", Method.SYMBOLIC, lambda: hessian(centring=0)),
        FalseVariant("∂_u σ² = E r² (X − E X)", Method.SYMBOLIC, lambda: slope_of_variance(centring=0)),
        FalseVariant("σ² = E r²", Method.SYMBOLIC, lambda: variance(centring=0)),
    ),
)
