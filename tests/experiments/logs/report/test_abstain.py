"""Every reason to say nothing, one log each: the sentence names the way out, and the numbers are gone."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.logs.groups import Groups, Note
from experiments.logs.report.abstain import stationary_p
from experiments.logs.report.estimator import assumed
from experiments.logs.report.measure import measure
from experiments.logs.report.summary import summarise
from tests.experiments.logs.report.logs import binary, drawn, groups, write_counts, write_rewards


def said(log: Groups, correct: str | None = None, filtered: tuple[int, int] | None = None) -> dict[str, Any]:
    measured = measure(log, assumed(None, ""), correct)
    return dict(
        summarise(
            log, measured, assumed(None, ""), correct=correct, filtered=filtered, num_windows=2, run_std=None
        )
    )  # fmt: skip


LAWS = {"dead_share_at", "mean_deviation", "law"}


def test_a_long_level_log_is_told_all(tmp_path: Path) -> None:
    found = said(groups(write_counts(tmp_path / "a.csv", drawn(2000), step=np.arange(2000))))
    assert not LAWS & found["abstained"].keys()
    assert found["abstained"].keys() <= {f"dead_share_at {m}" for m in (24, 32, 64)}
    assert found["dead_share_at"]["16"]["resolved"]


@pytest.mark.parametrize(("number", "silent"), [(60, {"moved_share", *LAWS}), (300, LAWS)])
def test_few_live_groups(tmp_path: Path, number: int, silent: set[str]) -> None:
    found = said(groups(write_counts(tmp_path / "a.csv", drawn(number))))
    assert found["num_live"] < (50 if "moved_share" in silent else 200)
    assert silent <= found["abstained"].keys()
    for name in silent:
        assert "longer log, or several files of the same run" in found["abstained"][name]
    assert found["dead_share_at"] == {}
    assert found["law"] is found["mean_deviation"] is None
    assert bool(found["moved_share"]) == ("moved_share" not in silent)
    assert found["dead_share"] is not None  # plain data


def test_halves_that_differ(tmp_path: Path) -> None:
    counts = np.concatenate([drawn(1000), np.minimum(drawn(1000) + 2, 8)])
    found = said(groups(write_counts(tmp_path / "a.csv", counts, step=np.arange(2000))))
    assert found["stationary_p"] < 1e-3
    for name in LAWS:
        assert "--windows N" in found["abstained"][name]
    assert not any(row["resolved"] for row in found["dead_share_at"].values())
    assert found["moved_share"]["group"] > 0  # what was done in this log is no forecast
    assert all(window["dead_share_twice"]["resolved"] for window in found["windows"])


def test_the_order_of_a_file_is_no_time(tmp_path: Path) -> None:
    """Easy prompts first: without steps that is no drift, and what was not tested is said."""
    counts = np.concatenate([drawn(1000), np.minimum(drawn(1000) + 2, 8)])
    found = said(groups(write_counts(tmp_path / "a.csv", counts)))
    assert found["stationary_p"] is None
    assert "--step-column" in found["abstained"]["stationary_p"]
    assert not LAWS & found["abstained"].keys()


def test_level_halves_are_called_different_as_often_as_they_should(tmp_path: Path) -> None:
    logs = [groups(write_counts(tmp_path / "a.csv", drawn(400, seed), step=np.arange(400))) for seed in range(60)]
    found = [stationary_p(measure(log, assumed(None, ""), None)) for log in logs]
    low = sum(p < 0.05 for p in found if p is not None)
    assert None not in found
    assert low <= 9  # P(Bin(60, .05) > 9) = .1%


def test_wide_intervals(tmp_path: Path) -> None:
    found = said(groups(write_counts(tmp_path / "a.csv", drawn(700))))
    assert not found["dead_share_at"]["64"]["resolved"]
    assert found["dead_share_at"]["64"]["half_width"] > 0.1
    assert "draw 32 answers once" in found["abstained"]["dead_share_at 64"]


def test_rewards_of_more_than_two_values(tmp_path: Path) -> None:
    counts = drawn(500)
    right, short = binary(counts), np.random.default_rng(1).random((500, 8)).round(3) / 100
    path = write_rewards(tmp_path / "a.csv", {"right": right, "short": short})
    log = groups(path, reward_columns=("right", "short"))
    found = said(log)
    for name in (*LAWS, "all_right_share"):
        assert "--correct COLUMN (one of right, short)" in found["abstained"][name]
    assert found["all_right_share"] is found["unanimous_share"] is None
    assert found["moved_share"]["group"] > 0.2  # no need of counts
    assert found["rules"]["group"]["hard"] is None
    counted = said(log, correct="right")
    assert counted["histogram"] == np.bincount(counts, minlength=9).tolist()
    assert "law" not in counted["abstained"]


def test_dividing_blows_shaping_up_in_unanimous_groups(tmp_path: Path) -> None:
    """1% of shaping: c of a unanimous group is ½ mean|A| like any other's under group, a hundredth under none."""
    counts = drawn(3000)
    right, short = binary(counts), np.random.default_rng(1).random((3000, 8)).round(4) / 100
    log = groups(write_rewards(tmp_path / "a.csv", {"right": right, "short": short}), reward_columns=("right", "short"))
    found = said(log, correct="right")
    total = right + short
    centred = total - total.mean(axis=1, keepdims=True)
    same = (counts == 0) | (counts == 8)
    for rule, A in (("none", centred), ("group", centred / total.std(axis=1, ddof=1, keepdims=True))):
        wanted = np.abs(A)[same].sum() / np.abs(A).sum()
        row = found["unanimous"][rule]
        assert row["value"] == pytest.approx(wanted)
        assert row["low"] < wanted < row["high"]
    assert found["unanimous_share"] == found["unanimous"]["group"]["value"] > 0.4
    assert found["unanimous"]["none"]["value"] < 0.01


def test_missing_rewards(tmp_path: Path) -> None:
    rewards = binary(drawn(1000))
    rewards[:80, 0] = np.nan
    found = said(groups(write_rewards(tmp_path / "a.csv", {"reward": rewards})))
    assert "8% of the groups lack a reward" in found["abstained"]["dead_share"]
    assert found["dead_share"] is found["all_right_share"] is None
    assert found["moved_share"] == found["dead_share_at"] == {}


def test_groups_of_other_sizes(tmp_path: Path) -> None:
    whole = write_counts(tmp_path / "a.csv", drawn(1000)).read_text()
    (tmp_path / "a.csv").write_text(whole + "3,4\n" * 100)
    found = said(groups(tmp_path / "a.csv"))
    assert "are not of 8 answers like most" in found["abstained"]["moved_share"]
    assert "apart" in found["abstained"]["moved_share"]


def test_filtered_groups(tmp_path: Path) -> None:
    counts = drawn(3000)
    live = counts[(counts > 0) & (counts < 8)]
    note = Note("filtered", 0, "dropped")
    whole = said(groups(write_counts(tmp_path / "a.csv", counts)))
    log = replace(groups(write_counts(tmp_path / "b.csv", live)), notes=(note,))
    found = said(log)
    for name in ("dead_share", "all_right_share", *LAWS):
        assert "--filtered-counts FILE" in found["abstained"][name]
    assert found["dead_share"] is found["law"] is None
    assert found["dead_share_at"] == {}
    assert found["moved_share"] == pytest.approx(whole["moved_share"])  # dead groups move nothing
    told = said(log, filtered=(int((counts == 0).sum()), int((counts == 8).sum())))
    for name in ("dead_share", "all_right_share", "histogram", "mean_right"):
        assert told[name] == pytest.approx(whole[name])
    assert told["dead_share_at"]["16"]["value"] == pytest.approx(whole["dead_share_at"]["16"]["value"])
    assert told["dead_share_at"]["16"]["std_error"] == pytest.approx(whole["dead_share_at"]["16"]["std_error"])
