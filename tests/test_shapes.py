"""The shape checks that every other test relies on are in force."""

import jax
import jax.numpy as jnp
import jaxtyping
import pytest

from bandits.policy import draw_counts
from curvature.divergence import softmax_kl_along
from curvature.safe import ratio


def test_a_number_where_an_array_is_annotated_is_refused() -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        ratio(0.1, 0.1)  # pyright: ignore[reportArgumentType]


def test_disagreeing_axes_are_refused() -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        softmax_kl_along(jnp.ones((3, 2)), jnp.ones((3, 3)), jnp.ones(()))


def test_bandits_are_checked_too() -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        draw_counts(jnp.ones(3), 2, key=jax.random.key(0))
