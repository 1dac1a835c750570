"""Verdicts on rows whose truth is known: every criterion can say what it is able to say, and noise is not confirmed."""

import re
from dataclasses import replace

import numpy as np
import pytest

from experiments.gsm8k.predictions.curvature import envelope, exponents
from experiments.gsm8k.predictions.groups import cap, sampled
from experiments.gsm8k.predictions.interference import orthogonality
from experiments.gsm8k.predictions.regions import region, sides, slopes
from experiments.gsm8k.predictions.speed import paired, run_mean
from experiments.gsm8k.predictions.table import predictions
from experiments.gsm8k.predictions.verdict import CONFIRMED, OPEN, REFUTED, judge
from experiments.statistics import interval
from tests.experiments.gsm8k.made import PLAN, make


def mixed(low, high):
    """Seeds that disagree."""
    return lambda s: (low, high)[s % 2]


def exponent(*powers):
    """|κ| = σ^power, one power a seed."""
    return lambda p, σ, s, rng: np.sign(0.5 - p) * 3 * σ ** powers[s % len(powers)]


def compare(first, second, difference):
    """Runs in which `first` is ahead of `second` by this much, one value a seed."""
    return lambda rule, s: 0.5 + (difference(s) if rule == first else 0.0)


def scatter(rng, p):
    return rng.choice([-1, 1], p.shape)


CASES = [
    ("Curvature is bounded", CONFIRMED, {"top": lambda t, s: 2 - t + 0.01 * s}),
    ("Curvature is bounded", REFUTED, {"top": lambda t, s: 10 ** (2 * t) * (1 + 0.01 * t * s)}),
    ("Curvature is bounded", OPEN, {"top": lambda t, s: (1.5, 60.0)[s % 2] ** t}),
    ("The bound is nearly", CONFIRMED, {}),
    ("The bound is nearly", CONFIRMED, {"argmax": lambda s, i: 0.86}),
    ("The bound is nearly", REFUTED, {"argmax": lambda s, i: 0.5}),
    ("The bound is nearly", OPEN, {"argmax": lambda s, i: 0.15 if i == s % 4 else 0.5}),
    ("κ is positive", CONFIRMED, {}),
    ("κ is positive", REFUTED, {"κ": lambda p, σ, s, rng: -(σ**2)}),
    ("κ is positive", OPEN, {"κ": lambda p, σ, s, rng: σ * scatter(rng, p)}),
    ("κ is negative", CONFIRMED, {}),
    ("κ is negative", REFUTED, {"κ": lambda p, σ, s, rng: σ**2}),
    ("κ is negative", OPEN, {"κ": lambda p, σ, s, rng: σ * scatter(rng, p)}),
    *[
        (f"|κ| ∝ σ, p {region} ½", verdict, {"κ": κ})
        for region in ("below", "around", "above", "away from")
        for verdict, κ in ((CONFIRMED, exponent(1)), (REFUTED, exponent(2)), (OPEN, exponent(-1, 3)))
    ],
    ("Prompts are orthogonal early", CONFIRMED, {"first": lambda s: 1 + 0.01 * s}),
    ("Prompts are orthogonal early", REFUTED, {"first": lambda s: 5 + 0.01 * s}),
    ("Prompts are orthogonal early", REFUTED, {"first": lambda s: 0.3 + 0.01 * s}),
    ("Prompts are orthogonal early", OPEN, {"first": mixed(0.8, 1.6)}),
    ("Orthogonality is lost late", CONFIRMED, {}),
    ("Orthogonality is lost late", REFUTED, {"last": lambda s: 1.5 + 0.01 * s}),
    ("Orthogonality is lost late", OPEN, {"last": mixed(0.2, 1.2)}),
    ("Training passes through phases", CONFIRMED, {"last": lambda s: 0.1 + 0.01 * s}),
    ("Training passes through phases", REFUTED, {"last": lambda s: 0.9}),
    ("Training passes through phases", OPEN, {}),  # II, never III
    ("Training passes through phases", OPEN, {"last": mixed(0.1, 0.5)}),
    ("Training passes through phases", OPEN, {"last": mixed(0.1, np.nan)}),  # no χ: every prompt was solved
    *[
        (f"One GRPO step gains more than one REINFORCE step, {when}", verdict, {"surplus": value})
        for when in ("from the first SFT state", "from later SFT states", "along GRPO")
        for verdict, value in (
            (CONFIRMED, lambda s: 1e-3 + 1e-5 * s),
            (REFUTED, lambda s: -1e-3 + 1e-5 * s),
            (OPEN, mixed(-1e-3, 1e-3)),
        )
    ],
    *[
        (name + design, verdict, {"learnt": compare(*pair, difference)})
        for name, pair, designs in (
            (
                "GRPO learns faster than REINFORCE, ",
                ("group", "none"),
                ("at equal small", "each at its tuned", "sampled groups"),
            ),
            ("power(2), the measured exponent, beats GRPO, ", ("power(2)", "group"), ("at equal", "each at its tuned")),
        )
        for design in designs
        for verdict, difference in (
            (CONFIRMED, lambda s: 0.1 + 0.01 * s),
            (REFUTED, lambda s: -0.1 + 0.01 * s),
            (OPEN, mixed(-0.1, 0.1)),
            (OPEN, lambda s: 0.0),  # 0 [0, 0] does not exclude 0
        )
    ],
    ("A group of 8 rescales", CONFIRMED, {"factor": lambda b, s, rng: b * (1 + 0.01 * (-1) ** s)}),
    ("A group of 8 rescales", REFUTED, {"factor": lambda b, s, rng: np.ones_like(b) + 0.01 * s}),  # no division
    ("A group of 8 rescales", OPEN, {"factor": lambda b, s, rng: b * mixed(0.5, 1.5)(s)}),
    ("A group of 8 rescales", OPEN, {"factor": lambda b, s, rng: np.full_like(b, np.nan)}),  # no group ever varied
    ("Sampled groups resolve χ", CONFIRMED, {"sampled_ratio": lambda s: 2 + 0.1 * s}),
    ("Sampled groups resolve χ", OPEN, {"sampled_ratio": mixed(0.5, 1.6)}),
    ("Sampled groups resolve χ", OPEN, {"sampled_ratio": lambda s: 2 + 0.1 * s, "seen": lambda s: s != 1}),
    ("Sampled groups resolve χ", REFUTED, {"seen": lambda s: False}),
    ("Sampled curvature is above", CONFIRMED, {"resolved": 0.9}),
    ("Sampled curvature is above", REFUTED, {"resolved": 0.1}),
    ("Sampled curvature is above", OPEN, {"resolved": 0.5}),
]


@pytest.mark.parametrize(("name", "verdict", "truth"), CASES, ids=[f"{n}: {v}" for n, v, _ in CASES])
def test_the_verdict_is_the_truth_s(name: str, verdict: str, truth: dict) -> None:
    (found,) = [row for row in predictions(make(**truth), PLAN) if row.name.startswith(name)]
    assert found.verdict == verdict, found


def test_every_prediction_has_its_cases() -> None:
    """No criterion is left untried; every one can confirm, refute and leave open."""
    table = {row.name: {v for n, v, _ in CASES if row.name.startswith(n)} for row in predictions(make(), PLAN)}
    assert [name for name, verdicts in table.items() if verdicts != {CONFIRMED, REFUTED, OPEN}] == []


def test_every_row_says_what_it_rests_on() -> None:
    for row in predictions(make(), PLAN):
        assert row.verdict in (CONFIRMED, REFUTED, OPEN)
        assert re.search(r"\d", row.evidence)
        assert row.claim
        assert row.criterion


def test_the_exponent_is_measured_by_region() -> None:
    results = make(κ=lambda p, σ, s, rng: np.where(p > 0.5, -2 * σ**2, 5 * σ))
    assert slopes(region(results.late["prompts"], 0.65, 1), "curvature_own", "target").mean == pytest.approx(2)
    assert slopes(region(results.late["prompts"], 0, 0.35), "curvature_own", "target").mean == pytest.approx(1)
    verdicts = {row.name.rsplit(", p ", 1)[1]: row.verdict for row in exponents(results)}
    assert (verdicts["below ½"], verdicts["above ½"]) == (CONFIRMED, REFUTED)


def test_one_seed_decides_nothing() -> None:
    rows = make(seeds=1, κ=exponent(1))
    for row in (*exponents(rows), *orthogonality(rows)[:2], *cap(rows)):
        assert row.verdict == OPEN


@pytest.mark.filterwarnings("error")
def test_empty_regions_are_not_resolved() -> None:
    """A validation whose states all lie below ½ says nothing of what is above."""
    results = make()
    keep = results.late["prompts"]["pass_rate"] < 0.3
    prompts = {k: v[keep] for k, v in results.late["prompts"].items()}
    found = {row.name: row for row in predictions(replace(results, late=results.late | {"prompts": prompts}), PLAN)}
    assert found["|κ| ∝ σ, p above ½"].verdict == OPEN
    assert found["|κ| ∝ σ, p around ½"].verdict == OPEN
    assert found["κ is negative for p above ½"].verdict == OPEN
    assert found["|κ| ∝ σ, p below ½"].verdict == REFUTED


def test_a_dead_prompt_is_not_a_resolved_one() -> None:
    results = make(resolved=1.0)
    results.sampled["prompts"]["std"][:] = 0
    assert sampled(results)[1].verdict == REFUTED


def test_differences_are_paired_interval() -> None:
    """Seeds differ by far more than rules do; only their difference within a seed can show it."""
    results = make(learnt=lambda rule, s: 0.1 + 0.2 * s + (0.01 + 0.0001 * s if rule == "group" else 0))
    assert run_mean(results.answer, "group", 2) == pytest.approx(0.5 + 0.0102)
    found = paired(results.answer, "group", "none")
    expected = interval([0.01 + 0.0001 * s for s in range(4)])
    assert (found.low, found.high) == (pytest.approx(expected.low), pytest.approx(expected.high))
    unpaired = interval([run_mean(results.answer, "group", s) for s in range(4)])
    assert not unpaired.excludes(run_mean(results.answer, "none", 0))


def test_runs_are_compared_by_their_mean_pass_rate() -> None:
    rows = {
        "rule": np.array(["a", "a", "b", "a"]),
        "seed": np.array([0, 0, 0, 1]),
        "pass_rate": np.array([0.2, 0.4, 9, 9]),
    }
    assert run_mean(rows, "a", 0) == pytest.approx(0.3)


def test_levels_are_states_and_sides_of_a_seed() -> None:
    prompts = make(seeds=2).late["prompts"]
    found = sides(prompts)
    p = prompts["pass_rate"]
    assert len(found["std"]) == ((p <= 0.35) | (p > 0.65)).sum()
    keys = list(zip(found["seed"], found["target"], found["pass_rate"] > 0.5, strict=True))
    assert len(set(keys)) == len(set(found["level"])) == len(set(zip(keys, found["level"], strict=True))) == 16


def test_differences_between_states_do_not_make_an_exponent() -> None:
    """κ grows 1000-fold over SFT while σ falls: pooled slopes are far from the 1 that holds within each state."""
    results = make()
    rows = results.late["prompts"]
    rows["curvature_own"] = rows["std"] * 1000.0 ** rows["target"]
    keep = np.abs(rows["pass_rate"] - (0.6 + 0.38 * rows["target"])) < 0.1  # later states have larger p
    late = {"states": results.late["states"], "prompts": {k: v[keep] for k, v in rows.items()}}
    (found,) = [row for row in exponents(replace(results, late=late)) if row.name.endswith("p above ½")]
    assert found.verdict in (CONFIRMED, OPEN)
    assert "own gradient 1 [1, 1]" in found.evidence
    pooled = slopes(region(late["prompts"], 0.65, 1), "curvature_own")
    assert pooled.mean < 0


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_noise_is_confirmed_or_refuted_no_more_often_than_the_level(seeds: int) -> None:
    """A difference that is none: 2.5% on either side."""
    rng, number = np.random.default_rng(seeds), 4000
    verdicts = [
        judge(interval(x), confirmed=(0, np.inf), refuted=[(-np.inf, 0)]) for x in rng.normal(size=(number, seeds))
    ]
    limit = 0.025 + 4 * np.sqrt(0.025 * 0.975 / number)
    assert 0 < np.mean([v == CONFIRMED for v in verdicts]) < limit
    assert np.mean([v == REFUTED for v in verdicts]) < limit


def test_noise_does_not_pass_for_curvature_that_scales_as_σ() -> None:
    """κ that knows nothing of σ: an interval that contains 1 and excludes the true 0 is a 5% event at most."""
    number, confirmed = 150, 0
    for key in range(number):
        found = exponents(make(seeds=3, κ=lambda p, σ, s, rng: rng.normal(size=p.shape), key=key))
        confirmed += sum(row.verdict == CONFIRMED for row in found if not row.name.endswith("around ½"))
    assert confirmed / (2 * number) < 0.05 + 4 * np.sqrt(0.05 * 0.95 / (2 * number))


def test_signs_that_are_noise_are_not_confirmed() -> None:
    number, confirmed = 150, 0
    for key in range(number):
        results = make(seeds=3, κ=lambda p, σ, s, rng: rng.normal(size=p.shape), key=key)
        confirmed += [r.verdict for r in envelope(results) if r.name.startswith("κ is")].count(CONFIRMED)
    assert confirmed / (2 * number) < 0.025 + 4 * np.sqrt(0.025 * 0.975 / (2 * number))
