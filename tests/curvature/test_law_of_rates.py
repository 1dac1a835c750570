"""The likeliest law by its own certificate, against EM, and against the likelihood of the truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from curvature.law_of_rates import LawOfRates, law_of_counts, law_of_rates, optimality
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


def test_quantiles_have_the_law_s_shares() -> None:
    law = LawOfRates(np.array([0.9, 0.0, 0.4]), np.array([0.25, 0.5, 0.25]), 0.0)
    assert law.quantiles(32).tolist() == [0.0] * 16 + [0.4] * 8 + [0.9] * 8
    assert law.quantiles(1).tolist() == [0.0]  # at .5, where the first atom ends


def test_counts_of_one_size_are_the_histogram_and_of_several_are_as_likely_as_em_finds() -> None:
    rng = np.random.default_rng(1)
    k = rng.binomial(8, rng.choice([0.1, 0.7], 300))
    one, other = law_of_counts(k, np.full(300, 8)), law_of_rates(np.bincount(k, minlength=9))
    np.testing.assert_array_equal(one.rates, other.rates)
    np.testing.assert_array_equal(one.weights, other.weights)
    n = rng.choice([1, 4, 16], 300)
    k = rng.binomial(n, rng.choice([0.1, 0.7], 300))
    law = law_of_counts(k, n, 60)
    p, w = np.sin(np.pi * np.arange(61) / 120) ** 2, np.full(61, 1 / 61)
    L = binom.pmf(k[:, None], n[:, None], p)
    for _ in range(5000):
        w = w * (L / (L @ w)[:, None]).mean(axis=0)
    fitted = binom.pmf(k[:, None], n[:, None], law.rates) @ law.weights
    found = np.log(fitted).mean()
    assert np.log(L @ w).mean() <= found + 1e-12
    assert np.log(L @ w).mean() == pytest.approx(found, abs=1e-3)  # EM is slow
    assert (L / fitted[:, None]).mean(axis=0).max() - 1 < 1e-6  # no law on the grid is likelier by more, per prompt
    assert np.log(binom.pmf(k[:, None], n[:, None], [0.1, 0.7]) @ [0.5, 0.5]).mean() < found


def test_refusals() -> None:
    assert message(law_of_counts, [3, 1], [2, 4]).startswith("correct contains 3 of 2 samples; allowed")
    assert message(law_of_counts, [0.5], [2]).startswith("correct contains 0.5 of 2 samples; allowed")
    assert message(law_of_counts, [1], [2, 4]).startswith("correct has shape (1,) and samples (2,); allowed")
    assert message(law_of_counts, [0], [0]).startswith("samples")
    assert message(law_of_rates([1, 2]).quantiles, 0).startswith("number is 0; allowed")
    assert message(law_of_rates, [[1, 2]]).startswith("histogram has shape (1, 2)")
    assert message(law_of_rates, [1, 2], 1).startswith("num_rates is 1; allowed")
    assert message(law_of_rates([1, 2]).dead_share, 0).startswith("group_size is 0; allowed")
    assert message(optimality, law_of_rates([1, 2]), [1, 2], [1.5]).startswith("rates contains 1.5; allowed")
