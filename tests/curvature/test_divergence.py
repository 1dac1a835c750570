"""KL against its definition in 60 digits, and its derivative by automatic differentiation."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from curvature.divergence import softmax_kl, softmax_kl_along, softmax_variance


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
    found = softmax_kl(jax.nn.softmax(offsets), change)
    wanted = [kl_oracle(z, u) for z, u in zip(offsets, change, strict=True)]
    np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=0)
    assert found[5] == 0
    assert (found[:5] > 0).all()


def test_kl_is_the_same_on_both_sides_of_its_switch_and_ignores_absent_arms_and_shifts():
    offsets = jnp.array([[0.3, -0.2, -jnp.inf]])
    π = jax.nn.softmax(offsets)
    u = jnp.array([1.0, -1.0])
    centred = u - jnp.sum(π[0, :2] * u)
    for s in (0.999999, 1.000001):
        change = s * u / centred.max()
        for absent, shift in ((0.0, 0.0), (1e9, 0.0), (-1e9, 0.5)):
            full = jnp.append(change + shift, absent)[None]
            np.testing.assert_allclose(
                softmax_kl(π, full)[0],
                kl_oracle(np.asarray(offsets[0]), np.asarray(full[0])),
                rtol=1e-12,
            )


def test_kl_is_not_symmetric_and_of_the_right_way_round():
    offsets = jnp.log(jnp.array([[0.1, 0.9]]))
    found = softmax_kl(jax.nn.softmax(offsets), jnp.log(jnp.array([[0.6, 0.4]])) - offsets)
    np.testing.assert_allclose(found, 0.1 * np.log(0.1 / 0.6) + 0.9 * np.log(0.9 / 0.4), rtol=1e-13)
    backwards = 0.6 * np.log(0.6 / 0.1) + 0.4 * np.log(0.4 / 0.9)
    assert abs(float(found[0]) - backwards) > 0.02


@pytest.mark.parametrize("multiple", [0.0, 1e-3, 0.7, 40.0, 1e4])
def test_kl_along_a_direction_is_the_kl_and_its_derivative(multiple):
    offsets = jnp.asarray(np.random.default_rng(3).normal(size=(3, 4))).at[0, 2].set(-jnp.inf)
    π = jax.nn.softmax(offsets)
    change = jnp.asarray(np.random.default_rng(4).normal(size=(3, 4)))

    def divergence(s):
        return softmax_kl(π, s * change)

    values, slopes = softmax_kl_along(π, change)(jnp.asarray(multiple))
    np.testing.assert_allclose(values, divergence(jnp.asarray(multiple)), rtol=1e-12, atol=1e-15)  # absolute accuracy
    np.testing.assert_allclose(slopes, jax.jacfwd(divergence)(jnp.asarray(multiple)), rtol=1e-9, atol=1e-15)
    bend = jax.jacfwd(jax.jacfwd(divergence))(jnp.asarray(0.0))
    np.testing.assert_allclose(softmax_variance(π, change), bend, rtol=1e-12)
