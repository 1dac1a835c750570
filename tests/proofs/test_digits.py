"""A ball is a decimal exactly if every number of it rounds there."""

from fractions import Fraction

import flint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proofs.digits import rounds_to
from proofs.enclosure import exact, interval
from proofs.theorem import Unproved


@pytest.mark.parametrize(
    ("value", "printed", "accepted"),
    [
        ("0.00915", ".009", True),
        ("-0.0001484219", "-1.48e-4", True),
        ("-0.0001484219", "-1.49e-4", False),
        ("-0.0001484219", "1.48e-4", False),
        ("0.03004", ".0300", True),
        ("0.03006", ".0300", False),
        ("2", "2", True),
        ("2.6", "2", False),
    ],
)
def test_decimals(value, printed, accepted):
    if accepted:
        assert printed in rounds_to(exact(Fraction(value)), printed)
    else:
        with pytest.raises(Unproved, match="not"):
            rounds_to(exact(Fraction(value)), printed)


@given(st.fractions(-5, 5), st.integers(0, 6))
def test_every_number_rounds_to_its_own_decimal_and_not_to_the_next(x, places):
    text = f"{round(x * 10**places)}e-{places}"
    if abs(abs(x - Fraction(text)) - Fraction(1, 2 * 10**places)) > Fraction(1, 10**12):
        rounds_to(exact(x), text)
        with pytest.raises(Unproved):
            rounds_to(exact(x + Fraction(1, 10**places)), text)


def test_a_ball_that_is_too_wide_is_no_decimal():
    with pytest.raises(Unproved):
        rounds_to(interval(Fraction("0.9"), Fraction("1.7")), "1")


def test_a_word_is_no_decimal():
    with pytest.raises(ValueError, match="not a decimal"):
        rounds_to(flint.arb(1), "nan")
