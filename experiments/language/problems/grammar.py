r"""The grammar of one number, over tokens: it takes all of them or refuses.

    number     sign? currency? sign? size (percent | currency)? unit?
    size       whole (point digits)? | whole / whole | \frac | whole \frac | whole whole/whole | power of ten
    whole      digits, thousands in threes
    unit       words, between them spaces, points and slashes; powers of them; degrees

Independent checks: tests/experiments/language/problems/test_numbers.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from experiments.language.problems.spelling import COMMANDS
from experiments.language.problems.units import is_bare_unit, is_unit

LARGEST = 400
"""Exponent of ten; larger ones are left to floats."""

_TOKEN = re.compile(
    rf"""(?P<digits>[0-9]+) | (?P<space>\s | \\[,!](?![0-9]) | (?<![0-9])\\[,!])
    | (?P<part>\{{,\}} | ,\s?\\! | \\[,!]) | (?P<comma>,) | (?P<point>\.) | (?P<sign>[-+]) | (?P<slash>/)
    | (?P<frac>\\[dtc]?frac(?![A-Za-z])) | (?P<percent>\\?%) | (?P<times>\\times | \\cdot | [×⋅])
    | (?P<degree>° | \^\s?\\circ | \^\s?\{{\s?\\circ\s?\}}) | (?P<raised>[²³]) | (?P<power>\^)
    | (?P<money>(?:US|AU|CA|NZ|HK|C|A)?\\?\$ | [£¥¢€\u20a0-\u20c0] | \\pounds | (?:USD|EUR|GBP|INR|Rs)(?![A-Za-z])\.?)
    | \\{COMMANDS}\s?\{{(?P<upright>[^{{}}\\]*)\}} | (?P<word>[^\W\d_²³]+) | (?P<open>\{{) | (?P<close>\}})
    | (?P<other>.)""",
    re.VERBOSE,
)
Style = Literal["prose", "formula"]


@dataclass(frozen=True)
class Number:
    """What a text says."""

    value: Fraction
    """With percent left out: 50 for "50%"."""
    percent: bool = False
    base: int = 10
    """In which its digits are written."""


class RefusedError(Exception):
    """The text is not one number."""


def read(text: str, style: Style) -> Number:
    """What the text says, without marks around it.

    Raises:
        RefusedError: it is not one number.
    """
    return _Reader(text, style).number()


class _Reader:
    """Tokens and a place among them. Each method moves the place past what it read, or returns None and stays."""

    def __init__(self, text: str, style: Style):
        self.tokens = [(str(m.lastgroup), m[str(m.lastgroup)]) for m in _TOKEN.finditer(text)]
        self.formula, self.place = style == "formula", 0

    def take(self, *kinds: str) -> str | None:
        if self.place < len(self.tokens) and self.tokens[self.place][0] in kinds:
            self.place += 1
            return self.tokens[self.place - 1][1]
        return None

    def need(self, *kinds: str) -> str:
        found = self.take(*kinds)
        if found is None:
            raise RefusedError
        return found

    def space(self) -> bool:
        start = self.place
        while self.take("space"):
            pass
        return self.place > start

    def number(self) -> Number:
        """All of the text."""
        signs, priced = "", False
        for kind in ("sign", "money", "sign"):
            found = self.take(kind) or ""
            self.space()
            signs, priced = (signs, priced or found != "") if kind == "money" else (signs + found, priced)
        size = self.size()
        self.space()
        percent = self.take("percent") is not None
        if not percent:
            self.take("money")
        words = self.unit()
        if len(signs) > 1 or self.place < len(self.tokens) or not is_unit(words, priced=priced):
            raise RefusedError
        percent = self.formula and (percent or [word.lower() for word in words] == ["percent"])
        return Number(-size if signs == "-" else size, percent)

    def size(self) -> Fraction:
        if (fraction := self.fraction()) is not None:
            return fraction
        whole = self.whole()
        if whole is not None:
            for read in (self.ratio, self.mixed):
                if (found := read(whole)) is not None:
                    return found
        number = self.decimal(whole)
        return self.scaled(number) if self.formula else number

    def decimal(self, whole: str | None) -> Fraction:
        """The rest of 0.5 and .5."""
        point = "." + self.need("digits") if self.take("point") else ""
        if whole is None and not point:
            raise RefusedError
        return Fraction((whole or "0") + point)

    def whole(self) -> str | None:
        """Digits without what parts thousands."""
        digits = self.take("digits")
        if digits is None or len(digits) > 3 or digits[0] == "0":
            return digits
        kinds = ("part",) if self.formula else ("part", "comma")
        while self.place + 1 < len(self.tokens) and self.tokens[self.place][0] in kinds:
            kind, following = self.tokens[self.place + 1]
            if kind != "digits" or len(following) != 3:
                break
            self.place += 2
            digits += following
        return digits

    def ratio(self, above: str) -> Fraction | None:
        """The rest of 3/4."""
        start = self.place
        self.space()
        if self.take("slash"):
            self.space()
            if (below := self.whole()) is not None:
                return _divided(Fraction(above), Fraction(below))
        self.place = start
        return None

    def mixed(self, whole: str) -> Fraction | None:
        """The rest of 2 1/3."""
        start = self.place
        spaced = self.space()
        part = self.fraction()
        if part is None and spaced and (above := self.whole()) is not None:
            part = self.ratio(above)
        if part is None:
            self.place = start
            return None
        if not 0 < part < 1 or not int(whole):
            raise RefusedError
        return int(whole) + part

    def fraction(self) -> Fraction | None:
        r"""\frac{1}{3}, and \frac13 as LaTeX reads it."""
        if not self.take("frac"):
            return None
        self.space()
        kind, digits = self.tokens[self.place] if self.place < len(self.tokens) else ("", "")
        if kind == "digits" and len(digits) == 2:
            self.place += 1
            return _divided(Fraction(digits[0]), Fraction(digits[1]))
        above = self.argument()
        self.space()
        return _divided(above, self.argument())

    def argument(self) -> Fraction:
        if not self.take("open"):
            digit = self.need("digits")
            if len(digit) > 1:
                raise RefusedError
            return Fraction(digit)
        self.space()
        sign = self.take("sign") or ""
        value = self.decimal(self.whole())
        self.space()
        self.need("close")
        return -value if sign == "-" else value

    def scaled(self, number: Fraction) -> Fraction:
        r"""The rest of 2e-3, 2 \times 10^{-3} and 10^{-3}."""
        start = self.place
        if self.take("word") in ("e", "E"):
            sign, digits = self.take("sign") or "", self.take("digits")
            if digits:
                return number * _power_of_ten(sign + digits)
        self.place = start
        self.space()
        if number == 10 and self.take("power"):
            return _power_of_ten(self.exponent())
        if self.take("times"):
            self.space()
            if self.take("digits") == "10" and self.take("power"):
                return number * _power_of_ten(self.exponent())
            raise RefusedError
        self.place = start
        return number

    def exponent(self) -> str:
        self.space()
        if not self.take("open"):
            return self.need("digits")
        self.space()
        found = (self.take("sign") or "") + self.need("digits")
        self.space()
        self.need("close")
        return found

    def unit(self) -> list[str]:
        """The words of a unit."""
        words: list[str] = []
        alone = self.tokens[self.place - 1 : self.place] == [("space", " ")]  # may one letter follow?
        while True:
            alone = self.space() or alone
            if slash := self.take("slash"):
                alone = True
                self.space()
            if self.take("degree"):
                words.append("degree")
                alone = True
                continue
            if (upright := self.take("upright")) is not None:
                found = re.split(r"[\s./]+", upright.strip(" ."))
            elif (word := self.take("word")) is not None:
                if (len(word) == 1 and not alone) or (self.formula and words != ["degree"] and not is_bare_unit(word)):
                    raise RefusedError
                self.take("point")
                found = [word]
            elif slash:
                raise RefusedError
            else:
                return words
            if not all(word.isalpha() for word in found if word):
                raise RefusedError
            words += filter(None, found)
            alone = False
            if not self.take("raised") and self.take("power"):
                self.exponent()


def _divided(above: Fraction, below: Fraction) -> Fraction:
    if not below:
        raise RefusedError
    return above / below


def _power_of_ten(exponent: str) -> Fraction:
    if abs(int(exponent)) > LARGEST:
        raise RefusedError
    return Fraction(10) ** int(exponent)
