"""Width and diameter against brute force over pairs of arms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from scipy.spatial.distance import pdist

from curvature import diameter, diameter_bound, width
from tests.strategies import bandits


@settings(max_examples=25)
@given(bandits())
def test_width_is_the_greatest_difference(bandit):
    z = np.asarray(bandit.features) @ np.asarray(bandit.direction)
    assert float(width(bandit.features, bandit.direction)) == pytest.approx(
        max(abs(a - b) for a in z for b in z), rel=1e-13
    )


def test_width_scales_and_ignores_common_shifts():
    φ = jnp.array([[0.0, 1.0], [2.0, 3.0]])
    u = jnp.array([1.0, 0.0])
    assert float(width(φ, u)) == 2.0
    assert float(width(φ, -3.0 * u)) == 6.0
    assert float(width(φ + 7.0, u)) == 2.0
    assert float(width(φ[:1], u)) == 0.0


@settings(max_examples=10)
@given(bandits())
def test_diameter_is_the_greatest_distance_and_the_greatest_width(bandit):
    φ = np.asarray(bandit.features)
    D = float(diameter(bandit.features))
    assert pytest.approx(pdist(φ).max(), rel=1e-13) == D
    assert width(bandit.features, bandit.direction) <= D * (1 + 1e-13)
    pairs = [(i, j) for i in range(len(φ)) for j in range(i)]
    i, j = max(pairs, key=lambda ij: np.linalg.norm(φ[ij[0]] - φ[ij[1]]))
    u = (φ[i] - φ[j]) / np.linalg.norm(φ[i] - φ[j])
    assert float(width(bandit.features, jnp.asarray(u))) == pytest.approx(D, rel=1e-12)


@pytest.mark.parametrize("num_arms", [1, 2, 7, 300])
def test_diameter_is_the_greatest_of_all_pairwise_distances(num_arms):
    φ = np.random.default_rng(num_arms).standard_normal((num_arms, 3))
    expected = pdist(φ).max() if num_arms > 1 else 0.0
    assert float(diameter(φ)) == pytest.approx(expected, rel=1e-13)


def test_diameter_finds_the_last_arm_and_the_first():
    for far in (0, 4):
        φ = np.zeros((5, 2))
        φ[far] = [3.0, 4.0]
        assert float(diameter(φ)) == 5.0


def test_diameter_keeps_the_digits_of_close_arms():
    gap = 2.0**-40
    D = float(diameter([[1.0, 0.0], [1.0 + gap, 0.0]]))
    assert gap == D
    a = np.array([1.0, 0.0])
    b = np.array([1.0 + gap, 0.0])
    assert a @ a + b @ b - 2 * a @ b != gap**2  # the expanded square, refused


@settings(max_examples=10)
@given(bandits())
def test_diameter_bound_is_between_one_and_two_diameters(bandit):
    D, bound = float(diameter(bandit.features)), float(diameter_bound(bandit.features))
    φ = np.asarray(bandit.features)
    assert D * (1 - 1e-13) <= bound <= 2 * D * (1 + 1e-13)
    assert bound == pytest.approx(2 * np.linalg.norm(φ - φ.mean(axis=0), axis=1).max(), rel=1e-13)


def test_diameter_bound_is_exact_for_two_arms_and_needs_its_factor_two():
    φ = [[0.0, 0.0], [3.0, 4.0]]
    assert float(diameter_bound(φ)) == 5.0
    assert float(diameter_bound(φ)) / 2 < float(diameter(φ))  # the variant without the 2, refused
    assert float(diameter_bound([[0.0], [0.0], [0.0], [3.0]])) == 4.5
    assert float(diameter_bound([[2.0, 1.0]])) == 0.0


def test_hundred_thousand_arms():
    φ = np.random.default_rng(0).standard_normal((100_000, 2))
    assert float(diameter_bound(φ)) >= pdist(φ[np.linalg.norm(φ, axis=1) > 3.5]).max()


def test_both_work_under_jit_and_vmap():
    φ = np.random.default_rng(1).standard_normal((4, 5, 2))
    for f in (diameter, diameter_bound):
        batched = jax.jit(jax.vmap(f))(jnp.asarray(φ))
        np.testing.assert_allclose(batched, [float(f(x)) for x in φ], rtol=1e-14)


@pytest.mark.parametrize("f", [diameter, diameter_bound])
def test_bad_features(f):
    with pytest.raises(ValueError, match=r"features has shape \(2,\); allowed: \(any, any\)"):
        f([1.0, 2.0])
    with pytest.raises(ValueError, match=r"features has shape \(2, 0\)"):
        f(np.zeros((2, 0)))
    with pytest.raises(ValueError, match="features contains nan; allowed: finite numbers"):
        f([[float("nan")], [0.0]])
    with pytest.raises(ValueError, match="features is ragged"):
        f([[1.0], [1.0, 2.0]])
