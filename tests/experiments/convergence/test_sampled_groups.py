"""T16 by walks over live groups: the walk against every group written out, both bounds, and what is refused."""

from itertools import pairwise
from math import comb

import numpy as np
import pytest
from scipy.stats import chi2

from experiments.convergence import sampled_groups
from experiments.rows import of


@pytest.fixture(scope="module", autouse=True)
def small():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sampled_groups, "SIZES", (2, 5))
        patch.setattr(sampled_groups, "ANSWERS", 4000)
        patch.setattr(sampled_groups, "STARTS", (1e-2, 1e-3))
        yield


@pytest.fixture(scope="module")
def rows(small):
    return sampled_groups.rows(0)


@pytest.fixture(scope="module")
def starts(small):
    return sampled_groups.start_rows(0)


def binomial(G, p):
    return np.asarray([comb(G, k) * p**k * (1 - p) ** (G - k) for k in range(G + 1)])


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def expected(rule, G, z, together, updates):
    """E of the mean failure rate after each number of updates, every prompt and group written out."""
    moves, law, found = sampled_groups.moves(rule, G), {tuple(z): 1.0}, []
    for _ in range(updates + 1):
        found.append(sum(chance * sigmoid(-np.asarray(z)).mean() for z, chance in law.items()))
        new: dict[tuple, float] = {}
        for z, chance in law.items():
            for x in range(len(z)):
                for k, weight in enumerate(binomial(G, sigmoid(z[x]))):
                    after = tuple(round(a + moves[k] * (together or i == x), 9) for i, a in enumerate(z))
                    new[after] = new.get(after, 0.0) + chance * weight / len(z)
        law = new
    return np.asarray(found)


@pytest.mark.parametrize("rule", sampled_groups.RULES)
@pytest.mark.parametrize("prompts", sampled_groups.PROMPTS)
def test_means_are_those_of_all_groups_written_out(rule, prompts, monkeypatch):
    monkeypatch.setattr(sampled_groups, "RUNS", 4000)
    number, together = sampled_groups.PROMPTS[prompts]
    G, updates = 3, 6 if number > 1 else 12
    wanted = expected(rule, G, np.zeros(number), together, updates)
    q = sampled_groups.failures(rule, G, prompts, G * np.arange(updates + 1.0), np.random.default_rng(0))
    np.testing.assert_allclose(q[:, 0], 0.5, rtol=1e-15)
    score = (q.mean(axis=0) - wanted)[1:] / sampled_groups.error(q)[1:]
    assert np.abs(score).max() < 4.5  # standard errors; met by chance once in 10,000 of all these tests
    between = sampled_groups.failures(rule, G, prompts, G * np.arange(1.0, 4) - 1, np.random.default_rng(1))
    assert (between[:, 0] == 0.5).all()  # a group counts when all its answers are drawn


def test_live_groups_are_drawn_as_often_as_they_should_be(monkeypatch):
    G, z = 5, np.full((6000, 1), 1.3)
    walk = sampled_groups.walk("none", G, z, True, np.random.default_rng(0))
    (_, until, before), (since, _, after) = next(walk), next(walk)
    assert (until == since).all()
    weights = binomial(G, sigmoid(1.3))
    alive = 1 - weights[0] - weights[-1]
    np.testing.assert_allclose(sampled_groups.live(np.asarray([1.3, -1.3]), G), alive, rtol=1e-12)
    waiting = until / G
    assert waiting.min() == 1
    assert abs(waiting.mean() - 1 / alive) < 5 * sampled_groups.error(waiting)
    moves = sampled_groups.moves("none", G)
    found = np.asarray([(np.abs(after - before - m) < 1e-9).sum() for m in moves[1:3]])  # k and G − k move alike
    wanted = len(z) * np.asarray([weights[1] + weights[4], weights[2] + weights[3]]) / alive
    assert ((found - wanted) ** 2 / wanted).sum() < chi2.isf(1e-4, 1)


def test_bounds_hold_and_half_of_them_is_refused(rows):
    assert not sampled_groups.violations(rows).any()
    assert (sampled_groups.lower(rows, "width") <= sampled_groups.lower(rows) * (1 + 1e-12)).all()
    assert sampled_groups.violations(rows, sampled_groups.FALSE_SHARE).any(axis=1).all()


def test_a_mean_counts_as_a_violation_only_beyond_its_error(rows):
    bound = sampled_groups.lower(rows)
    error = np.full(len(bound), 1e-9)
    inside = rows | {
        "failure": bound - 4e-9,
        "failure_error": error,
        "inverse": 1 / bound + 4e-9,
        "inverse_error": error,
    }
    assert not sampled_groups.violations(inside).any()
    outside = inside | {"failure": bound - 6e-9, "inverse": 1 / bound + 6e-9 + 1e-12 / bound}
    assert sampled_groups.violations(outside).all()


def test_from_a_rare_start_no_fewer_answers_and_not_twice_as_many(starts):
    assert not sampled_groups.start_violations(starts).any()
    assert sampled_groups.start_violations(starts, sampled_groups.FALSE_FACTOR).any()
    entry = next(e for e in sampled_groups.started(starts) if e["rule"] == "power(2)" and e["group_size"] == 2)
    assert entry["answers"] == of(starts, rule="power(2)", group_size=2, pass_rate=1e-3)["answers"][0]
    assert entry["plain_bound"] == pytest.approx((1e3 - 2) / (1 - 1 / 4))


def test_sharing_pools_the_answers_and_the_rest_keeps_the_order(rows):
    n = sampled_groups.times()
    assert n[-1] == 4000
    for entry in sampled_groups.reached(rows):
        assert entry["speed_apart"] < entry["speed_together"] / 2  # a fourth in the limit
        assert entry["speed"] <= entry["sharp_constant"] <= entry["plain_constant"] * (1 + 1e-12)


def test_failures_never_grow(rows):
    for rule in sampled_groups.RULES:
        one = of(rows, rule=rule, group_size=2, prompts="one")
        assert all(b <= a for a, b in pairwise(one["failure"]))
