"""The policy's exact quantities against curvature's on dense features, and KL against 60 digits."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

import curvature
from bandits import Softmax, coherent, from_array, locate, problem, random_arms

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


def kl_oracle(logits, change) -> float:
    """Σ π log(π/π') in 60 digits."""
    with mpmath.workdps(60):
        present = [i for i, z in enumerate(logits) if np.isfinite(z)]
        before = {i: mpmath.exp(mpmath.mpf(float(logits[i]))) for i in present}
        after = {i: before[i] * mpmath.exp(mpmath.mpf(float(change[i]))) for i in present}
        Z, Y = sum(before.values()), sum(after.values())
        return float(sum(before[i] / Z * mpmath.log(before[i] / Z * Y / after[i]) for i in present))


@pytest.mark.parametrize(
    ("scale", "tolerance"),
    # u is rounded to 1e-16 |u|/|u − E u|, and e^u − 1 − u to 1e-16/|u|: what is left of 16 digits
    [(1e-8, 3e-7), (1e-6, 3e-9), (1e-3, 3e-12), (0.1, 1e-13), (1.0, 1e-13), (30.0, 1e-13), (1e5, 1e-13), (1e12, 1e-13)],
)
def test_kl_against_the_definition(scale, tolerance):
    rng = np.random.default_rng(0)
    N, K = 12, 5
    offsets = 4 * rng.normal(size=(N, K))
    offsets[3:6, 1] = -np.inf
    offsets[5, 2:] = -np.inf  # one arm left: nothing can change
    change = scale * rng.normal(size=(N, K))
    made = problem(from_array(np.ones((N, K, 1))), offsets, np.zeros((N, K)))
    found = Softmax().kl_divergence(locate(made, made.offsets), jnp.asarray(change))
    wanted = [kl_oracle(z, u) for z, u in zip(offsets, change, strict=True)]
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=0)
    assert found[5] == 0
    assert (found[:5] > 0).all()


def test_kl_is_the_same_on_both_sides_of_its_switch_and_ignores_absent_arms_and_shifts():
    offsets = jnp.array([[0.3, -0.2, -jnp.inf]])
    local = locate(problem(from_array(np.ones((1, 3, 1))), offsets, np.zeros((1, 3))), offsets)
    u = jnp.array([1.0, -1.0])
    centred = u - jnp.sum(local.probabilities[0, :2] * u)
    for s in (0.999999, 1.000001):
        change = s * u / centred.max()
        for absent, shift in ((0.0, 0.0), (1e9, 0.0), (-1e9, 0.5)):
            full = jnp.append(change + shift, absent)[None]
            np.testing.assert_allclose(
                Softmax().kl_divergence(local, full)[0],
                kl_oracle(np.asarray(offsets[0]), np.asarray(full[0])),
                rtol=1e-12,
            )


def test_kl_is_not_symmetric_and_of_the_right_way_round():
    offsets = jnp.log(jnp.array([[0.1, 0.9]]))
    local = locate(problem(from_array(np.ones((1, 2, 1))), offsets, np.zeros((1, 2))), offsets)
    found = Softmax().kl_divergence(local, jnp.log(jnp.array([[0.6, 0.4]])) - offsets)
    np.testing.assert_allclose(found, 0.1 * np.log(0.1 / 0.6) + 0.9 * np.log(0.9 / 0.4), rtol=1e-13)
    backwards = 0.6 * np.log(0.6 / 0.1) + 0.4 * np.log(0.4 / 0.9)
    assert abs(float(found[0]) - backwards) > 0.02


@pytest.mark.parametrize("multiple", [0.0, 1e-3, 0.7, 40.0, 1e4])
def test_kl_along_a_direction_is_the_kl_and_its_derivative(multiple):
    offsets = jnp.asarray(np.random.default_rng(3).normal(size=(3, 4))).at[0, 2].set(-jnp.inf)
    local = locate(problem(from_array(np.ones((3, 4, 1))), offsets, np.eye(3, 4)), offsets)
    change = jnp.asarray(np.random.default_rng(4).normal(size=(3, 4)))

    def divergence(s):
        return Softmax().kl_divergence(local, s * change)

    values, slopes = Softmax().kl_along(local, change, jnp.asarray(multiple))
    np.testing.assert_allclose(values, divergence(jnp.asarray(multiple)), rtol=1e-12, atol=1e-15)  # absolute accuracy
    np.testing.assert_allclose(slopes, jax.jacfwd(divergence)(jnp.asarray(multiple)), rtol=1e-9, atol=1e-15)
