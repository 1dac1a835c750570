r"""Words after a number: units, which leave its value alone, and words that change it.

    "18 dollars", "60 miles/hour", "9 sq. ft."      but not      "3 million", "8 AM", "5 degrees below zero"

Any noun may be a unit in a word problem, so what is listed is the rest, by what it does to the number. In a formula
bare letters are symbols: there only UNITS count, and what stands upright, as in \text{ dollars}.
Independent checks: tests/experiments/language/problems/test_numbers.py.
"""

from __future__ import annotations

from collections.abc import Sequence


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


MOST = 5
"""Words of a unit; more are a sentence."""

LETTERS = frozenset("mgshlLCFWVJNA")
"""Units of one letter. K, k, M, B and T multiply."""

UNITS = _words(
    """unit point dollar cent euro pound penny pennies hour minute second day week month year mile meter metre foot
    feet yard inch inches centimeter centimetre millimeter millimetre kilometer kilometre gram kilogram ounce ton liter
    litre gallon degree radian square cubic people person student way percent cm km kg mph sq"""
)
"""Units that count without being set upright."""

MILLIONS = frozenset(["m", "mm", "mn", "mil", "mill"])
"""Millions where a currency stands before the number."""

_COUNTED = _words(
    """hundred thousand million billion trillion quadrillion lakh lac crore dozen doz dz gross score myriad grand bil bn
    tn mn mil mill mio mrd k fold
    half halve third quarter fourth fifth sixth seventh eighth ninth tenth eleventh twelfth twentieth hundredth
    thousandth millionth
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety"""
)
"""Multiples, parts and numbers, which may end in s."""

_CHANGING = _words(
    """st nd rd th halves squared cubed factorial raised plus minus times over by of divided multiplied mod modulo
    remainder base binary octal hex hexadecimal pi tau infinity inf nan
    and or to than nor versus vs but except without instead unless
    not no never none neither wrong incorrect false
    negative below beneath under loss deficit debt overdrawn
    am pm bc bce morning afternoon evening"""
)
"""Ordinals; operations; alternatives; denials; signs; times of day."""


def is_unit(words: Sequence[str], *, priced: bool = False) -> bool:
    """Whether these words leave the number before them alone.

    Arguments:
        words: without punctuation; none is a unit as well.
        priced: whether a currency stands before the number, so that "m" is a million.

    >>> is_unit(["miles", "hour"]), is_unit(["million", "dollars"]), is_unit(["m"]), is_unit(["m"], priced=True)
    (True, False, True, False)
    """
    return len(words) <= MOST and all(_keeps(word, priced) for word in words)


def _keeps(word: str, priced: bool) -> bool:
    lower = word.lower()
    if lower in _CHANGING or lower in _COUNTED or lower.removesuffix("s") in _COUNTED or word == "MM":
        return False
    if priced and (lower in MILLIONS or len(word) == 1):
        return False
    return len(word) > 1 or word in LETTERS


def is_bare_unit(word: str) -> bool:
    """Whether a word of a formula that is not set upright is a unit: one of UNITS, also with an s."""
    return word in UNITS or word.removesuffix("s") in UNITS
