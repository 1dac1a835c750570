"""curvature.safe against plain division, and where plain division fails."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from curvature.safe import inverse_power, ratio, solve_psd


def test_it_is_division_where_the_denominator_is_positive() -> None:
    top, bottom = np.array([1.0, -3.0, 0.0]), np.array([4.0, 1e-300, 0.5])
    np.testing.assert_array_equal(ratio(jnp.asarray(top), jnp.asarray(bottom)), top / bottom)


@pytest.mark.parametrize("bottom", [0.0, -0.0, -1.0])
@pytest.mark.parametrize("top", [0.0, 1.0, -1.0])
def test_it_is_0_where_the_denominator_is_not_positive(top: float, bottom: float) -> None:
    assert ratio(jnp.asarray(top), jnp.asarray(bottom)) == 0


def test_its_derivatives_are_finite_at_0() -> None:
    slopes = jax.grad(lambda x, y: ratio(x, y), argnums=(0, 1))(jnp.asarray(2.0), jnp.asarray(0.0))
    assert [float(s) for s in slopes] == [0.0, 0.0]


def test_it_broadcasts() -> None:
    assert ratio(jnp.ones((2, 3)), jnp.asarray([[1.0], [0.0]])).tolist() == [[1.0] * 3, [0.0] * 3]


def test_inverse_power() -> None:
    σ = jnp.array([0.0, 0.25, 4.0])
    assert inverse_power(σ, 1).tolist() == [0.0, 4.0, 0.25]
    assert inverse_power(σ, 0.5).tolist() == [0.0, 2.0, 0.5]
    assert inverse_power(σ, 0).tolist() == [0.0, 1.0, 1.0]
    assert jax.grad(lambda s: inverse_power(s, 1).sum())(σ).tolist() == [0.0, -16.0, -1 / 16]


def test_solve_psd() -> None:
    S = jnp.diag(jnp.array([4.0, 0.0, 1.0]))
    assert solve_psd(S, jnp.array([8.0, 5.0, 3.0])).tolist() == [2.0, 0.0, 3.0]
    assert solve_psd(S, jnp.array([10.0, 3.0, 4.0]), 1.0).tolist() == [2.0, 3.0, 2.0]
    columns = jnp.array([[8.0, 4.0], [5.0, 1.0], [3.0, 7.0]])
    assert solve_psd(S, columns).tolist() == [[2.0, 1.0], [0.0, 0.0], [3.0, 7.0]]
    assert solve_psd(0 * S, columns).tolist() == np.zeros((3, 2)).tolist()
    near = jnp.diag(jnp.array([1.0, 1e-9, 1e-11]))
    np.testing.assert_allclose(solve_psd(near, jnp.ones(3)), [1.0, 1e9, 0.0], rtol=1e-12)
    assert inspect.signature(inspect.unwrap(solve_psd)).parameters["cutoff"].default == 1e-10
