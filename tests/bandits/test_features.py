"""Factored features against the dense array."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import curvature
from bandits import coherent, equicorrelated, equicorrelation, from_array, random_arms
from tests.strategies import random_correlation

KEY = jax.random.key(0)


def hand_dense(arms, embedding) -> np.ndarray:
    """φ(x, y) = e_x ⊗ u_{x,y}, one product at a time."""
    N, K, m = arms.shape
    e = np.eye(N) if embedding is None else np.asarray(embedding)
    φ = np.zeros((N, K, e.shape[1], m))
    for x in range(N):
        for y in range(K):
            φ[x, y] = np.outer(e[x], arms[x, y])
    return φ.reshape(N, K, -1)


@pytest.mark.parametrize("embedded", [True, False])
def test_factored_operations_equal_the_dense_array(embedded):
    N, K, m = 5, 4, 3
    arms = random_arms(N, K, m, diameter=jnp.arange(1.0, 6.0), key=KEY)
    features = coherent(random_correlation(1, N, 3) if embedded else None, arms)
    φ = hand_dense(np.asarray(arms), features.embedding)
    np.testing.assert_allclose(features.dense(), φ, rtol=0, atol=1e-14)
    Θ = jax.random.normal(KEY, features.shape)
    np.testing.assert_allclose(features.logits(Θ), φ @ np.asarray(Θ).reshape(-1), rtol=0, atol=1e-12)
    a = jax.random.normal(jax.random.key(1), (N, m))
    e = np.eye(N) if features.embedding is None else np.asarray(features.embedding)
    np.testing.assert_allclose(features.gather(a), sum(np.outer(e[x], a[x]) for x in range(N)), rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.broadcast_to(features.squared_lengths(), N), (e**2).sum(1), rtol=0, atol=1e-14)
    # spread and gather are adjoint
    np.testing.assert_allclose(jnp.sum(features.project(Θ) * a), jnp.sum(Θ * features.gather(a)), rtol=1e-12)
    own = [curvature.diameter(φ[x]) for x in range(N)]
    np.testing.assert_allclose(features.diameters(), own, rtol=1e-13)
    np.testing.assert_allclose(features.diameters(), np.arange(1.0, 6.0), rtol=1e-13)
    assert features.num_prompts == N


@pytest.mark.parametrize("coherence", [0.0, 0.3, 1.0])
def test_equicorrelated_features_are_those_of_the_matrix(coherence):
    arms = random_arms(5, 4, 3, diameter=2.0, key=KEY)
    fast, matrix = equicorrelated(arms, coherence), coherent(equicorrelation(5, coherence), arms)
    e = np.asarray(fast.embeddings())
    np.testing.assert_allclose(e @ e.T, equicorrelation(5, coherence), rtol=0, atol=1e-15)
    φ, ψ = (np.asarray(f.dense()).reshape(20, -1) for f in (fast, matrix))
    np.testing.assert_allclose(φ @ φ.T, ψ @ ψ.T, rtol=0, atol=1e-13)
    a, Θ = jax.random.normal(jax.random.key(1), (5, 3)), jax.random.normal(KEY, fast.shape)
    np.testing.assert_allclose(fast.gather(a), e.T @ a, rtol=0, atol=1e-14)
    np.testing.assert_allclose(fast.project(Θ), e @ Θ, rtol=0, atol=1e-14)
    np.testing.assert_allclose(fast.move(Θ).at(jnp.asarray(2.0)), 2 * φ.reshape(5, 4, -1) @ Θ.reshape(-1), atol=1e-12)
    np.testing.assert_allclose(fast.squared_norms(a), np.sum(np.square(a), axis=1), rtol=1e-15)
    np.testing.assert_allclose(fast.diameters(), 2.0, rtol=1e-13)


def test_from_array_is_the_array():
    φ = np.random.default_rng(0).normal(size=(3, 4, 5)) * np.array([1.0, 2.0, 3.0])[:, None, None]
    features = from_array(φ)
    np.testing.assert_array_equal(features.dense(), φ)
    assert features.shape == (1, 5)
    np.testing.assert_allclose(features.diameters(), [curvature.diameter(p) for p in φ], rtol=1e-14)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: from_array(np.ones((2, 3))), "features has shape"),
        (lambda: from_array(np.full((2, 3, 1), np.inf)), "features contains inf"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
