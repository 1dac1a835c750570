r"""One number, read to the end of its text or refused, in exact fractions.

In prose (GSM8K) thousands are parted by "," or as LaTeX has it, percent is a unit, and so is any noun. In a formula
(MATH) "," makes a list, thousands are parted by "{,}", ",\!" or "\,", letters are symbols unless upright or well-known
units, and powers of ten and bases are numbers. Independent checks: tests/experiments/language/problems/test_numbers.py.
"""

from __future__ import annotations

import re
from fractions import Fraction

from experiments.language.problems.grammar import Number, RefusedError, Style, read
from experiments.language.problems.spelling import COMMANDS, unwrap, unwrap_parts

LONGEST = 200
"""Characters. No number of a word problem is longer, and longer digits only cost time."""

_BASES = {
    word: base for base, word in enumerate(["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"], 2)
}
_BASES |= {"eleven": 11, "twelve": 12, "sixteen": 16}
_NUMERAL = "[A-Z]*[0-9][0-9A-Z]*"
_BASE = r"\s?([0-9]+|[a-z]+)\s?"
_BASED = re.compile(
    rf"""(?P<sign>-?)\s?(?P<paren>\()?(?:\\{COMMANDS}\{{({_NUMERAL})\}}|({_NUMERAL}))(?(paren)\))\s?_\s?
    (?:([0-9])|\{{{_BASE}\}}|\{{\\{COMMANDS}\{{{_BASE}\}}\s?\}}|\\{COMMANDS}\{{{_BASE}\}})""",
    re.VERBOSE,
)


def parse_number(text: str) -> Fraction | None:
    r"""The exact value of a number as people write it in prose, or None where the text is not one number.

    Taken: signs (every dash that is used as one), thousands in threes, decimals, fractions, mixed numbers, a currency,
    %, which is a unit here ("50%" is 50), a unit in words, LaTeX's and markdown's marks, a full stop or comma at the
    end. Refused: words that change the value, and more than one number.

    >>> parse_number("-$1,234.50"), parse_number("3/4 hours."), parse_number("3 million")
    (Fraction(-2469, 2), Fraction(3, 4), None)
    >>> parse_number(r"\boxed{9{,}500\text{ dollars}}"), parse_number("**18**,"), parse_number("8 AM")
    (Fraction(9500, 1), Fraction(18, 1), None)
    """
    number = read_number(text, "prose")
    return None if number is None else number.value


def read_number(text: str, style: Style) -> Number | None:
    """What the text says if all of it is one number, in prose or as a formula.

    >>> read_number("1011_2", "formula")
    Number(value=Fraction(11, 1), percent=False, base=2)
    """
    if len(text) > LONGEST:
        return None
    try:
        if style == "formula" and (based := _BASED.fullmatch(unwrap(text))):
            return _in_base(based)
        return read(unwrap_parts(text), style)
    except RefusedError:
        return None


def _in_base(found: re.Match[str]) -> Number:
    digits, written = filter(None, found.groups()[2:])
    base = int(written) if written.isdigit() else _BASES.get(written, 0)
    if not 2 <= base <= 36:
        raise RefusedError
    try:
        return Number(Fraction(int(found["sign"] + digits, base)), base=base)
    except ValueError as error:  # a digit that the base lacks
        raise RefusedError from error


__all__ = ["LONGEST", "Number", "Style", "parse_number", "read_number"]
