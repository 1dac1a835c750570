"""Coherence and diameters of the features against curvature's own spans."""

import jax
import numpy as np
import pytest

import curvature
from bandits import coherent, embed, equicorrelated, equicorrelation, random_arms, simplex_arms
from tests.strategies import random_correlation

KEY = jax.random.key(0)


def measured_coherence(features) -> np.ndarray:
    return np.asarray(curvature.pairwise_coherence(jax.vmap(curvature.span_basis)(features.dense())))


@pytest.mark.parametrize(("N", "rank"), [(1, 1), (5, 2), (5, 5), (12, 3)])
def test_embedding_has_the_correlation_as_its_gram_matrix(N, rank):
    C = random_correlation(N, N, rank)
    e = embed(C)
    assert e.shape == (N, min(rank, N))  # the smallest dimension there is
    np.testing.assert_allclose(e @ e.T, C, rtol=0, atol=1e-13)


@pytest.mark.parametrize("coherence", [0.0, 0.3, 0.99, 1.0])
def test_equicorrelation_and_its_rank(coherence):
    C = equicorrelation(6, coherence)
    np.testing.assert_array_equal(C, np.where(np.eye(6), 1.0, coherence))
    assert embed(C).shape[1] == (1 if coherence == 1 else 6)


@pytest.mark.parametrize("coherence", [0.0, 0.4, 0.9, 1.0])
def test_span_coherence_is_exactly_the_correlation(coherence):
    features = coherent(equicorrelation(4, coherence), simplex_arms(3))
    np.testing.assert_allclose(measured_coherence(features), equicorrelation(4, coherence), rtol=0, atol=1e-12)


def test_span_coherence_of_signed_correlations_is_their_absolute_value():
    C = random_correlation(3, 5, 3)
    assert C.min() < -0.2  # else the absolute value is not tested
    features = coherent(C, simplex_arms(4))
    np.testing.assert_allclose(measured_coherence(features), np.abs(C), rtol=0, atol=1e-12)


def test_spans_of_different_arms_are_never_more_coherent_than_the_correlation():
    C = random_correlation(4, 5, 3)
    features = coherent(C, random_arms(5, 3, 4, key=KEY))  # 2 dimensions of 4: the spans differ
    measured, off = measured_coherence(features), ~np.eye(5, dtype=bool)
    assert (measured <= np.abs(C) + 1e-12).all()
    assert (measured[off] < 0.998 * np.abs(C)[off]).all()  # strictly below: "exactly |C|" would be false here


def test_orthogonal_and_identical_ends():
    orthogonal = coherent(None, simplex_arms(3), num_prompts=4)
    assert orthogonal.embedding is None
    assert orthogonal.shape == (4, 2)
    np.testing.assert_array_equal(measured_coherence(orthogonal), np.eye(4))
    same = coherent(equicorrelation(4, 1.0), simplex_arms(3)).dense()
    np.testing.assert_allclose(same, np.broadcast_to(same[:1], same.shape), rtol=0, atol=1e-14)


@pytest.mark.parametrize("K", [2, 3, 7])
def test_simplex_has_equal_distances_and_centre_zero(K):
    u = np.asarray(simplex_arms(K, 2.5))
    assert u.shape == (K, K - 1)
    distances = np.linalg.norm(u[:, None] - u[None], axis=-1)
    np.testing.assert_allclose(distances, 2.5 * (1 - np.eye(K)), rtol=0, atol=1e-13)
    np.testing.assert_allclose(u.sum(0), 0, atol=1e-13)


def test_random_arms_have_their_diameter_and_centre_zero():
    u = random_arms(6, 5, 3, diameter=0.7, key=KEY)
    np.testing.assert_allclose([curvature.diameter(p) for p in u], 0.7, rtol=1e-13)
    np.testing.assert_allclose(u.mean(axis=1), 0, atol=1e-13)
    assert not np.allclose(u, random_arms(6, 5, 3, diameter=0.7, key=jax.random.key(1)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: embed([[1.0, 0.2], [0.3, 1.0]]), "differs from its transpose by 0.1"),
        (lambda: embed([[1.0, 0.2], [0.2, 0.9]]), "diagonal entry 0.9"),
        (lambda: embed([[1.0, 1.2], [1.2, 1.0]]), "eigenvalue -0.2"),
        (lambda: embed([[1.0, 0.2]]), "correlation has shape"),
        (lambda: embed(1.0), "correlation has shape"),
        (lambda: embed([[1.0, np.nan], [np.nan, 1.0]]), "correlation contains nan"),
        (lambda: equicorrelation(0, 0.5), "num_prompts is 0"),
        (lambda: equicorrelation(2, 1.1), "coherence contains 1.1"),
        (lambda: equicorrelation(2, -0.1), "coherence contains -0.1"),
        (lambda: equicorrelated(simplex_arms(2), 1.5, num_prompts=2), "coherence contains 1.5"),
        (lambda: equicorrelated(simplex_arms(2), [0.5], num_prompts=2), "coherence has shape"),
        (lambda: simplex_arms(1), "num_arms is 1"),
        (lambda: simplex_arms(3, 0.0), "diameter contains 0"),
        (lambda: random_arms(0, 2, 1, key=KEY), "num_prompts is 0"),
        (lambda: random_arms(1, 1, 1, key=KEY), "num_arms is 1"),
        (lambda: random_arms(1, 2, 0, key=KEY), "dimension is 0"),
        (lambda: random_arms(1, 2, 1, diameter=-1.0, key=KEY), "diameter contains -1"),
        (lambda: coherent(None, simplex_arms(3)), "num_prompts is None"),
        (lambda: coherent(None, simplex_arms(3), num_prompts=0), "num_prompts is 0"),
        (lambda: coherent(np.eye(3), np.ones((2, 3, 1))), "arms has shape"),
        (lambda: coherent(None, np.ones(3), num_prompts=2), "arms has shape"),
        (lambda: coherent(None, [[np.nan], [0.0]], num_prompts=2), "arms contains nan"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
