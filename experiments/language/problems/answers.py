r"""When is a response right? Exact numbers, no floats:

    r(y) = 1[value(final(y)) = value(y*)],      in mode "answer":  r(y) = 1[y = y*]

In mode "answer" one string alone is right, so that J = π(y*) exactly, which the exact probe relies on; in the other
modes the final answer (after the last "####", or in the last \boxed{}) is compared as a fraction. MATH's formulas are
compared by math-verify. Independent checks: tests/experiments/language/problems/test_answers.py.
"""

from __future__ import annotations

import re
import threading
from fractions import Fraction
from typing import Any, Literal, Protocol, TypeAlias, get_args, runtime_checkable

Mode: TypeAlias = Literal["answer", "equations", "text"]
MODES: tuple[str, ...] = get_args(Mode)
"""What a response is: the final answer alone, the calculator annotations, or the whole solution."""

MARK = "####"
"""What stands before the final answer in GSM8K."""

LONGEST = 200
"""Characters. No number of a word problem is longer, and longer digits only cost time."""

SECONDS = 2
"""Whole seconds that math-verify may think about one formula."""

_DIGITS = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)"
_CURRENCY = r"\\?[$€£]"
_WORD = r"[^\W\d_]+\.?"
_NUMBER = re.compile(
    rf"""(?P<sign>[-+−–]?)\s?(?:{_CURRENCY})?\s?(?P<inner>[-−–]?)
    (?:(?P<above>{_DIGITS})\s?/\s?(?P<below>{_DIGITS})|(?P<whole>{_DIGITS})?(?P<point>\.[0-9]+)?)
    (?:\s?(?:\\?%|{_CURRENCY}|¢))?
    (?P<unit>(?:[^\W\d_]{{2,}}\.?)?(?:\s{_WORD}){{0,4}})\s?\.?""",
    re.VERBOSE,
)
_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*(?P<brace>\{)?")
_CHANGES_VALUE = re.compile(
    r"\b(?:hundred|thousand|million|billion|trillion|dozen|score|half|halve|third|quarter|fourth|fifth|sixth|eighth"
    r"|tenth|hundredth|thousandth|and|or|to|plus|minus|times|over|by|of|than)s?\b",
    re.IGNORECASE,
)
"""Words after a number that are no unit: "3 million" is not 3."""


@runtime_checkable
class Answered(Protocol):
    """What `is_correct` needs of a problem."""

    @property
    def answer(self) -> str:
        """Canonical."""
        ...

    @property
    def kind(self) -> str:
        """Either "gsm8k" or "math"."""
        ...


def check_mode(mode: str) -> None:
    """Refuse a mode that does not exist."""
    if mode not in MODES:
        raise ValueError(f"mode is {mode!r}; allowed: {', '.join(MODES)}")


def parse_number(text: str) -> Fraction | None:
    """The exact value of a number as people write it, or None where the text is not one number.

    Taken: signs (also − and –), thousands in threes, decimals, a currency, %, which is a unit here ("50%" is 50),
    a unit in words, a full stop at the end, and fractions of whole numbers.

    >>> parse_number("-$1,234.50"), parse_number("3/4 hours."), parse_number("3 million")
    (Fraction(-2469, 2), Fraction(3, 4), None)
    """
    if len(text) > LONGEST:
        return None
    found = _NUMBER.fullmatch(" ".join(text.split()))
    if found is None or (found["sign"] and found["inner"]):
        return None
    if _CHANGES_VALUE.search(found["unit"]):
        return None
    sign = -1 if (found["sign"] or found["inner"]) not in ("", "+") else 1
    if found["above"] is not None:
        above, below = (int(found[name].replace(",", "")) for name in ("above", "below"))
        return sign * Fraction(above, below) if below else None
    digits = (found["whole"] or "").replace(",", "") + (found["point"] or "")
    return sign * Fraction(digits) if digits else None


def digits(number: Fraction) -> str:
    """The shortest exact spelling: a whole number, a decimal where it ends, and a/b elsewhere.

    >>> digits(Fraction(-6, 2)), digits(Fraction(1, 8)), digits(Fraction(2, 6))
    ('-3', '0.125', '1/3')
    """
    rest, places = number.denominator, 0
    for prime in (2, 5):
        count = 0
        while rest % prime == 0:
            rest, count = rest // prime, count + 1
        places = max(places, count)
    if rest != 1 or places == 0:
        return str(number)
    shifted = str(abs(number.numerator) * 10**places // number.denominator).rjust(places + 1, "0")
    return ("-" if number < 0 else "") + shifted[:-places] + "." + shifted[-places:]


def canonical(text: str) -> str | None:
    """The one spelling of a number that counts in mode "answer", or None where the text is not a number.

    >>> canonical(" $1,080.00 "), canonical("−3"), canonical(".5"), canonical("4/6"), canonical("five")
    ('1080', '-3', '0.5', '2/3', None)
    """
    number = parse_number(text)
    return None if number is None else digits(number)


def boxed(text: str) -> str | None:
    r"""What stands in the last \boxed{}, braces matched (or after a \boxed without braces, up to $), or None.

    >>> boxed(r"so \boxed{1}, no, \boxed{\frac{1}{2}}.")
    '\\frac{1}{2}'
    """
    found = list(_BOX.finditer(text))
    if not found:
        return None
    if not found[-1]["brace"]:
        return re.split(r"[$\n]", text[found[-1].end() :], maxsplit=1)[0].strip() or None
    start = found[-1].end()
    depth, escaped = 1, False
    for end in range(start, len(text)):
        character = text[end]
        depth += 0 if escaped else (character == "{") - (character == "}")
        escaped = character == "\\" and not escaped
        if depth == 0:
            return text[start:end].strip()
    return None


def final_answer(response: str, mode: str) -> str | None:
    r"""The final answer as written: the response itself in mode "answer", else what follows the last "####" on its
    line. In mode "text" a \boxed{} after that mark, or without one, counts as well. None where there is none.

    >>> final_answer("48/2=24;48+24=72####72", "equations")
    '72'
    """
    check_mode(mode)
    if mode == "answer":
        return response
    mark = response.rfind(MARK)
    last_box = max((box.start() for box in _BOX.finditer(response)), default=-1) if mode == "text" else -1
    if last_box > mark:
        return boxed(response)
    if mark < 0:
        return None
    return response[mark + len(MARK) :].strip().split("\n", 1)[0].strip() or None


def is_correct(response: str, problem: Answered, mode: str) -> bool:
    """Whether the response is right, the reward of every run.

    Arguments:
        response: the text without its end token.
        problem: anything with `answer` (canonical) and `kind` ("gsm8k" or "math").
        mode: "answer": the canonical string and no other; "equations", "text": the same number, or for MATH the
            same formula as math-verify sees it (at most SECONDS a step; a formula that takes longer is wrong).

    Raises:
        ValueError: no such mode, or a MATH formula compared outside the main thread, where nothing could stop it.

    Reference: Cobbe et al. 2021, arXiv 2110.14168 (GSM8K); Hendrycks et al. 2021, arXiv 2103.03874 (MATH).
    """
    check_mode(mode)
    if mode == "answer":
        return response == problem.answer
    final = final_answer(response, mode)
    if final is None:
        return False
    got, want = parse_number(final), parse_number(problem.answer)
    if problem.kind != "math":
        return got is not None and got == want
    if final == problem.answer or (got is not None and got == want):
        return True
    if got is not None and want is not None and "%" not in final + problem.answer:
        return False
    return len(final) <= LONGEST and _same_formula(final, problem.answer)


def _same_formula(final: str, answer: str) -> bool:
    if threading.current_thread() is not threading.main_thread():  # math-verify's time limits are signals
        raise ValueError("a MATH formula is compared outside the main thread; allowed: is_correct in the main thread")
    import math_verify  # half a second

    def parse(text: str) -> list[Any]:
        return math_verify.parse(rf"\boxed{{{text}}}", parsing_timeout=SECONDS)

    gold = parse(answer)
    return bool(gold) and bool(math_verify.verify(gold, parse(final), timeout_seconds=SECONDS))
