"""`identity` takes nothing on trust; `Mean` agrees with every finite law."""

import numpy as np
import pytest
import sympy as sp

from proofs.symbolic import Mean, identity
from proofs.theorem import Unproved

x, y = sp.symbols("x y")
PROBABILITIES = (sp.Rational(1, 6), sp.Rational(1, 3), sp.Rational(1, 2))
VALUES = ((sp.Integer(2), sp.Integer(-1)), (sp.Rational(1, 3), sp.Integer(5)), (sp.Integer(0), sp.Integer(1)))


def test_identity_holds_or_shows_the_residual():
    assert identity((x + y) ** 3, x**3 + 3 * x**2 * y + 3 * x * y**2 + y**3)
    assert identity(1 / (1 + sp.exp(x)) + sp.exp(x) / (1 + sp.exp(x)), 1)
    assert identity(sp.sqrt(x) ** 2, x)
    with pytest.raises(Unproved, match="name: x is not identically 0"):
        identity(2 * x, x, "name")
    with pytest.raises(Unproved):  # nearly equal is not equal
        identity(x + sp.Rational(1, 10**40), x)


def test_functions_are_variables():
    with pytest.raises(Unproved):  # true, but not as an identity of rational functions: it is not guessed
        identity(sp.sin(x) ** 2 + sp.cos(x) ** 2, 1)


def law(polynomial: sp.Expr) -> sp.Expr:
    """The mean under one law, by enumeration."""
    terms = zip(PROBABILITIES, VALUES, strict=True)
    return sum((p * polynomial.subs({x: a, y: b}) for p, (a, b) in terms), sp.Integer(0))


@pytest.mark.parametrize("powers", [(1, 0), (2, 1), (3, 2), (0, 4)])
def test_mean_equals_enumeration(powers):
    mean = Mean(x, y)
    f = (x + 2) ** powers[0] * (y - 3) ** powers[1] + 7
    expression = mean(f)
    moments = {mean.moment(x**i * y**j): law(x**i * y**j) for i, j in np.ndindex(5, 5) if (i, j) != (0, 0)}
    assert expression.subs(moments) == law(f)
    assert (
        mean.variance(f).subs(moments | {m: law(_of(m)) for m in mean.variance(f).free_symbols})
        == law(f**2) - law(f) ** 2
    )


def _of(symbol: sp.Symbol) -> sp.Expr:
    """The monomial of a moment's symbol E[…]."""
    return sp.sympify(symbol.name[2:-1], locals={"x": x, "y": y})


def test_known_moments_and_constants():
    c = sp.Symbol("c")
    centred = Mean(x, known={x: 0})
    assert centred(c * x + c) == c
    assert centred.covariance(x, c) == 0
    assert centred.variance(x) == centred.moment(x**2)


@pytest.mark.parametrize(
    ("left", "right"),
    [(x + 1e-17 + 1.0, x + 1.0), (sp.oo - x, x), (sp.zoo, x), (sp.nan, 0), (True, 1), (1 / (x - x), 0)],
)
def test_what_is_not_exact_is_refused(left, right):
    with pytest.raises(ValueError, match=r"not exact|allowed|divides"):
        identity(left, right)


def test_a_mean_refuses_what_it_would_read_wrongly():
    with pytest.raises(ValueError, match="known holds the mean of 2"):
        Mean(x, known={2 * x: 0})
    with pytest.raises(ValueError, match="named like variables"):
        Mean(x)(sp.Symbol("x", real=True) ** 2)
