"""Kernels by exact enumeration over k: their mean under Bin(G, p) is the polynomial, in rational arithmetic."""

from fractions import Fraction
from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curvature.count_kernels import dead_kernel, frequencies, polynomial_kernel, rate_spread, variance_kernel
from tests.refusals import message, unchecked

RATES = [Fraction(0), Fraction(1, 7), Fraction(1, 2), Fraction(9, 11), Fraction(1)]


def mean(kernel: np.ndarray, p: Fraction) -> float:
    """E h(k) for k ~ Bin(G, p): the probabilities exactly, h as it is."""
    G = len(kernel) - 1
    return float(sum(Fraction(float(h)) * comb(G, k) * p**k * (1 - p) ** (G - k) for k, h in enumerate(kernel)))


@pytest.mark.parametrize("p", RATES)
@pytest.mark.parametrize("size", [2, 3, 4, 8, 13])
def test_variance_and_dead_share_are_unbiased(size: int, p: Fraction) -> None:
    assert mean(variance_kernel(size), p) == pytest.approx(float(p * (1 - p)), abs=1e-14)
    for m in range(1, size + 1):
        assert mean(dead_kernel(size, m), p) == pytest.approx(float(p**m + (1 - p) ** m), abs=1e-14)


@given(st.integers(1, 12), st.data())
def test_every_polynomial_of_degree_up_to_the_size_is_unbiased(size: int, data: st.DataObject) -> None:
    a = data.draw(st.lists(st.integers(-5, 5), min_size=1, max_size=size + 1))
    kernel = polynomial_kernel(size, [float(each) for each in a])
    for p in RATES:
        assert mean(kernel, p) == pytest.approx(float(sum(c * p**j for j, c in enumerate(a))), abs=1e-12)


def test_the_plug_in_variance_is_biased_and_the_oracle_sees_it() -> None:
    k = np.arange(5)
    assert abs(mean(k * (4 - k) / 16, Fraction(1, 2)) - 0.25) > 0.05


def test_the_dead_kernel_counts_subsets() -> None:
    for size in (2, 5, 6):
        for m in range(1, size + 1):
            for k in range(size + 1):
                answers = [1] * k + [0] * (size - k)
                subsets = list(combinations(answers, m))
                share = sum(len(set(subset)) == 1 for subset in subsets) / len(subsets)
                assert dead_kernel(size, m)[k] == pytest.approx(share)


def test_large_groups_have_the_dead_kernel_of_whole_numbers() -> None:
    """A thousand factors, each rounded: 1e-12 of the value."""
    for size, m in ((1000, 1), (1000, 8), (1000, 64), (1000, 999), (1000, 1000)):
        exact = [float(Fraction(comb(k, m) + comb(size - k, m), comb(size, m))) for k in range(size + 1)]
        np.testing.assert_allclose(dead_kernel(size, m), exact, rtol=1e-12, atol=0)


def test_the_variance_between_prompts_is_unbiased() -> None:
    """All pairs of groups of two prompts, with their probabilities, against the sample variance of two rates."""
    rates, G = (Fraction(1, 5), Fraction(2, 3)), 3
    law = [[comb(G, k) * p**k * (1 - p) ** (G - k) for k in range(G + 1)] for p in rates]
    total = 0.0
    for pair in ((0, 0), (0, 1), (1, 0), (1, 1)):  # two groups, each of a prompt drawn evenly
        for k in range(G + 1):
            for j in range(G + 1):
                histogram = np.bincount([k, j], minlength=G + 1)
                chance = float(law[pair[0]][k] * law[pair[1]][j]) / 4
                total += chance * rate_spread(histogram).between
    assert total == pytest.approx(float((rates[0] - rates[1]) ** 2) / 4, abs=1e-14)


def test_nothing_varies_between_equal_prompts() -> None:
    found = rate_spread([0, 4, 0])
    assert (found.mean, found.within, found.between) == (0.5, 0.5, -0.25)
    assert np.isnan(found.reliability)


def test_refusals() -> None:
    assert message(frequencies, [0.0, 0.0]) == "histogram has no groups; allowed: at least one"
    assert message(frequencies, [1.0]).startswith("histogram has shape (1,)")
    assert message(frequencies, [1.0, -1.0]).startswith("histogram contains -1.0; allowed: numbers in [0, inf)")
    assert message(dead_kernel, 4, 5) == "new_size is 5; allowed: 1 to 4, the size of the groups"
    assert message(polynomial_kernel, 1, [1.0, 2.0, 3.0]).endswith("allowed: 1 to 2 numbers in groups of 1")
    assert message(rate_spread, [1.0, 0.0, 0.0]) == "histogram has 1 group; allowed: at least 2"
    with unchecked():
        assert message(variance_kernel, 2.5).startswith("group_size is 2.5; allowed: an integer")
