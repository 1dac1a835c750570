"""Student's interval over seeds against scipy and repeated draws; medians: phase_diagram/test_statistics.py."""

import numpy as np
import pytest
from scipy import stats

from experiments.statistics import Interval, interval


@pytest.mark.parametrize("number", [2, 3, 5, 20])
def test_the_interval_is_scipy_s(number: int) -> None:
    x = np.random.default_rng(number).normal(3, 2, number)
    found, expected = interval(x), stats.ttest_1samp(x, 0).confidence_interval(0.95)
    assert (found.mean, found.number) == (pytest.approx(x.mean(), abs=1e-12), number)
    # 1e-9 relative: scipy inverts Student's distribution numerically
    np.testing.assert_allclose([found.low, found.high], [expected.low, expected.high], rtol=1e-9)


def test_the_interval_covers_95_percent_and_a_normal_one_does_not() -> None:
    rng, number, size = np.random.default_rng(0), 4000, 4
    draws = rng.normal(0.7, 3, (number, size))
    found = [interval(x) for x in draws]
    share = np.mean([not each.excludes(0.7) for each in found])
    error = np.sqrt(0.95 * 0.05 / number)
    assert abs(share - 0.95) < 4 * error
    normal = np.abs(draws.mean(axis=1) - 0.7) < 1.96 * draws.std(axis=1, ddof=1) / np.sqrt(size)
    assert normal.mean() < 0.95 - 4 * error


def test_missing_values_are_left_out_and_one_seed_has_no_interval() -> None:
    assert interval([1.0, np.nan, 3.0]) == interval([1.0, 3.0])
    one = interval([2.0, np.nan])
    assert (one.mean, one.number) == (2.0, 1)
    assert np.isnan([one.low, one.high]).all()
    none = interval([np.nan])
    assert none.number == 0
    assert np.isnan([none.mean, none.low, none.high]).all()
    # no interval decides nothing
    for each in (one, none):
        assert not each.within(-np.inf, np.inf)
        assert not each.excludes(1e9)


def test_within_and_excludes() -> None:
    one = Interval(1.0, 0.5, 1.5, 3)
    assert one.within(0.4, 1.6)
    assert not one.within(0.5, 2)  # touches it
    assert not one.within(0.6, 2)
    assert not one.within(0, 1.4)
    assert one.excludes(0.4)
    assert one.excludes(1.6)
    assert not one.excludes(0.5)
