"""T15 and T19 from a rare start: runs in one number against the simulator, levels, and bounds that are no others'."""

import jax
import numpy as np
import pytest

from bandits import constant, from_pass_rates, make_rule, run
from curvature import margin
from experiments.convergence import rare_start
from experiments.rows import of


@pytest.fixture(scope="module")
def rows():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rare_start, "NUM_STEPS", 600)
        return rare_start.rows()


@pytest.mark.parametrize("alpha", rare_start.STEPS)
@pytest.mark.parametrize("K", [2, 4])
def test_runs_are_the_simulators(alpha, K):
    p = from_pass_rates(np.asarray([rare_start.START]), num_arms=K, key=jax.random.key(0))
    rule = make_rule("power", p.features, alpha=alpha)
    path = run(p, rule, constant(rare_start.STEPS[alpha]), 5, key=jax.random.key(0)).trajectory
    np.testing.assert_allclose(rare_start.failures(K, alpha, 5), 1 - np.asarray(path.value), rtol=1e-9, atol=1e-13)
    wanted = margin(np.asarray(p.features.dense())[0], np.asarray(p.rewards)[0])
    assert rare_start.squared_margin(K) == pytest.approx(float(wanted) ** 2, rel=1e-6)


def test_power_2_rises_by_four_squared_margins_a_step_and_is_promised_two(rows):
    for K in rare_start.ARMS:
        one, m2 = of(rows, alpha=2.0, num_arms=K), rare_start.squared_margin(K)
        log_odds = np.log1p(-one["failure_rate"]) - np.log(one["failure_rate"])
        some = one["failure_rate"] < 0.5
        np.testing.assert_allclose(np.diff(log_odds[some]), 4 * m2, rtol=1e-6)
        o = rare_start.START / (1 - rare_start.START)
        np.testing.assert_allclose(one["upper"], 1 / (1 + o * np.exp(2 * m2 * one["time"])), rtol=1e-9)


def test_bounds_hold_and_are_no_other_rules(rows):
    assert not rare_start.violations(rows).any()
    slow, fast = of(rows, alpha=0.0, num_arms=2), of(rows, alpha=2.0, num_arms=2)
    n = len(fast["time"])
    assert rare_start.violations(slow | {"upper": np.concatenate([fast["upper"], np.zeros(600 - n)])})[1].any()
    assert rare_start.violations(fast | {"lower": slow["lower"][:n]})[0].any()


def test_levels_are_met_first_at_their_times(rows):
    found = {(e["num_arms"], e["level"]): e for e in rare_start.rare(rows)}
    entry, one = found[2, 0.5], of(rows, alpha=2.0, num_arms=2)
    t = int(entry["power"])
    assert one["failure_rate"][t] <= 0.5 < one["failure_rate"][t - 1]
    assert entry["power"] == 3  # L from −9.2 by 4
    assert entry["power_proved"] == 5  # by 2
    assert np.isnan(found[16, 1e-3]["none"])
