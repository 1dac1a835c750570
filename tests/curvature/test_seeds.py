"""Seeds needed, by simulating the test that they are for."""

import math

import numpy as np
import pytest
from scipy import stats

from curvature.seeds import seeds_needed
from tests.refusals import message


def seen(number: int, lead: float, std: float) -> float:
    """In which share of 20,000 comparisons of two arms a t test sees the lead; known to √(.16/20,000) = .003."""
    rng = np.random.default_rng(0)
    a, b = rng.normal(lead, std, (20_000, number)), rng.normal(0, std, (20_000, number))
    found = stats.ttest_ind(a, b, axis=1)
    return float(((found.pvalue < 0.05) & (found.statistic > 0)).mean())


@pytest.mark.parametrize(("lead", "std"), [(0.01, 0.02), (0.02, 0.02), (0.02, 0.01), (0.03, 0.01), (0.05, 0.01)])
def test_the_lead_is_seen_in_four_of_five_and_with_one_run_less_it_is_not(lead: float, std: float) -> None:
    n = seeds_needed(lead, std)
    assert seen(n, lead, std) > 0.8 - 0.01  # thrice the Monte Carlo error
    assert seen(n - 1, lead, std) < 0.8 + 0.01


def test_the_normal_quantile_asks_for_too_few_runs() -> None:
    for lead, normal in ((0.03, 2), (0.02, 4)):
        assert math.ceil(2 * 7.849 * (0.01 / lead) ** 2) == normal
        assert seen(normal, lead, 0.01) < 0.7


def test_numbers() -> None:
    assert seeds_needed(0.0065, 0.02) == 150
    assert seeds_needed(1.0, 0.0) == 2
    assert seeds_needed(0.01, 0.02, power=0.9) > seeds_needed(0.01, 0.02)


def test_with_many_runs_it_is_the_normal_quantile() -> None:
    quantiles = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert seeds_needed(0.002, 1.0) == pytest.approx(2 * (quantiles / 0.002) ** 2, abs=3)
    assert seeds_needed(1e-9, 1.0) == pytest.approx(2 * quantiles**2 * 1e18, rel=1e-9)  # a float of 2e19


def test_refusals() -> None:
    assert message(seeds_needed, 0.0, 0.02).startswith("lead contains 0.0; allowed: numbers in (0, inf)")
    assert message(seeds_needed, 0.1, -1.0).startswith("std contains -1.0; allowed")
    assert message(seeds_needed, 0.1, 1.0, power=1.0).startswith("power contains 1.0; allowed")
