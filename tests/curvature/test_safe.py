"""curvature.safe against plain division, and where plain division fails."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from curvature.safe import ratio


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
