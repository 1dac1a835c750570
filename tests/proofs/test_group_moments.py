"""Moments for a symbolic G against sums over k for one G."""

from math import comb

import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from proofs.group_moments import G, binomial_mean, k, mixed_mean, p


@given(st.integers(2, 9), st.fractions(0, 1, max_denominator=20), st.lists(st.integers(-3, 3), min_size=1, max_size=5))
def test_means_are_sums(size, rate, coefficients):
    rate = sp.Rational(rate)
    polynomial = sp.Add(*(c * k**n for n, c in enumerate(coefficients)))
    terms = [
        comb(size, j) * rate**j * (1 - rate) ** (size - j) * polynomial.subs(k, j) for j in range(size + 1)
    ]  # 0⁰ = 1
    assert binomial_mean(polynomial).subs({G: size, p: rate}) == sum(terms)
    assert mixed_mean(polynomial).subs({G: size, p: rate}) == sum(terms[1:-1])


def test_only_polynomials_have_moments():
    with pytest.raises(sp.PolynomialError):
        binomial_mean(1 / (1 + k))
