"""The record of groups: its lengths are checked, sums and counts agree with loops over rows."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from experiments.logs.groups import NOTES, Groups, Note
from tests.refusals import message


def made(sizes: list[int], **columns) -> Groups:
    count = len(sizes)
    options: dict = {
        "format": "trl",
        "grouped_by": "contiguous rows",
        "offsets": np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        "step": np.arange(count),
        "batch": np.arange(count),
        "prompt": np.arange(1, count + 1, dtype=np.uint64),
    }
    return Groups(**(options | columns))


def test_rewards_are_the_total_else_the_weighted_sum_and_missing_ones_count_nothing() -> None:
    nan = math.nan
    functions = {"right": np.array([1.0, 0.0, nan, nan]), "short": np.array([0.5, nan, 0.25, nan])}
    groups = made([2, 2], rewards=functions)
    np.testing.assert_array_equal(groups.reward(), [1.5, 0.0, 0.25, nan])
    np.testing.assert_array_equal(groups.reward({"right": 2.0, "short": 4.0}), [4.0, 0.0, 1.0, nan])
    weighted = made([2, 2], rewards=functions, weights={"right": 3.0, "short": 0.0})
    np.testing.assert_array_equal(weighted.reward(), [3.0, 0.0, 0.0, nan])
    total = np.arange(4.0)
    np.testing.assert_array_equal(made([2, 2], rewards=functions, total=total).reward(), total)
    assert made([2, 2]).group_size == 2
    assert made([2, 3]).group_size is None


@given(st.lists(st.lists(st.sampled_from([0.0, 1.0, math.nan]), max_size=5), min_size=1, max_size=6), st.data())
def test_counts_and_chosen_groups_agree_with_loops(rows: list[list[float]], data: st.DataObject) -> None:
    flat = np.array([value for group in rows for value in group])
    groups = made([len(group) for group in rows], rewards={"right": flat}, advantage=-flat)
    keep = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), bool)
    for chosen, record in ((rows, groups), ([g for g, k in zip(rows, keep, strict=True) if k], groups.of(keep))):
        right, judged = record.counts()
        assert right.tolist() == [sum(value == 1 for value in group) for group in chosen]
        assert judged.tolist() == [sum(value == value for value in group) for group in chosen]
        assert record.sizes.tolist() == [len(group) for group in chosen]
        assert record.advantage is not None
        np.testing.assert_array_equal(record.advantage, [-value for group in chosen for value in group])
    assert groups.of(keep).step.tolist() == np.flatnonzero(keep).tolist()


def test_a_log_of_counts_has_no_rows() -> None:
    groups = made([0, 0], num_correct=np.array([1, 8]), num_samples=np.array([8, 8]))
    assert (groups.num_rows, groups.group_size, groups.sizes.tolist()) == (0, 8, [8, 8])
    assert [values.tolist() for values in groups.counts()] == [[1, 8], [8, 8]]
    assert [values.tolist() for values in groups.of(np.array([False, True])).counts()] == [[8], [8]]
    assert "counts and no rewards" in message(groups.reward)


def test_refusals() -> None:
    groups = made([2], rewards={"right": np.array([0.0, 0.5])})
    assert message(groups.counts) == "the reward holds 0.5; allowed: 0 and 1, where right answers are counted"
    assert message(groups.counts, "left") == "column is 'left'; allowed: right"
    assert message(groups.reward, {"left": 1.0}) == "weights are of ['left']; allowed: of ['right']"
    assert message(made, [2], total=np.zeros(3)) == "total has shape (3,); allowed: (2,)"
    assert message(made, [2], step=np.zeros(3)) == "step has shape (3,); allowed: (1,)"
    assert "growing" in message(made, [2, -1])
    assert "both or neither" in message(made, [0], num_correct=np.ones(1))
    assert message(Note, "else", 0, "") == f"kind is 'else'; allowed: {', '.join(NOTES)}"
