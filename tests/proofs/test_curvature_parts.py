"""Means of products of sums over independent responses, against the enumeration of all samples."""

import itertools
from fractions import Fraction
from math import prod

import pytest
import sympy as sp

from proofs.curvature_parts import mean_of_sums, partitions
from proofs.symbolic import Mean

r, M = sp.symbols("r M")
LAW = {(0, 1): Fraction(1, 2), (1, -2): Fraction(1, 3), (3, 5): Fraction(1, 6)}
"""A law of (r, M) on three responses."""


def exact_mean() -> Mean:
    moments = itertools.product(range(5), repeat=2)
    known = {r**a * M**b: sp.Rational(sum(weight * x**a * y**b for (x, y), weight in LAW.items())) for a, b in moments}
    return Mean(r, M, known=known)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
@pytest.mark.parametrize("terms", [[r], [r * M, r], [r, M, r * M], [r, M, r, M]])
def test_mean_of_products_of_sums(terms, size):
    functions = [sp.lambdify((r, M), term) for term in terms]
    expected = sum(
        prod(LAW[response] for response in sample) * prod(sum(f(*response) for response in sample) for f in functions)
        for sample in itertools.product(LAW, repeat=size)
    )
    assert mean_of_sums(exact_mean(), terms, sp.Integer(size)) == sp.Rational(expected)


def test_sample_covariance_of_enumerated_samples():
    """The variance formula of docs/theory.md T5 on a law that is enumerated, centred and with S = 3."""
    size, mean_r, mean_M = 3, *(sum(w * x[k] for x, w in LAW.items()) for k in (0, 1))

    def central(a: int, b: int) -> Fraction:
        return sum(w * (x - mean_r) ** a * (y - mean_M) ** b for (x, y), w in LAW.items())

    def estimate(sample: tuple[tuple[int, int], ...]) -> Fraction:
        products, rs, Ms = (
            sum(f(x, y) for x, y in sample) for f in (lambda x, y: x * y, lambda x, _: x, lambda _, y: y)
        )
        return (Fraction(products) - Fraction(rs * Ms, size)) / (size - 1)

    samples = {s: prod(LAW[response] for response in s) for s in itertools.product(LAW, repeat=size)}
    mean = sum(weight * estimate(s) for s, weight in samples.items())
    variance = sum(weight * (estimate(s) - mean) ** 2 for s, weight in samples.items())
    assert mean == central(1, 1)
    assert (
        variance
        == (
            central(2, 2)
            - Fraction(size - 2, size - 1) * central(1, 1) ** 2
            + central(2, 0) * central(0, 2) / (size - 1)
        )
        / size
    )


def test_partitions_count_as_bell_numbers():
    assert [sum(1 for _ in partitions(range(n))) for n in range(6)] == [1, 1, 2, 5, 15, 52]
