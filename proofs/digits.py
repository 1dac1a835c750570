"""Decimals as they are printed: a ball lies within half a unit of the last digit."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import flint

from proofs.enclosure import exact
from proofs.theorem import Unproved


def rounds_to(value: flint.arb, printed: str, name: str = "") -> str:
    """Prove that every number of the ball is `printed` to all of its digits: |value − printed| ≤ half a unit.

    Returns:
        The name and the decimal.

    Raises:
        Unproved: the ball is elsewhere, or too wide to tell.

    >>> rounds_to(flint.arb(2).log(), ".6931", "ln 2")
    'ln 2 = .6931'
    >>> rounds_to(flint.arb(2).log(), ".6932", "ln 2")
    Traceback (most recent call last):
    proofs.theorem.Unproved: ln 2: between 0.6931472 and 0.6931472, not .6932
    """
    exponent = Decimal(printed).as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"{printed!r} is not a decimal")
    if not abs(value - exact(Fraction(printed))) <= exact(Fraction(10) ** exponent / 2):
        ends = f"between {float(value.lower()):.7g} and {float(value.upper()):.7g}"
        raise Unproved(f"{name}: {ends}, not {printed}".removeprefix(": "))
    return f"{name} = {printed}".removeprefix(" = ")
