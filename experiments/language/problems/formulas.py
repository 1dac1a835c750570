r"""Whether two answers of MATH are the same: numbers and bases exactly, lists by items, the rest by math-verify.

    \frac{1}{2} = 0.5      1011_2 ≠ 1011      10,200 = 10, 200 ≠ 10200      (1,2) ≠ \{1,2\}      12 pi = 12\pi

The gold decides where a spelling has two readings: "1,080" is a thousand and eighty where the gold is a number and
a list where it is a list; "10\%" is .1 and, as a unit, 10 where only one side has the sign. Independent checks: in
tests/experiments/language/problems/test_formulas.py.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from experiments.language.problems.algebra import same_formula
from experiments.language.problems.numbers import LONGEST, Number, read_number
from experiments.language.problems.spelling import COMMANDS, LAYERS, unwrap
from experiments.language.problems.units import is_bare_unit

MOST = 1000
"""Characters. Longer texts are compared as they stand but for spaces."""

_ARGUMENT = r"\\[A-Za-z]+|[0-9A-Za-z]|\{[^{}]*\}"


def _braced(found: re.Match[str]) -> str:
    r"""\frac\pi3 as \frac{\pi}{3}."""
    return rf"\{found[1]}" + "".join(part if part[0] == "{" else f"{{{part}}}" for part in found.groups()[1:])


def _lower(found: re.Match[str]) -> str:
    """Words set upright in small letters; K is not k."""
    return re.sub("[A-Za-z]{2,}", lambda word: word[0].lower(), found[0])


_ALIKE = [
    (re.compile(found), put)
    for found, put in (
        (r"\\(?:left|right|[bB]igg?[lrm]?)(?![A-Za-z])\s*(?=[()\[\]|]|\\[{}|])", ""),
        (r"\\lbrace(?![A-Za-z])", r"\\{"),
        (r"\\rbrace(?![A-Za-z])", r"\\}"),
        (r"\\varnothing(?![A-Za-z])|∅|\\\{\s*\\\}", r"\\emptyset"),
        (r"∞|(?<![\\A-Za-z])infinity(?![A-Za-z])", r"\\infty "),
        (r"π|(?<![\\A-Za-z])pi(?![A-Za-z])", r"\\pi "),
        (rf"\\{COMMANDS}\s*\{{", r"\\text{"),
        (
            r"(?<=[0-9])\s*(?:\\text\{\s*([APap])\.?\s?[Mm]\.?\s*\}|([AP])\.?M(?![A-Za-z])\.?|([ap])\.\s?m\.?)",
            r"\\text{\1\2\3m}",
        ),
        (rf"\\[dtc]?(frac|binom)\s*({_ARGUMENT})\s*({_ARGUMENT})", _braced),
        (r"\\text\{[^{}0-9]*\}", _lower),
        (r"\\mathbb\s*([A-Z])", r"\\mathbb{\1}"),
        (r"(?<!\\)\\[!,]", " "),
    )
]
_GROUPED = re.compile(r"(?<![0-9.])[1-9][0-9]{0,2}(?:(?:\{,\}|,\s?\\!|\\[,!])[0-9]{3})+(?![0-9])")
_UPRIGHT = re.compile(rf"\\{COMMANDS}\s*\{{([^{{}}]*)\}}")
_UNIT = re.compile(r"(?<=[0-9A-Za-z)}])\s*\\text\{([^{}]*)\}\s*(?:\^\s*\{?-?[0-9]\}?)?$")
_THOUSANDS = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))")
_SPACE = re.compile(r"(?<![0-9])\s+|\s+(?![0-9])")
_OUTER = re.compile(r"(?P<open>\\\{|[(\[])(?P<inside>.*)(?P<close>\\\}|[)\]])", re.DOTALL)
_PIECE = re.compile(
    r"""(?P<separator>[,;]?\s*(?:\\text\{\s*(?:and|or)\s*\}|(?<![\\A-Za-z])(?:and|or)(?![A-Za-z]))|[,;])
    |(?P<open>\\?\{|[(\[]|\\langle|\\begin)|(?P<close>\\?\}|[)\]]|\\rangle|\\end)|\\.|.""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class _List:
    kind: str
    """Its delimiters, as "(]"; "" where there are none."""
    items: tuple[str, ...]


def is_same(answer: str, gold: str) -> bool:
    r"""Whether an answer says what the gold says.

    Raises:
        ValueError: math-verify is needed outside the main thread, where nothing could stop it.

    >>> is_same(r"\dfrac12", "0.5"), is_same("1011", "1011_2"), is_same("10200", "10,200"), is_same("200, 10", "10,200")
    (True, False, False, True)
    """
    if max(len(answer), len(gold)) > MOST:
        return "".join(answer.split()) == "".join(gold.split())
    answer, gold = _tidy(answer), _tidy(gold)
    if _SPACE.sub("", answer) == _SPACE.sub("", gold) or _is_word(answer, gold) or _is_word(gold, answer):
        return True
    want = read_number(gold, "formula")
    got = read_number(_THOUSANDS.sub("{,}", answer) if want else answer, "formula")
    if want and got:
        return _same_number(got, want)
    wanted, found = _list(gold), _list(answer)
    if wanted and found:
        return _same_list(found, wanted)
    if (want and found) or (got and wanted):
        return False
    if any(number and number.base != 10 for number in (want, got)) or len(answer) > LONGEST:
        return False
    return any(same_formula(a, g) for a in _formulas(answer, got) for g in _formulas(gold, want))


def _tidy(text: str) -> str:
    """One spelling of what is spelt in several ways; parentheses around all of it are taken off."""
    for _ in range(LAYERS):
        text = unwrap(text, upright=False)
        if inside := _set_upright(text):
            text = inside
            continue
        text = _spelt(text)
        if not (inside := _bracketed(text)):
            break
        text = inside
    return text


def _set_upright(text: str) -> str | None:
    """What is set upright without being a word, if that is all."""
    found = _UPRIGHT.fullmatch(text)
    return found[1] if found and (re.search("[0-9]", found[1]) or not re.search("[A-Za-z]{2}", found[1])) else None


def _bracketed(text: str) -> str | None:
    """What stands in parentheses, or one number in braces, if that is all."""
    outer = _OUTER.fullmatch(text)
    if outer is None or len(_split(outer["inside"])) != 1:
        return None
    kind = outer["open"][-1] + outer["close"][-1]
    return outer["inside"] if kind == "()" or (kind == "{}" and read_number(outer["inside"], "formula")) else None


def _spelt(text: str) -> str:
    """One spelling of what is spelt in several ways."""
    text = _GROUPED.sub(lambda found: re.sub("[^0-9]", "", found[0]), text)
    for found, put in _ALIKE:
        text = found.sub(put, text)
    return " ".join(text.split())


def _is_word(text: str, other: str) -> bool:
    """Whether a text is an upright word, and the other the same word, however it stands."""
    found = _UPRIGHT.fullmatch(text)
    return found is not None and found[1].strip().lower() == other.lower()


def _same_number(one: Number, other: Number) -> bool:
    if one.base != other.base or one.percent == other.percent:
        return one == other
    percent, plain = (one, other) if one.percent else (other, one)
    return plain.value in (percent.value, percent.value / 100)


def _split(text: str) -> list[str]:
    """The text between separators that stand in no brackets; empty where these do not match or nest too deep."""
    parts, start, depth = list[str](), 0, 0
    for found in _PIECE.finditer(text):
        depth += (found["open"] is not None) - (found["close"] is not None)
        if not 0 <= depth <= LAYERS:
            return []
        if depth == 0 and found["separator"]:
            parts.append(text[start : found.start()].strip())
            start = found.end()
    return [*parts, text[start:].strip()] if depth == 0 else []


def _list(text: str) -> _List | None:
    """The items and what stands around them, or None where there are fewer than two, or one is empty."""
    outer, kind = _OUTER.fullmatch(text), ""
    items = _split(outer["inside"]) if outer else []
    if outer and items:
        kind = outer["open"][-1] + outer["close"][-1]
    else:
        items = _split(text)
    return _List(kind, tuple(items)) if len(items) > 1 and all(items) else None


def _same_list(answer: _List, gold: _List) -> bool:
    """In order but for sets and bare lists. A bare list may stand for a pair or a set, a pair never for a set."""
    kinds = {answer.kind, gold.kind}
    if len(kinds) > 1 and kinds not in ({"", "()"}, {"", "{}"}):
        return False
    if kinds == {"{}"}:
        same = functools.cache(is_same)  # asked twice, sets in sets would take 2^depth comparisons
        return all(any(same(a, g) for g in gold.items) for a in answer.items) and all(
            any(same(a, g) for a in answer.items) for g in gold.items
        )
    if len(answer.items) != len(gold.items):
        return False
    if not kinds <= {"", "{}"}:
        return all(is_same(a, g) for a, g in zip(answer.items, gold.items, strict=True))
    left = list(answer.items)
    for item in gold.items:
        match = next((i for i, other in enumerate(left) if is_same(other, item)), None)
        if match is None:
            return False
        del left[match]
    return True


def _formulas(text: str, number: Number | None) -> list[str]:
    """What math-verify is given: a number as a fraction, with both readings of a percent sign; no unit."""
    if number is not None:
        values = (number.value, number.value / 100) if number.percent else (number.value,)
        return [rf"\frac{{{value.numerator}}}{{{value.denominator}}}" for value in values]
    found = _UNIT.search(text)
    if found and (words := found[1].split()) and all(map(is_bare_unit, words)):
        text = text[: found.start()]
    return [re.sub(r",\s*", ", ", text)]
