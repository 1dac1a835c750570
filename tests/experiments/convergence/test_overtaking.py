"""Two arms in one number: runs against sums written out, since when GRPO is ahead, and what a batch's divisor keeps."""

import math

import numpy as np
import pytest

from experiments.convergence import overtaking
from experiments.rows import of


def plain(pass_rates, rule, step_size, num_steps, stuck):
    """The same by loops over Python's numbers, with the rewards of the whole batch written out for their deviation."""
    z, found = [math.log(p / (1 - p)) for p in pass_rates], []
    for _ in range(num_steps):
        p = [1 / (1 + math.exp(-x)) for x in z]
        found.append([1 - x for x in p])
        everyone = p + [0.5] * stuck
        σ = [math.sqrt(x * (1 - x)) for x in everyone]
        mean = sum(everyone) / len(everyone)
        divisor = {
            "none": [1.0] * len(p), "group": σ, "batch": [sum(σ) / len(σ)] * len(p),
            "pooled": [math.sqrt(mean * (1 - mean))] * len(p),
        }[rule]  # fmt: skip
        z = [x + step_size * y * (1 - y) / d for x, y, d in zip(z, p, divisor, strict=False)]
    return np.asarray(found)


@pytest.mark.parametrize("rule", overtaking.RULES)
@pytest.mark.parametrize("stuck", [0, 2])
def test_runs_are_those_of_plain_loops(rule, stuck):
    rates, steps = np.asarray([0.1, 0.6, 0.9]), np.asarray([0.3, 2.0])
    found = overtaking.failures(rates, rule, steps, 40, stuck)
    for i, step_size in enumerate(steps):
        np.testing.assert_allclose(found[:, i], plain(rates, rule, step_size, 40, stuck), rtol=1e-9)


def test_ahead_from_is_the_first_time_after_the_last_behind():
    times = np.asarray([1, 2, 5, 9])
    assert overtaking._since(np.asarray([True, False, True, True]), times) == 5
    assert overtaking._since(np.asarray([True] * 4), times) == 1
    assert math.isnan(overtaking._since(np.asarray([True, True, True, False]), times))


@pytest.fixture
def race(monkeypatch):
    monkeypatch.setattr(overtaking, "NUM_STEPS", 400)
    monkeypatch.setattr(overtaking, "STEPS", np.asarray([0.1, 30.0, 1e5]))
    return overtaking.rows()


def test_grpo_overtakes_where_it_does_and_a_step_that_is_not_overtaken_is_told(race):
    short, long, lucky = overtaking.overtaken(race)
    assert short["ahead_from"] == 1
    for entry in (short, long):
        mine = of(race, rule="none", step_size=entry["step_size"])
        group = of(race, rule="group")
        late = mine["time"] >= entry["ahead_from"]
        assert (group["failure_rate"][late] < mine["failure_rate"][late]).all()
        assert entry["ahead_from"] <= entry["proved_from"]
    assert long["ahead_from"] > 1
    assert math.isnan(lucky["ahead_from"])


def test_bounds_hold_and_neither_rule_has_the_bound_of_the_other(race):
    assert not overtaking.violations(race).any()
    group, none = of(race, rule="group"), of(race, rule="none", step_size=0.1)
    slow = overtaking._bound("none", group["step_size"][0], group["time"])
    assert overtaking.violations(group | {"rule": np.full(len(slow), "none"), "bound": slow}).any()
    assert overtaking.violations(none | {"rule": np.full(len(slow), "group"), "bound": group["bound"]}).any()


def test_one_divisor_for_the_batch_keeps_the_exponent_only_where_every_prompt_is_solved(monkeypatch):
    monkeypatch.setattr(overtaking, "NUM_STEPS", 3000)
    monkeypatch.setattr(overtaking, "FIT_FROM", 1000)
    found = {
        e["rule"]: (e["exponent"], e["exponent_with_stuck_prompt"])
        for e in overtaking.divisors(overtaking.divisor_rows())
    }
    # −1 and −2 are limits: at 3,000 steps the starts still weigh a few hundredths
    assert found["none"] == pytest.approx((-1, -1), abs=0.1)
    assert found["group"] == pytest.approx((-2, -2), abs=0.1)
    assert found["batch"] == pytest.approx((-2, -1), abs=0.25)
    assert found["pooled"] == pytest.approx((-2, -1), abs=0.25)
