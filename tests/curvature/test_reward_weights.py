"""Weights are recovered from advantages in float64 of known weights, and what is not determined is said."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curvature.ragged import Parts
from curvature.reward_weights import solve, solve_by_mean, solve_pairs, solve_row_by_row

SEEDS = st.integers(0, 2**32 - 1)


def drawn(seed: int, F: int, G: int, N: int = 12) -> tuple[np.ndarray, np.ndarray, Parts, np.random.Generator]:
    """(rewards, centred, groups, generator)."""
    rng = np.random.default_rng(seed)
    group = Parts(np.repeat(np.arange(N), G), N)
    rewards = rng.uniform(0, 1, (N * G, F)) * 10.0 ** rng.integers(-2, 3, F)
    return rewards, np.stack([group.centre(column) for column in rewards.T], axis=1), group, rng


@given(SEEDS, st.integers(1, 5), st.integers(3, 8))
def test_ratios_are_found_whatever_divides_a_group(seed: int, F: int, G: int) -> None:
    _, X, group, rng = drawn(seed, F, G)
    w = rng.uniform(0.5, 2, F)
    D = rng.uniform(0.1, 10, group.count)
    found = solve(X, (X @ w) / D[group.index], group)
    np.testing.assert_allclose(found.weights / found.weights[0], w / w[0], rtol=1e-6)
    assert found.determined.all()
    assert not found.scaled
    whole = solve(X, X @ w, None)
    np.testing.assert_allclose(whole.weights, w, rtol=1e-8)
    assert whole.scaled


@given(SEEDS, st.integers(1, 3), st.integers(2, 6), st.sampled_from([0.0, 1e-6, 1e-4, 0.1]))
def test_mean_and_epsilon_are_found_together(seed: int, F: int, G: int, epsilon: float) -> None:
    rewards, X, group, rng = drawn(seed, F, G)
    rewards, X = rewards / rewards.max(axis=0), X / rewards.max(axis=0)
    w = rng.uniform(0.5, 2, F)
    means = np.stack([group.mean(column)[group.index] for column in rewards.T], axis=1)
    found, e = solve_by_mean(X, means, (X @ w) / (means @ w + epsilon))
    np.testing.assert_allclose(found.weights / found.weights[0], w / w[0], rtol=1e-6)
    assert e / found.weights[0] == pytest.approx(epsilon / w[0], abs=1e-9)


@given(SEEDS, st.integers(1, 3), st.integers(4, 8), st.sampled_from([0, 1]))
def test_row_by_row(seed: int, F: int, G: int, ddof: int) -> None:
    rewards, X, group, rng = drawn(seed, F, G, 24)
    w = rng.uniform(0.5, 2, F)
    s = group.deviation_of_others(rewards @ w, ddof)
    found = solve_row_by_row(X, (X @ w) * G / (G - 1) / s, group, ddof)
    np.testing.assert_allclose(found.weights / found.weights[0], w / w[0], rtol=1e-5)


@given(SEEDS, st.sampled_from([0, 1]))
def test_pairs_know_their_weights_by_epsilon_alone(seed: int, ddof: int) -> None:
    rng = np.random.default_rng(seed)
    w, X, epsilon = np.array([1.0, 0.5, 2.0]), rng.uniform(-1, 1, (30, 3)), 1e-4
    d = 2 * X @ w
    kappa = np.sqrt(0.5) if ddof else 0.5
    found = solve_pairs(X, (d / 2) / (kappa * np.abs(d) + epsilon), ddof, epsilon)
    np.testing.assert_allclose(found.weights, w, rtol=1e-4)
    assert not found.determined.any()
    signs = solve_pairs(X, np.sign(d) * (0.5 / kappa), ddof, 1e-9)
    assert (np.sign(X @ signs.weights) == np.sign(d)).mean() > 0.9


def test_what_is_not_determined_is_said() -> None:
    _, X, group, _ = drawn(0, 2, 4)
    with_constant = np.column_stack([X, np.zeros(len(X))])
    found = solve(with_constant, X @ np.array([1.0, 2.0]), None)
    assert found.determined.tolist() == [True, True, False]
    np.testing.assert_allclose(found.weights, [1, 2, 0], rtol=1e-8)
    divided = solve(with_constant, X @ np.array([1.0, 2.0]), group)
    assert divided.determined.tolist() == [True, True, False]
    assert divided.weights[1] / divided.weights[0] == pytest.approx(2)
    twice = np.column_stack([X[:, 0], X[:, 0], X[:, 1]])
    found = solve(twice, X @ np.array([1.0, 2.0]), None)
    assert found.determined.tolist() == [False, False, True]
    assert found.weights[:2].sum() == pytest.approx(1)


def test_where_several_fit_the_likely_one_is_taken() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10, 2))
    pairs = Parts(np.arange(10), 10)  # one row per unit: any weights fit
    A = np.sign(X @ np.array([1.0, 3.0]))
    found = solve(X, A, pairs, np.array([1.0, 3.0]))
    assert found.weights[1] / found.weights[0] == pytest.approx(3)
    assert not found.determined.any()
