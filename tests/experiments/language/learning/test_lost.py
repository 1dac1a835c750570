"""One decision of what a number that is not finite means."""

import numpy as np
import pytest

from experiments.language.learning.lost import WORST, is_lost, refuse_lost, score, solved

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize("bad", [NAN, INF, -INF, [0.1, NAN], np.array([[1.0], [INF]]), np.float32(NAN)])
def test_what_is_lost(bad):
    assert is_lost(bad)
    with pytest.raises(FloatingPointError, match=r"^the pass rate is not finite; try a smaller --step-size"):
        refuse_lost("the pass rate", bad)


@pytest.mark.parametrize("good", [0.0, [0.1, 0.2], [], 1e300, np.float32(0.3)])
def test_what_is_not(good):
    assert not is_lost(good)
    refuse_lost("it", good)


def test_a_lost_run_scores_below_every_pass_rate():
    assert score(NAN) == WORST < 0 == score(0.0)
    assert score(0.25) == 0.25


def test_a_lost_policy_solves_nothing():
    assert solved([0.2, NAN, 1.0]).tolist() == [0.2, 0.0, 1.0]
