"""Groups as numbers: lengths against advantages written out answer by answer, and who is left out."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments.logs.report.estimator import Estimator, assumed, recover
from experiments.logs.report.measure import BINARY, LOGGED, REAL, measure
from tests.experiments.logs.report.logs import binary, drawn, groups, write_counts, write_rewards
from tests.refusals import message

TRL = Estimator("group", 1, 1e-4, None, "trl", "")


def written_out(rule: str, rewards: np.ndarray, ddof: int, epsilon: float) -> np.ndarray:
    """[N] Σ|A|/(2G), answer by answer."""
    s_batch = np.array([group.std(ddof=ddof) for group in rewards]).mean()
    found = []
    for group in rewards:
        total = 0.0
        for i, reward in enumerate(group):
            apart, s = reward - group.mean(), group.std(ddof=ddof)
            if rule == "leave_one_out":
                others = np.delete(group, i)
                s = others.std(ddof=ddof)
                total += abs(reward - others.mean()) / (s + epsilon if s > 1e-9 else 1)
            elif s > 1e-9:
                scale = {
                    "none": 1,
                    "group": s + epsilon,
                    "power(2)": (s + epsilon) ** 2,
                    "batch": s_batch + epsilon,
                    "pooled": rewards.std(ddof=ddof) + epsilon,
                    "maxrl": group.mean(),
                    "focal(1)": (s + epsilon) / (1 - group.mean() or 1),
                    "pass(4)": 1 / (4 * (1 - group.mean()) ** 3 or 1),
                }[rule]
                total += abs(apart) / scale
        found.append(total / (2 * len(group)))
    return np.array(found)


@pytest.mark.parametrize("rule", BINARY)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 5), min_size=2, max_size=12).filter(lambda k: any(0 < x < 5 for x in k)))
def test_lengths_of_binary_rewards(tmp_path: Path, rule: str, counts: list[int]) -> None:
    rewards = binary(np.array(counts), 5)
    log = groups(write_rewards(tmp_path / "log.csv", {"reward": rewards}))
    found = measure(log, TRL, None)
    settings_of = TRL.of(rule)
    wanted = written_out(rule, rewards, settings_of.ddof, settings_of.epsilon)
    np.testing.assert_allclose(found.lengths[rule], wanted, rtol=1e-9, atol=1e-12)
    assert found.binary
    assert found.counts is not None
    assert found.counts.tolist() == counts


@pytest.mark.parametrize("rule", REAL)
def test_lengths_of_real_rewards(tmp_path: Path, rule: str) -> None:
    rng = np.random.default_rng(1)
    rewards = binary(rng.integers(0, 6, 40), 5) + rng.choice([0, 0.25, 0.5], (40, 5))
    rewards[3] = 0.7  # dead
    found = measure(groups(write_rewards(tmp_path / "log.csv", {"reward": rewards})), TRL, None)
    wanted = written_out(rule, rewards, TRL.of(rule).ddof, TRL.of(rule).epsilon)
    np.testing.assert_allclose(found.lengths[rule], wanted, rtol=1e-9, atol=1e-12)
    assert not found.binary
    assert found.counts is None
    assert not found.live[3]


@pytest.mark.parametrize("size", [2, 3, 5, 60])
@pytest.mark.parametrize("ddof", [0, 1])
def test_leaving_one_out_where_it_cancels(tmp_path: Path, size: int, ddof: int) -> None:
    """One answer far from the others, ties but for it, small shaping: sums of squares must not cancel."""
    rng = np.random.default_rng(size)
    rewards = rng.random((40, size))
    rewards[:10, 0] = 1e6
    rewards[10:20, 1:] = 0.25
    rewards[20:30] = (rewards[20:30] > 0.5) + 1e-5 * rng.integers(0, 9, (10, size))
    wanted = written_out("leave_one_out", rewards, ddof if size > 2 else 0, 1e-4)
    settings = Estimator("leave_one_out", ddof, 1e-4, None, "nemo_rl", "")
    found = measure(groups(write_rewards(tmp_path / "log.csv", {"reward": rewards})), settings, None)
    np.testing.assert_allclose(found.lengths["leave_one_out"], wanted, rtol=1e-9, atol=1e-12)


def test_where_all_rewards_are_0_none_is_right(tmp_path: Path) -> None:
    for value, right in ((0.0, 0), (1.0, 4)):
        log = groups(write_rewards(tmp_path / "log.csv", {"reward": np.full((3, 4), value)}))
        found = measure(log, assumed(None, ""), None)
        assert found.counts is not None
        assert found.counts.tolist() == [right] * 3


def test_rewards_of_minus_one_and_one_are_binary_and_none_is_twice_as_long(tmp_path: Path) -> None:
    counts = drawn(60)
    plain = measure(groups(write_rewards(tmp_path / "a.csv", {"reward": binary(counts)})), assumed(None, ""), None)
    apart = measure(
        groups(write_rewards(tmp_path / "b.csv", {"reward": 2 * binary(counts) - 1})), assumed(None, ""), None
    )
    assert apart.counts is not None
    assert apart.counts.tolist() == counts.tolist()
    for rule, times in (("none", 2), ("group", 1), ("pooled", 1), ("power(2)", 0.5)):
        np.testing.assert_allclose(apart.lengths[rule], times * plain.lengths[rule])


def test_counts_and_rewards_say_the_same(tmp_path: Path) -> None:
    counts = drawn(80)
    a = measure(groups(write_counts(tmp_path / "a.csv", counts)), assumed(None, ""), None)
    b = measure(groups(write_rewards(tmp_path / "b.csv", {"reward": binary(counts)})), assumed(None, ""), None)
    assert a.histogram.tolist() == b.histogram.tolist() == np.bincount(counts, minlength=9).tolist()
    for rule in BINARY:
        np.testing.assert_allclose(a.lengths[rule], b.lengths[rule])
    assert (a.by_prompt, a.num_prompts, b.by_prompt, b.num_prompts) == (False, None, True, 80)


def test_the_estimator_comes_from_the_audit_with_its_weights(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    right, short = binary(drawn(60)), rng.random((60, 8)).round(3)
    total = 2 * right + 0.5 * short
    centred = total - total.mean(axis=1, keepdims=True)
    advantage = (centred / (total.std(axis=1, ddof=1, keepdims=True) + 1e-4)).astype(np.float32)
    log = groups(
        write_rewards(tmp_path / "a.csv", {"right": right, "short": short}, advantage),
        reward_columns=("right", "short"),
    )
    found = recover(log)
    assert (found.rule, found.ddof, found.epsilon) == ("group", 1, 1e-4)
    assert found.weights == pytest.approx({"right": 2.0, "short": 0.5}, rel=1e-3)
    measured = measure(log, found, "right")
    np.testing.assert_allclose(measured.lengths[LOGGED], np.abs(advantage).sum(axis=1) / 16, rtol=1e-5)
    np.testing.assert_allclose(measured.lengths["group"], measured.lengths[LOGGED], rtol=1e-3)
    assert measured.counts is not None
    assert measured.counts.tolist() == right.sum(axis=1).tolist()


def test_groups_that_lack_a_reward_are_left_out_and_counted(tmp_path: Path) -> None:
    rewards = binary(drawn(30))
    rewards[4, 2] = rewards[9, 0] = np.nan
    found = measure(groups(write_rewards(tmp_path / "a.csv", {"reward": rewards})), assumed(None, ""), None)
    assert (found.num_groups, found.num_left_out, found.num_missing) == (28, 2, 2)
    assert 4 not in found.index


def test_refusals(tmp_path: Path) -> None:
    nothing = groups(write_rewards(tmp_path / "a.csv", {"reward": np.full((3, 4), np.nan)}))
    assert message(measure, nothing, assumed(None, ""), None).startswith(
        "PATH holds no group whose rewards are all finite numbers"
    )
    single = groups(write_counts(tmp_path / "b.csv", np.array([0, 1]), size=1))
    assert message(measure, single, assumed(None, ""), None).startswith(
        "PATH holds groups of 1 answer; allowed: at least 2"
    )
