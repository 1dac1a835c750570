"""T19: J after any step lies in the certificate, two-valued right arms meet it, smaller bends are refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curvature import (
    best_step_along,
    diameter,
    log_odds_certificate,
    log_odds_step,
    log_odds_step_along,
    moments,
    width,
)
from curvature._moments import Moments
from tests.curvature.coins import coin, expected_reward
from tests.strategies import bandits, pass_rates, seeds

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


def promised(p, slopes, widths, s, bend=1 / 8):
    """[len(s)] Σ_x of the better of T3 and T19 after each multiple, written out; `bend` of w² in T19."""
    p, g, w, s = (np.asarray(x, float) for x in (p, slopes, widths, np.atleast_1d(s)[:, None]))
    σ, L = np.sqrt(p * (1 - p)), np.log(p / (1 - p))
    with np.errstate(over="ignore"):
        T3 = s * g - σ * (np.expm1(s * w / 2) - s * w / 2)
        T19 = 1 / (1 + np.exp(-L - s * g / σ**2 + bend * (s * w) ** 2)) - p
        return np.maximum(T3, np.maximum(T19, 1 / (1 + np.exp(-L + s * w)) - p)).sum(axis=1)


@settings(max_examples=15)
@given(seeds(), st.sampled_from([1, 3, 8]))
def test_t19_along_a_shared_direction_is_promised_most(seed, N):
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(-rng.uniform(-9, 4, N)))
    w = np.exp(rng.normal(size=N))
    g = p * (1 - p) * w * rng.uniform(-0.3, 1, N)
    step, T3 = log_odds_step_along(g, p, w), best_step_along(g, np.sqrt(p * (1 - p)), w)
    if g.sum() <= 0:
        assert (float(step.length), float(step.gain)) == (0.0, 0.0)
        return
    assert float(step.gain) == pytest.approx(promised(p, g, w, float(step.length))[0], rel=1e-9, abs=1e-14)
    assert float(step.gain) >= float(T3.gain) * (1 - 1e-9)
    best = promised(p, g, w, float(T3.length) * np.geomspace(1, 1e6, 4000)).max()
    assert float(step.gain) >= best * (1 - 1e-3)  # of several maxima it may miss one by what 80 points do not see


def test_t19_along_its_own_gradient_is_the_best_own_step():
    for p in (1e-6, 1e-3, 0.3, 0.9):
        φ, m = coin(p)
        step, own = log_odds_step_along(m.gradient, [p], [1.0]), log_odds_step(m, 1.0)
        gain = max(float(own.gain), float(best_step_along(m.gradient, m.std[None], [1.0]).gain))
        assert float(step.gain) == pytest.approx(gain, rel=1e-7)
        after = expected_reward([np.log(p / (1 - p)), 0.0], φ, [1.0, 0.0], [float(step.length)]) - p
        assert after >= float(step.gain)
    assert float(step.length) > 0


def test_t19_along_a_direction_half_of_its_bend_is_refused():
    """Wrong arms at 0 and 1, as likely, a right one at 0: log-odds fall by s/2 + s²/8, nearly."""
    φ, r, z = [[0.0], [0.0], [1.0]], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]
    m = moments(z, φ, r)
    s = np.linspace(0.1, 3, 30)
    kept = np.asarray([expected_reward(z, φ, r, [one]) - float(m.value) for one in s])
    assert (kept >= promised([m.value], m.gradient, [1.0], s)).all()
    assert not (kept >= promised([m.value], m.gradient, [1.0], s, bend=1 / 16)).all()


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
    with pytest.raises(ValueError, match=r"pass_rates contains 1\.5; allowed: numbers in \[0, 1\]"):
        log_odds_step_along([1.0], [1.5], [1.0])
    with pytest.raises(ValueError, match="diameter contains 0"):
        log_odds_step(m, 0.0)
