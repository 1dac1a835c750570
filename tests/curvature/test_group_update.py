"""Lengths of groups' updates against advantages written out group by group, ratios by brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curvature import group_update
from curvature.group_update import (
    COUNTED,
    effective_groups,
    greatest_moved_share,
    greatest_weight_ratio,
    length_cosine,
    moved_share,
    step_ratios,
    update_lengths,
    update_shares,
)
from curvature.rule import parse
from tests.refusals import message

RULES = ("none", "group", "batch", "pooled", "power(2)", "maxrl", "focal(0.5)", "pass(4)", "leave_one_out")


def written_out(rule: str, rewards: np.ndarray, ddof: int, epsilon: float) -> np.ndarray:
    """[N, G] advantages of a whole batch, by trainers' formulas."""
    mean = rewards.mean(axis=1, keepdims=True)
    centred, s = rewards - mean, rewards.std(axis=1, ddof=ddof, keepdims=True)
    alive = s > 0
    safe = np.where(alive, s, 1) + epsilon
    if rule in ("group", "power(2)"):
        return np.where(alive, centred / safe ** (2 if rule == "power(2)" else 1), 0)
    if rule == "batch":
        return centred / (s.mean() + epsilon)
    if rule == "pooled":
        return centred / (rewards.std(ddof=ddof) + epsilon)
    if rule == "maxrl":
        return centred / np.where(mean > 0, mean, 1)
    if rule == "focal(0.5)":
        return np.where(alive, np.sqrt(1 - mean) * centred / safe, 0)
    if rule == "pass(4)":
        return 4 * (1 - mean) ** 3 * centred
    return centred


@pytest.mark.parametrize("rule", [name for name in RULES if name != "leave_one_out"])  # its own test: test_rule.py
@given(st.lists(st.integers(0, 6), min_size=2, max_size=20), st.sampled_from([0, 1]), st.sampled_from([0.0, 1e-4]))
def test_lengths_are_half_the_mean_absolute_advantage(rule: str, counts: list[int], ddof: int, epsilon: float) -> None:
    rewards = np.array([[1.0] * k + [0.0] * (6 - k) for k in counts])
    histogram = np.bincount(counts, minlength=7)
    c = update_lengths(rule, histogram, ddof=ddof, epsilon=epsilon)
    if not ((rewards.std(axis=1) > 0).any()):
        return  # all dead: nothing is updated under any rule
    found = np.abs(written_out(rule, rewards, ddof, epsilon)).sum(axis=1) / 12
    np.testing.assert_allclose(c[counts], found, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("rule", RULES)
def test_sums_over_kinds_are_sums_over_groups(rule: str) -> None:
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 9, 300)
    histogram = np.bincount(counts, minlength=9)
    c, d = update_lengths(rule, histogram, ddof=1), update_lengths("none", histogram)
    x, y = c[counts], d[counts]
    assert moved_share(c, d, histogram) == pytest.approx(np.abs(x / x.sum() - y / y.sum()).sum() / 2)
    assert length_cosine(c, d, histogram) == pytest.approx(x @ y / np.linalg.norm(x) / np.linalg.norm(y))
    assert effective_groups(c, histogram) == pytest.approx(x.sum() ** 2 / (x @ x))
    first, second = step_ratios(c, d, histogram)
    assert (first, second) == pytest.approx((x.sum() / y.sum(), np.linalg.norm(x) / np.linalg.norm(y)))
    share = update_shares(c, histogram)
    assert share == pytest.approx([x[counts == k].sum() / x.sum() for k in range(9)])
    single = update_shares(x, np.ones(300))
    assert share == pytest.approx(np.bincount(counts, single, 9))


def test_resamples_stand_in_front() -> None:
    histograms = np.random.default_rng(2).integers(0, 9, (5, 9))
    c, d = update_lengths("group", histograms[0]), update_lengths("none", histograms[0])
    for function in (moved_share, length_cosine):
        assert function(c, d, histograms) == pytest.approx([float(function(c, d, h)) for h in histograms])
    assert effective_groups(c, histograms) == pytest.approx([float(effective_groups(c, h)) for h in histograms])


def test_where_nothing_is_alive_nothing_moves() -> None:
    dead = [3, 0, 0, 4]
    for rule in RULES:
        c = update_lengths(rule, dead)
        assert (c[[0, 3]] == 0).all()
        assert moved_share(c, c, dead) == effective_groups(c, dead) == 0
        assert np.isnan(length_cosine(c, c, dead))
        assert np.isnan(step_ratios(c, c, dead)).all()


@pytest.mark.parametrize("size", [2, 3, 4, 5, 8, 16, 64])
def test_the_greatest_ratio_of_weights_by_brute_force(size: int) -> None:
    for ddof in (0, 1):
        live = parse("group").group_weights(size, ddof=ddof)[1:-1]
        assert greatest_weight_ratio(size) == pytest.approx(max(live) / min(live), rel=1e-12)
    found = {2: 1, 3: 1, 4: 1.155, 8: 1.51, 16: 2.07, 64: 4.03}
    if size in found:
        assert greatest_weight_ratio(size) == pytest.approx(found[size], abs=0.006)


@given(st.integers(2, 12), st.data())
def test_dividing_moves_no_more_than_the_ratio_allows(size: int, data: st.DataObject) -> None:
    """Weights within a factor R of each other move at most (√R − 1)/(√R + 1); a smaller bound is broken somewhere."""
    histogram = data.draw(st.lists(st.integers(0, 50), min_size=size + 1, max_size=size + 1).filter(any))
    moved = moved_share(update_lengths("group", histogram), update_lengths("none", histogram), histogram)
    assert moved <= greatest_moved_share(size) + 1e-12


def test_that_bound_is_reached() -> None:
    c, d = update_lengths("group", [1] * 9), update_lengths("none", [1] * 9)
    found = max(
        moved_share(c, d, np.eye(9)[1] * share / d[1] + np.eye(9)[4] * (1 - share) / d[4])
        for share in np.linspace(0.01, 0.99, 99)
    )
    bound = greatest_moved_share(8)
    assert 0.99 * bound < found <= bound


RUN = [19757, 7024, 4792, 4105, 3628, 3666, 4022, 5425, 11581]
"""Groups of 8 by right answers in a GRPO run of Qwen2.5-Math-1.5B (500 steps of 128 prompts): counted from
data/acc_step_500.json of github.com/ypwang61/One-Shot-RLVR, commit 21ed529, Apache-2.0."""


@pytest.mark.parametrize(
    ("rule", "moved"),
    [("group", 0.0676), ("power(2)", 0.1440), ("focal(1)", 0.2262), ("maxrl", 0.2768), ("batch", 0), ("pooled", 0)],
)
def test_what_rules_move_in_a_real_run(rule: str, moved: float) -> None:
    """Digits found by loops over the 64,000 groups."""
    c, d = update_lengths(rule, RUN, ddof=1), update_lengths("none", RUN)
    assert moved_share(c, d, RUN) == pytest.approx(moved, abs=5e-5)


def test_how_long_the_step_is_in_a_real_run() -> None:
    c, d = update_lengths("group", RUN, ddof=1), update_lengths("none", RUN)
    assert [float(ratio) for ratio in step_ratios(c, d, RUN)] == pytest.approx([2.2006, 2.1253], abs=5e-5)
    pooled = [float(ratio) for ratio in step_ratios(update_lengths("pooled", RUN), d, RUN)]
    assert pooled == pytest.approx([2.0242, 2.0242], abs=5e-5)  # 1/√(.423 · .577)


def test_refusals() -> None:
    assert message(update_lengths, "decoupled", [1, 1, 1]).startswith("rule is 'decoupled'; allowed: none, group")
    assert message(update_lengths, "none", [1, 1]).startswith("histogram has shape (2,)")
    assert message(moved_share, [1.0], [1.0, 1.0], [1, 1]).startswith("lengths has shape (1,)")
    assert message(moved_share, [1.0, 1.0], [1.0, -1.0], [1, 1]).startswith("other contains -1.0")
    for function in (greatest_weight_ratio, greatest_moved_share):
        assert message(function, 1).startswith("group_size is 1; allowed")
    assert "decoupled" not in COUNTED
    assert group_update.COUNTED[0] == "none"
