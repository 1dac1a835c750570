"""Each refusal names the argument, what it got and what is allowed; every boundary is on the stated side."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from curvature.ranges import check_count, check_interval, digits, is_concrete
from tests.refusals import NAN, message, under_jit


def test_is_concrete():
    seen = []
    jax.jit(lambda x: (seen.append(is_concrete(x)), x)[1])(jnp.zeros(2))
    assert seen == [False]
    assert is_concrete(jnp.zeros(2))
    assert is_concrete(np.zeros(2))
    assert is_concrete(0.5)


@pytest.mark.parametrize(
    ("open_ends", "inside", "outside", "brackets"),
    [
        ("", [0.0, 1.0, 0.5], [-1e-9, 1 + 1e-9], "[0, 1]"),
        ("l", [1e-9, 1.0], [0.0, 1 + 1e-9], "(0, 1]"),
        ("h", [0.0, 1 - 1e-9], [-1e-9, 1.0], "[0, 1)"),
        ("lh", [1e-9, 1 - 1e-9], [0.0, 1.0], "(0, 1)"),
    ],
)
def test_check_interval_ends(open_ends, inside, outside, brackets):
    check_interval("p", jnp.array(inside), 0, 1, open_ends=open_ends)
    for value in (*outside, NAN):
        text = f"p contains {value}; allowed: numbers in {brackets}"
        assert message(check_interval, "p", value, 0, 1, open_ends=open_ends) == text
        assert message(check_interval, "p", jnp.array([0.5, value]), 0, 1, open_ends=open_ends) == text


def test_check_interval_is_closed_by_default_and_skips_tracers():
    check_interval("p", jnp.array([0.0, 2.0]), 0, 2)
    under_jit(lambda x: check_interval("p", x, 0, 1))


@pytest.mark.parametrize("value", [2, 3, np.int64(2)])
def test_check_count_accepts(value):
    check_count("G", value, 2)


@pytest.mark.parametrize("value", [1, -3, True, 2.0, 2.5, "3", np.int64(1)])
def test_check_count_refuses(value):
    text = message(check_count, "group_size", value, 2)
    assert text == f"group_size is {value!r}; allowed: an integer of at least 2"


def test_check_count_refuses_true_even_where_one_is_allowed():
    assert message(check_count, "n", True, 1) == "n is True; allowed: an integer of at least 1"


def test_the_first_bad_value_is_the_one_named():
    with pytest.raises(ValueError, match=r"a contains 2\.0; allowed"):
        check_interval(name="a", value=[0.5, 2.0, 3.0], low=0, high=1)


@pytest.mark.parametrize("value", ["a", "2", ["0.5"], None, 1j, [[1.0], [1.0, 2.0]]])
def test_an_interval_is_for_numbers(value):
    with pytest.raises(ValueError, match=r"a is .*; allowed: numbers"):
        check_interval("a", value, 0, 1)


def test_an_interval_of_a_plain_number_can_be_checked_inside_a_trace():
    assert jax.jit(lambda x: (check_interval("a", 0.5, 0, 1), x)[1])(1.0) == 1.0
    with pytest.raises(ValueError, match=r"a contains 2\.0; allowed"):
        jax.jit(lambda x: (check_interval("a", 2.0, 0, 1), x)[1])(1.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [(5.0, "5"), (5, "5"), (0.25, "0.25"), (1.0000001, "1.0000001"), (1e-300, "1e-300"), (-0.0, "-0"),
     (1 + 2**-52, "1.0000000000000002"), (123456789.0, "123456789.0"), (np.float64(1 / 3), "0.3333333333333333"),
     (np.inf, "inf"), (-np.inf, "-inf"), (np.nan, "nan")],
)  # fmt: skip
def test_digits_are_those_that_tell_a_number_from_another(value, text):
    assert digits(value) == text
    assert float(digits(value)) == value or np.isnan(value)


def test_a_bound_is_shown_with_the_digits_that_decide():
    with pytest.raises(ValueError, match=r"^x contains 1.0; allowed: numbers in \[1.0000001, 2\]$"):
        check_interval("x", 1.0, 1.0000001, 2)
