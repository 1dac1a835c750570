"""Verdicts, intervals and limits of runs put together by hand."""

import numpy as np
import pytest

from experiments.phases.recipe import CONFIGURATIONS, CONTROLS, MAIN
from experiments.phases.rows import phase_rows
from experiments.phases.summary import EARLIER, against_earlier, holds, summarise
from tests.experiments.phases.made import CROSS, REALISED, made, tables


@pytest.mark.parametrize(
    ("realised", "cross", "missed"),
    [
        (REALISED, CROSS, set()),
        (np.maximum(REALISED, 1e-6), CROSS, {"loss"}),
        ([1, 1, 2, 2, -1, -1], CROSS, {"order"}),
        ([-1, -1, -2, -2, -3, -3], CROSS, {"gain"}),
        (REALISED, np.maximum(CROSS, 0.3), {"three", "order", "loss"}),
        (REALISED, np.minimum(CROSS, 0.7), {"three", "order", "gain"}),
        ([2, 2, 1, 1, 0, 0], CROSS, set()),  # at most 0
    ],
)
def test_criteria_are_what_the_docstring_says(realised, cross, missed):
    verdict = holds(phase_rows(MAIN, made(np.asarray(realised, float), cross=cross)))
    assert {name for name, met in verdict.items() if not met} == missed | ({"all"} if missed else set())


def test_summary_counts_seeds_and_names_those_that_fail():
    found = summarise(*tables(recipe=made([REALISED, -REALISED, 3 * REALISED])).values())
    main = found["verdicts"][MAIN]
    assert (main["num_seeds"], main["all"], main["three"], main["gain"]) == (3, 2, 3, 2)
    assert main["realisable"] == 1
    assert main["failing_seeds"] == {1: ["gain", "order", "loss"]}
    assert set(found["verdicts"]) == set(CONFIGURATIONS)
    assert set(found["controls"]) == set(CONTROLS)
    assert found["num_violations"] == 0
    # 3 seeds here and 2 of each other configuration, 6 steps; N = 96 has twice the prompts
    assert found["checks"]["num_steps"] == 6 * (3 + 2 * 8)
    assert found["num_checks"] == 6 * ((3 + 2 * 7) * (4 * 48 + 2) + 2 * (4 * 96 + 2))


def test_a_violation_anywhere_is_reported():
    broken = made([REALISED, REALISED], excess=np.array([[-1.0] * 6, [-1.0] * 5 + [1e-9]]))
    assert summarise(*tables().values())["num_violations"] == 0
    assert summarise(*tables(**{"K_=_4": broken}).values())["num_violations"] == 1


def test_intervals_are_students_and_agreement_is_mutual():
    rng = np.random.default_rng(0)
    realised = REALISED + rng.normal(0, 1e-4, (5, 1))
    (first, _, _) = summarise(*tables(recipe=made(realised)).values())["recipe"]
    sample = realised[:, :2].mean(axis=1)
    half = 2.776445105 * sample.std(ddof=1) / np.sqrt(5)  # t of 4 degrees of freedom, from a table
    assert first["realised"] == pytest.approx([sample.mean(), sample.mean() - half, sample.mean() + half], rel=1e-8)
    assert first["gap"][0] == pytest.approx(1e-5, rel=1e-9)
    assert first["agree"]
    apart = made(realised, certified=realised - 1e-3)
    assert not summarise(*tables(recipe=apart).values())["recipe"][0]["agree"]


def test_earlier_means_are_held_against_fresh_ones():
    rng = np.random.default_rng(1)
    near = made(EARLIER[1]["realised"] + rng.normal(0, 2e-5, (8, 1)) + np.zeros(6))
    entries = {(e["phase"], e["quantity"]): e for e in against_earlier(tables(recipe=near)["phases"])}
    sample = np.asarray(near.indices.surplus.realised[:, 0])
    assert entries[1, "realised"]["consistent"]
    assert entries[1, "realised"]["limit"] == pytest.approx(  # t of 7 degrees of freedom, from a table
        2.364624252 * sample.std(ddof=1) * np.sqrt(1 / 8 + 1 / 6), rel=1e-8
    )
    assert not entries[3, "realised"]["consistent"]
    assert (1, "first") not in entries


def test_limits_come_from_the_rows():
    lead = np.array([[0, 0.1, 0.2, 0.3, 0.4, 0.5], [0, 0.1, 0.2, 0.3, 0.2, -0.1]])
    value = np.linspace(0.2, 0.9, 6)
    found = summarise(*tables(recipe=made([REALISED, REALISED], value_none=value - lead)).values())["limits"]
    assert found["num_lead_shrinks_in_third"] == 1
    assert found["num_third"] == 2
    assert found["num_behind_at_end"] == 1
    assert found["lead_change_in_third"][0] == pytest.approx((0.1 - 0.3) / 2)
    assert found["lead_below_its_peak"][0] == pytest.approx(0.4 / 2)
    assert found["gain_std_correlation"] == pytest.approx([-1, -1])  # made to be opposite
    assert found["own_peak"] == pytest.approx([0.36, 0.38])
    assert found["relative_gain_falls_with_std"]
    assert found["relative_gain_lowest_std"] == pytest.approx(10)
    assert found["relative_gain_highest_std"] == pytest.approx(1)
