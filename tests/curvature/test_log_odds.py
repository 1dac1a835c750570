"""T19: J after any step lies in the certificate, two-valued right arms meet it, smaller bends are refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from curvature import diameter, log_odds_certificate, log_odds_step, moments, width
from curvature._moments import Moments
from tests.curvature.coins import coin, expected_reward
from tests.strategies import bandits, pass_rates

EXAMPLES = settings(max_examples=25)
NAN = float("nan")


def log_odds(logits, features, rewards, delta) -> float:
    """L at θ + δ, from the two sums of exponentials."""
    z = np.asarray(logits) + np.asarray(features) @ np.asarray(delta)
    right = np.asarray(rewards) > 0.5
    return float(np.logaddexp.reduce(z[right]) - np.logaddexp.reduce(z[~right]))


def sigmoid(L: float) -> float:
    return float(np.exp(-np.logaddexp(0, -L)))


@settings(max_examples=60)
@given(bandits(binary=True), pass_rates(low=1e-3))
def test_t19_is_two_sided_for_steps_of_any_length(bandit, share):
    δ = bandit.delta * share / (1 - share)  # from next to nothing to a thousand times as long
    m = moments(bandit.logits, bandit.features, bandit.rewards)
    c = log_odds_certificate(m, bandit.features, δ)
    change = expected_reward(*bandit[:3], δ) - expected_reward(*bandit[:3], 0 * δ)
    assert float(c.lower) - 1e-13 <= change <= float(c.upper) + 1e-13
    assert -float(m.value) - 1e-15 <= float(c.lower) <= float(c.upper) <= 1 - float(m.value) + 1e-15


@EXAMPLES
@given(bandits(binary=True))
def test_t19_equals_its_formula(bandit):
    m = moments(bandit.logits, bandit.features, bandit.rewards)
    c = log_odds_certificate(m, bandit.features, bandit.delta)
    L, w = log_odds(*bandit[:3], 0 * bandit.delta), float(width(bandit.features, bandit.delta))
    slope = float(m.gradient @ bandit.delta / m.std**2)
    low, high = max(slope - w**2 / 8, -w), min(slope + w**2 / 8, w)
    # σ² and g each hold 1e-16/σ² of themselves
    np.testing.assert_allclose(float(c.lower), sigmoid(L + low) - sigmoid(L), rtol=1e-8, atol=1e-12)
    np.testing.assert_allclose(float(c.upper), sigmoid(L + high) - sigmoid(L), rtol=1e-8, atol=1e-12)


def refused(constant: float) -> bool:
    """Whether right arms at 0 and at w with equal probability break |L(θ+δ) − L − g·δ/σ²| ≤ constant · w²."""
    φ, r, z = [[0.0], [1.0], [0.0]], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]
    slope = float(moments(z, φ, r).gradient[0] / moments(z, φ, r).std ** 2)
    steps = (0.1, 0.5, 1.0, 3.0)
    return any(abs(log_odds(z, φ, r, [s]) - log_odds(z, φ, r, [0.0]) - slope * s) > constant * s**2 for s in steps)


def test_t19_false_variants_are_refused():
    assert not refused(1 / 8)
    assert refused(1 / 9)
    assert refused(1 / 8.1)


@EXAMPLES
@given(bandits(binary=True))
def test_t19_best_step_gains_what_it_guarantees(bandit):
    m = moments(bandit.logits, bandit.features, bandit.rewards)
    D = float(diameter(bandit.features))
    step = log_odds_step(m, D)
    gap = float(jnp.linalg.norm(m.gradient) / m.std**2)
    assert float(step.length) == pytest.approx(4 * gap / D**2, rel=1e-7, abs=1e-12)
    L = log_odds(*bandit[:3], 0 * bandit.delta)
    assert float(step.gain) == pytest.approx(sigmoid(L + 2 * (gap / D) ** 2) - sigmoid(L), rel=1e-7, abs=1e-12)
    if gap > 1e-9:
        δ = m.gradient / jnp.linalg.norm(m.gradient) * step.length
        assert expected_reward(*bandit[:3], δ) - sigmoid(L) >= float(step.gain) - 1e-12
        own = log_odds_certificate(m, bandit.features, δ)
        assert float(own.lower) >= float(step.gain) - 1e-9  # w(δ) is at most D|δ|


def test_t19_from_a_rare_start_certifies_more_than_t4():
    _, m = coin(1e-4)
    assert float(log_odds_step(m, 1.0).gain) == pytest.approx(6.38e-4, rel=1e-2)


@pytest.mark.parametrize("gap", [650.0, 700.0, 720.0, 800.0, 2000.0])
@pytest.mark.parametrize("share", [0.2, 0.9, 1.0, 2.0])
@pytest.mark.parametrize("right", [0, 1])
def test_t19_holds_where_a_probability_has_underflowed(gap, share, right):
    φ, r, δ = [[0.0], [1.0]], [1.0 - right, 1.0 * right], [share * gap]
    m = moments([gap, 0.0], φ, r)
    c = log_odds_certificate(m, φ, δ)
    change = expected_reward([gap, 0.0], φ, r, δ) - expected_reward([gap, 0.0], φ, r, [0.0])
    assert float(c.lower) - 1e-15 <= change <= float(c.upper) + 1e-15


def test_t19_of_equal_rewards_and_of_no_step():
    φ = [[0.5], [-0.5], [0.5]]
    c = log_odds_certificate(moments([0.1, 0.7, 0.3], φ, [1.0, 1.0, 1.0]), φ, [1e4])
    assert (float(c.lower), float(c.upper)) == (0.0, 0.0)
    s = log_odds_step(moments([0.1, 0.7, 0.3], φ, [0.0, 0.0, 0.0]), 1.0)
    assert (float(s.length), float(s.gain)) == (0.0, 0.0)
    φ, m = coin(0.3)
    c = log_odds_certificate(m, φ, [0.0])
    assert (float(c.lower), float(c.upper)) == (0.0, 0.0)


def test_t19_vmap_equals_a_loop():
    φ = jnp.asarray([[1.0, 0.0], [0.0, 2.0], [0.5, 0.5]])
    logits, r = jnp.asarray([[0.1, 0.2, 0.3], [2.0, 0.0, -1.0]]), jnp.asarray([1.0, 0.0, 1.0])
    batch = jax.vmap(lambda z: log_odds_certificate(moments(z, φ, r), φ, jnp.asarray([0.6, 0.8])))(logits)
    for x in range(2):
        one = log_odds_certificate(moments(logits[x], φ, r), φ, [0.6, 0.8])
        np.testing.assert_allclose([batch.lower[x], batch.upper[x]], [one.lower, one.upper], rtol=1e-12)


def test_refusals():
    φ, m = coin(0.3)
    bare = Moments(m.value, m.std, m.gradient, m.hessian)
    with pytest.raises(ValueError, match=r"moments has no arms; allowed: the result of curvature.moments"):
        log_odds_certificate(bare, φ, [1.0])
    with pytest.raises(ValueError, match=r"moments are of the reward 0.5; allowed: rewards 0 and 1"):
        log_odds_step(moments([0.0, 0.0, 0.0], [[0.0], [1.0], [2.0]], [0.0, 0.5, 1.0]), 1.0)
    with pytest.raises(ValueError, match=r"delta has shape \(2,\); allowed: \(1,\)"):
        log_odds_certificate(m, φ, [0.5, 0.5])
    with pytest.raises(ValueError, match="delta contains nan; allowed: finite numbers"):
        log_odds_certificate(m, φ, [NAN])
    with pytest.raises(ValueError, match="diameter contains 0"):
        log_odds_step(m, 0.0)
