"""T1–T3: each bound holds on random bandits, is met where it is sharp, and a smaller one is refused by the check."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings

from curvature import (
    curvature_bound,
    deviation_certificate,
    gradient_bound,
    local_curvature,
    log_std_bound,
    moments,
    psi,
    remainder_bound,
    width,
)
from curvature._moments import Moments
from tests.curvature.coins import coin, expected_reward, ψ
from tests.strategies import bandits, batches

EXAMPLES = settings(max_examples=25)
INF, NAN = float("inf"), float("nan")


# --- psi and the remainder ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("a", [0.0999, -0.0999])
def test_psi_keeps_every_term_of_its_series_that_counts(a):
    with mpmath.workdps(50):
        exact = float(mpmath.expm1(mpmath.mpf(a)) - mpmath.mpf(a))
    # the term after the last is 5e-17 of ψ, the last one 5e-15; 1e-15 is five roundings
    np.testing.assert_allclose(float(psi(jnp.asarray(a))), exact, rtol=1e-15)


def test_psi_has_full_relative_accuracy():
    points = [1e-150, 1e-9, 1e-3, 0.03, 0.0999, 0.1, 0.1001, 0.3, 0.5, 0.99, 1.0, 2.0, 10.0, 300.0]
    points = np.array([*points, *(-a for a in points)])
    with mpmath.workdps(400):
        exact = [float(mpmath.expm1(mpmath.mpf(a)) - mpmath.mpf(a)) for a in points]
    np.testing.assert_allclose(psi(jnp.asarray(points)), exact, rtol=2e-14)
    naive = np.exp(points[1]) - 1 - points[1]
    assert abs(naive / exact[1] - 1) > 1.0  # the formula itself, refused


def test_psi_ends_and_slope():
    assert float(psi(jnp.asarray(0.0))) == 0.0
    assert float(psi(jnp.asarray(1e3))) == INF
    assert psi(jnp.zeros((2, 3))).shape == (2, 3)
    a = jnp.array([-2.0, -0.05, 0.0, 0.05, 0.1, 2.0])
    np.testing.assert_allclose(jax.vmap(jax.grad(psi))(a), np.expm1(a), rtol=1e-12)


def test_remainder_bound_is_σψ():
    np.testing.assert_allclose(
        remainder_bound(jnp.array([0.5, 0.2]), jnp.array([2.0, 3.0])), [0.5 * ψ(1), 0.2 * ψ(1.5)]
    )
    assert float(remainder_bound(jnp.asarray(0.0), jnp.asarray(1e4))) == 0.0
    assert float(remainder_bound(jnp.asarray(0.0), jnp.asarray(INF))) == 0.0
    assert float(remainder_bound(jnp.asarray(1e-300), jnp.asarray(1e4))) == INF
    assert float(remainder_bound(jnp.asarray(0.3), jnp.asarray(0.0))) == 0.0
    assert float(jax.grad(remainder_bound)(jnp.asarray(0.5), jnp.asarray(2.0))) == pytest.approx(ψ(1.0), rel=1e-13)


# --- T1 -----------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(bandits())
def test_t1_bounds_the_curvature(bandit):
    m = moments(bandit.logits, bandit.features, bandit.rewards)
    bound = curvature_bound(m.std, width(bandit.features, bandit.direction))
    assert abs(local_curvature(m, bandit.direction)) <= bound * (1 + 1e-9) + 1e-15


@pytest.mark.parametrize("p", [(2 - np.sqrt(2)) / 4, (2 + np.sqrt(2)) / 4])
def test_t1_is_met_and_a_constant_of_one_fifth_is_refused(p):
    _, m = coin(p, 1.7)
    κ = abs(float(local_curvature(m, [1.0])))
    bound = float(curvature_bound(m.std, jnp.asarray(1.7)))
    assert κ == pytest.approx(bound, rel=1e-12)
    assert κ > bound * (1 / 5) / (1 / 4)
    assert κ > float(curvature_bound(m.std**2, jnp.asarray(1.7)))  # σ² in the place of σ
    assert float(curvature_bound(jnp.asarray(0.3), jnp.asarray(2.0))) == pytest.approx(0.3, rel=1e-15)


# --- T2 -----------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(bandits())
def test_t2_bounds_the_slope(bandit):
    m = moments(bandit.logits, bandit.features, bandit.rewards)
    w = width(bandit.features, bandit.direction)
    assert abs(m.gradient @ bandit.direction) <= gradient_bound(m.std, w) * (1 + 1e-9) + 1e-15


def test_t2_slope_is_met_by_a_fair_coin_and_a_smaller_constant_is_refused():
    _, m = coin(0.5, 1.7)
    bound = float(gradient_bound(m.std, jnp.asarray(1.7)))
    assert float(m.gradient[0]) == pytest.approx(bound, rel=1e-13)
    assert float(m.gradient[0]) > bound * 0.45 / 0.5


def log_std_slope(bandit) -> float:
    """∂_u log σ by a fourth-order central difference."""
    h = 1e-3

    def log_std(t):
        logits = bandit.logits + bandit.features @ (t * bandit.direction)
        return float(jnp.log(moments(logits, bandit.features, bandit.rewards, hessian=False).std))

    return (8 * (log_std(h) - log_std(-h)) - (log_std(2 * h) - log_std(-2 * h))) / (12 * h)


FD_ERROR = 1e-8
"""Of `log_std_slope`: h⁴ w⁵ truncation ≈ 1e-9 for w ≤ 4, rounding 1e-16/h = 1e-13 times the condition of log σ."""


@EXAMPLES
@given(bandits())
def test_t2_bounds_the_log_deviation(bandit):
    w = width(bandit.features, bandit.direction)
    assert abs(log_std_slope(bandit)) <= float(log_std_bound(w)) + FD_ERROR


@EXAMPLES
@given(bandits(binary=True))
def test_t2_binary_rewards_bound_the_log_deviation_by_the_pass_rate(bandit):
    p = moments(bandit.logits, bandit.features, bandit.rewards).value
    w = width(bandit.features, bandit.direction)
    assert abs(log_std_slope(bandit)) <= float(log_std_bound(w, p)) + FD_ERROR


@pytest.mark.parametrize("p", [0.001, 0.2, 0.5, 0.9])
def test_t2_log_deviation_is_met_by_two_arms_and_smaller_bounds_are_refused(p):
    _, m = coin(p, 1.5)
    slope = float(local_curvature(m, [1.0]) / m.gradient[0]) / 2  # σ² = J(1−J): ∂ log σ = (1−2p) g/(2σ²) = H/(2g)
    bound = float(log_std_bound(jnp.asarray(1.5), p))
    assert abs(slope) == pytest.approx(bound, rel=1e-12, abs=1e-15)
    general = float(log_std_bound(jnp.asarray(1.5)))
    assert bound == pytest.approx(abs(1 - 2 * p) * general, rel=1e-15)
    if p == 0.001:
        assert abs(slope) > 0.95 * general


def test_t2_values_and_pass_rates_at_both_ends():
    assert float(gradient_bound(jnp.asarray(0.3), jnp.asarray(2.0))) == pytest.approx(0.3, rel=1e-15)
    assert float(log_std_bound(jnp.asarray(3.0))) == 1.5
    np.testing.assert_allclose(log_std_bound(jnp.full(4, 3.0), [0.0, 0.25, 0.5, 1.0]), [1.5, 0.75, 0.0, 1.5])
    for p in (-0.1, 1.1, NAN):
        with pytest.raises(ValueError, match=rf"pass_rate contains {p}; allowed: numbers in \[0, 1\]"):
            log_std_bound(jnp.asarray(1.0), p)


# --- T3 -----------------------------------------------------------------------------------------------------------


def remainder_and_bound(bandit):
    """|J(θ+δ) − J(θ) − g·δ| and T3's bound on it."""
    m = moments(bandit.logits, bandit.features, bandit.rewards)
    c = deviation_certificate(m, bandit.features, bandit.delta)
    change = expected_reward(*bandit[:3], bandit.delta) - expected_reward(*bandit[:3], 0 * bandit.delta)
    return change, float(m.gradient @ bandit.delta), c


@settings(max_examples=60)
@given(bandits())
def test_t3_is_two_sided(bandit):
    change, first_order, c = remainder_and_bound(bandit)
    bound = float(c.upper - c.lower) / 2
    slack = 1e-9 * bound + 1e-14  # rounding of J itself
    assert float(c.lower) - slack <= change <= float(c.upper) + slack
    assert abs(change - first_order) <= bound + slack


@EXAMPLES
@given(bandits())
def test_t3_equals_its_formula(bandit):
    _, first_order, c = remainder_and_bound(bandit)
    π = np.exp(np.asarray(bandit.logits) - float(jnp.max(bandit.logits)))
    π /= π.sum()
    σ = np.sqrt(π @ (bandit.rewards - π @ np.asarray(bandit.rewards)) ** 2)
    a = float(np.ptp(np.asarray(bandit.features) @ np.asarray(bandit.delta))) / 2
    np.testing.assert_allclose(c.lower, first_order - σ * ψ(a), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(c.upper, first_order + σ * ψ(a), rtol=1e-11, atol=1e-13)


def coin_remainder(p: float, w: float) -> tuple[float, float]:
    """(|J(θ+δ) − J − g·δ|, σ) of two arms for a step of width w, in closed form."""
    after = p * np.exp(w) / (p * np.exp(w) + 1 - p)
    return abs(after - p - p * (1 - p) * w), np.sqrt(p * (1 - p))


def refused(bound) -> bool:
    """Whether some coin and step break `bound(σ, w)`, by the check of `test_t3_is_two_sided`."""
    grid = [(p, w) for p in np.linspace(0.005, 0.995, 199) for w in (0.01, 0.1, 1.0, 2.0, 3.0)]
    return any(r > bound(σ, w) * (1 + 1e-9) + 1e-14 for (r, σ), w in ((coin_remainder(p, w), w) for p, w in grid))


def test_t3_false_variants_are_refused():
    assert not refused(lambda σ, w: float(remainder_bound(jnp.asarray(σ), jnp.asarray(w))))
    assert refused(lambda σ, w: 0.95 * σ * ψ(w / 2))
    assert refused(lambda σ, w: σ * ψ(w / 2.1))
    assert refused(lambda σ, w: σ * w**2 / 8)  # the quadratic form alone, as if σ stayed
    assert refused(lambda σ, w: σ**2 * ψ(w / 2))
    assert refused(lambda σ, w: 0.1 * ψ(w / 2))  # σ dropped for a constant


def test_t3_of_an_update_that_overflows_and_of_one_that_does_nothing():
    φ, m = coin(0.3)
    c = deviation_certificate(m, φ, [1e4])
    assert (float(c.lower), float(c.upper)) == (-INF, INF)
    c = deviation_certificate(m, φ, [0.0])
    assert (float(c.lower), float(c.upper)) == (0.0, 0.0)


def test_t3_of_an_absent_arm_that_carries_the_features_of_a_present_one():
    φ = jnp.array([[1.0], [0.0], [1.0]])
    m = moments([0.5, 0.0, -INF], φ, [1.0, 0.0, 0.0])
    present = deviation_certificate(moments([0.5, 0.0], φ[:2], [1.0, 0.0]), φ[:2], [0.7])
    np.testing.assert_allclose(deviation_certificate(m, φ, [0.7]).lower, present.lower, rtol=1e-14)


@settings(max_examples=10)
@given(batches())
def test_t3_vmap_equals_a_loop_and_bounds_the_mean(batch):
    m = jax.vmap(moments)(batch.logits, batch.features, batch.rewards)
    c = jax.vmap(deviation_certificate, (0, 0, None))(m, batch.features, batch.delta)
    changes = []
    for x in range(batch.logits.shape[0]):
        bandit = (batch.logits[x], batch.features[x], batch.rewards[x])
        alone = deviation_certificate(moments(*bandit), batch.features[x], batch.delta)
        np.testing.assert_allclose([c.lower[x], c.upper[x]], [alone.lower, alone.upper], rtol=1e-11, atol=1e-13)
        changes.append(expected_reward(*bandit, batch.delta) - expected_reward(*bandit, 0 * batch.delta))
    assert c.lower.mean() - 1e-13 <= np.mean(changes) <= c.upper.mean() + 1e-13


def test_t3_bad_input_is_named():
    φ, m = coin(0.3)
    bare = Moments(m.value, m.std, m.gradient, m.hessian)
    np.testing.assert_allclose(deviation_certificate(bare, φ, [0.5]).lower, deviation_certificate(m, φ, [0.5]).lower)
    deviation_certificate(bare, [[0.0], [1.0], [2.0]], [0.5])  # without arms the number of features is not known
    with pytest.raises(ValueError, match=r"features has shape \(3, 1\); allowed: \(2, 1\)"):
        deviation_certificate(m, [[0.0], [1.0], [2.0]], [0.5])
    with pytest.raises(ValueError, match=r"features has shape \(2, 2\); allowed: \(any, 1\)"):
        deviation_certificate(bare, np.zeros((2, 2)), [0.5])
    with pytest.raises(ValueError, match=r"delta has shape \(2,\); allowed: \(1,\)"):
        deviation_certificate(m, φ, [0.5, 0.5])
    with pytest.raises(ValueError, match="delta contains inf; allowed: finite numbers"):
        deviation_certificate(m, φ, [INF])
    with pytest.raises(ValueError, match="features contains nan; allowed: finite numbers"):
        deviation_certificate(m, [[NAN], [0.0]], [0.5])


@pytest.mark.parametrize("gap", [650.0, 720.0, 800.0, 2000.0])
@pytest.mark.parametrize("share", [0.2, 0.9, 1.0, 2.0])
def test_t3_holds_where_a_probability_has_underflowed(gap, share):
    """π = e^-gap of the right arm is 0 in float64 beyond 745: σ is 0 there, and yet a long step brings the arm back."""
    φ, r, δ = [[0.0], [1.0]], [0.0, 1.0], [share * gap]
    c = deviation_certificate(moments([gap, 0.0], φ, r), φ, δ)
    gain = expected_reward([gap, 0.0], φ, r, δ)
    assert float(c.lower) <= gain <= float(c.upper)
    if share * gap < 600:  # there even the greatest σ that could be hidden moves J by next to nothing
        assert float(c.upper) < 1e-6


def test_t3_of_equal_rewards_stays_exactly_zero_at_any_width():
    φ = [[0.5], [-0.5], [0.5]]
    c = deviation_certificate(moments([0.1, 0.7, -900.0], φ, [0.3, 0.3, 0.3]), φ, [1e4])
    assert (float(c.lower), float(c.upper)) == (0.0, 0.0)


def test_t3_that_trusts_an_underflowed_deviation_is_refused():
    φ, r = [[0.0], [1.0]], [0.0, 1.0]
    m = moments([800.0, 0.0], φ, r)
    assert float(m.std) == 0.0
    trusting = deviation_certificate(Moments(m.value, m.std, m.gradient, m.hessian), φ, [1600.0])
    assert not float(trusting.upper) >= expected_reward([800.0, 0.0], φ, r, [1600.0])
