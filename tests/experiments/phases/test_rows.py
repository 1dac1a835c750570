"""Rows of runs put together by hand: cuts, means, counts of violations."""

import numpy as np
import pytest

from bandits import from_array, problem
from experiments.phases.recipe import MAIN
from experiments.phases.rows import EARLY, phase_rows, problem_rows, profile_rows, recorded, step_rows
from tests.experiments.phases.made import CROSS, REALISED, made


def test_phases_are_cut_and_averaged_over_their_steps():
    rows = phase_rows(MAIN, made([REALISED, 2 * REALISED]))
    assert rows["seed_index"].tolist() == [0, 0, 0, 1, 1, 1]
    assert rows["phase"].tolist() == [1, 2, 3] * 2
    assert rows["first"].tolist() == [0, 2, 4] * 2
    assert rows["num_steps"].tolist() == [2] * 6
    np.testing.assert_allclose(rows["realised"], np.array([3, 1, -0.3, 6, 2, -0.6]) * 1e-4, rtol=1e-13)
    np.testing.assert_allclose(rows["cross_ratio"][:3], [1.0, 0.45, 0.15], rtol=1e-13)
    np.testing.assert_allclose(rows["lead_first"][:3], [0, 0.12, 0.24], atol=1e-15)
    np.testing.assert_allclose(rows["lead_last"][:3], [0.06, 0.18, 0.3], rtol=1e-13)
    np.testing.assert_allclose(rows["upper"] - rows["lower"], 2e-4, rtol=1e-12)
    assert (rows["num_checks"] == 2 * (4 * 48 + 2)).all()
    assert not any(rows[name].any() for name in rows if name.startswith("violated"))


def test_a_phase_that_is_not_there_has_no_row():
    rows = phase_rows(MAIN, made(REALISED, cross=np.maximum(CROSS, 0.3)))
    assert rows["phase"].tolist() == [1, 2]
    assert phase_rows(MAIN, made(REALISED, cross=np.minimum(CROSS, 0.7)))["phase"].tolist() == [2, 3]


@pytest.mark.parametrize(
    ("changed", "caught"),
    [
        ({"excess": 1e-6}, {"violated_prompt"}),
        ({"half_excess": 1e-6}, {"violated_half_prompt"}),
        ({"first_order": REALISED[3] + 0.6e-4}, {"violated_half_surplus"}),
        ({"first_order": REALISED[3] - 1.1e-4}, {"violated_half_surplus", "violated_surplus"}),
        ({"certified": REALISED[3] + 1e-6}, {"violated_difference"}),
    ],
)
def test_each_violation_is_counted_where_it_is(changed, caught):
    fine = made(REALISED).indices.surplus
    ((name, value),) = changed.items()
    column = np.array(getattr(fine, name))
    column[0, 3] = value
    rows = phase_rows(MAIN, made(REALISED, **{name: column}))
    for flag in (name for name in rows if name.startswith("violated")):
        assert rows[flag].tolist() == ([0, 1, 0] if flag in caught else [0, 0, 0]), flag


def test_steps_are_thinned_late_and_labelled():
    T = EARLY + 25
    paths = made(np.zeros((2, T)), cross=np.linspace(1, 0, T))
    rows = step_rows(MAIN, paths)
    kept = recorded(T)
    assert kept.tolist() == [*range(EARLY), EARLY, EARLY + 10, EARLY + 20]
    assert rows["time"].tolist() == kept.tolist() * 2
    χ = rows["cross_ratio"][: len(kept)]
    np.testing.assert_array_equal(χ, np.linspace(1, 0, T)[kept])
    np.testing.assert_array_equal(rows["phase"][: len(kept)], 1 + (χ < 0.75) + (χ < 0.25))


def test_profile_is_summed_over_seeds():
    rows = profile_rows(MAIN, made([REALISED] * 3))
    assert rows["count"].tolist() == [3] * 25
    assert rows["own"][18] == 6
    assert rows["std_low"][18] < 3 / 8 < rows["std_high"][18]


def test_realisable_problems_are_told_from_others():
    """Two prompts with the same features: equal labels can be learnt at once, different ones cannot."""
    rewards = (np.array([[1.0, 0.0], [1.0, 0.0]]), np.eye(2))
    features = from_array(np.tile(np.eye(2), (2, 1, 1)))
    rows = problem_rows(MAIN, [problem(features, np.zeros((2, 2)), r) for r in rewards])
    assert rows["realisable"].tolist() == [True, False]
    assert rows["seed_index"].tolist() == [0, 1]
