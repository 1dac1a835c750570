"""Grids that grow, on scores that are a function of the step."""

import numpy as np
import pytest

from experiments.gsm8k.arms import arms
from experiments.gsm8k.plan import PRESETS
from experiments.gsm8k.tuning import MAX_EXTENSIONS, tune

GRID = (0.01, 0.02)
ARMS = arms(("none", "group", "power"), 3.0, PRESETS["quick"])


def tuned(score, arm=ARMS[0], sizes=GRID, seeds=(5, 6)):
    """With a score of REINFORCE's step, the same on all seeds."""
    return tune(lambda size, seed: score(size / arm.scale), arm, "answer", step_sizes=sizes, seeds=seeds)


@pytest.mark.parametrize(
    ("peak", "sizes"),
    [
        (0.02, [0.01, 0.02, 0.04]),  # the end was best: one more, which is worse
        (0.04, [0.01, 0.02, 0.04, 0.08]),
        (0.01, [0.005, 0.01, 0.02]),
        (0.0025, [0.00125, 0.0025, 0.005, 0.01, 0.02]),
        (10.0, [0.01, 0.02, 0.04, 0.08, 0.16]),  # gives up after 3
        (1e-9, [0.00125, 0.0025, 0.005, 0.01, 0.02]),
    ],
)
def test_a_grid_grows_at_its_ends_and_stops(peak, sizes) -> None:
    for arm in ARMS:
        best, table = tuned(lambda size: 0.5 - 0.01 * abs(np.log(size / peak)), arm)
        assert [row["step_size"] / arm.scale for row in table] == pytest.approx(sizes)
        assert len(table) <= len(GRID) + MAX_EXTENSIONS
        (chosen,) = [row for row in table if row["best"]]
        assert best == chosen["step_size"] == pytest.approx(min(sizes, key=lambda s: abs(np.log(s / peak))) * arm.scale)
        assert chosen["score"] == max(row["score"] for row in table)
        assert {(row["mode"], row["rule"]) for row in table} == {("answer", arm.name)}


def test_a_grid_whose_inner_step_is_best_does_not_grow() -> None:
    assert len(tuned(lambda size: -abs(size - 0.02), sizes=(0.01, 0.02, 0.04))[1]) == 3


def test_a_grid_of_one_step_grows_by_factors_of_2() -> None:
    best, table = tuned(lambda size: -abs(np.log(size / 0.04)), sizes=(0.01,))
    assert best == 0.04
    assert [row["step_size"] for row in table] == pytest.approx([0.01, 0.02, 0.04, 0.08])


def test_a_score_is_the_mean_over_the_tuning_seeds() -> None:
    calls = []

    def score(size, seed):
        calls.append((size, seed))
        return {5: 0.2, 6: 0.4}[seed] if size == 0.01 else 0.1

    best, table = tune(score, ARMS[0], "answer", step_sizes=(0.005, 0.01, 0.02), seeds=(5, 6))
    assert best == 0.01
    assert [row["score"] for row in table] == pytest.approx([0.1, 0.3, 0.1])
    assert sorted(calls) == [(size, seed) for size in (0.005, 0.01, 0.02) for seed in (5, 6)]
