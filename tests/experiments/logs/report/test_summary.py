"""What the summary says, group by group in loops; its intervals on logs whose truth is known."""

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from curvature.group_update import moved_share, update_lengths
from experiments.logs.report.abstain import stationary_p
from experiments.logs.report.estimator import assumed
from experiments.logs.report.measure import Measured, measure
from experiments.logs.report.resample import resamples
from experiments.logs.report.summary import dead_at, sizes, summarise
from tests.experiments.logs.report.logs import RUN, binary, drawn, groups, write_counts, write_rewards

SETTINGS = {"correct": None, "filtered": None, "num_windows": 3, "run_std": 0.02}


def counted(path: Path, counts: np.ndarray, **columns: np.ndarray) -> Measured:
    return measure(groups(write_counts(path, counts, **columns)), assumed(None, ""), None)


def test_shares_of_a_rule_by_loops(tmp_path: Path) -> None:
    counts = drawn(600)
    log = groups(write_rewards(tmp_path / "a.csv", {"reward": binary(counts)}))
    found = summarise(log, measure(log, assumed(None, ""), None), assumed(None, ""), **SETTINGS)
    for rule in ("none", "group", "maxrl"):
        weight = {"none": lambda k: 1, "group": lambda k: 1 / np.std(binary([k]), ddof=1), "maxrl": lambda k: 8 / k}[
            rule
        ]
        c = [weight(k) * k * (8 - k) / 64 if 0 < k < 8 else 0 for k in counts]
        plain = [k * (8 - k) / 64 for k in counts]
        row, total = found["rules"][rule], sum(c)
        assert row["hard"] == pytest.approx(sum(x for x, k in zip(c, counts, strict=True) if k <= 2) / total)
        assert row["middle"] == pytest.approx(sum(x for x, k in zip(c, counts, strict=True) if 2 < k < 6) / total)
        assert row["easy"] == pytest.approx(sum(x for x, k in zip(c, counts, strict=True) if k >= 6) / total)
        apart = [abs(x / total - y / sum(plain)) for x, y in zip(c, plain, strict=True)]
        assert row["moved"] == found["moved_share"][rule] == pytest.approx(sum(apart) / 2)
        ratios = [x / y for x, y in zip(c, plain, strict=True) if y]
        assert row["heaviest"] == pytest.approx(max(ratios) / min(ratios))
        assert row["effective_groups"] == pytest.approx(total**2 / sum(x * x for x in c))
        assert row["step_l1"] == pytest.approx(total / sum(plain))
    assert found["dead_share"] == pytest.approx(((counts == 0) | (counts == 8)).mean())
    assert found["all_right_share"] == pytest.approx((counts == 8).mean())
    by_right = found["share_by_right"]
    assert by_right is not None
    assert sum(by_right["group"]) == pytest.approx(1)
    assert found["seeds"][0] == {
        "lead": 0.002,
        "std": 0.02,
        "seeds": 1571,
    }  # 2 · 7.849 · 100 is 1,570, and one more for Student's t


def test_windows_are_stretches_of_steps(tmp_path: Path) -> None:
    counts = drawn(600)
    steps = np.arange(600)[::-1] // 2  # newest first
    log = groups(write_counts(tmp_path / "a.csv", counts, step=steps))
    found = summarise(log, measure(log, assumed(None, ""), None), assumed(None, ""), **SETTINGS)["windows"]
    assert [(w["first_step"], w["last_step"], w["num_groups"]) for w in found] == [
        (0, 99, 200),
        (100, 199, 200),
        (200, 299, 200),
    ]
    for i, window in enumerate(found):
        inside = counts[::-1][200 * i : 200 * (i + 1)]
        assert window["right"] == pytest.approx(inside.mean() / 8)
        assert window["dead_share"] == pytest.approx(((inside == 0) | (inside == 8)).mean())


def test_the_test_of_halves_is_that_of_scipy(tmp_path: Path) -> None:
    counts = drawn(300)
    table = np.stack([np.bincount(half, minlength=9) for half in np.array_split(counts, 2)])
    wanted = chi2_contingency(table, correction=False).pvalue
    steps = np.arange(300)
    assert stationary_p(counted(tmp_path / "a.csv", counts, step=steps)) == pytest.approx(wanted)


def test_dead_shares_at_logged_sizes_are_subsets_and_their_errors_by_prompt(tmp_path: Path) -> None:
    counts = np.repeat(drawn(150), 4)  # every prompt four times the same
    found = counted(tmp_path / "a.csv", counts, prompt=np.repeat(np.arange(150), 4))
    once = counted(tmp_path / "b.csv", counts[::4])
    assert found.by_prompt
    for m in (2, 4, 8, 16):
        assert dead_at(found, m)["value"] == pytest.approx(dead_at(once, m)["value"], abs=1e-9)
        # repeating a prompt adds nothing; what one more group of each k adds is a fourth
        assert dead_at(found, m)["std_error"] == pytest.approx(dead_at(once, m)["std_error"], rel=0.05)
    dead = ((counts == 0) | (counts == 8)).mean()
    assert dead_at(found, 8)["value"] == pytest.approx(dead)


def test_intervals_of_moved_shares_cover(tmp_path: Path) -> None:
    c, d = update_lengths("group", RUN, ddof=1), update_lengths("none", RUN)
    truth, hits = float(moved_share(c, d, RUN)), 0
    for seed in range(100):
        found = counted(tmp_path / "a.csv", drawn(300, seed))
        x, y = found.lengths["group"], found.lengths["none"]
        low, high = resamples(found).interval(lambda n, rows, x=x, y=y: moved_share(x[rows], y[rows], n))
        hits += low <= truth <= high
    assert (
        hits >= 86
    )  # 95 less four errors of √(.95 · .05 · 100); percentile intervals of 165 live groups fall short a little


def test_drawing_kinds_or_groups_is_the_same(tmp_path: Path) -> None:
    """Rewards that differ in the ninth digit make as many kinds as there are groups: the other way of drawing."""
    counts = drawn(400)
    few = counted(tmp_path / "a.csv", counts)
    noise = 1e-9 * np.random.default_rng(0).random((400, 8))
    log = groups(write_rewards(tmp_path / "b.csv", {"reward": 1 + binary(counts) + noise}))
    many = measure(log, assumed(None, ""), None)
    ends = []
    for each in (few, many):
        x, y = each.lengths["group"], each.lengths["none"]
        ends.append(resamples(each).interval(lambda n, rows, x=x, y=y: moved_share(x[rows], y[rows], n)))
    np.testing.assert_allclose(
        ends[0], ends[1], atol=0.006
    )  # of a width of .02: other draws, 97 prompts for 400 groups


def test_sizes() -> None:
    assert sizes(2) == [2, 4, 6, 8, 16]
    assert sizes(64)[-1] == 512
    assert sizes(100) == [2, 4, 8, 16, 32, 64, 100]


def test_large_groups_are_told_in_classes_that_sum_to_the_same(tmp_path: Path) -> None:
    counts = np.random.default_rng(0).binomial(1000, np.random.default_rng(1).beta(0.3, 0.3, 300))
    counts[:30], counts[30:60] = 0, 1000
    log = groups(write_counts(tmp_path / "a.csv", counts, size=1000))
    measured = measure(log, assumed(None, ""), None)
    found = summarise(log, measured, assumed(None, ""), **SETTINGS)
    start, histogram, shares = found["right_from"], found["histogram"], found["share_by_right"]
    assert start is not None
    assert histogram is not None
    assert shares is not None
    assert (start[0], start[1], start[-1], len(start)) == (0, 1, 1000, 66)
    ends = [*start[1:], 1001]
    for i, (low, high) in enumerate(zip(start, ends, strict=True)):
        inside = (counts >= low) & (counts < high)
        assert histogram[i] == inside.sum()
        c = measured.lengths["group"]
        assert shares["group"][i] == pytest.approx(c[inside].sum() / c.sum(), abs=1e-12)
    assert (histogram[0], histogram[-1]) == ((counts == 0).sum(), (counts == 1000).sum())
    assert found["law"] is None  # k/G is the pass rate
