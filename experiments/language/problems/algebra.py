r"""Formulas as math-verify reads them, exactly: what is no number and no list.

    2\sqrt{3} = \sqrt{12}      x^2-1 = (x-1)(x+1)      y = 2x+1 as 2x-y+1 = 0      10^{-30}\pi ≠ 10^{-29}\pi

Its parser reads, whole texts alone, and it compares sets and matrices. Compared here, as it rounds to six places, drops
what is below 1e-15, and takes two equations without a real solution for the same: constants, to DIGITS, and relations,
up to a factor. Independent checks: tests/experiments/language/problems/test_formulas.py.
"""

from __future__ import annotations

import re
import threading
from typing import Any

SECONDS = 2
"""Whole seconds that reading, and comparing, may take."""

DIGITS = 50
"""To which two constants must agree, relative to the larger, where their difference is not a fraction."""

PLACES = 200
"""Below 10^−PLACES math-verify drops a difference."""

_MISREAD = re.compile(r"""[0-9]\}?\s*_|\)\s*_|[0-9]\s+[0-9]|\.[0-9]*\.|['"$≈]|\\approx|~""")
"""What the parser takes for something else or passes over: bases, digits apart, two points, quotes, about."""


def same_formula(answer: str, gold: str) -> bool:
    """Whether an answer is the gold's formula; not where one cannot be read, or takes longer than SECONDS a step.

    Raises:
        ValueError: called outside the main thread, where nothing could stop it.
    """
    if _MISREAD.search(answer) or _MISREAD.search(gold):
        return False
    if threading.current_thread() is not threading.main_thread():  # the time limits are signals
        raise ValueError("a MATH formula is compared outside the main thread; allowed: is_correct in the main thread")
    from math_verify.errors import TimeoutException
    from math_verify.utils import timeout  # half a second

    limited = timeout(timeout_seconds=SECONDS)
    try:
        want, got = limited(_read)(gold), limited(_read)(answer)
        same = limited(_same)(got, want)
    except (Exception, TimeoutException):  # whatever the parser and sympy raise on odd formulas
        return False
    return _verified(got, want) if same is None else same


def _read(text: str) -> Any:
    """The formula, with decimals as fractions."""
    import sympy
    from latex2sympy2_extended.latex2sympy2 import ConversionConfig, NormalizationConfig, latex2sympy, normalize_latex
    from math_verify.grader import should_treat_as_complex

    config = NormalizationConfig(basic_latex=True, units=False, malformed_operators=True, nits=False, boxed="none")
    text = normalize_latex(text, config)
    real = not should_treat_as_complex(text)
    exact = ConversionConfig(lowercase_symbols=False)
    found: Any = latex2sympy(text, is_real=real, normalization_config=None, conversion_config=exact)
    return found.xreplace({number: sympy.Rational(str(number)) for number in found.atoms(sympy.Float)})


def _verified(answer: Any, gold: Any) -> bool:
    import math_verify

    return bool(math_verify.verify([gold], [answer], numeric_precision=PLACES, timeout_seconds=SECONDS))


def _same(one: Any, other: Any) -> bool | None:
    """Whether constants, symbols or relations are the same, or None where they are none of these."""
    from sympy import Symbol

    mine, theirs = _relations(one), _relations(other)
    if mine is None or theirs is None:
        for x, y in ((one, other), (other, one)):
            if isinstance(x, Symbol) and (isinstance(y, Symbol) or getattr(y, "is_number", False)):
                return x == y
        return _same_constant(one, other)
    left = list(mine)
    for relation in theirs:
        match = next((i for i, own in enumerate(left) if _same_relation(own, relation)), None)
        if match is None:
            return False
        del left[match]
    return not left


def _same_constant(one: Any, other: Any) -> bool | None:
    """Whether two numbers are the same, exactly where they differ by a fraction, else to DIGITS.

    None where one is no number, or is zero, which has no first digit.
    """
    import sympy

    if not all(isinstance(x, sympy.Expr) and x.is_number for x in (one, other)):
        return None
    difference = one - other
    if difference.is_rational:  # 10^60 + 1 and 10^60 agree to DIGITS; powers may be too large to be written out
        value = difference.evalf(5, maxn=PLACES)
        if value.is_Rational or value._prec > 1:  # 1: no digit of it is known
            return value == 0
    values = [x.evalf(DIGITS + 10, maxn=PLACES) for x in (one, other)]
    if not all(value.is_finite and value.is_number for value in values) or 0 in values:
        return None
    return bool(abs(values[0] - values[1]) <= sympy.Float(10) ** -DIGITS * max(map(abs, values)))


def _relations(found: Any) -> list[tuple[str, Any, Any]] | None:
    """Sign and both sides of each relation of a chain, with < for > turned round; None where it is not one.

    A chain of equations is its first side and its last.
    """
    from sympy import Eq, Expr, GreaterThan, Rel, StrictGreaterThan

    parts: list[Any] = list(getattr(found, "_unsorted_args", [found]))
    if not all(isinstance(part, Rel) and isinstance(part.lhs, Expr) and isinstance(part.rhs, Expr) for part in parts):
        return None
    if all(isinstance(part, Eq) for part in parts):
        return [("==", parts[0].lhs, parts[-1].rhs)]
    parts = [part.reversed if isinstance(part, GreaterThan | StrictGreaterThan) else part for part in parts]
    return [(part.rel_op, part.lhs, part.rhs) for part in parts]


def _same_relation(one: tuple[str, Any, Any], other: tuple[str, Any, Any]) -> bool:
    """Whether left − right is the same up to a factor, which in an inequality is positive; constants side by side."""
    import sympy

    (sign, left, right), (sign_2, left_2, right_2) = one, other
    if sign != sign_2:
        return False
    if (left, right) == (left_2, right_2):
        return True
    if not (left - right).free_symbols:
        return _same_constant(left, left_2) is True and _same_constant(right, right_2) is True
    factor = sympy.simplify((left - right) / (left_2 - right_2))
    return bool(factor.is_number and factor.is_finite and (factor > 0 if "<" in sign else factor != 0))
