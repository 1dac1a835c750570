"""T15 on runs of the simulator: failure rates by plain sums, checks that find nothing, and false variants found."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bandits import coherent, equicorrelation, problem, random_arms
from experiments.convergence import own_rates
from experiments.rows import where


@pytest.fixture
def rows(monkeypatch):
    monkeypatch.setattr(own_rates, "NUM_STEPS", 60)
    monkeypatch.setattr(own_rates, "ARMS", (2, 3))
    return own_rates.rows(0)


@pytest.fixture
def means(monkeypatch):
    monkeypatch.setattr(own_rates, "NUM_STEPS", 60)
    return own_rates.mean_rows(0)


def plain(features, logits, rewards, alpha, step_size, num_steps):
    """[T, N] of 1 − p along Σ g/σ^α, features written out."""
    θ, found = np.zeros(features.shape[2]), []
    for _ in range(num_steps):
        weights = np.exp(logits + features @ θ)
        π = weights / weights.sum(axis=1, keepdims=True)
        p, q = (π * rewards).sum(axis=1), (π * (1 - rewards)).sum(axis=1)
        found.append(q)
        g = np.einsum("nk,nkd->nd", π * (rewards - p[:, None]), features)
        θ = θ + step_size * (g / (p * q)[:, None] ** (alpha / 2)).sum(axis=0)
    return np.asarray(found)


def test_failure_rates_are_those_of_plain_sums():
    rng = np.random.default_rng(0)
    N, K = 3, 4
    rewards = np.eye(K)[[0, 2, 1]]
    features = coherent(equicorrelation(N, 0.5), random_arms(N, K, 2, key=jax.random.key(1)))
    one = problem(features, rng.normal(size=(N, K)), rewards)
    stacked = jax.tree.map(lambda x: x[None], one)
    alphas, steps = np.asarray([0.0, 1.0, 2.0]), np.asarray([1.0, 0.5, 0.2])
    found = own_rates._failures(stacked, jnp.asarray(alphas), jnp.asarray(steps), 30)
    for i in range(3):
        wanted = plain(np.asarray(features.dense()), np.asarray(one.offsets), rewards, alphas[i], steps[i], 30)
        np.testing.assert_allclose(found[0, i], wanted, rtol=1e-10)


def test_both_bounds_hold_and_smaller_constants_are_refused(rows):
    assert len(rows["time"]) == 2 * 2 * 10 * 60 * 8  # arms, geometries, rules, iterations, prompts
    assert not own_rates.below(rows, own_rates.lower(rows)).any()
    assert not own_rates.above(rows, own_rates.upper(rows)).any()
    assert own_rates.below(rows, own_rates.lower(rows, own_rates.FALSE_LOWER)).any()
    assert own_rates.above(rows, own_rates.upper(rows, own_rates.FALSE_UPPER)).any()


def test_a_failure_rate_outside_its_bounds_is_counted(rows):
    for where_to, count in (
        (0.99 * own_rates.lower(rows), own_rates.below),
        (1.01 * own_rates.upper(rows), own_rates.above),
    ):
        moved = rows["failure_rate"].copy()
        moved[777] = where_to[777]
        bound = own_rates.lower(rows) if count is own_rates.below else own_rates.upper(rows)
        assert np.flatnonzero(count(rows | {"failure_rate": moved}, bound)).tolist() == [777]


def test_between_is_at_least_1_on_both_sides(rows):
    entries = own_rates.between(rows)
    assert [e["alpha"] for e in entries] == list(own_rates.ALPHAS)
    assert all(e["above_lower"] >= 1 and e["below_upper"] >= 1 for e in entries)


def test_the_mean_falls_no_faster_and_the_number_of_prompts_is_needed(means):
    assert not own_rates.below(means, own_rates.mean_lower(means)).any()
    assert own_rates.below(means, own_rates.mean_lower(means, num_prompts=1)).any()
    agreed = where(means, (means["coherence"] == 1) & (means["conflict"] == 0) & (means["time"] == 59))
    opposed = where(means, (means["coherence"] == 1) & (means["conflict"] == 1) & (means["time"] == 59))
    assert (agreed["failure_rate"] < opposed["failure_rate"]).all()
