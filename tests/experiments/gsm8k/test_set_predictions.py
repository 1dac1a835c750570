"""Verdicts on a pretrained model's rows whose truth is known: the law of T18, χ's fall, held-out changes."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.gsm8k.predictions.held_out import change, held_out, held_out_table, lead, ratio_table
from experiments.gsm8k.predictions.interference import appearing
from experiments.gsm8k.predictions.law import law, ratios, resolved
from experiments.gsm8k.predictions.verdict import CONFIRMED, OPEN, REFUTED
from tests.experiments.gsm8k.made import make

SEEDS = 4


def results(ratio=lambda s, rng, n: np.ones(n), gain=lambda rule, s: 0.2 + 0.01 * s, fall=lambda s: 0.1):
    """κ = ratio · (1 − 2p)|g|²/σ², a held-out change by rule and set, and χ times `fall` at the end."""
    made = make(seeds=SEEDS, first=lambda s: 8.0 + s, last=lambda s: (8.0 + s) * fall(s))
    prompts, rng = dict(made.late["prompts"]), np.random.default_rng(1)
    p, σ = prompts["pass_rate"], prompts["std"]
    prompts["gradient_norm"] = np.exp(rng.normal(size=p.size))
    prompts["slope_none"] = rng.normal(size=p.size)
    factor = np.concatenate([ratio(s, rng, int((prompts["seed"] == s).sum())) for s in range(SEEDS)])
    law = (1 - 2 * p) / σ**2
    prompts["curvature_own"] = factor * law * prompts["gradient_norm"] ** 2
    prompts["curvature_none"] = rng.choice([-1, 1], p.size) * law * prompts["slope_none"] ** 2
    answer = dict(made.answer)
    first = 0.15 + 0.01 * answer["seed"]
    last = first + np.array([gain(rule, s) for rule, s in zip(answer["rule"], answer["seed"], strict=True)])
    for name in ("test", "test_figures", "train"):
        answer |= {f"start_{name}": first, f"final_{name}": last}
    probes = dict(made.probes)
    probes["cosine_mean"] = np.full(probes["seed"].size, 0.1)
    return replace(
        made, late={"states": made.late["states"], "prompts": prompts}, answer=answer, small=answer, probes=probes,
        by="sets", states="RL", legs=("step", "step_sampled"),
    )  # fmt: skip


def verdicts(found):
    return [p.verdict for p in found]


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [
        (lambda s, rng, n: np.exp(0.2 * rng.normal(size=n)), CONFIRMED),
        (lambda s, rng, n: np.full(n, 2.5), REFUTED),
        (lambda s, rng, n: np.full(n, 1.9), REFUTED),  # within a factor 2, but not around 1
        (lambda s, rng, n: rng.choice([0.1, 1.0, 10.0], n), REFUTED),  # around 1, but not within
        (lambda s, rng, n: np.full(n, (1.0, 3.0)[s % 2]), OPEN),
        (lambda s, rng, n: np.full(n, np.nan), OPEN),
    ],
)
def test_the_law_of_own_gradients(ratio, verdict):
    found = law(results(ratio))
    assert found[0].verdict == verdict
    assert found[1].verdict == REFUTED  # signs at random: the control can be refuted


def test_the_ratio_and_who_is_judged():
    rows = results().late["prompts"]
    np.testing.assert_allclose(ratios(rows, "gradient_norm", "curvature_own"), 1)
    kept = resolved(rows)
    assert np.abs(kept["pass_rate"] - 0.5).min() >= 0.05
    assert 0 < len(kept["std"]) < len(rows["std"])


@pytest.mark.parametrize(
    ("fall", "verdict"),
    [(lambda s: 0.1, CONFIRMED), (lambda s: 3.0 + 0.1 * s, REFUTED), (lambda s: (0.5, 2.0)[s % 2], OPEN)],
)
def test_orthogonality_appears(fall, verdict):
    found = {p.name: p.verdict for p in appearing(results(fall=fall))}
    assert found["Orthogonality appears as training goes on, group"] == verdict
    table = ratio_table(results(fall=fall))["group"]
    assert table["start"]["mean"] == pytest.approx(9.5)
    assert table["end"]["mean"] == pytest.approx(np.mean([(8 + s) * fall(s) for s in range(SEEDS)]))


def test_held_out_changes_and_leads():
    gains = {"none": 0.2, "group": 0.25, "power(2)": 0.2}
    noise = [-0.02, 0.01, 0.0, 0.01]
    made = results(gain=lambda rule, s: gains[rule] + noise[s] * (1 if rule != "power(2)" else -1))
    for rule, mean in gains.items():
        assert change(made.answer, rule).mean == pytest.approx(mean)
    assert lead(made.answer, "group", "none").ends == pytest.approx((0.05, 0.05, 0.05))  # paired: the noise cancels
    found = held_out(made)
    assert verdicts(found) == [CONFIRMED] * 4 + [OPEN]
    table = held_out_table(made)
    assert table["group"]["against_none"]["mean"] == pytest.approx(0.05)
    assert table["power(2)"]["against_none"]["low"] < 0 < table["power(2)"]["against_none"]["high"]
    down = held_out(results(gain=lambda rule, s: -0.1 - 0.01 * s - 0.1 * (rule == "group")))
    assert verdicts(down) == [REFUTED] * 3 + [REFUTED, OPEN]
