"""T8: exact GRPO ascends Σ 2 arcsin √J, as g/σ = ∇ 2 arcsin √J for a binary reward; likewise g/σ² = ∇ logit J."""

from __future__ import annotations

from typing import Any

import sympy as sp

from proofs.formal import formal
from proofs.symbolic import Mean, identity
from proofs.theorem import FalseVariant, Method, Part, Theorem

p = sp.Symbol("J", positive=True)
σ = sp.sqrt(p) * sp.sqrt(1 - p)


def deviation() -> str:
    """Binary r: σ² = J(1 − J), any law, and σ = √J √(1 − J) is its root."""
    r = sp.Symbol("r", real=True)
    identity(σ**2, p * (1 - p), "root")
    return identity(Mean(r, known={r: p, r**2: p}).variance(r), p * (1 - p))


def slope(coefficient: int = 2) -> str:
    """d/dJ coefficient · arcsin √J = 1/σ on 0 < J < 1."""
    return identity(sp.diff(coefficient * sp.asin(sp.sqrt(p)), p), 1 / σ)


def along_a_path(coefficient: int = 2) -> str:
    """∂_u coefficient · arcsin √J(θ) = (∂_u J)/σ, J an unknown function of the position along u."""
    s = sp.Symbol("s", real=True)
    J: Any = sp.Function("J", positive=True)(s)
    return identity(sp.diff(coefficient * sp.asin(sp.sqrt(J)), s), sp.diff(J, s) / σ.subs(p, J))


def logit() -> str:
    """d/dJ ln(J/(1 − J)) = 1/σ²."""
    return identity(sp.diff(sp.log(p) - sp.log(1 - p), p), 1 / σ**2)


def ends() -> str:
    """2 arcsin √J runs from 0 at J = 0 to π at J = 1."""
    J = sp.Symbol("J", real=True)
    primitive: Any = 2 * sp.asin(sp.sqrt(J))
    identity(primitive.subs(J, 0), 0, "J = 0")
    return identity(primitive.subs(J, 1), sp.pi)


theorem = Theorem(
    number="T8",
    name="what exact GRPO maximises",
    statement="g/σ = ∇ 2 arcsin √J and g/σ² = ∇ logit J",
    assumptions="binary reward, 0 < J < 1, exact gradients",
    source="this project; docs/theory.md T8",
    parts=(
        formal("the derivative of 2 arcsin √J along any direction", "Arcsine", "grpo_ascends_arcsine"),
        formal("the derivative of logit J along any direction", "Arcsine", "squared_rule_ascends_logit"),
        Part("σ² = J(1 − J) for a binary reward, any law", Method.SYMBOLIC, deviation),
        Part("d/dJ 2 arcsin √J = 1/σ", Method.SYMBOLIC, slope),
        Part("∂_u 2 arcsin √J(θ) = ∂_u J/σ, any smooth J", Method.SYMBOLIC, along_a_path),
        Part("d/dJ logit J = 1/σ²", Method.SYMBOLIC, logit),
        Part("values 0 and π at J = 0 and J = 1", Method.SYMBOLIC, ends),
    ),
    false_variants=(
        FalseVariant("g/σ = ∇ arcsin √J", Method.SYMBOLIC, lambda: slope(coefficient=1)),
        FalseVariant("along a path, coefficient 1", Method.SYMBOLIC, lambda: along_a_path(coefficient=1)),
    ),
)
