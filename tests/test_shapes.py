"""The shape checks that every other test relies on are in force."""

import jax.numpy as jnp
import jaxtyping
import pytest

from bandits.policy import gradient_norms
from curvature import psi
from curvature._width import width


def test_a_number_where_an_array_is_annotated_is_refused() -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        psi(0.1)  # pyright: ignore[reportArgumentType]


def test_disagreeing_axes_are_refused() -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        width(jnp.ones((3, 2)), jnp.ones(3))


def test_bandits_are_checked_too() -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        gradient_norms(None, jnp.ones((3, 2)))  # pyright: ignore[reportArgumentType]
