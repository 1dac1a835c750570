"""Problems: initial pass rates are the input, and everything that does not fit is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import curvature
from bandits import coherent, equicorrelation, from_array, from_pass_rates, locate, problem, simplex_arms

KEY = jax.random.key(0)


@pytest.mark.parametrize("geometry", ["simplex", "gaussian"])
@pytest.mark.parametrize("coherence", [0.0, 0.5, 1.0])
def test_initial_values_are_the_pass_rates(geometry, coherence):
    p = jnp.array([1e-6, 0.03, 0.5, 0.9, 1 - 1e-6])
    made = from_pass_rates(p, num_arms=5, coherence=coherence, geometry=geometry, diameter=2.0, key=KEY)
    local = locate(made, made.offsets)
    np.testing.assert_allclose(local.value, p, rtol=1e-12)
    np.testing.assert_allclose(local.std, jnp.sqrt(p * (1 - p)), rtol=1e-9)  # 1 − p keeps ten digits of 1e-6
    assert made.num_prompts == 5
    np.testing.assert_allclose(made.features.diameters(), 2.0, rtol=1e-12)
    np.testing.assert_allclose(made.diameter, 2.0, rtol=1e-12)
    np.testing.assert_array_equal(made.rewards.sum(axis=1), 1)
    np.testing.assert_array_equal(made.best_values(), 1)
    bases = jax.vmap(curvature.span_basis)(made.features.dense())
    measured = curvature.pairwise_coherence(bases)
    # gaussian arms in K − 1 dimensions span them all, so the coherence is exact there too
    np.testing.assert_allclose(measured, equicorrelation(5, coherence), rtol=0, atol=1e-12)


def test_geometries_differ_in_what_they_should():
    simplex = from_pass_rates([0.2, 0.4, 0.6], num_arms=4, key=KEY)
    gaussian = from_pass_rates([0.2, 0.4, 0.6], num_arms=4, geometry="gaussian", key=KEY)
    assert simplex.features.embedding is None
    assert gaussian.features.embedding is None
    right = np.asarray(simplex.rewards, bool)
    np.testing.assert_allclose(np.exp(simplex.offsets)[right], [0.2, 0.4, 0.6], rtol=1e-13)
    wrong = np.exp(np.asarray(simplex.offsets))[~right].reshape(3, 3)
    np.testing.assert_allclose(wrong, wrong[:, :1] * np.ones(3), rtol=1e-13)  # uniform among the wrong arms
    assert np.ptp(np.asarray(gaussian.offsets)[~np.asarray(gaussian.rewards, bool)].reshape(3, 3), axis=1).min() > 0.01


def test_conflict_zero_gives_one_label_and_the_key_decides():
    same = from_pass_rates(jnp.full(20, 0.3), num_arms=6, conflict=0.0, key=KEY)
    np.testing.assert_array_equal(same.rewards, jnp.broadcast_to(same.rewards[:1], same.rewards.shape))
    first, second = (from_pass_rates(jnp.full(20, 0.3), num_arms=6, key=jax.random.key(s)).rewards for s in (0, 1))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, from_pass_rates(jnp.full(20, 0.3), num_arms=6, key=jax.random.key(0)).rewards)


def test_best_value_looks_at_present_arms_only():
    made = problem(from_array(np.zeros((2, 3, 1))), [[0, 0, -np.inf], [0, 0, 0]], [[-2, -1, 5], [0.1, 0.2, 0.3]])
    np.testing.assert_array_equal(made.best_values(), [-1, 0.3])


def test_diameter_defaults_to_the_largest_and_may_be_larger():
    φ = np.array([[[0.0], [1.0]], [[0.0], [3.0]]])
    zeros = np.zeros((2, 2))
    assert float(problem(from_array(φ), zeros, zeros).diameter) == 3
    assert float(problem(from_array(φ), zeros, zeros, diameter=4.0).diameter) == 4


FEATURES = coherent(None, simplex_arms(3), num_prompts=2)
ZEROS = np.zeros((2, 3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: problem(FEATURES, ZEROS, np.zeros((2, 2))), "rewards has shape"),
        (lambda: problem(FEATURES, np.zeros((1, 3)), ZEROS), "offsets has shape"),
        (lambda: problem(FEATURES, ZEROS + np.nan, ZEROS), "offsets contains nan"),
        (lambda: problem(FEATURES, ZEROS + np.inf, ZEROS), "offsets contains inf"),
        (lambda: problem(FEATURES, ZEROS - np.inf, ZEROS), "offsets is -inf for every arm"),
        (lambda: problem(FEATURES, ZEROS, ZEROS + np.inf), "rewards contains inf"),
        (lambda: problem(FEATURES, ZEROS, ZEROS, diameter=0.99), "diameter is 0.99; allowed: at least 1,"),
        (lambda: problem(FEATURES, ZEROS, ZEROS, diameter=float("nan")), "diameter is nan"),
        (lambda: from_pass_rates([0.5, 0.0], key=KEY), "pass_rate contains 0"),
        (lambda: from_pass_rates([0.5, 1.0], key=KEY), "pass_rate contains 1"),
        (lambda: from_pass_rates(0.5, key=KEY), "pass_rates has shape"),
        (lambda: from_pass_rates([], key=KEY), "pass_rates has shape"),
        (lambda: from_pass_rates([0.5], geometry="cube", key=KEY), "geometry is 'cube'"),
        (lambda: from_pass_rates([0.5], num_arms=1, key=KEY), "num_arms is 1"),
        (lambda: from_pass_rates([0.5], coherence=2.0, key=KEY), "coherence contains 2"),
        (lambda: from_pass_rates([0.5], conflict=-1.0, key=KEY), "conflict contains -1"),
        (lambda: from_pass_rates([0.5], diameter=0.0, key=KEY), "diameter contains 0"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
