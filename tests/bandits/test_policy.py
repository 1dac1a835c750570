"""The policy's exact quantities against curvature's on dense features."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import curvature
from bandits import coherent, from_array, locate, problem, random_arms

KEY = jax.random.key(0)


def correlation(N: int, rank: int) -> np.ndarray:
    e = np.random.default_rng(3).normal(size=(N, rank))
    e /= np.linalg.norm(e, axis=1, keepdims=True)
    return e @ e.T


def make_problem(kind: str, binary: bool):
    N, K, m = 6, 4, 3
    rng = np.random.default_rng(0)
    arms = random_arms(N, K, m, diameter=1.7, key=KEY)
    features = {
        "orthogonal": lambda: coherent(None, arms),
        "coherent": lambda: coherent(correlation(N, 4), arms),
        "array": lambda: from_array(rng.normal(size=(N, K, 5))),
    }[kind]()
    rewards = (np.arange(K) < rng.integers(1, K, (N, 1))).astype(float) if binary else rng.normal(size=(N, K))
    offsets = 3 * rng.normal(size=(N, K))
    offsets[0, 2] = -np.inf
    return problem(features, offsets, rewards)


@pytest.mark.parametrize("kind", ["orthogonal", "coherent", "array"])
@pytest.mark.parametrize("binary", [True, False])
def test_local_quantities_and_gradients_are_curvatures_moments(kind, binary):
    made = make_problem(kind, binary)
    Θ = jax.random.normal(jax.random.key(1), made.features.shape)
    logits = made.offsets + made.features.logits(Θ)
    local = locate(made, logits)
    dense = made.features.dense()
    for x in range(made.num_prompts):
        m = curvature.moments(logits[x], dense[x], made.rewards[x])
        np.testing.assert_allclose(local.value[x], m.value, rtol=1e-13)
        np.testing.assert_allclose(local.std[x], m.std, rtol=1e-12)
        # the gradient as the simulator holds it: e_x ⊗ a_x
        alone = jnp.zeros((made.num_prompts, local.value.shape[0])).at[x, x].set(1) @ made.features.contract(
            local.coefficients
        )
        np.testing.assert_allclose(made.features.gather(alone).reshape(-1), m.gradient, rtol=0, atol=1e-13)
    a = made.features.contract(local.coefficients)
    gradients = jax.vmap(lambda z, φ, r: curvature.moments(z, φ, r, hessian=False).gradient)(
        logits, dense, made.rewards
    )
    np.testing.assert_allclose(jnp.sqrt(made.features.squared_norms(a)), jnp.linalg.norm(gradients, axis=1), rtol=1e-11)
    np.testing.assert_allclose(made.features.gather(a).reshape(-1), gradients.sum(axis=0), rtol=0, atol=1e-13)


def test_gradient_is_the_derivative_of_the_sum_of_values():
    made = make_problem("coherent", False)

    def total(Θ):
        z = made.offsets + made.features.logits(Θ)
        return jnp.sum(jax.nn.softmax(z) * made.rewards)

    Θ = jax.random.normal(jax.random.key(2), made.features.shape)
    local = locate(made, made.offsets + made.features.logits(Θ))
    found = made.features.gather(made.features.contract(local.coefficients))
    np.testing.assert_allclose(found, jax.grad(total)(Θ), rtol=0, atol=1e-13)


def test_equal_rewards_have_no_deviation_at_all():
    # the rounding of the mean is not a deviation: divided by itself it would be a gradient of order 1
    offsets = np.random.default_rng(0).normal(size=(200, 5))
    rewards = np.broadcast_to(np.random.default_rng(1).normal(size=(200, 1)), (200, 5)).copy()
    rewards[100:, 4], offsets[100:, 4] = 9.0, -np.inf  # only an absent arm differs
    local = locate(problem(from_array(np.ones((200, 5, 1))), offsets, rewards), jnp.asarray(offsets))
    np.testing.assert_array_equal(local.std, 0)
    np.testing.assert_array_equal(local.coefficients, 0)
    np.testing.assert_allclose(local.value, rewards[:, 0], rtol=1e-14)
