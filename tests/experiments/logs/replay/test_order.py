"""The criterion, case by case, and that what is committed follows from the numbers beside it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments.logs.replay.order import answer, pairs, says, told
from experiments.statistics import Interval, interval

COMMITTED = Path(__file__).resolve().parents[4] / "docs" / "results" / "replay_study.json"


def lead(low: float, high: float) -> Interval:
    return Interval((low + high) / 2, low, high, 5)


@pytest.mark.parametrize(
    ("real", "replay", "expected"),
    [
        ((0.1, 0.2), (0.01, 0.3), "predicted"),
        ((-0.2, -0.1), (-0.3, -0.01), "predicted"),
        ((0.1, 0.2), (-0.3, -0.01), "contradicted"),
        ((-0.2, -0.1), (0.01, 0.3), "contradicted"),
        ((0.1, 0.2), (-0.01, 0.3), "open"),
        ((-0.1, 0.2), (0.01, 0.3), "does not count"),
        ((0.0, 0.2), (0.01, 0.3), "does not count"),  # an interval that touches 0 does not exclude it
        ((0.1, 0.2), (float("nan"), float("nan")), "open"),
    ],
)
def test_what_a_replayed_lead_says(real, replay, expected: str) -> None:
    assert says(lead(*real), lead(*replay)) == expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (["predicted", "predicted", "does not count"], "yes"),
        (["predicted", "contradicted"], "no"),
        (["contradicted", "open"], "no"),
        (["predicted", "open"], "not resolved"),
        (["does not count"], "not resolved"),
        ([], "not resolved"),
    ],
)
def test_the_answer(said, expected: str) -> None:
    assert answer(said) == expected


def test_leads_are_paired_over_sets() -> None:
    """Sets that differ by much and rules that differ by little: resolved in pairs alone."""
    base = np.array([0.1, 0.5, 0.9])
    real = {"none": base, "group": base + np.array([0.01, 0.011, 0.012]), "batch": base[::-1]}
    found = told(pairs(real, {"none": base, "group": base + np.array([0.02, 0.03, 0.02]), "batch": base + 0.1}))
    by = {(pair["first"], pair["second"]): pair for pair in found["pairs"]}
    assert by["none", "group"]["says"] == "predicted"
    assert by["none", "group"]["real"]["mean"] == pytest.approx(0.011)
    assert by["none", "batch"]["says"] == by["group", "batch"]["says"] == "does not count"
    assert (found["answer"], found["predicted"], found["contradicted"], found["open"]) == ("yes", 1, 0, 0)


def cases() -> list[tuple[str, str, dict[str, Any]]]:
    told_ = json.loads(COMMITTED.read_text(encoding="utf-8"))
    return [(o, s, case) for o, found in told_["overlaps"].items() for s, case in found["cases"].items()]


def test_what_is_committed_follows_from_its_areas() -> None:
    found = cases()
    assert len(found) == 8
    for _, _, case in found:
        real, replay = ({r: np.array(v[side]) for r, v in case["rules"].items()} for side in ("real", "replay"))
        again = told(pairs(real, replay))
        assert again["answer"] == case["answer"]
        for pair, old in zip(again["pairs"], case["pairs"], strict=True):
            assert pair["says"] == old["says"]
            assert pair["replay"]["low"] == pytest.approx(old["replay"]["low"], abs=1e-9)


def test_the_real_leads_are_those_of_the_study_s_summary() -> None:
    """docs/results/pretrained.json has two of them, made by the study itself."""
    study = json.loads((COMMITTED.parent / "pretrained.json").read_text(encoding="utf-8"))
    evidence = {p["name"]: p["evidence"] for p in study["predictions"]}
    for steps, words in (("equal", "at equal small steps (exact)"), ("tuned", "each at its tuned step (exact)")):
        case = next(case for _, s, case in cases() if s == steps)
        pair = next(p for p in case["pairs"] if (p["first"], p["second"]) == ("none", "group"))
        said = evidence[f"GRPO learns faster than REINFORCE, {words}"]
        assert said.startswith(str(Interval(**pair["real"])))
        means = interval(case["rules"]["maxrl"]["real"]).mean
        assert f"maxrl {means:.3f}" in said
