"""Exact runs against the library's own runs and a loop in NumPy, and cosines against what they were made of."""

import jax
import numpy as np
import pytest

from bandits import constant, make_optimiser, make_rule, run
from experiments.logs.replay.exact import Sets, areas, build, cosines, draw_sets

RATES = np.array([[0.05, 0.2, 0.5, 0.9, 0.3, 0.6, 0.1, 0.02], [0.3, 0.1, 0.7, 0.4, 0.8, 0.5, 0.2, 0.05]])
MEAN, STD = np.array([0.3, 0.1]), np.array([0.2, 0.25])


def sets(overlap="measured", number: int = 3) -> Sets:
    return draw_sets(RATES, MEAN, STD, overlap, range(number))


def one(found: Sets, which: int):
    return build(jax.tree.map(lambda leaf: leaf[which], found.prompts))


@pytest.mark.parametrize("rule", ["none", "group", "batch", "power(2)", "maxrl"])
def test_an_area_is_that_of_a_loop_in_numpy(rule: str) -> None:
    found = sets()
    problem = one(found, 4)  # set 1, draw 1
    E, b, r = (np.asarray(x) for x in (problem.features.embedding, problem.offsets, problem.rewards))
    logits, values = b.copy(), []
    for _ in range(12):
        π = np.exp(logits - logits.max(axis=1, keepdims=True))
        π /= π.sum(axis=1, keepdims=True)
        p = (π * r).sum(axis=1)
        values.append(p.mean())
        σ = np.sqrt(p * (1 - p))
        weight = {
            "none": 1 + 0 * p,
            "group": 1 / σ,
            "batch": 1 / σ.mean() + 0 * p,
            "power(2)": 1 / σ**2,
            "maxrl": 1 / p,
        }
        logits = logits + 0.7 * 0.5 * (E @ E.T) @ (weight[rule][:, None] * π * (r - p[:, None]))  # u_y·u_y' = D²/2
    assert areas(found, rule, np.array([0.1, 0.7]), 12)[1, 1, 1] == pytest.approx(np.mean(values), rel=1e-10)


def test_under_adam_it_is_the_library_s_run() -> None:
    found = sets()
    problem = one(found, 2)
    path = run(
        problem, make_rule("group", problem.features), constant(0.05), 10, key=jax.random.key(3),
        optimiser=make_optimiser("adam"),
    )  # fmt: skip
    area = areas(found, "group", np.array([0.05]), 10, optimiser="adam")[0, 0, 2]
    assert area == pytest.approx(float(path.trajectory.value.mean()), rel=1e-10)
    assert area != pytest.approx(areas(found, "group", np.array([0.05]), 10)[0, 0, 2], rel=1e-3)


def test_runs_begin_at_the_rates_of_their_set() -> None:
    found = areas(sets(), "none", np.array([1.0]), 1)
    np.testing.assert_allclose(found[0], np.repeat(RATES.mean(axis=1)[:, None], 3, axis=1), rtol=1e-12)


def test_cosines_have_the_mean_and_the_deviation_that_were_measured() -> None:
    rates = np.random.default_rng(0).uniform(0.05, 0.9, (2, 64))
    found = cosines(draw_sets(rates, MEAN, STD, "measured", range(8)))
    np.testing.assert_allclose(found.mean(axis=(1, 2)), MEAN, atol=0.02)  # 8 draws of 64 vectors in 12 dimensions
    np.testing.assert_allclose(found.std(axis=2).mean(axis=1), STD, rtol=0.08)


def test_the_replay_of_advise_has_no_mean_cosine() -> None:
    rates = np.random.default_rng(0).uniform(0.05, 0.9, (2, 64))
    found = cosines(draw_sets(rates, MEAN, STD, "advise", range(8)))
    np.testing.assert_allclose(found.mean(axis=(1, 2)), 0, atol=0.02)
    np.testing.assert_allclose(found.std(axis=2).mean(axis=1), STD, rtol=0.08)
    assert len(np.unique(found.round(9))) == 4  # ρ and −ρ/(K − 1) of two sets


def test_one_cosine_for_all_has_no_directions_of_its_own() -> None:
    found = cosines(draw_sets(RATES, MEAN, np.zeros(2), "measured", range(2)))
    assert found.std(axis=2).max() < 0.08  # 256 dimensions
