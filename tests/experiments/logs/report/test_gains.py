"""From which groups to which the update goes: the shares recomputed group by group, and what the sentence names."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.logs.report.answer import plain_answer
from experiments.logs.report.estimator import assumed
from experiments.logs.report.gains import direction, gains
from experiments.logs.report.measure import measure
from experiments.logs.report.summary import summarise
from tests.experiments.logs.report.logs import RUN, binary, drawn, groups, write_counts, write_rewards


def said(path: Path, correct: str | None = None, **options) -> dict[str, Any]:
    log = groups(path, **options)
    measured = measure(log, assumed(None, ""), correct)
    return dict(
        summarise(log, measured, assumed(None, ""), correct=correct, filtered=None, num_windows=1, run_std=None)
    )  # fmt: skip


def changes(counts: np.ndarray, weigh: Any) -> np.ndarray:
    """[G+1] what each k gains of Σ|A| of all groups, from the answers' advantages."""
    r = binary(counts)
    centred = r - r.mean(axis=1, keepdims=True)
    first, plain = (np.abs(A).sum(axis=1) for A in (centred * weigh(r), centred))
    return np.bincount(counts, first, 9) / first.sum() - np.bincount(counts, plain, 9) / plain.sum()


RULES = {
    "group": lambda r: np.where(np.ptp(r, axis=1) > 0, 1 / np.maximum(r.std(axis=1, ddof=1), 1e-9), 0)[:, None],
    "maxrl": lambda r: 1 / np.maximum(r.mean(axis=1), 1e-9)[:, None],
}


def test_the_real_run_gains_at_1_and_7_alone(tmp_path: Path) -> None:
    """A twentieth of each count; all 64,000 groups have +3.82 points at 1 right, −6.76 at 2 to 6, +2.95 at 7."""
    counts = np.repeat(np.arange(9), np.array(RUN) // 20)
    found = said(write_counts(tmp_path / "a.csv", counts))
    assert direction(found, "group") == "from groups with 2 to 6 right of 8 to groups with 1 or 7 right"
    by_range = {each.words: 100 * each.change for each in gains(found, "group")}
    assert list(by_range) == ["1", "2 to 6", "7"]
    assert list(by_range.values()) == pytest.approx([3.82, -6.77, 2.95], abs=0.02)
    sentence = plain_answer(found)
    assert f"move {100 * found['moved_share']['group']:.1f}% [" in sentence
    assert "of the update from groups with 2 to 6 right of 8 to groups with 1 or 7 right" in sentence


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("least", [0, 4])
def test_every_number_of_right_answers_is_on_its_side(tmp_path: Path, rule: str, least: int) -> None:
    counts = np.maximum(drawn(800), least)
    found, wanted = said(write_counts(tmp_path / "a.csv", counts)), changes(counts, RULES[rule])
    ranges = gains(found, rule)
    for k in np.flatnonzero(np.abs(wanted) > 1e-12):
        (holds,) = (each for each in ranges if each.first <= k <= each.last)
        assert np.sign(holds.change) == np.sign(wanted[k])
    for each in ranges:
        assert each.change == pytest.approx(wanted[each.first : each.last + 1].sum(), abs=1e-12)
    signs = [np.sign(each.change) for each in ranges]
    assert all(a != b for a, b in pairwise(signs))
    assert sum(each.change for each in ranges if each.change > 0) == pytest.approx(found["moved_share"][rule])


def test_of_an_easy_log_the_easiest_gain(tmp_path: Path) -> None:
    found = said(write_counts(tmp_path / "a.csv", np.maximum(drawn(800), 4)))
    assert direction(found, "group") == "from groups with 4 to 5 right of 8 to groups with 6 to 7 right"


def test_what_groups_of_as_many_right_answers_trade_is_not_hidden(tmp_path: Path) -> None:
    """Every second group has shaping of three times the reward: dividing takes it from those, whatever is right."""
    counts = drawn(1000)
    right, scale = binary(counts), np.where(np.arange(1000) % 2, 3.0, 0.01)[:, None]
    shaping = scale * np.random.default_rng(1).random((1000, 8))
    path = write_rewards(tmp_path / "a.csv", {"right": right, "shaping": shaping})
    found = said(path, "right", reward_columns=("right", "shaping"))
    net = sum(each.change for each in gains(found, "group") if each.change > 0)
    assert net < 0.5 * found["moved_share"]["group"]
    assert direction(found, "group").startswith("to other groups, on balance from groups with ")
    uncounted = said(path, None, reward_columns=("right", "shaping"))
    assert gains(uncounted, "group") == []
    assert direction(uncounted, "group").startswith("from groups whose rewards differ much")


def test_classes_of_large_groups_have_their_ends(tmp_path: Path) -> None:
    counts = np.random.default_rng(0).binomial(1000, np.random.default_rng(1).beta(0.5, 0.5, 400))
    found = said(write_counts(tmp_path / "a.csv", counts, size=1000))
    first, middle, last = gains(found, "group")
    assert (first.first, last.last) == (1, 999)
    assert (middle.first, last.first) == (first.last + 1, middle.last + 1)
    assert first.change > 0 > middle.change
