"""Derivatives along a direction against the whole Hessian, by automatic differentiation and by differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from curvature import along

INF, NAN = float("inf"), float("nan")
θ0, ℓ0 = jnp.zeros(2), lambda θ: jax.nn.log_softmax(θ)[0]


def log_policy(θ):
    """[4] of a policy that is not log-linear, over a tree of parameters."""
    return jax.nn.log_softmax(jnp.tanh(θ["w"] @ jnp.asarray([0.3, -1.2])) + θ["b"] ** 2)


def test_slopes_and_bends_are_those_of_the_hessian_and_of_differences():
    rng = np.random.default_rng(0)
    θ, u = ({"w": jnp.asarray(rng.normal(size=(4, 2))), "b": jnp.asarray(rng.normal(size=4))} for _ in range(2))
    found = jax.jit(lambda θ: along(log_policy, θ, u))(θ)

    def line(s):
        return log_policy(jax.tree.map(lambda a, b: a + s * b, θ, u))

    np.testing.assert_allclose(found.log_prob, line(0.0), rtol=1e-14)
    np.testing.assert_allclose(found.slope, jax.jacrev(line)(0.0), rtol=1e-12)
    np.testing.assert_allclose(found.bend, jax.jacrev(jax.jacrev(line))(0.0), rtol=1e-12)
    h = 1e-4  # the error of a central difference is h² ~ 1e-8, its rounding 1e-16/h² ~ 1e-8
    np.testing.assert_allclose(found.bend, (line(h) - 2 * line(0.0) + line(-h)) / h**2, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.statistic, found.slope**2 + found.bend, rtol=1e-15)
    assert float(jnp.exp(found.log_prob) @ found.statistic) == pytest.approx(0.0, abs=1e-14)  # T5: E M_u = 0
    assert abs(float(jnp.exp(found.log_prob) @ found.slope**2)) > 1e-2  # without the bend it is not


def test_lists_and_numbers_are_directions_too():
    found = along(lambda θ: -(θ**2).sum(), jnp.asarray([3.0, 1.0]), np.asarray([1, 0]))
    assert (float(found.slope), float(found.bend)) == (-6.0, -2.0)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: along(ℓ0, θ0, jnp.zeros(3)), r"direction has a leaf of shape \(3,\); allowed: the parameters' \(2,\)"),
        (lambda: along(ℓ0, θ0, jnp.asarray([0.0, NAN])), "direction contains nan; allowed: finite numbers"),
        (lambda: along(ℓ0, {"a": θ0}, {"b": θ0}), "direction is a tree .*; allowed: the parameters' tree"),
        (lambda: along(ℓ0, jnp.arange(2), θ0), "parameters has a leaf of dtype int64; allowed: floating-point arrays"),
        (
            lambda: along(ℓ0, {"a": "b"}, {"a": 1.0}),
            "parameters has a leaf of dtype <U1; allowed: floating-point arrays",
        ),
    ],
)
def test_bad_input_is_named(call, text):
    with pytest.raises(ValueError, match=text):
        call()
