r"""When is a response right? Exact numbers, no floats:

    r(y) = 1[value(final(y)) = value(y*)],      in modes "answer" and "step":  r(y) = 1[y = y*]

In the exact modes, "answer" and "step", one string alone is right, so that J = π(y*) exactly, which the exact probe
relies on; in the others the final answer (after the last "####" or in the last \boxed{} that holds one) is compared as
a fraction (numbers.py), MATH's as formulas are (formulas.py). Independent checks: in
tests/experiments/language/problems/test_answers.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Literal, Protocol, TypeAlias, get_args, runtime_checkable

from experiments.language.problems.formulas import is_same
from experiments.language.problems.numbers import parse_number, read_number
from experiments.language.problems.spelling import closings, unwrap

Mode: TypeAlias = Literal["answer", "step", "equations", "text"]
MODES: tuple[str, ...] = get_args(Mode)
"""What a response is: the final answer alone, one calculator step, all of them, or the whole solution."""

EXACT_MODES = ("answer", "step")
"""Those in which one string is right."""

MARK = "####"
"""What stands before the final answer in GSM8K."""

_BOX = re.compile(r"\\(?:boxed|fbox)(?![A-Za-z])\s*(?P<brace>\{)?")
_MARKS = re.compile(rf"{MARK}#*")
_LINE = re.compile(rf"\s*([^\n]*?)(?={MARK}|\n|\Z)")
_UNBRACED = re.compile(r"(?:(?!\\(?:boxed|fbox))[^$\n])*")
MOST = 1000
"""Characters. What follows a mark or stands in a box is no answer where it is longer."""

_FIGURES = re.compile(r"[-+0-9.,/{}\\!$€£ ]*")
_BEGINS = re.compile(r"[-+*`$€£¥₹\\({\s\u2010-\u2013\u2212\uff0d]*\.?[0-9](?![0-9]*[.):]\s)")
"""How an answer begins, and no heading: "2. Check" is one."""

_PROSE = re.compile(r"(?<![\\A-Za-z{])[A-Za-z]{3,}")


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


def is_exact(mode: str) -> bool:
    """Whether one string alone is right in this mode, so that pass rates and gradients need no samples."""
    check_mode(mode)
    return mode in EXACT_MODES


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


def canonical_formula(written: str) -> str:
    r"""The spelling of a MATH answer that counts in mode "answer": `digits` where it is figures alone, else as written.

    >>> canonical_formula(r"9{,}500"), canonical_formula("10,200"), canonical_formula("5 k"), canonical_formula(r"10\%")
    ('9500', '10,200', '5 k', '10\\%')
    """
    number = read_number(written, "formula")
    return digits(number.value) if number and _FIGURES.fullmatch(unwrap(written)) else written


def boxed(text: str) -> str | None:
    r"""What stands in the last \boxed{}, braces matched, or after a \boxed without braces, up to $; else None.

    >>> boxed(r"so \boxed{1}, no, \boxed{\frac{1}{2}}.")
    '\\frac{1}{2}'
    """
    found = list(_BOX.finditer(text))
    return _inside(text, found[-1], closings(text)) if found else None


def _inside(text: str, box: re.Match[str], ends: Mapping[int, int]) -> str | None:
    """What a box holds; `ends` as of `closings`."""
    if box["brace"]:
        end = ends.get(box.end())
        return None if end is None else text[box.end() : end].strip()
    return (_UNBRACED.match(text, box.end()) or [""])[0].strip() or None


def final_answer(response: str, mode: str, kind: str = "gsm8k") -> str | None:
    r"""The final answer as written: the response itself in the exact modes, else what follows the last "####" on its
    line. In mode "text" a \boxed{} counts as well, and of all marks the last that holds an answer: a heading
    "#### Explanation", a \boxed without content and one that is never closed are passed over. None where there is none.

    >>> final_answer("48/2=24;48+24=72####72", "equations")
    '72'
    >>> final_answer("So \\boxed{72}.\n#### Explanation", "text")
    '72'
    """
    if is_exact(mode):
        return response
    marks = list(_MARKS.finditer(response))
    if mode == "equations":
        return _after(response, marks[-1]) if marks else None
    ends, last = closings(response), None
    for found in sorted([*marks, *_BOX.finditer(response)], key=re.Match.start, reverse=True):
        box = found.re is _BOX
        text = _inside(response, found, ends) if box else _without_bold(_after(response, found) or "")
        if not text or len(text) > MOST:
            continue
        if _holds(text, kind, boxed=box and found["brace"] is not None):
            return text
        last = last or text
    return last


def _after(response: str, mark: re.Match[str]) -> str | None:
    """What follows a mark on its line, up to another mark."""
    found = _LINE.match(response, mark.end())
    return found[1].strip() or None if found else None


def _without_bold(text: str) -> str:
    """Without the end of bold that began before the mark, as in **#### 72**."""
    return text.removesuffix("**").strip() if text.count("**") == 1 else text


def _holds(text: str, kind: str, *, boxed: bool = False) -> bool:
    """Whether a mark's text is an answer, though it may be a wrong or an unclear one."""
    if parse_number(text) is not None:
        return True
    if kind == "math":
        return boxed or not _PROSE.search(text)
    return any(map(str.isdigit, text)) if boxed else _BEGINS.match(unwrap(text)) is not None


def is_correct(response: str, problem: Answered, mode: str) -> bool:
    """Whether the response is right, the reward of every run.

    Arguments:
        response: the text without its end token.
        problem: anything with `answer` (canonical) and `kind` ("gsm8k" or "math").
        mode: "answer", "step": the canonical string and no other; "equations", "text": the same number, or for MATH the
            same formula (`formulas.is_same`; one that takes math-verify longer than its time is wrong).

    Raises:
        ValueError: no such mode, or a MATH formula compared outside the main thread, where nothing could stop it.

    Reference: Cobbe et al. 2021, arXiv 2110.14168 (GSM8K); Hendrycks et al. 2021, arXiv 2103.03874 (MATH).
    """
    if is_exact(mode):
        return response == problem.answer
    final = final_answer(response, mode, problem.kind)
    if final is None:
        return False
    if problem.kind == "math":
        return is_same(final, problem.answer)
    got = parse_number(final)
    return got is not None and got == parse_number(problem.answer)


__all__ = [
    "EXACT_MODES",
    "MARK",
    "MODES",
    "Answered",
    "Mode",
    "boxed",
    "canonical",
    "canonical_formula",
    "check_mode",
    "digits",
    "final_answer",
    "is_correct",
    "is_exact",
    "parse_number",
]
