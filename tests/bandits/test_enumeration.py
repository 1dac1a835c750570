"""The brute force against closed forms and automatic differentiation of its own definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import curvature
from bandits.enumeration import enumerate_responses, unrolled


def test_unrolled_is_the_tree_of_prefixes():
    τ = unrolled(3, 3)
    assert τ.shape == (13, 3)
    np.testing.assert_array_equal(τ[:4].ravel(), np.arange(1, 13))
    np.testing.assert_array_equal(τ[4:], 0)
    np.testing.assert_array_equal(unrolled(1, 3), [[1], [2], [0]])
    # any reward of a response is a reward of its last token
    wanted = np.random.default_rng(0).normal(size=27)
    r = np.zeros((13, 3))
    r.reshape(-1)[-27:] = wanted
    np.testing.assert_array_equal(enumerate_responses(np.zeros((13, 3)), r, τ, 3).rewards, wanted)


def test_responses_are_all_strings_with_their_states_and_probabilities():
    z = np.log([[0.2, 0.8], [0.5, 0.5]])
    y = enumerate_responses(z, [[1.0, 2.0], [10.0, 20.0]], [[0, 1], [1, 0]], 3, terminal=[0.0, 100.0])
    np.testing.assert_array_equal(y.tokens, [[int(b) for b in f"{i:03b}"] for i in range(8)])
    np.testing.assert_array_equal(y.states[[0, 2, 5, 7]], [[0, 0, 0], [0, 0, 1], [0, 1, 1], [0, 1, 0]])
    np.testing.assert_allclose(y.probabilities[[0, 2, 5, 7]], [0.008, 0.08, 0.2, 0.32], rtol=1e-14)
    np.testing.assert_array_equal(y.rewards[[0, 2, 5, 7]], [3, 113, 32, 124])
    assert y.probabilities.sum() == pytest.approx(1, rel=1e-14)


def test_scores_and_their_derivatives_are_automatic_differentiation_s():
    rng = np.random.default_rng(1)
    z, φ, τ = rng.normal(size=(2, 3)), rng.normal(size=(2, 3, 4)), rng.integers(0, 2, (2, 3))
    y = enumerate_responses(z, np.zeros((2, 3)), τ, 3, φ)

    def log_probability(θ):
        log_π = jax.nn.log_softmax(z + φ @ θ)
        return jnp.sum(log_π[y.states, y.tokens], axis=1)

    zero = jnp.zeros(4)
    np.testing.assert_allclose(y.log_probabilities, log_probability(zero), rtol=1e-13)
    np.testing.assert_allclose(y.scores, jax.jacfwd(log_probability)(zero), rtol=0, atol=1e-13)
    second = jax.jacfwd(jax.jacfwd(log_probability))(zero)
    written_out = -y.covariances[y.states].sum(axis=1)  # ∇² log π(y)
    np.testing.assert_allclose(written_out, second, rtol=0, atol=1e-13)
    u = rng.normal(size=4)
    score, M = y.along(u)
    np.testing.assert_allclose(score, y.scores @ u, rtol=1e-13)
    np.testing.assert_allclose(M, score**2 + np.einsum("mij,i,j->m", second, u, u), rtol=0, atol=1e-12)
    assert abs(y.probabilities @ M) < 1e-14  # T5: E M = 0, and of no part of it
    assert y.probabilities @ score**2 > 0.1


def test_moments_of_one_token_are_curvatures_and_the_hessian_is_a_derivative():
    rng = np.random.default_rng(2)
    z, φ, r = np.array([0.3, -1.0, -np.inf, 0.8]), rng.normal(size=(4, 3)), rng.normal(size=4)
    found = enumerate_responses(z[None], r[None], np.zeros((1, 4), int), 1, φ[None]).moments()
    wanted = curvature.moments(z, φ, r)
    for name in ("value", "std", "gradient", "hessian"):
        np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), rtol=0, atol=1e-14, err_msg=name)

    z, φ, r, τ = (
        rng.normal(size=(2, 3)),
        rng.normal(size=(2, 3, 2)),
        rng.normal(size=(2, 3)),
        rng.integers(0, 2, (2, 3)),
    )

    def gradient(θ):
        return np.asarray(enumerate_responses(z + φ @ θ, r, τ, 4, φ).moments().gradient)

    h = 1e-3  # fourth-order difference: h⁴ ≈ 1e-12 times a fifth derivative of order 10
    steps = [h * e for e in np.eye(2)]
    differences = [(8 * (gradient(e) - gradient(-e)) - gradient(2 * e) + gradient(-2 * e)) / (12 * h) for e in steps]
    found = enumerate_responses(z, r, τ, 4, φ).moments()
    np.testing.assert_allclose(found.hessian, differences, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: unrolled(2, 20), r"num_tokens \*\* horizon is 1048576; allowed: at most 1000000 responses"),
        (lambda: unrolled(0, 2), "num_tokens is 0; allowed: an integer of at least 1"),
        (lambda: enumerate_responses(np.zeros((1, 10)), np.zeros((1, 10)), np.zeros((1, 10), int), 7), "is 10000000;"),
        (lambda: enumerate_responses([[0.0]], [[0.0]], [[0]], 0), "horizon is 0; allowed"),
        (lambda: enumerate_responses([[0.0]], [[0.0, 1.0]], [[0]], 1), r"have shapes \(1, 1\), \(1, 2\), \(1, 1\);"),
        (lambda: enumerate_responses([[0.0]], [[0.0]], [[0]], 1, [[0.0]]), r"features has shape \(1, 1\); allowed"),
        (lambda: enumerate_responses([[0.0]], [[0.0]], [[0]], 1, None, [0.0, 0.0]), r"terminal has shape \(2,\);"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
