"""The likeliest law by its own certificate, against EM, and against the likelihood of the truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from curvature.law_of_rates import law_of_rates, optimality
from tests.refusals import message

FINE = np.linspace(0, 1, 4001)


def likelihood(histogram: list[int], rates: np.ndarray, weights: np.ndarray) -> float:
    fitted = binom.pmf(np.arange(len(histogram))[:, None], len(histogram) - 1, rates) @ weights
    return float(sum(n * np.log(q) for n, q in zip(histogram, fitted, strict=True) if n))


@settings(max_examples=40)
@given(st.lists(st.integers(0, 400), min_size=2, max_size=18).filter(any))
def test_no_law_is_likelier(histogram: list[int]) -> None:
    law = law_of_rates(histogram)
    assert law.weights.sum() == pytest.approx(1)
    assert (law.weights > 0).all()
    assert law.gap < 1e-6  # a step that gains less than 1e-16 is not seen, and gains are the gap's square
    # off the grid: D bends by at most G² max|D| a grid step, (π/400)²/8 of it
    assert optimality(law, histogram, FINE).max() < 1e-3
    # the certificate's other half: D averages to 0 under the law itself
    assert law.weights @ optimality(law, histogram, law.rates) == pytest.approx(0, abs=1e-9)


def test_em_climbs_to_the_same_likelihood_and_never_above() -> None:
    histogram = [300, 90, 60, 55, 50, 49, 52, 80, 210]
    law = law_of_rates(histogram, num_rates=60)
    p = np.sin(np.pi * np.arange(61) / 120) ** 2
    L = binom.pmf(np.arange(9)[:, None], 8, p)
    f, w = np.array(histogram) / sum(histogram), np.full(61, 1 / 61)
    for _ in range(20_000):
        w = w * (L.T @ (f / (L @ w)))
    best = likelihood(histogram, law.rates, law.weights)
    assert likelihood(histogram, p, w) <= best + 1e-9
    assert likelihood(histogram, p, w) == pytest.approx(best, abs=1e-3)  # EM is slow: what is left after 20,000 steps


def test_it_is_likelier_than_the_truth_and_a_false_law_is_refused() -> None:
    rates, weights = np.array([0.1, 0.6]), np.array([0.5, 0.5])
    histogram = np.random.default_rng(0).multinomial(5000, binom.pmf(np.arange(9)[:, None], 8, rates) @ weights)
    law = law_of_rates(histogram)
    assert likelihood(list(histogram), law.rates, law.weights) >= likelihood(list(histogram), rates, weights)
    assert law.weights @ law.rates == pytest.approx(0.35, abs=0.01)  # se √(Var(k/8)/5000) = .004
    uniform = law_of_rates([1] * 9)
    assert optimality(uniform, histogram, FINE).max() > 0.1


def test_its_dead_share_at_the_logged_size_is_that_of_the_counts_where_they_fit_a_law() -> None:
    histogram = 1000 * binom.pmf(np.arange(9)[:, None], 8, [0.0, 0.3, 1.0]) @ np.array([0.2, 0.5, 0.3])
    assert law_of_rates(histogram).dead_share(8) == pytest.approx(
        (histogram[0] + histogram[8]) / 1000, abs=1e-6
    )  # the likelihood is met to 1e-10, a share to its root


def test_refusals() -> None:
    assert message(law_of_rates, [[1, 2]]).startswith("histogram has shape (1, 2)")
    assert message(law_of_rates, [1, 2], 1).startswith("num_rates is 1; allowed")
    assert message(law_of_rates([1, 2]).dead_share, 0).startswith("group_size is 0; allowed")
    assert message(optimality, law_of_rates([1, 2]), [1, 2], [1.5]).startswith("rates contains 1.5; allowed")
