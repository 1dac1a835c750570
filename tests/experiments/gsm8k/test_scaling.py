"""Shares and slopes against scipy, hand sums and repeated draws."""

import numpy as np
import pytest
from scipy import stats

from experiments.gsm8k.scaling import FEWEST, log_slope, rank_correlation, share_over_seeds
from experiments.statistics import interval


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
    student = interval([h.mean() for h in hits])
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
