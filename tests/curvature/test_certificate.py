"""T1–T4: each bound holds on random bandits, is met where it is sharp, and a smaller one is refused by the check."""

import inspect
from functools import partial

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import pdist

from curvature import (
    alignment,
    best_step,
    best_step_along,
    certificate,
    curvature_bound,
    first_order_step,
    gradient_bound,
    local_curvature,
    log_std_bound,
    moments,
    psi,
    remainder_bound,
    width,
)
from curvature._moments import Moments
from tests.strategies import bandits, batches

EXAMPLES = settings(max_examples=25)
INF, NAN = float("inf"), float("nan")


def coin(p: float, w: float = 1.0):
    """K = 2 of pass rate p and width w: the features and the moments."""
    φ = jnp.array([[w], [0.0]])
    return φ, moments([np.log(p / (1 - p)), 0.0], φ, [1.0, 0.0])


def expected_reward(logits, features, rewards, delta) -> float:
    z = np.asarray(logits) + np.asarray(features) @ np.asarray(delta)
    π = np.exp(z - z.max())
    return float(π @ np.asarray(rewards) / π.sum())


def ψ(a):
    return np.expm1(a) - a


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
    c = certificate(m, bandit.features, bandit.delta)
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
    c = certificate(m, φ, [1e4])
    assert (float(c.lower), float(c.upper)) == (-INF, INF)
    c = certificate(m, φ, [0.0])
    assert (float(c.lower), float(c.upper)) == (0.0, 0.0)


def test_t3_of_an_absent_arm_that_carries_the_features_of_a_present_one():
    φ = jnp.array([[1.0], [0.0], [1.0]])
    m = moments([0.5, 0.0, -INF], φ, [1.0, 0.0, 0.0])
    present = certificate(moments([0.5, 0.0], φ[:2], [1.0, 0.0]), φ[:2], [0.7])
    np.testing.assert_allclose(certificate(m, φ, [0.7]).lower, present.lower, rtol=1e-14)


@settings(max_examples=10)
@given(batches())
def test_t3_vmap_equals_a_loop_and_bounds_the_mean(batch):
    m = jax.vmap(moments)(batch.logits, batch.features, batch.rewards)
    c = jax.vmap(certificate, (0, 0, None))(m, batch.features, batch.delta)
    changes = []
    for x in range(batch.logits.shape[0]):
        bandit = (batch.logits[x], batch.features[x], batch.rewards[x])
        alone = certificate(moments(*bandit), batch.features[x], batch.delta)
        np.testing.assert_allclose([c.lower[x], c.upper[x]], [alone.lower, alone.upper], rtol=1e-11, atol=1e-13)
        changes.append(expected_reward(*bandit, batch.delta) - expected_reward(*bandit, 0 * batch.delta))
    assert c.lower.mean() - 1e-13 <= np.mean(changes) <= c.upper.mean() + 1e-13


def test_t3_bad_input_is_named():
    φ, m = coin(0.3)
    bare = Moments(m.value, m.std, m.gradient, m.hessian)
    np.testing.assert_allclose(certificate(bare, φ, [0.5]).lower, certificate(m, φ, [0.5]).lower)
    certificate(bare, [[0.0], [1.0], [2.0]], [0.5])  # without arms the number of features is not known
    with pytest.raises(ValueError, match=r"features has shape \(3, 1\); allowed: \(2, 1\)"):
        certificate(m, [[0.0], [1.0], [2.0]], [0.5])
    with pytest.raises(ValueError, match=r"features has shape \(2, 2\); allowed: \(any, 1\)"):
        certificate(bare, np.zeros((2, 2)), [0.5])
    with pytest.raises(ValueError, match=r"delta has shape \(2,\); allowed: \(1,\)"):
        certificate(m, φ, [0.5, 0.5])
    with pytest.raises(ValueError, match="delta contains inf; allowed: finite numbers"):
        certificate(m, φ, [INF])
    with pytest.raises(ValueError, match="features contains nan; allowed: finite numbers"):
        certificate(m, [[NAN], [0.0]], [0.5])


# --- T4 -----------------------------------------------------------------------------------------------------------


@EXAMPLES
@given(bandits())
def test_t4_alignment_is_between_0_and_1(bandit):
    m = moments(bandit.logits, bandit.features, bandit.rewards)
    D = pdist(bandit.features).max()
    γ = float(alignment(m, D))
    assert 0 <= γ <= 1 + 1e-12
    assert γ == pytest.approx(2 * np.linalg.norm(m.gradient) / (float(m.std) * float(D)), rel=1e-13)


def test_t4_alignment_is_met_by_a_fair_coin_and_0_where_nothing_varies():
    _, m = coin(0.5, 2.0)
    assert float(alignment(m, 2.0)) == pytest.approx(1.0, rel=1e-15)
    assert float(alignment(m, 2.0)) * 1.05 > 1  # γ with 2.1 in the place of 2, refused
    assert float(alignment(m, 0.0)) == 0.0
    still = Moments(m.value, jnp.zeros(()), jnp.zeros(1), None)
    assert float(alignment(still, 2.0)) == 0.0
    assert float(best_step(still, 2.0).gain) == 0.0


@EXAMPLES
@given(bandits())
def test_t4_best_step_maximises_the_certificate_and_its_gain_is_realised(bandit):
    m = moments(bandit.logits, bandit.features, bandit.rewards)
    D, g = pdist(bandit.features).max(), np.asarray(m.gradient)
    norm, σ = np.linalg.norm(g), float(m.std)
    found = best_step(m, D)
    best = minimize_scalar(lambda s: -(s * norm - σ * ψ(s * D / 2)), bounds=(0, 2 / D), method="bounded")
    assert float(found.gain) >= -best.fun * (1 - 1e-9) - 1e-16
    s = float(found.length)
    np.testing.assert_allclose(found.gain, s * norm - σ * ψ(s * D / 2), rtol=1e-9, atol=1e-15)
    grid = s * np.linspace(0, 3, 61)
    assert np.all(grid * norm - σ * ψ(grid * D / 2) <= float(found.gain) * (1 + 1e-9) + 1e-15)
    if norm > 0:
        realised = expected_reward(*bandit[:3], s * g / norm) - float(m.value)
        assert float(found.gain) <= realised + 1e-14


def test_t4_gain_without_the_remainder_is_refused():
    φ, m = coin(0.5)
    step = best_step(m, 1.0)
    realised = expected_reward([0.0, 0.0], φ, [1.0, 0.0], [float(step.length)]) - 0.5
    assert realised == pytest.approx(0.3, rel=1e-12)  # e^{2 ln 2} = 4: from 1/2 to 4/5
    assert float(step.gain) == pytest.approx((2 * np.log(2) - 1) / 2, rel=1e-13)
    assert float(step.gain) <= realised < float(step.length * m.gradient[0])


@pytest.mark.parametrize("D", [1.0, 3.0])
def test_t4_tends_to_the_first_order_step(D):
    assert float(first_order_step(D)) == pytest.approx(4 / D**2, rel=1e-15)
    _, m = coin(1e-9, 1.0)  # γ = 2√(pq)/D ≈ 6e-5/D
    ratio = float(best_step(m, D).length / (m.gradient[0] / m.std))
    assert ratio == pytest.approx(4 / D**2, rel=1e-4)  # ln(1+γ) = γ(1 − γ/2 + …)


@pytest.mark.parametrize("f", [lambda D: best_step(coin(0.5)[1], D), first_order_step])
@pytest.mark.parametrize("D", [0.0, -1.0, INF, NAN])
def test_t4_bad_diameters_are_named(f, D):
    with pytest.raises(ValueError, match=rf"diameter contains {D}; allowed: numbers in \(0, inf\)"):
        f(D)


# --- the best certified step along a shared direction -------------------------------------------------------------


def along(slopes, std, widths, **options):
    return best_step_along(jnp.asarray(slopes), jnp.asarray(std), jnp.asarray(widths), **options)


def guaranteed(s, slopes, std, widths) -> float:
    return float(s * np.sum(slopes) - np.sum(np.asarray(std) * ψ(s * np.asarray(widths) / 2)))


@pytest.mark.parametrize("seed", range(8))
def test_best_step_along_maximises_the_sum_of_certificates(seed):
    rng = np.random.default_rng(seed)
    std, widths = rng.uniform(0.01, 0.5, 5), np.exp(rng.uniform(-3, 2, 5))
    slopes = std * widths / 2 * rng.uniform(-0.4, 1.0, 5)
    assert slopes.sum() > 0
    found = along(slopes, std, widths)
    best = minimize_scalar(
        lambda s: -guaranteed(s, slopes, std, widths), bounds=(0, 100), method="bounded", options={"xatol": 1e-12}
    )
    assert float(found.length) == pytest.approx(best.x, rel=1e-5)  # a maximum locates its argument to √eps
    assert float(found.gain) == pytest.approx(-best.fun, rel=1e-10)
    s = float(found.length)
    slope = slopes.sum() - np.sum(std * widths / 2 * np.expm1(s * widths / 2))
    assert abs(slope) <= 1e-12 * slopes.sum()
    for factor in (0.9, 1.1):
        assert guaranteed(factor * s, slopes, std, widths) < float(found.gain)


def test_best_step_along_of_one_prompt_is_its_own_best_step():
    _, m = coin(0.2, 1.3)
    found, own = along(m.gradient, m.std[None], [1.3]), best_step(m, 1.3)
    np.testing.assert_allclose(found.length, own.length, rtol=1e-13)
    np.testing.assert_allclose(found.gain, own.gain, rtol=1e-13)


@pytest.mark.parametrize(
    ("slopes", "std", "widths"),
    [
        ([-0.1, 0.05], [0.5, 0.5], [1.0, 1.0]),
        ([0.1, -0.1], [0.5, 0.5], [1.0, 1.0]),
        ([0.0, 0.0], [0.0, 0.0], [1.0, 1.0]),
        ([0.0, 0.0], [0.5, 0.5], [0.0, 0.0]),
        ([0.1, 0.1], [0.0, 0.5], [1.0, 0.0]),  # no prompt moves: nothing to balance, so no step is claimed
    ],
)
def test_best_step_along_stays_where_nothing_is_gained(slopes, std, widths):
    found = along(slopes, std, widths)
    assert (float(found.length), float(found.gain)) == (0.0, 0.0)


@pytest.mark.parametrize(("std", "widths"), [([0.5, 0.0], [1.0, 1e5]), ([0.5, 0.3], [1.0, 0.0])])
def test_best_step_along_ignores_prompts_that_do_not_move(std, widths):
    found, alone = along([0.2, 0.0], std, widths), along([0.2], [0.5], [1.0])
    np.testing.assert_allclose([found.length, found.gain], [alone.length, alone.gain], rtol=1e-13)
    assert float(found.gain) > 0


def test_best_step_along_halves_its_bracket():
    """The bracket's top is the least own solution ln(1 + Σg/(σh))/h; each iteration halves what is left."""
    slopes, std, widths = [0.05, 0.05], [0.5, 0.4], [1.0, 2.0]
    top = min(np.log1p(0.1 / (0.5 * 0.5)) / 0.5, np.log1p(0.1 / 0.4))
    exact = float(along(slopes, std, widths).length)
    assert 0 < exact < top
    assert float(along(slopes, std, widths, iterations=0).length) == 0.0
    for iterations in range(1, 12):
        low = float(along(slopes, std, widths, iterations=iterations).length)
        assert 0 <= exact - low <= top / 2**iterations * (1 + 1e-12)
        assert low * 2**iterations / top == pytest.approx(round(low * 2**iterations / top), abs=1e-9)
    assert inspect.signature(inspect.unwrap(best_step_along)).parameters["iterations"].default == 60


@settings(max_examples=10)
@given(batches())
def test_best_step_along_guarantees_a_realised_gain(batch):
    m = jax.vmap(moments)(batch.logits, batch.features, batch.rewards)
    v = jnp.sum(m.gradient, axis=0)
    widths = jax.vmap(width, (0, None))(batch.features, v)
    found = jax.jit(best_step_along)(m.gradient @ v, m.std, widths)
    realised = 0.0
    for z, φ, r in zip(batch.logits, batch.features, batch.rewards, strict=True):
        realised += expected_reward(z, φ, r, found.length * v) - expected_reward(z, φ, r, 0 * v)
    assert 0 < float(found.gain) <= realised + 1e-13
    scaled = jax.vmap(partial(best_step_along, std=m.std))(
        jnp.stack([m.gradient @ v, 2 * m.gradient @ v]), widths=jnp.stack([widths, 2 * widths])
    )
    np.testing.assert_allclose(scaled.gain, found.gain, rtol=1e-12)
    np.testing.assert_allclose(scaled.length, found.length / jnp.array([1.0, 2.0]), rtol=1e-12)


@pytest.mark.parametrize("gap", [650.0, 720.0, 800.0, 2000.0])
@pytest.mark.parametrize("share", [0.2, 0.9, 1.0, 2.0])
def test_t3_holds_where_a_probability_has_underflowed(gap, share):
    """π = e^-gap of the right arm is 0 in float64 beyond 745: σ is 0 there, and yet a long step brings the arm back."""
    φ, r, δ = [[0.0], [1.0]], [0.0, 1.0], [share * gap]
    c = certificate(moments([gap, 0.0], φ, r), φ, δ)
    gain = expected_reward([gap, 0.0], φ, r, δ)
    assert float(c.lower) <= gain <= float(c.upper)
    if share * gap < 600:  # there even the greatest σ that could be hidden moves J by next to nothing
        assert float(c.upper) < 1e-6


def test_t3_of_equal_rewards_stays_exactly_zero_at_any_width():
    φ = [[0.5], [-0.5], [0.5]]
    c = certificate(moments([0.1, 0.7, -900.0], φ, [0.3, 0.3, 0.3]), φ, [1e4])
    assert (float(c.lower), float(c.upper)) == (0.0, 0.0)


def test_t3_that_trusts_an_underflowed_deviation_is_refused():
    φ, r = [[0.0], [1.0]], [0.0, 1.0]
    m = moments([800.0, 0.0], φ, r)
    assert float(m.std) == 0.0
    trusting = certificate(Moments(m.value, m.std, m.gradient, m.hessian), φ, [1600.0])
    assert not float(trusting.upper) >= expected_reward([800.0, 0.0], φ, r, [1600.0])


def test_a_batch_of_moments_is_refused_by_name():
    φ = jnp.array([[[0.5], [-0.5]]] * 2)
    many = jax.vmap(moments)(jnp.zeros((2, 2)), φ, jnp.array([[1.0, 0.0]] * 2))
    for call in (lambda: best_step(many, 1.0), lambda: certificate(many, φ[0], [1.0]), lambda: alignment(many, 1.0)):
        with pytest.raises(ValueError, match=r"moments is a batch of shape \(2,\); allowed: one prompt's"):
            call()
    steps = jax.vmap(lambda m: best_step(m, 1.0))(many)
    np.testing.assert_allclose(steps.gain, 0.5 * (2 * np.log(2) - 1), rtol=1e-14)
