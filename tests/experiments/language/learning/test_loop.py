"""The loop on a learner that counts: where it pauses, which rows it gives, that an interruption does not show."""

import pytest

from experiments.language.learning.loop import every, learn, refusing
from experiments.language.learning.state import State


def count(state):
    """Parameters are the sum of the steps' numbers."""
    new = State({"sum": state.parameters["sum"] + state.step}, (), state.step + 1)
    return new, {"update_norm": float(state.step), "before": float(state.parameters["sum"])}


def run(begin, num_steps, pause):
    return [(s.step, s.parameters["sum"], rows) for s, rows in learn(begin, count, num_steps=num_steps, pause=pause)]


def start(step=0, total=0):
    return State({"sum": total}, (), step)


@pytest.mark.parametrize(
    ("num_steps", "pause", "expected"),
    [
        (7, every(3), [0, 3, 6, 7]),
        (6, every(3), [0, 3, 6]),
        (5, lambda step: step in {2, 4}, [2, 4, 5]),
        (5, lambda step: False, [5]),
        (0, every(2), [0]),
    ],
)
def test_pauses_are_where_they_were_asked_for_and_at_the_end(num_steps, pause, expected):
    found = run(start(), num_steps, pause)
    assert [step for step, _, _ in found] == expected
    assert [total for _, total, _ in found] == [step * (step - 1) // 2 for step in expected]
    assert [row["step"] for _, _, rows in found for row in rows] == list(range(num_steps))
    assert all(row["before"] == row["step"] * (row["step"] - 1) // 2 for _, _, rows in found for row in rows)


def test_a_run_that_is_resumed_goes_on_as_if_nothing_had_happened():
    whole = run(start(), 7, every(3))
    step, total, _ = whole[1]
    assert [part[:2] for part in run(start(step, total), 7, every(3))] == [part[:2] for part in whole[1:]]
    assert run(start(step, total), 7, every(3))[1:] == whole[2:]


def test_a_run_that_is_finished_pauses_once():
    assert run(start(9, 36), 7, every(3)) == [(9, 36, [])]


def test_no_step_is_made_after_the_owner_has_left():
    made = []

    def step(state):
        made.append(state.step)
        return count(state)

    for state, _ in learn(start(), step, num_steps=100, pause=every(2)):
        if state.step == 4:
            break
    assert made == [0, 1, 2, 3]


def test_a_lost_step_is_refused_where_asked_and_goes_on_elsewhere():
    def losing(state):
        new, row = count(state)
        return new, row | {"update_norm": float("nan") if state.step == 2 else 1.0}

    with pytest.raises(FloatingPointError, match="the update of step 2 is not finite; try less"):
        list(learn(start(), refusing(losing, "try less"), num_steps=4, pause=every(4)))
    (*_, last) = learn(start(), losing, num_steps=4, pause=every(4))
    assert last[0].step == 4
