"""The best of T3, T19 and the rewards' range: J after any step lies in it, it is the better of its parts, no more."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings

from curvature import certificate, deviation_certificate, log_odds_certificate, moments
from curvature._certificate import _are_binary
from curvature._moments import Moments
from tests.curvature.coins import expected_reward
from tests.strategies import bandits, pass_rates

EXAMPLES = settings(max_examples=40)
INF = float("inf")


def stretched(bandit, share):
    """The update of a bandit, from next to nothing to a thousand times as long."""
    return np.asarray(bandit.delta) * share / (1 - share)


@EXAMPLES
@given(bandits(), pass_rates(low=1e-3))
def test_j_lies_in_it_after_steps_of_any_length(bandit, share):
    δ = stretched(bandit, share)
    m = moments(bandit.logits, bandit.features, bandit.rewards)
    c = certificate(m, bandit.features, δ)
    change = expected_reward(*bandit[:3], δ) - expected_reward(*bandit[:3], 0 * δ)
    slack = 1e-9 * float(m.std) + 1e-13  # rounding of J
    assert float(c.lower) - slack <= change <= float(c.upper) + slack


@EXAMPLES
@given(bandits(), pass_rates(low=1e-3))
def test_of_any_reward_it_is_t3_within_the_rewards_range(bandit, share):
    δ = stretched(bandit, share)
    rewards = np.asarray(bandit.rewards) + 0.25 * (np.arange(len(bandit.rewards)) == 0)  # not all 0 or 1
    m = moments(bandit.logits, bandit.features, rewards)
    c, T3 = certificate(m, bandit.features, δ), deviation_certificate(m, bandit.features, δ)
    least, greatest = rewards.min() - float(m.value), rewards.max() - float(m.value)
    np.testing.assert_allclose(c.lower, max(float(T3.lower), least), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(c.upper, min(float(T3.upper), greatest), rtol=1e-12, atol=1e-14)


@EXAMPLES
@given(bandits(binary=True), pass_rates(low=1e-3))
def test_of_right_or_wrong_rewards_it_is_the_better_one(bandit, share):
    δ = stretched(bandit, share)
    m = moments(bandit.logits, bandit.features, bandit.rewards)
    c = certificate(m, bandit.features, δ)
    each = [of(m, bandit.features, δ) for of in (deviation_certificate, log_odds_certificate)]
    # where all rewards are equal both are 0; the range adds nothing to T19 but rounding
    np.testing.assert_allclose(c.lower, max(float(one.lower) for one in each), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(c.upper, min(float(one.upper) for one in each), rtol=1e-12, atol=1e-14)


def two(p, rewards=(1.0, 0.0)):
    return moments([np.log(p / (1 - p)), 0.0], [[1.0], [0.0]], rewards)


@pytest.mark.parametrize(("p", "step", "better"), [(0.8, 0.1, "T3"), (1e-4, 2.0, "T19"), (0.5, 20.0, "T19")])
def test_each_is_the_better_one_somewhere(p, step, better):
    m, φ = two(p), [[1.0], [0.0]]
    c, T3, T19 = (of(m, φ, [step]) for of in (certificate, deviation_certificate, log_odds_certificate))
    assert (float(T3.lower) > float(T19.lower)) == (better == "T3")
    assert float(c.lower) == float((T3 if better == "T3" else T19).lower)
    if better == "T19":
        assert float(c.lower) > float(T3.lower) + 1e-6


def test_t19_is_not_used_for_rewards_that_are_nearly_0_and_1():
    """Rewards 1 and .9: J = .95, read as a pass rate, promises what is not kept."""
    φ, m = [[1.0], [0.0]], two(0.5, (1.0, 0.9))
    c = certificate(m, φ, [1.0])
    gain = expected_reward([0.0, 0.0], φ, [1.0, 0.9], [1.0]) - 0.95
    assert float(c.lower) <= gain <= float(c.upper)
    assert not bool(_are_binary(jnp.asarray([1.0, 0.9])))
    assert not bool(_are_binary(jnp.asarray([1.0, 1e-9])))
    read_as_binary = log_odds_certificate(two(0.95), φ, [1.0])
    assert not float(read_as_binary.lower) <= gain


@pytest.mark.parametrize("K", [2, 300])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rewards_0_and_1_are_known_in_spite_of_rounding(K, dtype):
    rng = np.random.default_rng(K)
    for _ in range(20):
        r = (rng.random(K) < 0.4).astype(dtype)
        m = moments(rng.normal(size=K).astype(dtype), np.eye(K, 3, dtype=dtype), r)
        assert bool(_are_binary(m.arms.advantages + m.value))


def test_false_variants_are_refused():
    """Half of T3's remainder; and neither of the two alone is all."""
    φ = [[1.0], [0.0]]
    gain = expected_reward([np.log(4), 0.0], φ, [1.0, 0.0], [0.1]) - 0.8
    T3, T19 = deviation_certificate(two(0.8), φ, [0.1]), log_odds_certificate(two(0.8), φ, [0.1])
    middle, half = (float(T3.lower) + float(T3.upper)) / 2, (float(T3.upper) - float(T3.lower)) / 2
    assert half / 2 < abs(gain - middle) <= half  # half of T19's is refused in test_log_odds.py
    assert float(certificate(two(0.8), φ, [0.1]).lower) > float(T19.lower)
    assert float(certificate(two(1e-4), φ, [2.0]).lower) > float(T3.lower)


def test_it_never_leaves_the_range_and_does_without_arms():
    φ, m = [[1.0], [0.0]], two(0.3, (0.7, -0.2))
    c = certificate(m, φ, [1e4])
    np.testing.assert_allclose([c.lower, c.upper], [-0.2 - m.value, 0.7 - m.value], rtol=1e-14)
    bare = certificate(Moments(m.value, m.std, m.gradient, m.hessian), φ, [1e4])
    assert (float(bare.lower), float(bare.upper)) == (-INF, INF)
    still = certificate(moments([0.1, 0.7, -900.0], [[0.5], [-0.5], [0.5]], [0.3] * 3), [[0.5], [-0.5], [0.5]], [1e4])
    assert (float(still.lower), float(still.upper)) == (0.0, 0.0)


@pytest.mark.parametrize("gap", [720.0, 800.0, 2000.0])
@pytest.mark.parametrize("share", [0.2, 1.0, 2.0])
def test_it_holds_where_a_probability_has_underflowed(gap, share):
    φ, r, δ = [[0.0], [1.0]], [0.0, 1.0], [share * gap]
    c = certificate(moments([gap, 0.0], φ, r), φ, δ)
    assert float(c.lower) <= expected_reward([gap, 0.0], φ, r, δ) <= float(c.upper) <= 1


def test_vmap_and_jit_take_binary_and_real_prompts_at_once():
    z, φ = jnp.zeros((2, 2)), jnp.asarray([[1.0], [0.0]])
    r = jnp.asarray([[1.0, 0.0], [0.5, 0.0]])
    m = jax.vmap(moments, (0, None, 0))(z, φ, r)
    c = jax.jit(jax.vmap(certificate, (0, None, None)))(m, φ, jnp.asarray([1.0]))
    for i in range(2):
        alone = certificate(moments(z[i], φ, r[i]), φ, [1.0])
        np.testing.assert_allclose([c.lower[i], c.upper[i]], [alone.lower, alone.upper], rtol=1e-13)


def test_bad_input_is_named():
    m, φ = two(0.3), [[1.0], [0.0]]
    with pytest.raises(ValueError, match=r"features has shape \(3, 1\); allowed: \(2, 1\)"):
        certificate(m, [[0.0], [1.0], [2.0]], [0.5])
    with pytest.raises(ValueError, match=r"delta has shape \(2,\); allowed: \(1,\)"):
        certificate(m, φ, [0.5, 0.5])
    with pytest.raises(ValueError, match="delta contains inf; allowed: finite numbers"):
        certificate(m, φ, [INF])
