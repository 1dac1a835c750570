"""The best known J against a fine grid where the parameter is one number, and against the linear programme."""

import jax
import jax.numpy as jnp
import numpy as np

from bandits import draw_labels, from_array, from_pass_rates, problem, realisable
from bandits.achievable import best_known_value

KEY = jax.random.key(0)


def test_conflicting_prompts_of_one_parameter_against_a_grid():
    # J = mean of sigmoid(4θ), sigmoid(2 − θ), sigmoid(−3 − θ)
    φ = np.array([[[4.0], [0.0]], [[-1.0], [0.0]], [[-1.0], [0.0]]])
    offsets = np.array([[0.0, 0.0], [2.0, 0.0], [-3.0, 0.0]])
    made = problem(from_array(φ), offsets, np.array([[1.0, 0.0]] * 3))
    θ = np.linspace(-60, 60, 240_001)[:, None]
    J = (1 / (1 + np.exp(-(φ[:, 0, 0] * θ + offsets[:, 0])))).mean(axis=1)
    found = float(best_known_value(made, key=KEY))
    np.testing.assert_allclose(found, J.max(), atol=1e-6)  # the grid's step, squared
    at_start = J[np.abs(θ[:, 0]).argmin()]
    assert at_start + 0.05 < found < 0.99


def test_realisable_labels_are_reached():
    made = from_pass_rates([0.02, 0.3, 0.6, 0.95], coherence=0.7, key=KEY)
    assert realisable(made.features, draw_labels(4, 4, conflict=1.0, key=jax.random.split(KEY, 3)[1]))
    found = float(best_known_value(made, key=KEY))
    assert 1 - 1e-6 < found <= 1


def test_identical_prompts_with_different_labels():
    # one softmax shared by all: the best is the share of the commonest label
    made = from_pass_rates([0.25] * 5, num_arms=3, coherence=1.0, key=jax.random.key(2))
    share = np.asarray(jnp.sum(made.rewards, axis=0)).max() / 5
    assert share < 1
    np.testing.assert_allclose(best_known_value(made, key=KEY), share, atol=1e-6)  # the supremum is at infinity
