"""The numbers of `jax.random.normal`, to the bit, in few programs."""

import jax
import numpy as np
import pytest

from bandits.draws import SMALL, normal

SHAPES = [(3,), (64, 2, 1), (64, 16, 15), (5, 7, 3), (0, 4), (SMALL + 1,)]


@pytest.mark.parametrize("shape", SHAPES)
def test_numbers_are_those_of_jax(shape: tuple[int, ...]) -> None:
    key = jax.random.key(5)
    np.testing.assert_array_equal(normal(key, shape), jax.random.normal(key, shape))
    np.testing.assert_array_equal(jax.jit(normal, static_argnums=1)(key, shape), jax.random.normal(key, shape))


def test_numbers_where_threefry_depends_on_their_count() -> None:
    key = jax.random.key(5)
    before = jax.config.jax_threefry_partitionable  # pyright: ignore[reportAttributeAccessIssue]
    jax.config.update("jax_threefry_partitionable", False)
    try:
        np.testing.assert_array_equal(normal(key, (6, 3)), jax.random.normal(key, (6, 3)))
    finally:
        jax.config.update("jax_threefry_partitionable", before)


def test_small_shapes_share_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, draw = [], jax.random.normal

    def watched(key: jax.Array, shape: tuple[int, ...]) -> jax.Array:
        asked.append(shape)
        return draw(key, shape)

    monkeypatch.setattr(jax.random, "normal", watched)
    for shape in SHAPES:
        normal(jax.random.key(0), shape)
    assert asked == [(SMALL,)] * 5 + [(SMALL + 1,)]
