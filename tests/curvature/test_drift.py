"""The test of two halves: SciPy's where prompts have one group each, and how often it rejects what did not drift."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from curvature.drift import CLASSES, drift_p
from tests.refusals import message

PROMPTS, VISITS, G = 60, 12, 8


def visited(rng: np.random.Generator, gain: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(counts, prompts, visits) prompt after prompt; `gain`, by how much rates near 1 from first visit to last."""
    visit, prompt = np.tile(np.arange(VISITS), PROMPTS), np.repeat(np.arange(PROMPTS), VISITS)
    rate = rng.beta(0.4, 0.4, PROMPTS)[prompt]
    rate = rate + gain * visit / VISITS * (1 - rate)
    return rng.binomial(G, rate), prompt, visit


def pearson(counts: np.ndarray, late: np.ndarray) -> float:
    """SciPy's, by groups."""
    table = np.stack([np.bincount(counts[late == half], minlength=G + 1) for half in (False, True)])
    return chi2_contingency(table[:, table.sum(axis=0) > 0], correction=False).pvalue


def test_one_group_per_prompt_is_pearsons() -> None:
    counts = visited(np.random.default_rng(0))[0]
    late = np.arange(counts.size) >= 300
    assert drift_p(counts, late, G, np.arange(counts.size)) == pytest.approx(pearson(counts, late), rel=1e-9)


def test_shuffled_prompts_are_called_alike() -> None:
    """Halves of different prompts: the plain χ² calls half of them different, which is nothing in time."""
    rng = np.random.default_rng(1)
    late = np.arange(PROMPTS * VISITS) >= PROMPTS * VISITS // 2
    found, plain = [], []
    for i in range(2000):
        counts, prompt, _ = visited(rng)  # rates are drawn anew: the order of prompts is a shuffled one
        found.append(drift_p(counts, late, G, prompt))
        if i < 100:
            plain.append(pearson(counts, late))
    p = np.array(found, float)
    assert (p < 1e-3).mean() <= 0.005
    assert 0.03 < (p < 0.05).mean() < 0.07  # of 2000, known to .005
    assert (np.array(plain) < 1e-3).mean() > 0.25


def test_visits_without_drift_are_called_alike_and_with_drift_different() -> None:
    rng = np.random.default_rng(2)
    level, drifting = [], []
    for gain, found in ((0.0, level), (0.6, drifting)):
        for _ in range(300):
            counts, prompt, visit = visited(rng, gain)
            found.append(drift_p(counts, visit >= VISITS // 2, G, prompt))
    assert (np.array(level, float) < 1e-3).sum() <= 2
    assert (np.array(drifting, float) < 1e-3).mean() > 0.95


def test_repeating_every_group_says_no_more() -> None:
    counts, prompt, visit = visited(np.random.default_rng(3), 0.1)
    once = drift_p(counts, visit >= 6, G, prompt)
    twice = drift_p(np.repeat(counts, 2), np.repeat(visit >= 6, 2), G, np.repeat(prompt, 2))
    assert twice == pytest.approx(once, rel=1e-9)


def test_what_cannot_differ() -> None:
    assert drift_p([1, 1, 1], [False, True, True], 2, [0, 1, 2]) is None
    assert drift_p([0, 1, 2], [True, True, True], 2, [0, 1, 2]) is None
    assert drift_p([0, 1, 2], [False, True, True], 2, [0, 0, 0]) is None
    assert drift_p([0, 2] * 5, [False, True] * 5, 2, np.repeat(np.arange(5), 2)) == pytest.approx(0, abs=1e-12)


def test_many_different_counts_are_put_into_classes() -> None:
    rng = np.random.default_rng(4)
    counts = rng.integers(0, 100_001, 2000)
    late = np.arange(2000) >= 1000
    edges = np.sort(counts)[np.arange(1, CLASSES) * 2000 // CLASSES]
    found = drift_p(counts, late, 100_000, np.arange(2000))
    table = [
        np.bincount(np.searchsorted(edges, counts[late == half], side="right"), minlength=CLASSES) for half in (0, 1)
    ]
    # ties at an edge go to one side here and to the other there
    assert found == pytest.approx(chi2_contingency(np.stack(table), correction=False).pvalue, rel=0.05)
    assert drift_p(np.where(late, counts // 2, counts), late, 100_000, np.arange(2000)) < 1e-12


def test_refusals() -> None:
    assert message(drift_p, [0, 3], [False, True], 2, [0, 1]).startswith("counts contains 3.0; allowed")
    assert message(drift_p, [0, 0.5], [False, True], 2, [0, 1]).startswith("counts has shape (2,); allowed: a row of")
    assert message(drift_p, [0, 1], [False], 2, [0, 1]).startswith("late has shape (1,); allowed: one for each")
    assert message(drift_p, [0, 1], [False, True], 2, [0]).startswith("cluster has shape (1,); allowed: one for each")
