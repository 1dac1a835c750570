"""The first sentence for every estimator that a log may have been made with: it names what was done, and no other."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.logs.report.answer import dead_sentence, plain_answer
from experiments.logs.report.estimator import recover
from experiments.logs.report.gains import direction
from experiments.logs.report.measure import measure
from experiments.logs.report.summary import summarise
from experiments.logs.report.text import report
from tests.experiments.logs.report.logs import binary, drawn, groups, write_counts, write_rewards


def said(path: Path) -> dict[str, Any]:
    log = groups(path)
    estimator = recover(log)
    options = {"correct": None, "filtered": None, "num_windows": 1, "run_std": None}
    return dict(summarise(log, measure(log, estimator, None), estimator, **options))


def advantage(rule: str, r: np.ndarray) -> np.ndarray:
    """As a trainer computes it, in float32; batches of ten groups."""
    r = r.astype(np.float32)
    centred = r - r.mean(axis=1, keepdims=True)
    s = r.std(axis=1, ddof=1, keepdims=True)
    if rule == "group":
        return centred / (s + np.float32(1e-4))
    if rule == "pooled":
        blocks = r.reshape(-1, 10, r.shape[1])
        return centred / np.repeat(blocks.std(axis=(1, 2), ddof=1) + np.float32(1e-4), 10)[:, None]
    if rule == "maxrl":
        mean = r.mean(axis=1, keepdims=True)
        return centred / (mean + np.float32(1e-6))
    if rule == "none of the known":
        return centred * np.random.default_rng(1).random((len(r), 1)).astype(np.float32)
    return centred


FIRST = {
    "none": r"Your trainer did not divide advantages by a deviation \(`\w+`\)\. Dividing by each group's own deviation",
    "group": r"Your trainer divided each group's advantages by the group's own deviation \(`trl`?.*That moves 6\.\d%",
    "pooled": r"Your trainer divided all advantages of a batch by one deviation .*That leaves the groups of a batch in",
    "maxrl": r"Your trainer divided each group's advantages by the group's mean reward .*\. That moves 2\d\.\d%",
    "none of the known": r"None of the known estimators explains all advantages in your log\. That moves ",
}


@pytest.mark.parametrize("rule", FIRST)
def test_what_was_done_is_named(tmp_path: Path, rule: str) -> None:
    rewards = binary(drawn(800))
    path = write_rewards(tmp_path / "a.csv", {"reward": rewards}, advantage(rule, rewards))
    sentence = plain_answer(said(path))
    pattern = FIRST[rule].replace("`trl`?", "`[a-z_]+`")
    assert re.match(pattern, sentence), sentence


def test_without_advantages_the_log_cannot_say(tmp_path: Path) -> None:
    found = said(write_counts(tmp_path / "a.csv", drawn(800)))
    assert plain_answer(found).startswith("Your log holds no advantages, so it cannot say whether your trainer divided")
    assert "would move 6." in plain_answer(found)
    assert found["estimator"] is found["rule"] is None


def test_in_pairs_dividing_makes_the_gradient_longer_and_nothing_else(tmp_path: Path) -> None:
    counts = np.random.default_rng(0).integers(0, 3, 400)
    answer = plain_answer(said(write_counts(tmp_path / "a.csv", counts, size=2)))
    assert "dividing makes the gradient longer and does nothing else" in answer
    assert "the gradient is 1.41 times as long" in answer  # 1/√½: two rewards' sample deviation is √½


def test_a_reason_to_say_nothing_is_told_at_once_and_at_the_end(tmp_path: Path) -> None:
    found = said(write_counts(tmp_path / "a.csv", drawn(40)))
    assert "What dividing moves the log cannot say. There are " in plain_answer(found)
    run = {"run_id": "", "commit": "", "device": "", "config": {}, "versions": {}}
    figures = tmp_path
    (figures / "right_answers.png").write_bytes(b"")
    page = report(found | {"run": run}, figures).decode()
    assert page.count("fewer than 50: give a longer log") == 3  # first, in the advice, at the end
    assert "What rules do to the update" not in page
    assert "What this log cannot say" in page


def test_where_the_update_is_moved_to_is_said(tmp_path: Path) -> None:
    """Group weighs by 1/s, so the middle gives; MaxRL by 1/k, so the hard get."""
    found = said(write_counts(tmp_path / "a.csv", drawn(800)))
    middle = "from groups with 2 to 6 right of 8"
    assert direction(found, "group") == f"{middle} to groups with 1 or 7 right"
    assert direction(found, "maxrl").endswith(" to groups with 1 to 2 right")
    assert direction(found, "pass(4)").endswith(" to groups with 1 to 3 right")
    for rule in ("group", "maxrl"):
        gain = {name: found["rules"][rule][name] - found["rules"]["none"][name] for name in ("hard", "middle", "easy")}
        assert gain["hard"] > 0 > gain["middle"]
        assert abs(sum(gain.values())) < 1e-12


def test_which_of_the_two_step_ratios_is_which(tmp_path: Path) -> None:
    found = said(write_counts(tmp_path / "a.csv", drawn(800)))
    group = found["rules"]["group"]
    assert (
        f"{group['step_l1']:.2f} times as long as without dividing if the prompts' gradients are parallel, "
        f"{group['step_l2']:.2f} times if they are orthogonal"
    ) in plain_answer(found)


def test_dead_groups_are_told_at_the_logged_size_and_beyond(tmp_path: Path) -> None:
    found = said(write_counts(tmp_path / "a.csv", drawn(2000)))
    row = found["dead_share_at"]["16"]
    assert dead_sentence(found).startswith(f"{100 * found['dead_share']:.1f}% of your groups of 8 are dead")
    assert f"It would be {100 * row['low']:.1f}% to {100 * row['high']:.1f}% with 16 answers" in dead_sentence(found)
    few = said(write_counts(tmp_path / "b.csv", drawn(100)))
    assert "It would be" not in dead_sentence(few)
    assert dead_sentence(found | {"dead_share": None}) == ""


def page_of(found: dict[str, Any], figures: Path) -> str:
    run = {"run_id": "", "commit": "", "device": "", "config": {}, "versions": {}}
    for name in ("right_answers", "share_by_right", "moved", "dead_share", "windows"):
        (figures / f"{name}.png").write_bytes(b"")
    return report(found | {"run": run}, figures).decode()


def test_one_divisor_for_all_is_said_and_is_no_0(tmp_path: Path) -> None:
    found = said(write_counts(tmp_path / "a.csv", drawn(800)))
    page = page_of(found, tmp_path)
    assert page.count("one divisor for all") == 2  # batch and pooled
    assert found["moved_share"]["batch"] == pytest.approx(0, abs=1e-15)


def test_the_logged_size_keeps_its_share_where_the_halves_differ(tmp_path: Path) -> None:
    counts = np.concatenate([drawn(1000), np.minimum(drawn(1000) + 2, 8)])
    found = said(write_counts(tmp_path / "a.csv", counts, step=np.arange(2000)))
    assert not found["dead_share_at"]["8"]["resolved"]
    row = re.search(r"<tr><td[^>]*>8, as logged</td><td[^>]*>([^<]*)</td>", page_of(found, tmp_path))
    assert row is not None
    assert row[1] == f"{100 * ((counts == 0) | (counts == 8)).mean():.1f}%"


def test_a_longer_gradient_is_no_longer_step_of_adam(tmp_path: Path) -> None:
    answer = plain_answer(said(write_counts(tmp_path / "a.csv", drawn(800))))
    assert "make the gradient 2.2" in answer
    assert "Adam, or clipping of the gradient's norm where it bites, largely cancels that size" in answer
    assert answer.endswith("with SGD it acts as a larger learning rate.")


def test_an_average_over_a_changing_run_is_no_forecast(tmp_path: Path) -> None:
    counts = np.concatenate([drawn(1000), np.minimum(drawn(1000) + 2, 8)])
    found = said(write_counts(tmp_path / "a.csv", counts, step=np.arange(2000)))
    page, row = page_of(found, tmp_path), found["dead_share_at"]["4"]
    ends = f"{100 * row['low']:.1f}% to {100 * row['high']:.1f}%"
    assert re.search(rf"<td[^>]*>no forecast</td><td[^>]*>{ends}, averaged over a changing run</td>", page)
    assert "grey intervals are of the average over all of it" in page
    level = page_of(said(write_counts(tmp_path / "b.csv", drawn(2000), step=np.arange(2000))), tmp_path)
    assert "grey" not in level
    assert "changing run" not in level


def test_what_the_log_cannot_say_is_counted_and_in_words(tmp_path: Path) -> None:
    counts = np.concatenate([drawn(1000), np.minimum(drawn(1000) + 2, 8)])
    page = page_of(said(write_counts(tmp_path / "a.csv", counts, step=np.arange(2000))), tmp_path)
    items = page.split("What this log cannot say</h2>")[1].split("</ul>")[0].count("<li>")
    assert f"{items} things the log cannot say" in page
    assert items == 4  # the estimator, what the drift forbids, overlap, which rule is better
    assert not re.search(r"dead_share|moved_share|mean_deviation|unanimous_share", re.sub(r"data:[^\"]*", "", page))


def test_a_window_that_is_not_said_has_its_reason(tmp_path: Path) -> None:
    turn = np.concatenate([drawn(1000), np.minimum(drawn(1000) + 2, 8)])
    log = groups(write_counts(tmp_path / "a.csv", np.concatenate([turn, drawn(2000)]), visit=np.arange(4000) // 7),
                 step_column="visit")  # fmt: skip
    estimator = recover(log)
    found = summarise(log, measure(log, estimator, None), estimator, correct=None, filtered=None, num_windows=2,
                      run_std=None)  # fmt: skip
    run = {"run_id": "", "commit": "", "device": "", "config": {"step_column": "visit"}, "versions": {}}
    page_of(dict(found), tmp_path)  # pictures
    page = report({**found, "run": run}, tmp_path).decode()
    assert len(re.findall(r"not said: its own halves differ \(p = ", page)) == 1
    assert ">visit</th>" in page
    assert "one visit may be split between two of them" in page
