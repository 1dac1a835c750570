"""Balls contain what they must; `positive` certifies nothing that is false."""

from fractions import Fraction

import flint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.enclosure import exact, interval, positive, working_precision
from proofs.theorem import Unproved

rationals = st.fractions(-10, 10, max_denominator=10**6)


@given(rationals, rationals, st.integers(0, 16))
def test_an_interval_contains_its_points(a, b, k):
    low, high = min(a, b), max(a, b)
    assert interval(low, high).contains(exact(low + (high - low) * k / 16))


@given(st.floats(-1e6, 1e6))
def test_a_float_is_its_binary_value(x):
    with working_precision():
        assert exact(x).mid() == flint.arb(x)
        assert exact(Fraction(x)).contains(flint.arb(x))


def test_positive_on_a_box():
    assert "pieces, at least" in positive(
        lambda x, y: x * x + y * y - x * y + exact(Fraction(1, 100)), [(-1, 1), (-1, 1)]
    )
    assert "pieces, at least" in positive(lambda x: x.exp() - 1 - x, [(Fraction(1, 10), 3)])


@pytest.mark.parametrize(
    ("function", "box", "why"),
    [
        (lambda x: x.exp() - 1 - x - x * x / 2 - exact(Fraction(1, 10**6)), [(0, 1)], "fails at|undecided"),
        (lambda x: x - 1, [(0, 3)], r"fails at \(3/4\)"),
        (lambda x: x * x, [(-1, 2)], "undecided"),  # an equality case has to be factored out
        (lambda x: flint.arb(0) * x, [(1, 1)], "fails at|undecided"),
        (lambda x: x - exact(Fraction(1, 3)), [(Fraction(1, 3), Fraction(1, 3))], "undecided|fails at"),
    ],
)
def test_what_is_not_positive_is_refused(function, box, why):
    with pytest.raises(Unproved, match=why):
        positive(function, box, max_boxes=300)


def test_the_precision_is_put_back():
    before = flint.ctx.prec
    with working_precision(300):
        assert flint.ctx.prec == 300
    with pytest.raises(Unproved):
        positive(lambda x: -x, [(1, 2)])
    assert flint.ctx.prec == before


def test_a_number_is_a_function_of_nothing():
    assert positive(lambda: flint.arb(2).log() - exact(Fraction(1, 2)), []) == "1 pieces, at least 0.19"
    with pytest.raises(Unproved, match=r"fails at \(\): -0.307"):
        positive(lambda: flint.arb(2).log() - 1, [])
    with pytest.raises(Unproved, match="undecided"):
        positive(lambda: flint.arb(2).log() - flint.arb(2).log(), [])


def test_a_box_inside_out_is_refused():
    with pytest.raises(ValueError, match=r"\(2, 1\); allowed"):
        positive(lambda x: x, [(2, 1)])


def test_no_number_is_not_positive():
    for function in (lambda x: 1 / (x - x), lambda x: x / 0, lambda x: (-x).log(), lambda x: x * flint.arb("inf")):
        with pytest.raises(Unproved):
            positive(function, [(1, 2)], max_boxes=20)
