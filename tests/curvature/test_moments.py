"""J, σ, ∇J, ∇²J against autodiff of J, the tilted log-partition, multi-precision enumeration, and in the extremes."""

import inspect

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings

from curvature import hessian_vector_product, local_curvature, moments, tilt
from curvature._moments import Arms, Moments
from tests.strategies import bandits, batches

EXAMPLES = settings(max_examples=25)
INF, NAN = float("inf"), float("nan")


@jax.jit
def autodiff(logits, features, rewards):
    """J, ∇J, ∇²J of θ ↦ Σ softmax(b + φθ) r at θ = 0."""

    def J(θ):
        return jax.nn.softmax(logits + features @ θ) @ rewards

    θ = jnp.zeros(features.shape[1])
    return J(θ), jax.grad(J)(θ), jax.hessian(J)(θ)


@jax.jit
def log_partition_derivatives(logits, features, rewards):
    """∂_t A, ∂_t² A, ∂_t∂_θ A, ∂_t∂_θ² A of A = log Σ exp(b + φθ + t r) at (0, 0)."""

    def A(θ, t):
        return jax.nn.logsumexp(logits + features @ θ + t * rewards)

    θ, t = jnp.zeros(features.shape[1]), jnp.zeros(())
    value = jax.grad(A, 1)
    return (
        value(θ, t),
        jax.grad(value, 1)(θ, t),
        jax.grad(value)(θ, t),
        jax.hessian(value)(θ, t),
    )


def close(actual, expected, scale=1.0):
    """Rounding of the oracle: a few hundred ulps of the largest intermediate (offset features reach 30)."""
    np.testing.assert_allclose(actual, expected, rtol=1e-11, atol=1e-12 * scale)


@EXAMPLES
@given(bandits())
def test_moments_equal_autodiff_of_the_expected_reward(bandit):
    m = moments(logits=bandit.logits, features=bandit.features, rewards=bandit.rewards)
    J, g, H = autodiff(bandit.logits, bandit.features, bandit.rewards)
    scale = float(jnp.abs(bandit.features).max() ** 2)
    close(m.value, J)
    close(m.gradient, g, scale)
    close(m.hessian, H, scale)
    np.testing.assert_array_equal(m.hessian, m.hessian.T)


@EXAMPLES
@given(bandits())
def test_t0_moments_are_derivatives_of_the_tilted_log_partition(bandit):
    m = moments(bandit.logits, bandit.features, bandit.rewards)
    J, variance, g, H = log_partition_derivatives(bandit.logits, bandit.features, bandit.rewards)
    scale = float(jnp.abs(bandit.features).max() ** 2)
    close(m.value, J)
    close(m.std**2, variance)
    close(m.gradient, g, scale)
    close(m.hessian, H, scale)


def test_the_oracles_refuse_a_wrong_sign_and_an_uncentred_score():
    rng = np.random.default_rng(3)
    z, φ, r = jnp.asarray(rng.standard_normal(6)), jnp.asarray(rng.standard_normal((6, 3))), jnp.arange(6.0)
    _, g, H = autodiff(z, φ, r)
    m = moments(z, φ, r)
    assert not np.allclose(-m.gradient, g, atol=1e-3)
    assert not np.allclose(-m.hessian, H, atol=1e-3)
    uncentred = φ.T @ (m.arms.weights[:, None] * φ)
    assert not np.allclose(uncentred, H, atol=1e-3)


@EXAMPLES
@given(bandits())
def test_arms_carry_probabilities_advantages_and_scores(bandit):
    m = moments(bandit.logits, bandit.features, bandit.rewards)
    weight = np.exp(np.asarray(bandit.logits) - np.max(bandit.logits))
    π = weight / weight.sum()
    close(m.arms.probabilities, π)
    close(m.arms.advantages, bandit.rewards - π @ np.asarray(bandit.rewards))
    close(m.arms.scores, bandit.features - π @ np.asarray(bandit.features), 30.0)
    close(m.arms.weights, π * np.asarray(m.arms.advantages))
    close(m.arms.weights @ bandit.features, m.gradient, 30.0)
    np.testing.assert_allclose(jnp.sum(m.arms.weights), 0.0, atol=1e-15)


@EXAMPLES
@given(bandits())
def test_tilt_is_the_softmax_part_of_moments(bandit):
    J, σ, π, advantages = tilt(bandit.logits, bandit.rewards)
    m = moments(bandit.logits, bandit.features, bandit.rewards)
    for ours, theirs in ((J, m.value), (σ, m.std), (π, m.arms.probabilities), (advantages, m.arms.advantages)):
        np.testing.assert_allclose(ours, theirs, rtol=1e-14, atol=1e-16)


@pytest.mark.parametrize("logit", [0.0, 5.0, 29.9336, -29.9336, 36.0, -36.0])
def test_digits_of_two_arms_near_certainty(logit):
    """Closed forms of K = 2: σ = √(pq), g = pq·Δφ, H = pq(1 − 2p)·Δφ², here down to 1 − p = 2e-16."""
    m = moments([logit, 0.0], [[1.5], [-0.5]], [1.0, 0.0])
    with mpmath.workdps(50):
        p = 1 / (1 + mpmath.exp(-mpmath.mpf(logit)))
        σ, g, H = mpmath.sqrt(p * (1 - p)), 2 * p * (1 - p), 4 * p * (1 - p) * (1 - 2 * p)
        σ, g, H, p = map(float, (σ, g, H, p))
    assert float(m.value) == pytest.approx(p, rel=1e-14)
    assert float(m.std) == pytest.approx(σ, rel=1e-13)
    assert float(m.gradient[0]) == pytest.approx(g, rel=1e-13)
    assert float(m.hessian[0, 0]) == pytest.approx(H, rel=1e-13, abs=1e-17)
    assert float(local_curvature(m, [1.0])) == pytest.approx(H, rel=1e-13, abs=1e-17)


@pytest.mark.parametrize("sure", [20.0, 30.0, 34.0])
def test_digits_of_several_arms_near_certainty(sure):
    """Every quantity keeps its relative digits where one arm has all but e^-sure of the mass."""
    logits = [sure, 0.3, -1.0, 0.7]
    φ = [[1.0, 0.2], [0.5, -1.0], [-0.7, 0.4], [0.1, 0.9]]
    r = [1.0, 0.0, 0.25, -0.5]
    m = moments(logits, φ, r)
    with mpmath.workdps(60):
        w = [mpmath.exp(mpmath.mpf(z)) for z in logits]
        π = [x / mpmath.fsum(w) for x in w]

        def mean(values):
            return mpmath.fsum(p * v for p, v in zip(π, values, strict=True))

        a = [x - mean(r) for x in r]
        s = [[row[i] - mean([y[i] for y in φ]) for i in range(2)] for row in φ]
        σ = float(mpmath.sqrt(mean([x**2 for x in a])))
        g = [float(mean([x * y[i] for x, y in zip(a, s, strict=True)])) for i in range(2)]
        H = [[float(mean([x * y[i] * y[j] for x, y in zip(a, s, strict=True)])) for j in range(2)] for i in range(2)]
    # a run contracts the advantages with features that are not centred: they need digits of their own
    np.testing.assert_allclose(m.arms.advantages, [float(x) for x in a], rtol=1e-12)
    np.testing.assert_allclose(m.arms.scores, [[float(y) for y in row] for row in s], rtol=1e-12)
    np.testing.assert_allclose(m.std, σ, rtol=1e-12)
    np.testing.assert_allclose(m.gradient, g, rtol=1e-12)
    np.testing.assert_allclose(m.hessian, H, rtol=1e-12)
    naive = np.sqrt(np.asarray(m.arms.probabilities) @ np.square(r) - float(m.value) ** 2)
    assert not abs(naive / σ - 1) < 1e-9  # √(E r² − J²), refused: it cancels


@EXAMPLES
@given(bandits(sizes=((3, 2), (6, 3))))
def test_absent_arms_are_as_if_deleted(bandit):
    m = moments(bandit.logits, bandit.features, bandit.rewards)
    logits = jnp.concatenate([bandit.logits[:1], jnp.array([-INF]), bandit.logits[1:]])
    features = jnp.concatenate([bandit.features[:1], jnp.full((1, bandit.features.shape[1]), 1e3), bandit.features[1:]])
    rewards = jnp.concatenate([bandit.rewards[:1], jnp.array([-5.0]), bandit.rewards[1:]])
    wide = moments(logits, features, rewards)
    assert float(wide.arms.probabilities[1]) == 0.0
    for ours, theirs in (
        (wide.value, m.value),
        (wide.std, m.std),
        (wide.gradient, m.gradient),
        (wide.hessian, m.hessian),
    ):
        close(ours, theirs, 100.0)


def test_one_arm_has_no_gradient():
    m = moments([0.3], [[2.0, -1.0]], [0.7])
    assert float(m.value) == pytest.approx(0.7, rel=1e-15)
    assert float(m.std) == 0.0
    assert m.gradient.tolist() == [0.0, 0.0]
    assert m.hessian.tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_a_reward_that_never_varies():
    m = moments([0.3, 1.0, -2.0], [[2.0], [1.0], [0.0]], [0.7, 0.7, 0.7])
    assert float(m.value) == pytest.approx(0.7, rel=1e-15)
    assert float(m.std) == 0.0  # exactly: rules divide by it
    assert m.gradient.tolist() == [0.0]


@pytest.mark.parametrize("absent", [-1.0, 0.0, 0.3, 2.0])
@pytest.mark.parametrize("reward", [0.3, -0.1, 0.7])
def test_equal_rewards_of_the_present_arms_never_vary_whatever_an_absent_arm_pays(reward, absent):
    rng = np.random.default_rng(0)
    for _ in range(20):  # the weights of some of these sum to 1 only up to rounding
        z = rng.standard_normal(6)
        z[3] = -INF
        J, σ, _, advantages = tilt(jnp.asarray(z), jnp.asarray([reward] * 3 + [absent] + [reward] * 2))
        assert float(J) == pytest.approx(reward, rel=1e-15)
        assert float(σ) == 0.0
        assert np.delete(np.asarray(advantages), 3).tolist() == [0.0] * 5
        assert float(advantages[3]) == pytest.approx(absent - reward, abs=1e-15)  # r − J, whatever its weight


def test_shifts_and_scales():
    rng = np.random.default_rng(5)
    z, φ, r = rng.standard_normal(5), rng.standard_normal((5, 2)), rng.standard_normal(5)
    m, shifted = moments(z, φ, r), moments(z + 7.0, φ - 2.0, r)
    scaled = moments(z, 3.0 * φ, 2.0 * r + 1.0)
    for name, factor in (("std", 2.0), ("gradient", 6.0), ("hessian", 18.0)):
        np.testing.assert_allclose(getattr(shifted, name), getattr(m, name), rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(getattr(scaled, name), factor * getattr(m, name), rtol=1e-12, atol=1e-14)
    assert float(scaled.value) == pytest.approx(2 * float(m.value) + 1, rel=1e-14)


def test_hundred_thousand_arms():
    rng = np.random.default_rng(0)
    z, φ, r = rng.standard_normal(100_000), rng.standard_normal((100_000, 3)), rng.integers(0, 2, 100_000)
    m = moments(z, φ, r)
    π = np.exp(z - z.max())
    π /= π.sum()
    J = π @ r
    s = φ - π @ φ
    np.testing.assert_allclose(m.value, J, rtol=1e-12)
    np.testing.assert_allclose(m.std, np.sqrt(J * (1 - J)), rtol=1e-12)  # binary rewards: σ² = J(1 − J)
    np.testing.assert_allclose(m.gradient, (π * (r - J)) @ s, atol=1e-14)
    np.testing.assert_allclose(m.hessian, s.T @ ((π * (r - J))[:, None] * s), atol=1e-14)


def test_ten_thousand_parameters_without_the_hessian():
    rng = np.random.default_rng(1)
    z, φ, r = rng.standard_normal(8), rng.standard_normal((8, 10_000)), rng.standard_normal(8)
    u = rng.standard_normal(10_000) / 100
    m = moments(z, φ, r, hessian=False)
    assert m.hessian is None
    π = np.exp(z) / np.exp(z).sum()
    s, weights = φ - π @ φ, π * (r - π @ r)
    np.testing.assert_allclose(m.gradient, weights @ s, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(local_curvature(m, u), weights @ (s @ u) ** 2, rtol=1e-11)
    np.testing.assert_allclose(hessian_vector_product(m, jnp.asarray(u)), (weights * (s @ u)) @ s, atol=1e-13)


@settings(max_examples=10)
@given(batches())
def test_vmap_equals_a_loop(batch):
    together = jax.vmap(moments)(batch.logits, batch.features, batch.rewards)
    assert together.arms.weights.shape == batch.rewards.shape
    for x in range(batch.logits.shape[0]):
        alone = moments(batch.logits[x], batch.features[x], batch.rewards[x])
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13),
            jax.tree.map(lambda leaf, x=x: leaf[x], together),
            alone,
        )


@EXAMPLES
@given(bandits())
def test_hessian_vector_product_with_and_without_arms(bandit):
    m = moments(bandit.logits, bandit.features, bandit.rewards)
    *_, H = autodiff(bandit.logits, bandit.features, bandit.rewards)
    scale = float(jnp.abs(bandit.features).max() ** 2)
    without_hessian = moments(bandit.logits, bandit.features, bandit.rewards, hessian=False)
    without_arms = Moments(m.value, m.std, m.gradient, m.hessian)
    for variant in (m, without_hessian, without_arms):
        close(hessian_vector_product(variant, bandit.direction), H @ bandit.direction, scale)


def test_the_hessian_is_formed_by_default():
    assert moments([0.0], [[1.0]], [1.0]).hessian is not None
    assert inspect.signature(inspect.unwrap(moments)).parameters["hessian"].default is True


def test_lists_arrays_and_single_precision():
    exact = moments([0, 1], [[1], [0]], [True, False])
    assert exact.std.dtype == jnp.float64
    single = moments(*(jnp.asarray(a, jnp.float32) for a in ([0, 1], [[1], [0]], [1, 0])))
    assert single.hessian.dtype == jnp.float32
    np.testing.assert_allclose(single.std, exact.std, rtol=1e-6)  # the digits of float32


def test_arms_is_a_plain_product():
    arms = Arms(jnp.array([0.25, 0.75]), jnp.array([3.0, -1.0]), jnp.zeros((2, 1)))
    assert arms.weights.tolist() == [0.75, -0.75]


@pytest.mark.parametrize(
    ("logits", "features", "rewards", "text"),
    [
        (0.0, [[1.0]], [1.0], r"logits has shape \(\); allowed: \(any,\), no empty axis"),
        ([], [[1.0]], [1.0], r"logits has shape \(0,\); allowed: \(any,\), no empty axis"),
        ([0.0, 0.0], [[1.0]], [1.0, 0.0], r"features has shape \(1, 1\); allowed: \(2, any\)"),
        ([0.0, 0.0], [1.0, 2.0], [1.0, 0.0], r"features has shape \(2,\); allowed: \(2, any\)"),
        ([0.0, 0.0], [[1.0], [0.0]], [1.0], r"rewards has shape \(1,\); allowed: \(2,\)"),
        ([NAN, 0.0], [[1.0], [0.0]], [1.0, 0.0], "logits contains nan; allowed: finite numbers, or -inf"),
        ([INF, 0.0], [[1.0], [0.0]], [1.0, 0.0], "logits contains inf; allowed: finite numbers, or -inf"),
        ([-INF, -INF], [[1.0], [0.0]], [1.0, 0.0], "logits is -inf for every arm; allowed: at least one"),
        ([0.0, 0.0], [[NAN], [0.0]], [1.0, 0.0], "features contains nan; allowed: finite numbers"),
        ([0.0, 0.0], [[1.0], [0.0]], [INF, 0.0], "rewards contains inf; allowed: finite numbers"),
        (["a"], [[1.0]], [1.0], "logits has dtype <U1; allowed: an array of real numbers"),
        ([0.0], [[1j]], [1.0], "features has dtype complex128; allowed: an array of real numbers"),
        ([0.0], [[1.0]], [None], "rewards has dtype object; allowed: an array of real numbers"),
    ],
)
def test_bad_input_is_named(logits, features, rewards, text):
    with pytest.raises(ValueError, match=text):
        moments(logits, features, rewards)


def test_bad_vectors_are_named():
    m = moments([0.0, 0.0], [[1.0, 0.0], [0.0, 1.0]], [1.0, 0.0])
    with pytest.raises(ValueError, match=r"vector has shape \(3,\); allowed: \(2,\)"):
        hessian_vector_product(m, jnp.zeros(3))
    with pytest.raises(ValueError, match="vector contains nan; allowed: finite numbers"):
        hessian_vector_product(m, jnp.array([NAN, 0.0]))
    with pytest.raises(ValueError, match=r"neither arms nor a hessian; allowed: the result of curvature\.moments"):
        hessian_vector_product(Moments(m.value, m.std, m.gradient, None), jnp.zeros(2))
