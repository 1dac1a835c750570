"""Intervals and slopes against scipy, hand sums and repeated draws."""

import numpy as np
import pytest
from scipy import stats

from experiments.gsm8k.scaling import (
    FEWEST,
    Interval,
    log_slope,
    over_seeds,
    rank_correlation,
    share_over_seeds,
    stack,
)


@pytest.mark.parametrize("number", [2, 3, 5, 20])
def test_the_interval_is_scipy_s(number: int) -> None:
    x = np.random.default_rng(number).normal(3, 2, number)
    found, expected = over_seeds(x), stats.ttest_1samp(x, 0).confidence_interval(0.95)
    assert (found.mean, found.number) == (pytest.approx(x.mean(), abs=1e-12), number)
    # 1e-9 relative: scipy inverts Student's distribution numerically
    np.testing.assert_allclose([found.low, found.high], [expected.low, expected.high], rtol=1e-9)


def test_the_interval_covers_95_percent_and_a_normal_one_does_not() -> None:
    rng, number, size = np.random.default_rng(0), 4000, 4
    draws = rng.normal(0.7, 3, (number, size))
    found = [over_seeds(x) for x in draws]
    share = np.mean([not interval.excludes(0.7) for interval in found])
    error = np.sqrt(0.95 * 0.05 / number)
    assert abs(share - 0.95) < 4 * error
    normal = np.abs(draws.mean(axis=1) - 0.7) < 1.96 * draws.std(axis=1, ddof=1) / np.sqrt(size)
    assert normal.mean() < 0.95 - 4 * error


def test_missing_values_are_left_out_and_one_seed_has_no_interval() -> None:
    assert over_seeds([1.0, np.nan, 3.0]) == over_seeds([1.0, 3.0])
    one = over_seeds([2.0, np.nan])
    assert (one.mean, one.number) == (2.0, 1)
    assert np.isnan([one.low, one.high]).all()
    none = over_seeds([np.nan])
    assert none.number == 0
    assert np.isnan([none.mean, none.low, none.high]).all()
    # no interval decides nothing
    for interval in (one, none):
        assert not interval.within(-np.inf, np.inf)
        assert not interval.excludes(1e9)


def test_within_and_excludes() -> None:
    interval = Interval(1.0, 0.5, 1.5, 3)
    assert interval.within(0.4, 1.6)
    assert not interval.within(0.5, 2)  # touches it
    assert not interval.within(0.6, 2)
    assert not interval.within(0, 1.4)
    assert interval.excludes(0.4)
    assert interval.excludes(1.6)
    assert not interval.excludes(0.5)


def test_a_share_is_never_narrower_than_wilson_or_student() -> None:
    rng = np.random.default_rng(1)
    hits = [rng.random(n) < q for n, q in ((5, 0.2), (9, 0.9), (30, 0.4))]
    found, every = share_over_seeds(hits), np.concatenate(hits)
    n, p, z = len(every), every.mean(), stats.norm.ppf(0.975)
    # Wilson's by hand
    middle, half = (
        (p + z**2 / (2 * n)) / (1 + z**2 / n),
        z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)),
    )
    student = over_seeds([h.mean() for h in hits])
    assert found.mean == pytest.approx(p)
    assert found.low == pytest.approx(min(middle - half, student.low))
    assert found.high == pytest.approx(max(middle + half, student.high))


def test_shares_that_agree_still_have_width_and_empty_ones_none() -> None:
    found = share_over_seeds([np.ones(4, bool), np.ones(4, bool)])
    assert found.mean == 1
    assert 0.5 < found.low < 0.8  # Wilson, 8 of 8: .676
    assert share_over_seeds([np.ones(4, bool), np.array([], bool)]).number == 1
    nothing = share_over_seeds([np.array([], bool)])
    assert np.isnan([nothing.mean, nothing.low, nothing.high]).all()


def test_a_share_covers_the_truth_though_seeds_differ_and_wilson_alone_does_not() -> None:
    """Every seed has its own share around .5, so entries of a seed are not independent."""
    rng, number = np.random.default_rng(2), 1500
    covered, naive = [], []
    for _ in range(number):
        hits = [rng.random(30) < q for q in rng.beta(2, 2, 4)]
        covered.append(not share_over_seeds(hits).excludes(0.5))
        wilson = stats.binomtest(int(np.sum(hits)), 120).proportion_ci(0.95, "wilson")
        naive.append(wilson.low <= 0.5 <= wilson.high)
    # 1% below 95% for the shares' own distribution, which is not normal
    assert np.mean(covered) > 0.94 - 4 * np.sqrt(0.94 * 0.06 / number)
    assert np.mean(naive) < 0.7


def test_the_slope_is_least_squares_by_hand() -> None:
    rng = np.random.default_rng(3)
    x = rng.uniform(0.05, 0.5, 40)
    y = -2 * x**1.3 * np.exp(rng.normal(0, 0.2, 40))  # the sign does not matter
    a, b = np.log(x), np.log(np.abs(y))
    design = np.stack([a, np.ones(40)], axis=1)
    coefficients, squares, *_ = np.linalg.lstsq(design, b, rcond=None)
    error = np.sqrt(squares[0] / 38 / ((a - a.mean()) ** 2).sum())
    slope, found, number = log_slope(x, y)
    assert (slope, found, number) == (pytest.approx(coefficients[0]), pytest.approx(error), 40)
    assert abs(slope - 1.3) < 4 * error


def test_the_slope_within_groups_is_least_squares_with_a_level_each() -> None:
    rng = np.random.default_rng(5)
    x, group = rng.uniform(0.05, 0.5, 30), np.repeat([7, 3, 5], 10)
    y = 10.0**group * x**0.8 * np.exp(rng.normal(0, 0.2, 30))
    a, b = np.log(x), np.log(y)
    design = np.column_stack([a, *[(group == g).astype(float) for g in (3, 5, 7)]])
    coefficients, squares, *_ = np.linalg.lstsq(design, b, rcond=None)
    error = np.sqrt(squares[0] / (30 - 4) * np.linalg.inv(design.T @ design)[0, 0])
    slope, found, number = log_slope(x, y, group)
    assert (slope, found, number) == (pytest.approx(coefficients[0]), pytest.approx(error), 30)
    assert abs(log_slope(x, y)[0] - slope) > error  # pooled, the levels would count
    assert np.isnan(log_slope(x, y, np.arange(30))[0])  # nothing is left within groups of one


def test_values_without_a_logarithm_are_left_out_of_the_slope() -> None:
    x = np.linspace(0.1, 0.5, 12)
    y = x**2
    worse_x, worse_y = np.r_[x, 0.3, 0.0, np.nan, 0.2, np.inf], np.r_[y, 0.0, 1.0, 1.0, np.nan, 1.0]
    assert log_slope(worse_x, worse_y) == log_slope(x, y)
    assert log_slope(x, y)[0] == pytest.approx(2)


def test_too_few_points_give_no_slope_and_no_rank() -> None:
    x = np.linspace(0.1, 0.5, FEWEST - 1)
    slope, error, number = log_slope(x, x)
    assert np.isnan([slope, error]).all()
    assert number == FEWEST - 1
    assert np.isnan(rank_correlation(x, x))
    same = np.full(20, 0.3)
    assert np.isnan(log_slope(same, np.arange(1.0, 21))[0])
    assert np.isnan(rank_correlation(same, np.arange(1.0, 21)))


def test_the_rank_correlation_is_pearson_s_of_ranks() -> None:
    x, y = np.random.default_rng(4).normal(size=(2, 25))
    y = y + x
    expected = np.corrcoef(stats.rankdata(x), stats.rankdata(y))[0, 1]
    assert rank_correlation(np.r_[x, np.nan], np.r_[y, 1.0]) == pytest.approx(expected)
    assert rank_correlation(x, np.exp(x)) == pytest.approx(1)


def test_rows_become_columns_and_gaps_nan() -> None:
    found = stack([{"a": 1, "b": 2.0}, {"a": 3}], seed=7)
    assert list(found) == ["a", "b", "seed"]
    assert found["a"].tolist() == [1, 3]
    assert np.isnan(found["b"]).tolist() == [False, True]
    assert found["seed"].tolist() == [7, 7]
