"""`advise` for real: what each kind of log is told, what the evidence takes from the summary, and bad flags."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments import cli
from experiments.logs.advise.evidence import evidence, simulated_lead
from experiments.logs.groups import Note
from experiments.logs.report.estimator import recover
from experiments.logs.report.measure import measure
from experiments.logs.report.summary import summarise
from tests.experiments.logs.report.logs import binary, drawn, groups, write_counts, write_rewards


def advised(capsys: pytest.CaptureFixture[str], path: Path, *options: str) -> dict[str, Any]:
    cli.main(["advise", str(path), "--json", *options])
    return json.loads(capsys.readouterr().out)


def summary(path: Path, correct: str | None = None, windows: int = 4) -> dict[str, Any]:
    log = groups(path)
    estimator = recover(log)
    options = {"correct": correct, "filtered": None, "num_windows": windows, "run_std": None}
    return dict(summarise(log, measure(log, estimator, correct), estimator, **options))


def shaped(counts: np.ndarray, size: float) -> dict[str, np.ndarray]:
    """Right or wrong, and a term of that size that differs from answer to answer."""
    right = binary(counts)
    return {"right": right, "length": size * np.random.default_rng(1).random(right.shape)}


def test_a_run_like_the_real_one_is_told_that_it_could_not_see_it(tmp_path: Path, capsys) -> None:
    path = write_counts(tmp_path / "a.csv", drawn(6000), step=np.arange(6000) // 60)
    found = advised(capsys, path)
    assert found["verdict"] == "no difference"
    assert "dividing moves 6." in found["sentence"]
    assert (
        "it gains 0.54 points on training prompts; to see that you need at least 55 runs with dividing and 55 without"
        in found["sentence"]
    )
    cli.main(["advise", str(path)])
    printed = capsys.readouterr().out
    assert printed.startswith("No difference that you could see: ")
    assert "\nBecause:\n  - " in printed
    assert "\nLimits:\n  - " in printed
    assert found["sentence"].split()[:12] == printed.split()[:12]


def test_who_knows_that_runs_hardly_differ_is_told_nothing(tmp_path: Path, capsys) -> None:
    path = write_counts(tmp_path / "a.csv", drawn(2000), step=np.arange(2000))
    assert advised(capsys, path, "--run-std", "0.001")["verdict"] == "not resolved"
    assert advised(capsys, path, "--run-std", "0.05")["verdict"] == "no difference"


def test_shaping_of_a_hundredth_is_blown_up(tmp_path: Path, capsys) -> None:
    path = write_rewards(tmp_path / "a.csv", shaped(drawn(800), 0.01))
    columns = ("--reward-columns", "right", "length")
    found = advised(capsys, path, "--correct", "right", *columns)
    assert found["verdict"] == "do not divide"
    assert "of the divided update goes into groups whose answers are all right or all wrong" in found["sentence"]
    without = advised(capsys, path, *columns)
    assert without["verdict"] == "abstains"
    assert any("--correct COLUMN (one of right, length)" in reason for reason in without["reasons"])


def test_pairs_have_nothing_to_decide(tmp_path: Path, capsys) -> None:
    counts = np.random.default_rng(0).integers(0, 3, 40)  # too few for shares, which are not needed
    assert advised(capsys, write_counts(tmp_path / "a.csv", counts, size=2))["verdict"] == "nothing to decide"


def test_few_live_groups_are_told_why(tmp_path: Path, capsys) -> None:
    found = advised(capsys, write_counts(tmp_path / "a.csv", drawn(60)))
    assert found["verdict"] == "abstains"
    assert any("fewer than 50: give a longer log" in reason for reason in found["reasons"])


def test_missing_rewards_make_a_log_unfit(tmp_path: Path, capsys) -> None:
    rewards = binary(drawn(400))
    rewards[::10, 0] = np.nan
    found = advised(capsys, write_rewards(tmp_path / "a.csv", {"reward": rewards}))
    assert (found["verdict"], found["limits"]) == ("abstains", [])
    assert len(found["reasons"]) == 1
    assert "more than 5%" in found["reasons"][0]


def test_evaluations_among_the_steps_make_a_log_unfit(tmp_path: Path) -> None:
    s = summary(write_counts(tmp_path / "a.csv", drawn(800)))
    assert evidence(s, [Note("other", 0, "no trainer_state.json")]).unfit == ()
    assert evidence(s, [Note("mixed", 0, "steps 1, 5 ask the same")]).unfit == ("steps 1, 5 ask the same",)


def test_a_measured_loss_is_advised_on(tmp_path: Path, capsys) -> None:
    path = write_counts(tmp_path / "a.csv", drawn(800))
    assert advised(capsys, path, "--chi", "-0.3", "-0.1")["verdict"] == "do not divide"
    assert advised(capsys, path, "--chi", "-0.3", "0.1")["verdict"] == "no difference"


def test_a_run_that_changed_has_the_interval_of_its_stretches(tmp_path: Path) -> None:
    middle = np.random.default_rng(0).integers(3, 6, 1000)
    edges = np.random.default_rng(1).choice([1, 4, 7], 1000)
    path = write_counts(tmp_path / "a.csv", np.concatenate([middle, edges]), step=np.arange(2000))
    s = summary(path)
    moved = evidence(s).moved
    assert moved is not None
    assert s["stationary_p"] < 1e-3
    assert moved.low == min(w["moved_low"] for w in s["windows"]) < s["rules"]["group"]["moved_low"]
    assert moved.high >= max(w["moved_high"] for w in s["windows"])
    assert any("the run changed" in limit for limit in evidence(s).limits)
    whole = evidence(summary(path, windows=1))
    assert whole.moved is None
    assert "at least two" in whole.unmoved_why


def test_no_steps_no_test_of_change(tmp_path: Path) -> None:
    s = summary(write_counts(tmp_path / "a.csv", drawn(800)))
    assert any("not tested (--step-column)" in limit for limit in s["advice"]["limits"])
    with_steps = summary(write_counts(tmp_path / "b.csv", drawn(800), step=np.arange(800)))
    assert not any("not tested" in limit for limit in with_steps["advice"]["limits"])


def test_an_unknown_estimator_is_a_limit(tmp_path: Path) -> None:
    rewards = binary(drawn(800))
    noise = np.random.default_rng(1).random((800, 1))
    path = write_rewards(
        tmp_path / "a.csv", {"reward": rewards}, (rewards - rewards.mean(axis=1, keepdims=True)) * noise
    )
    assert any("no known estimator" in limit for limit in summary(path)["advice"]["limits"])


@pytest.mark.parametrize(
    ("size", "lead"), [(2, -0.0001), (4, -0.0001), (5, 0.0054), (8, 0.0054), (16, 0.0146), (17, 0.0296), (64, 0.0296)]
)
def test_leads_are_of_the_next_larger_simulated_size(size: int, lead: float) -> None:
    found = simulated_lead(size)
    assert found is not None
    assert (found.low, found.high) == (lead, lead)
    assert simulated_lead(65) is None


def test_the_report_carries_it_first(tmp_path: Path, capsys) -> None:
    path = write_counts(tmp_path / "a.csv", drawn(800), step=np.arange(800))
    cli.main(["logs", "report", str(path), "--out", str(tmp_path / "out")])
    assert "No difference that you could see" in capsys.readouterr().out
    page = (tmp_path / "out" / "report.html").read_text()
    found = json.loads((tmp_path / "out" / "summary.json").read_text())["advice"]
    assert found["verdict"] == "no difference"
    assert page.index("Should you divide?") < page.index("What was read")
    for words in (found["sentence"], *found["reasons"], *found["limits"]):
        assert words.replace("'", "&#x27;") in page
