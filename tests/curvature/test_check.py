"""Each refusal names the argument, what it got and what is allowed; every boundary is on the stated side."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from curvature.check import as_float, as_floats, check_finite, check_logits, check_shape
from tests.refusals import INF, NAN, message, under_jit


@pytest.mark.parametrize("value", [[1, 0], np.array([1, 0]), np.array([True, False]), jnp.array([1, 0]), (1.0, 0)])
def test_as_float_makes_float64(value):
    array = as_float("x", value)
    assert isinstance(array, jax.Array)
    assert array.dtype == jnp.float64
    assert array.tolist() == [1.0, 0.0]


def test_as_float_takes_jax_booleans_unsigned_and_scalars():
    assert as_float("x", jnp.array([True, False])).tolist() == [1.0, 0.0]
    assert as_float("x", np.array([3], np.uint8)).dtype == jnp.float64
    assert as_float("x", 0.25).shape == ()
    assert float(as_float("x", 7)) == 7.0


def test_as_float_leaves_floating_arrays_alone():
    single = jnp.zeros(2, jnp.float32)
    assert as_float("x", single) is single
    assert as_float("x", np.zeros(2, np.float32)).dtype == jnp.float32


@pytest.mark.parametrize("value", [np.array([1j]), jnp.array([1j])])
def test_as_float_refuses_complex(value):
    assert message(as_float, "rewards", value) == "rewards has dtype complex128; allowed: an array of real numbers"


@pytest.mark.parametrize(("value", "dtype"), [(np.array(["a"]), "<U1"), (np.array([None]), "object")])
def test_as_float_refuses_what_is_not_a_number(value, dtype):
    assert message(as_float, "rewards", value) == f"rewards has dtype {dtype}; allowed: an array of real numbers"


def test_as_float_refuses_ragged_lists():
    text = message(as_float, "features", [[1.0], [1.0, 2.0]])
    assert text.startswith("features is ragged or not numeric (")
    assert text.endswith("; allowed: an array of real numbers")


@pytest.mark.parametrize(
    ("got", "want"), [((), ()), ((1,), (1,)), ((1,), (None,)), ((3, 2), (None, 2)), ((3, 2), (3, None))]
)
def test_check_shape_accepts(got, want):
    check_shape("x", jnp.zeros(got), want)


@pytest.mark.parametrize(
    ("got", "want", "allowed"),
    [
        ((2,), (), "()"),
        ((), (None,), "(any,)"),
        ((2,), (3,), "(3,)"),
        ((3,), (2,), "(2,)"),
        ((0,), (None,), "(any,)"),
        ((0,), (0,), "(0,)"),
        ((3, 2), (None,), "(any,)"),
        ((3, 2), (2, 2), "(2, 2)"),
        ((3, 2), (3, 3), "(3, 3)"),
        ((3, 0), (3, None), "(3, any)"),
        ((0, 2), (None, 2), "(any, 2)"),
    ],
)
def test_check_shape_refuses(got, want, allowed):
    text = message(check_shape, "delta", jnp.zeros(got), want)
    assert text == f"delta has shape {got}; allowed: {allowed}, no empty axis"


def test_check_shape_looks_at_tracers_too():
    with pytest.raises(ValueError, match=r"x has shape \(2,\); allowed: \(3,\)"):
        under_jit(lambda x: check_shape("x", x, (3,)))


@pytest.mark.parametrize(("bad", "named"), [(NAN, "nan"), (INF, "inf"), (-INF, "-inf")])
def test_check_finite(bad, named):
    check_finite("x", jnp.array([0.0, -1e308]))
    assert message(check_finite, "x", jnp.array([[0.0], [bad]])) == f"x contains {named}; allowed: finite numbers"
    under_jit(lambda x: check_finite("x", x))


def test_check_logits_accepts_absent_arms():
    check_logits("x", jnp.array([-INF, 0.0]))
    check_logits("x", jnp.array([[-INF, 0.0], [-INF, 1.0]]))  # one column absent throughout, every row present
    under_jit(lambda x: check_logits("x", x))


@pytest.mark.parametrize(("bad", "named"), [(NAN, "nan"), (INF, "inf")])
def test_check_logits_refuses_nan_and_plus_infinity(bad, named):
    text = message(check_logits, "logits", jnp.array([0.0, -INF, bad]))
    assert text == f"logits contains {named}; allowed: finite numbers, or -inf for an absent arm"


@pytest.mark.parametrize("rows", [[-INF], [[0.0, 0.0], [-INF, -INF]]])
def test_check_logits_refuses_a_prompt_without_arms(rows):
    text = message(check_logits, "logits", jnp.array(rows))
    assert text == "logits is -inf for every arm; allowed: at least one finite logit"


def test_the_first_bad_value_is_the_one_named():
    with pytest.raises(ValueError, match="a contains inf; allowed"):
        check_finite("a", jnp.asarray([1.0, jnp.inf, jnp.nan]))
    with pytest.raises(ValueError, match="a contains nan; allowed"):
        check_logits("a", jnp.asarray([1.0, jnp.nan, jnp.inf]))


def test_as_floats_makes_one_type_and_keeps_shapes():
    a, b = as_floats(a=[1, 2], b=np.float64(3))
    assert (a.dtype, a.tolist(), b.dtype, b.shape) == (jnp.float64, [1.0, 2.0], jnp.float64, ())
    with jax.numpy_dtype_promotion("standard"):
        single, double = as_floats(a=jnp.zeros(2, jnp.float32), b=jnp.zeros((3, 1)))
    assert (single.dtype, single.shape, double.dtype, double.shape) == (jnp.float64, (2,), jnp.float64, (3, 1))


def test_as_floats_refuses_what_does_not_broadcast():
    text = message(as_floats, std=[1.0, 2.0], width=np.ones((2, 3)))
    assert text == "std, width have shapes (2,), (2, 3); allowed: shapes that broadcast"
    assert message(as_floats, std=1.0, width="a") == "width has dtype <U1; allowed: an array of real numbers"
