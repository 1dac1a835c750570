"""Seeds needed, by simulating the test that they are for."""

import numpy as np
import pytest
from scipy import stats

from curvature.seeds import seeds_needed
from tests.refusals import message


@pytest.mark.parametrize(("lead", "std"), [(0.0065, 0.02), (0.02, 0.02), (0.01, 0.03)])
def test_the_lead_is_seen_in_four_of_five(lead: float, std: float) -> None:
    n = seeds_needed(lead, std)
    rng = np.random.default_rng(0)
    a, b = rng.normal(lead, std, (4000, n)), rng.normal(0, std, (4000, n))
    seen = (stats.ttest_ind(a, b, axis=1).pvalue < 0.05).mean()
    # Monte Carlo √(.16/4000) = .006, thrice; Student's quantile at n = 16 costs 2 points more
    assert seen == pytest.approx(0.8, abs=0.02 + (0.02 if n < 50 else 0))


def test_numbers() -> None:
    assert seeds_needed(0.0065, 0.02) == 149
    assert seeds_needed(1.0, 0.0) == 2
    assert seeds_needed(0.01, 0.02, power=0.9) > seeds_needed(0.01, 0.02)


def test_refusals() -> None:
    assert message(seeds_needed, 0.0, 0.02).startswith("lead contains 0.0; allowed: numbers in (0, inf)")
    assert message(seeds_needed, 0.1, -1.0).startswith("std contains -1.0; allowed")
    assert message(seeds_needed, 0.1, 1.0, power=1.0).startswith("power contains 1.0; allowed")
