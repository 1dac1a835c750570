import numpy as np
import pytest
from scipy import stats

from experiments.statistics import band, crossed_interval, interval, median_interval

SHIFT = 0.4
"""The mean of the samples below."""


def test_the_interval_of_a_mean_is_scipys() -> None:
    sample = np.random.default_rng(0).normal(size=11)
    found = stats.ttest_1samp(sample, 0).confidence_interval(0.99)
    assert interval(sample, 0.99).ends == pytest.approx((sample.mean(), found.low, found.high), abs=1e-12)


def test_a_band_is_an_interval_at_each_point() -> None:
    samples = np.random.default_rng(1).normal(size=(5, 3))
    for k in range(3):
        assert [part[k] for part in band(samples)] == pytest.approx(interval(samples[:, k]).ends, abs=1e-14)


def test_means_are_covered_as_often_as_stated() -> None:
    """2000 samples: 4 standard errors of a share of .95 are .0195; a normal quantile in place of t's falls below."""
    samples = np.random.default_rng(2).normal(SHIFT, 1, (6, 2000))
    _, low, high = band(samples)
    assert np.mean((low <= SHIFT) & (high >= SHIFT)) == pytest.approx(0.95, abs=0.0195)
    shrunk = stats.norm.ppf(0.975) / stats.t.ppf(0.975, 5)
    middle, half = (low + high) / 2, shrunk * (high - low) / 2
    assert np.mean((middle - half <= SHIFT) & (middle + half >= SHIFT)) < 0.95 - 0.0195


@pytest.mark.parametrize(
    ("of_cells", "of_seeds", "of_both"), [(1, 1, 0), (1, 0.2, 1), (0.2, 1, 1), (0, 1, 0), (0, 0, 1), (1, 1, 1)]
)
def test_means_over_crossed_cells_and_seeds_are_covered(of_cells: float, of_seeds: float, of_both: float) -> None:
    """At least as often as stated, whatever differs most; over one of the two alone, or all numbers, far less often."""
    rng, number, cells, seeds = np.random.default_rng(4), 2000, 12, 6
    samples = SHIFT + (
        of_cells * rng.normal(size=(number, cells, 1))
        + of_seeds * rng.normal(size=(number, 1, seeds))
        + of_both * rng.normal(size=(number, cells, seeds))
    )

    def covered(found: list[tuple[float, float, float]]) -> float:
        return float(np.mean([low <= SHIFT <= high for _, low, high in found]))

    assert covered([crossed_interval(x).ends for x in samples]) > 0.95 - 0.0195
    if of_cells == of_seeds == 1:
        assert covered([interval(x.mean(axis=0)).ends for x in samples]) < 0.95 - 0.0195
        assert covered([interval(x.mean(axis=1)).ends for x in samples]) < 0.95 - 0.0195
        assert covered([interval(x.ravel()).ends for x in samples]) < 0.7


def test_equal_numbers_have_no_width() -> None:
    assert crossed_interval(np.full((3, 4), 0.25)).ends == (0.25, 0.25, 0.25)


def test_medians_are_covered_at_least_as_often_as_stated_and_one_order_further_in_is_not_enough() -> None:
    samples = np.random.default_rng(3).exponential(size=(2000, 16))
    ends = np.array([median_interval(x, x)[1:] for x in samples])
    truth = np.log(2)
    covered = np.mean((ends[:, 0] <= truth) & (ends[:, 1] >= truth))
    exact = 1 - 2 * stats.binom.cdf(3, 16, 0.5)  # the 4th and the 13th of 16
    assert exact > 0.95
    assert covered == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 2000))
    inner = np.sort(samples, axis=1)[:, [4, 11]]
    assert np.mean((inner[:, 0] <= truth) & (inner[:, 1] >= truth)) < 0.95


def test_limits_widen_the_interval_and_may_leave_the_median_open() -> None:
    x = np.arange(1.0, 10.0)
    median, low, high = median_interval(np.where(x > 7, 7, x), np.where(x > 7, np.inf, x))
    assert (median, low, high) == (5, 2, np.inf)
    assert median_interval(np.where(x > 3, 3, x), np.where(x > 3, np.inf, x)) == (None, 2, np.inf)


def test_five_values_say_nothing_at_95_percent() -> None:
    assert median_interval(np.ones(5), np.ones(5)) == (1, -np.inf, np.inf)
    assert median_interval(np.ones(6), np.ones(6)) == (1, 1, 1)
