"""Curvature along a direction, its parts (T5) and its extremes, against autodiff and NumPy's spectrum."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from scipy.sparse.linalg import ArpackNoConvergence

import curvature.local
from curvature import (
    curvature_parts,
    curvature_parts_of,
    extreme_eigenvalues,
    extreme_eigenvalues_of,
    local_curvature,
    moments,
    success_hessian_vector_product,
)
from curvature._moments import Moments
from tests.strategies import bandits, batches, random_rewards, unit

EXAMPLES = settings(max_examples=25)
NAN = float("nan")


@jax.jit
def second_derivative(logits, features, rewards, direction):
    """d²/dt² of J(θ + t u) by forward-over-forward autodiff."""

    def J(t):
        return jax.nn.softmax(logits + features @ (t * direction)) @ rewards

    return jax.jacfwd(jax.jacfwd(J))(0.0)


@EXAMPLES
@given(bandits())
def test_local_curvature_is_the_quadratic_form_of_the_hessian(bandit):
    m = moments(bandit.logits, bandit.features, bandit.rewards)
    u = bandit.direction
    without_arms = Moments(m.value, m.std, m.gradient, m.hessian)
    scale = float(jnp.abs(bandit.features).max() ** 2)
    for κ in (local_curvature(m, u), local_curvature(without_arms, u)):
        np.testing.assert_allclose(κ, u @ m.hessian @ u, rtol=1e-11, atol=1e-14 * scale)
        np.testing.assert_allclose(
            κ,
            second_derivative(bandit.logits, bandit.features, bandit.rewards, u),
            rtol=1e-11,
            atol=1e-13 * scale,  # the oracle does not centre offset features
        )
    np.testing.assert_allclose(local_curvature(m, -3.0 * u), 9.0 * local_curvature(m, u), rtol=1e-13)


@EXAMPLES
@given(bandits())
def test_t5_identity_of_a_log_linear_policy(bandit):
    m = moments(bandit.logits, bandit.features, bandit.rewards)
    parts = curvature_parts(m, bandit.direction)
    π = np.asarray(m.arms.probabilities)
    s = (np.asarray(bandit.features) - π @ np.asarray(bandit.features)) @ np.asarray(bandit.direction)
    M = s**2 - π @ s**2  # E M = 0
    np.testing.assert_allclose(parts.std, m.std, rtol=1e-15)
    np.testing.assert_allclose(parts.spread, np.sqrt(π @ M**2), rtol=1e-9, atol=1e-12)  # s loses digits to offsets
    assert abs(float(parts.correlation)) <= 1 + 1e-12
    np.testing.assert_allclose(parts.curvature, local_curvature(m, bandit.direction), rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(parts.curvature, parts.correlation * parts.std * parts.spread, rtol=1e-15)


def test_t5_correlation_of_a_known_case():
    """K = 2: M is affine in r, so |corr| = 1, with sign that of 1 − 2p; and spread = w²√(pq)|1 − 2p|."""
    for p in (0.1, 0.4, 0.7, 0.95):
        m = moments([np.log(p / (1 - p)), 0.0], [[2.0], [-1.0]], [1.0, 0.0])
        parts = curvature_parts(m, [1.0])
        assert float(parts.correlation) == pytest.approx(np.sign(1 - 2 * p), rel=1e-12)
        assert float(parts.spread) == pytest.approx(9 * np.sqrt(p * (1 - p)) * abs(1 - 2 * p), rel=1e-12)


def test_t5_zero_correlation_where_a_factor_does_not_vary():
    constant_reward = curvature_parts(moments([0.0, 0.0], [[1.0], [0.0]], [1.0, 1.0]), [1.0])
    assert float(constant_reward.correlation) == 0.0
    assert float(constant_reward.curvature) == 0.0
    fair_coin = curvature_parts(moments([0.0, 0.0], [[1.0], [-1.0]], [1.0, 0.0]), [1.0])
    assert float(fair_coin.correlation) == 0.0
    assert float(fair_coin.std) == 0.5
    assert float(fair_coin.spread) == 0.0


def network(inputs, θ):
    """A small nonlinear policy: logits of K arms from a layer of 3 hidden units; θ ∈ R^{3m + 3}."""
    m = inputs.shape[1]
    return jnp.tanh(inputs @ θ[: 3 * m].reshape(m, 3)) @ θ[3 * m :]


@jax.jit
def network_oracle(inputs, θ, r, u):
    """uᵀ∇²J u, π, the scores along u and M_u, from dense Jacobians and Hessians."""

    def log_policy(θ):
        return jax.nn.log_softmax(network(inputs, θ))

    κ = u @ jax.hessian(lambda θ: jnp.exp(log_policy(θ)) @ r)(θ) @ u
    score = jax.jacrev(log_policy)(θ) @ u
    return κ, jnp.exp(log_policy(θ)), score, score**2 + jnp.einsum("kij,i,j->k", jax.hessian(log_policy)(θ), u, u)


@pytest.mark.parametrize("seed", range(6))
def test_t5_identity_of_a_nonlinear_policy(seed):
    rng = np.random.default_rng(seed)
    inputs = jnp.asarray(rng.standard_normal((5, 2)))
    θ, u = jnp.asarray(rng.standard_normal(9)), jnp.asarray(unit(rng, 9))
    r = jnp.asarray(random_rewards(rng, 5, binary=seed % 2 == 0))
    κ, π, score, M = map(np.asarray, network_oracle(inputs, θ, r, u))
    parts = curvature_parts_of(lambda θ: network(inputs, θ), θ, r, u)
    a = np.asarray(r) - π @ np.asarray(r)
    np.testing.assert_allclose(parts.curvature, κ, rtol=1e-11, atol=1e-15)
    np.testing.assert_allclose(π @ M, 0.0, atol=1e-13)
    np.testing.assert_allclose(parts.spread, np.sqrt(π @ M**2), rtol=1e-11)
    np.testing.assert_allclose(parts.std, np.sqrt(π @ a**2), rtol=1e-12)
    np.testing.assert_allclose(parts.correlation, π @ (a * M) / (parts.std * parts.spread), rtol=1e-10)
    assert abs(π @ (a * score**2) - κ) > 1e-6  # M_u without uᵀ∇² log π u, refused


@EXAMPLES
@given(bandits(sizes=((3, 2), (6, 3))))
def test_t5_general_form_equals_the_log_linear_one(bandit):
    m = moments(bandit.logits, bandit.features, bandit.rewards)
    ours = curvature_parts(m, bandit.direction)
    general = curvature_parts_of(
        lambda θ: bandit.logits + bandit.features @ θ,
        jnp.zeros(bandit.features.shape[1]),
        bandit.rewards,
        bandit.direction,
    )
    # differentiating log softmax of offset features (up to 30) leaves 1e-12 of rounding in M
    np.testing.assert_allclose(general.curvature, ours.curvature, rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(general.spread, ours.spread, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(general.std, ours.std, rtol=1e-12, atol=1e-15)


@settings(max_examples=10)
@given(batches())
def test_vmap_equals_a_loop(batch):
    m = jax.vmap(moments)(batch.logits, batch.features, batch.rewards)
    κ = jax.vmap(local_curvature, (0, None))(m, batch.direction)
    parts = jax.vmap(curvature_parts, (0, None))(m, batch.direction)
    for x in range(batch.logits.shape[0]):
        alone = moments(batch.logits[x], batch.features[x], batch.rewards[x])
        np.testing.assert_allclose(κ[x], local_curvature(alone, batch.direction), rtol=1e-11, atol=1e-14)
        np.testing.assert_allclose(parts.spread[x], curvature_parts(alone, batch.direction).spread, atol=1e-12)


def check_extremes(found, H, tolerance):
    values = np.linalg.eigvalsh(H)
    np.testing.assert_allclose([found.least, found.greatest], values[[0, -1]], rtol=tolerance, atol=tolerance)
    for value, vector in ((found.least, found.least_vector), (found.greatest, found.greatest_vector)):
        np.testing.assert_allclose(jnp.linalg.norm(vector), 1.0, rtol=1e-10)
        np.testing.assert_allclose(H @ vector, value * vector, atol=100 * tolerance)


@EXAMPLES
@given(bandits(sizes=((3, 2), (8, 5))))
def test_dense_extremes(bandit):
    m = moments(bandit.logits, bandit.features, bandit.rewards)
    check_extremes(extreme_eigenvalues(m), np.asarray(m.hessian), 1e-12)
    lazily = moments(bandit.logits, bandit.features, bandit.rewards, hessian=False)
    check_extremes(extreme_eigenvalues(moments=lazily), np.asarray(m.hessian), 1e-12)


def wide_bandit(num_arms: int, d: int, seed: int = 0, rewards=None):
    rng = np.random.default_rng(seed)
    r = rng.standard_normal(num_arms) if rewards is None else rewards
    return rng.standard_normal(num_arms), rng.standard_normal((num_arms, d)) / np.sqrt(d), r


@pytest.mark.parametrize(("num_arms", "seed"), [(2, 0), (12, 1)])
def test_lanczos_extremes_equal_the_full_spectrum(num_arms, seed):
    z, φ, r = wide_bandit(num_arms, 520, seed)
    H = np.asarray(moments(z, φ, r).hessian)
    found = extreme_eigenvalues(moments(z, φ, r, hessian=False))
    check_extremes(found, H, 1e-9)  # ten times the default tolerance of Lanczos


def test_lanczos_from_a_hessian_alone():
    m = moments(*wide_bandit(6, 520))
    check_extremes(extreme_eigenvalues(Moments(m.value, m.std, m.gradient, m.hessian)), np.asarray(m.hessian), 1e-9)


def test_lanczos_of_no_curvature():
    m = moments(*wide_bandit(4, 600, rewards=np.ones(4)), hessian=False)
    m = Moments(m.value, m.std, m.gradient, None, jax.tree.map(jnp.zeros_like, m.arms))
    found = extreme_eigenvalues(m)
    assert float(found.least) == 0.0
    assert float(found.greatest) == 0.0
    assert float(jnp.linalg.norm(found.least_vector)) == pytest.approx(1.0, rel=1e-12)
    assert float(jnp.linalg.norm(found.greatest_vector)) == pytest.approx(1.0, rel=1e-12)


def test_dense_up_to_512_parameters_and_lanczos_above(monkeypatch):
    calls = []
    genuine = curvature.local.eigsh

    def spy(operator, **options):
        calls.append(options)
        return genuine(operator, **options)

    monkeypatch.setattr(curvature.local, "eigsh", spy)
    extreme_eigenvalues(moments(*wide_bandit(3, 512)))
    assert calls == []
    m = moments(*wide_bandit(3, 513), hessian=False)
    extreme_eigenvalues(m)
    extreme_eigenvalues(m, seed=0)
    extreme_eigenvalues(m, seed=1, tolerance=1e-3)
    assert [c["tol"] for c in calls] == [1e-10, 1e-10, 1e-3]
    np.testing.assert_array_equal(calls[0]["v0"], calls[1]["v0"])
    assert not np.array_equal(calls[0]["v0"], calls[2]["v0"])


def symmetric(size, seed=0):
    rng = np.random.default_rng(seed)
    Q = np.linalg.qr(rng.standard_normal((size, size)))[0]
    return (Q * rng.standard_normal(size)) @ Q.T


@pytest.mark.parametrize("size", [1, 2, 20, 21, 200])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 1e-4)])  # ten times the default's
def test_extremes_of_any_symmetric_matrix(size, dtype, tolerance):
    H = symmetric(size).astype(dtype)
    H = (H + H.T) / 2
    kinds = set()

    def product(v):
        kinds.add(v.dtype)
        return H @ v

    found = extreme_eigenvalues_of(product, size, dtype=dtype)
    assert kinds == {np.dtype(dtype)}
    assert {leaf.dtype for leaf in jax.tree.leaves(found)} == {np.dtype(dtype)}
    values = np.linalg.eigvalsh(H.astype(float))
    np.testing.assert_allclose([found.least, found.greatest], values[[0, -1]], rtol=tolerance, atol=tolerance)
    for value, vector in ((found.least, found.least_vector), (found.greatest, found.greatest_vector)):
        np.testing.assert_allclose(jnp.linalg.norm(vector), 1.0, rtol=1e-5)
        np.testing.assert_allclose(H @ vector, value * vector, atol=100 * tolerance)


def test_extremes_of_a_network_by_its_hessian_vector_products():
    """J = π(y*) of a network of 33 parameters, in both dtypes, against its dense Hessian in float64."""
    rng = np.random.default_rng(0)
    inputs, θ = rng.standard_normal((6, 10)), 0.5 * rng.standard_normal(33)

    def log_prob(θ):
        return jax.nn.log_softmax(network(jnp.asarray(inputs, θ.dtype), θ))[2]

    H = np.asarray(jax.hessian(lambda θ: jnp.exp(log_prob(θ)))(jnp.asarray(θ)))
    for kind, tolerance in ((np.float64, 1e-9), (np.float32, 1e-4)):
        at = jnp.asarray(θ, kind)
        compiled = jax.jit(lambda v, at=at: success_hessian_vector_product(log_prob, at, v))
        found = extreme_eigenvalues_of(lambda v, f=compiled: np.asarray(f(v)), θ.size, dtype=kind)
        scale = np.abs(np.linalg.eigvalsh(H)).max()
        np.testing.assert_allclose(found.least, np.linalg.eigvalsh(H)[0], atol=tolerance * scale)
        np.testing.assert_allclose(found.greatest, np.linalg.eigvalsh(H)[-1], atol=tolerance * scale)


def test_lanczos_options_reach_arpack(monkeypatch):
    calls = []
    genuine = curvature.local.eigsh

    def spy(operator, **options):
        calls.append(options)
        return genuine(operator, **options)

    monkeypatch.setattr(curvature.local, "eigsh", spy)
    H = symmetric(30)
    for options in ({}, {"tolerance": 1e-3, "max_iterations": 50, "seed": 1}, {"tolerance": 0.0}):
        extreme_eigenvalues_of(lambda v: H @ v, 30, **options)
    eps = float(np.finfo(float).eps)
    assert [(c["tol"], c["maxiter"]) for c in calls] == [(1e-10, None), (1e-3, 50), (eps, None)]
    assert not np.array_equal(calls[0]["v0"], calls[1]["v0"])
    np.testing.assert_array_equal(calls[0]["v0"], calls[2]["v0"])


def test_lanczos_that_does_not_converge_says_so():
    with pytest.raises(ArpackNoConvergence):
        extreme_eigenvalues_of(lambda v: np.arange(500.0) ** 0.1 * v, 500, max_iterations=1)


@pytest.mark.parametrize("size", [5, 50])
def test_a_product_that_is_always_0(size):
    found = extreme_eigenvalues_of(lambda v: 0 * v, size)
    assert (float(found.least), float(found.greatest)) == (0.0, 0.0)
    assert float(jnp.linalg.norm(found.least_vector)) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: extreme_eigenvalues_of(lambda v: v, 0), "size is 0; allowed: an integer of at least 1"),
        (lambda: extreme_eigenvalues_of(lambda v: v, 9, dtype=int), "dtype is int64; allowed: float32 or float64"),
        (lambda: extreme_eigenvalues_of(lambda v: v, 9, tolerance=1.0), r"tolerance contains 1.0; .* \[0, 1\)"),
        (lambda: extreme_eigenvalues_of(lambda v: v, 9, max_iterations=0), "max_iterations is 0; allowed: an integer"),
        (lambda: extreme_eigenvalues_of(lambda v: v[1:], 9), r"product returned shape \(8,\); allowed: \(9,\)"),
        (lambda: extreme_eigenvalues_of(lambda v: v[1:], 99), r"product returned shape \(98,\); allowed: \(99,\)"),
        (lambda: extreme_eigenvalues_of(lambda v: v * NAN, 99), "product returned nan; allowed: finite numbers"),
    ],
)
def test_bad_products_are_named(call, text):
    with pytest.raises(ValueError, match=text):
        call()


def test_documented_defaults():
    parameters = inspect.signature(inspect.unwrap(extreme_eigenvalues)).parameters
    assert parameters["tolerance"].default == 1e-10
    assert parameters["seed"].default == 0
    assert curvature.local.DENSE_LIMIT == 512
    assert curvature.local.SMALL == 20
    assert list(curvature.local.LANCZOS_TOLERANCE.values()) == [1e-10, 1e-5]


@pytest.mark.parametrize("f", [local_curvature, curvature_parts])
def test_bad_directions_are_named(f):
    m = moments([0.0, 0.0], [[1.0, 0.0], [0.0, 1.0]], [1.0, 0.0])
    with pytest.raises(ValueError, match=r"direction has shape \(3,\); allowed: \(2,\)"):
        f(m, [0.0, 0.0, 1.0])
    with pytest.raises(ValueError, match="direction contains nan; allowed: finite numbers"):
        f(m, [NAN, 0.0])
    with pytest.raises(ValueError, match="direction has dtype <U1"):
        f(m, ["a", "b"])


def test_parts_need_arms():
    m = moments([0.0, 0.0], [[1.0], [0.0]], [1.0, 0.0])
    with pytest.raises(ValueError, match=r"moments has no arms; allowed: the result of curvature\.moments"):
        curvature_parts(Moments(m.value, m.std, m.gradient, m.hessian), [1.0])
    with pytest.raises(ValueError, match="neither arms nor a hessian"):
        local_curvature(Moments(m.value, m.std, m.gradient, None), [1.0])
