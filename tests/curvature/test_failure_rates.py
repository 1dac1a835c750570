"""T15: runs of exact gradients stay between both bounds; a margin by another method; smaller constants are refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from curvature import diameter, failure_rate_lower_bound, failure_rate_upper_bound, margin, mean_failure_lower_bound
from tests.strategies import bandits, batches

EXAMPLES = settings(max_examples=15)
ALPHAS = st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0])
STEPS = st.floats(-2, 0.99).map(lambda e: 10.0 ** min(e, 0.0) * 0.99)
"""Shares of 2^{5−α}/D²."""


def failures(prompts, alpha, η, num_steps):
    """[t, N] of 1 − p along Σ g/σ^α from θ = 0, by sums of exponentials of right and of wrong arms."""
    θ = np.zeros(np.asarray(prompts[0][1]).shape[1])
    rows = []
    for _ in range(num_steps + 1):
        direction, row = np.zeros_like(θ), []
        for logits, features, rewards in prompts:
            φ, right = np.asarray(features), np.asarray(rewards) == 1
            z = np.asarray(logits) + φ @ θ
            π = np.exp(z - z.max())
            π /= π.sum()
            p, q = π[right].sum(), π[~right].sum()
            row.append(q)
            if p > 0 and q > 0:
                gap = π[right] @ φ[right] / p - π[~right] @ φ[~right] / q
                direction += (p * q) ** (1 - alpha / 2) * gap
        rows.append(row)
        θ = θ + η * direction
    return np.asarray(rows)


@EXAMPLES
@given(bandits(binary=True), ALPHAS, STEPS)
def test_t15_failures_lie_between_both_bounds(bandit, alpha, share):
    D, m = float(diameter(bandit.features)), margin(bandit.features, bandit.rewards)
    if D < 1e-3:
        return
    η, t = share * 2 ** (5 - alpha) / D**2, np.arange(41)
    q = failures([bandit[:3]], alpha, η, 40)[:, 0]
    setting = {"alpha": alpha, "step_size": η, "diameter": D}
    low = np.asarray(failure_rate_lower_bound(q[0], t, **setting))
    high = np.asarray(failure_rate_upper_bound(q[0], t, margin=min(m, D), **setting))
    assert (low <= q * (1 + 1e-9) + 1e-300).all()
    assert (q <= high * (1 + 1e-9) + 1e-300).all()


@EXAMPLES
@given(batches(binary=True), st.sampled_from([0.0, 0.5, 1.0, 1.5]), st.floats(-2, 0.5))
def test_t15_the_mean_is_no_faster_under_any_overlap(batch, alpha, exponent):
    N = batch.logits.shape[0]
    prompts = [(batch.logits[x], batch.features[x], batch.rewards[x]) for x in range(N)]
    D = max(float(diameter(prompt[1])) for prompt in prompts)
    η = 10**exponent / D**2
    q = failures(prompts, alpha, η, 30).mean(axis=1)
    bound = mean_failure_lower_bound(q[0], np.arange(31), alpha=alpha, step_size=η, diameter=D, num_prompts=N)
    assert (np.asarray(bound) <= q * (1 + 1e-9)).all()


def two_arms(q0):
    return [([np.log((1 - q0) / q0), 0.0], [[1.0], [0.0]], [1.0, 0.0])]


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 1.5, 2.0])
def test_t15_smaller_constants_are_refused(alpha):
    """Two arms, small steps: the odds' power grows by βη a step in the end, and neither bound has a factor to spare."""
    η, T, β = 0.05, 4000 if alpha < 1.5 else 400, 1 - alpha / 2
    q = failures(two_arms(0.1), alpha, η, T)[-1, 0]
    setting = {"alpha": alpha, "diameter": 1.0}
    low = float(failure_rate_lower_bound(0.1, T, step_size=η, **setting))
    assert low <= q * (1 + 1e-9)  # equal at α = 2
    assert q < float(failure_rate_lower_bound(0.1, T, step_size=0.9 * η, **setting))  # nine tenths of h: refused
    high = float(failure_rate_upper_bound(0.1, T, step_size=η, margin=1.0, **setting))
    assert high >= q
    if alpha == 2:
        assert q > float(failure_rate_upper_bound(0.1, T, step_size=1.1 * η, margin=1.0, **setting))
    else:
        gained = ((1 - q) / q) ** β - 9**β
        assert gained / (β * η * T) == pytest.approx(1, rel=0.1)


def test_t15_needs_right_or_wrong_rewards():
    """Rewards 1 and .9999 of the two arms: 1 − J is bounded by 10⁻⁴ from the start, far below the lower bound."""
    p = 0.5
    J = p + (1 - p) * 0.9999
    assert float(failure_rate_lower_bound(p, 10, alpha=0.0, step_size=1.0, diameter=1.0)) > 1 - J


def hull_distance(φ, r) -> float:
    """The margin by sequential quadratic programming on the weights of both hulls."""
    R, W = φ[r == 1], φ[r == 0]
    n = len(R)

    def squared(v):
        return np.sum((v[:n] @ R - v[n:] @ W) ** 2)

    start = np.r_[np.ones(n) / n, np.ones(len(W)) / len(W)]
    total = [{"type": "eq", "fun": lambda v: v[:n].sum() - 1}, {"type": "eq", "fun": lambda v: v[n:].sum() - 1}]
    options = {"ftol": 1e-15, "maxiter": 500}
    found = minimize(squared, start, bounds=[(0, 1)] * len(φ), constraints=total, options=options)
    return float(np.sqrt(max(found.fun, 0)))


@pytest.mark.parametrize("seed", range(8))
def test_margin_is_the_distance_of_the_hulls(seed):
    rng = np.random.default_rng(seed)
    r = np.r_[1.0, 0.0, rng.integers(0, 2, 4)]
    φ = rng.normal(size=(6, 3)) + 2 * (seed % 2) * r[:, None]
    assert margin(φ, r) == pytest.approx(hull_distance(φ, r), abs=1e-5)
    assert margin(1e6 * φ, r) == pytest.approx(1e6 * margin(φ, r), rel=1e-9, abs=1e-6)


def test_margin_of_one_hot_arms_and_of_hulls_that_meet():
    for K, right in ((2, 1), (5, 2), (16, 3)):
        r = (np.arange(K) < right).astype(float)
        assert margin(np.eye(K), r) == pytest.approx(np.sqrt(1 / right + 1 / (K - right)), rel=1e-12)
    assert margin([[0.0], [2.0], [1.0]], [1.0, 1.0, 0.0]) == pytest.approx(0.0, abs=1e-12)
    assert margin([[1.0], [1.0]], [1.0, 0.0]) == 0.0


def test_bounds_at_time_0_at_long_times_and_under_jit():
    setting = {"alpha": 1.0, "step_size": 1e4, "diameter": 1.0}
    np.testing.assert_allclose(failure_rate_lower_bound([0.3, 0.7], 0, **setting), [0.3, 0.7], rtol=1e-12)
    assert float(failure_rate_lower_bound(0.3, 5, **setting)) == 0.0
    bound = mean_failure_lower_bound(0.3, [0, 5], num_prompts=3, **setting)
    np.testing.assert_allclose(bound, [0.3, 0.0], rtol=1e-12)
    one = {"alpha": 1.0, "step_size": 1.0, "diameter": 1.0, "margin": 1.0}
    wanted = failure_rate_upper_bound(0.5, jnp.arange(3.0), **one)
    np.testing.assert_allclose(jax.jit(lambda t: failure_rate_upper_bound(0.5, t, **one))(jnp.arange(3.0)), wanted)


def test_refusals():
    one = {"alpha": 1.0, "step_size": 1.0, "diameter": 1.0}
    with pytest.raises(ValueError, match=r"initial_failure contains 0\.0"):
        failure_rate_lower_bound(0.0, 1, **one)
    with pytest.raises(ValueError, match=r"alpha contains 2\.5"):
        failure_rate_lower_bound(0.5, 1, alpha=2.5, step_size=1.0, diameter=1.0)
    with pytest.raises(ValueError, match=r"step_size · diameter² / 2\^\(5 − alpha\) contains 1\.25"):
        failure_rate_upper_bound(0.5, 1, alpha=1.0, step_size=20.0, margin=1.0, diameter=1.0)
    with pytest.raises(ValueError, match=r"margin / diameter contains 2\.0"):
        failure_rate_upper_bound(0.5, 1, margin=2.0, **one)
    with pytest.raises(ValueError, match=r"alpha contains 2\.0"):
        mean_failure_lower_bound(0.5, 1, alpha=2.0, step_size=1.0, diameter=1.0, num_prompts=2)
    with pytest.raises(ValueError, match="num_prompts is 0"):
        mean_failure_lower_bound(0.5, 1, num_prompts=0, **one)
    with pytest.raises(ValueError, match=r"rewards is \[1\.0, 1\.0\]; allowed: 0 and 1, both among them"):
        margin([[1.0], [0.0]], [1.0, 1.0])
