"""Checkers of a specification's values: each takes (key, value, verb) and gives the value or refuses it in one line.

    grid.coherence contains 2.0; allowed: finite numbers in [0, 1]

Independent check: tests/experiments/sweep/test_spec.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from curvature.ranges import digits

Check = Callable[[str, Any, str], Any]


def refuse(key: str, value: Any, allowed: str, verb: str = "is") -> ValueError:
    """The error that names the key, the value and what is allowed."""
    shown = repr(value) if isinstance(value, str) else str(value)
    return ValueError(f"{key} {verb} {shown if len(shown) <= 80 else shown[:77] + '...'}; allowed: {allowed}")


def integer(low: int, high: int) -> Callable[[str, Any, str], int]:
    """Integers of an interval."""

    def check(key: str, value: Any, verb: str = "is") -> int:
        if isinstance(value, bool) or not isinstance(value, Integral) or not low <= int(value) <= high:
            raise refuse(key, value, f"integers from {low} to {high}", verb)
        return int(value)

    return check


def number(low: float, high: float, open_ends: str = "") -> Callable[[str, Any, str], float]:
    """Finite numbers of an interval, without the ends that "l" and "h" in `open_ends` name."""
    left, right = "(" if "l" in open_ends else "[", ")" if "h" in open_ends else "]"
    allowed = f"finite numbers in {left}{digits(low)}, {digits(high)}{right}"

    def check(key: str, value: Any, verb: str = "is") -> float:
        if isinstance(value, bool) or not isinstance(value, Real):
            raise refuse(key, value, allowed, verb)
        try:
            found = float(value)
        except OverflowError:
            found = math.inf
        above = found > low if "l" in open_ends else found >= low
        below = found < high if "h" in open_ends else found <= high
        if not (math.isfinite(found) and above and below):
            raise refuse(key, value, allowed, verb)
        return found + 0.0  # no negative zero: it would name another sweep

    return check


def truth(key: str, value: Any, verb: str = "is") -> bool:
    """True or false."""
    if not isinstance(value, bool | np.bool_):
        raise refuse(key, value, "true, false", verb)
    return bool(value)


def word(*allowed: str) -> Callable[[str, Any, str], str]:
    """One of these words."""

    def check(key: str, value: Any, verb: str = "is") -> str:
        if value not in allowed:
            raise refuse(key, value, ", ".join(allowed), verb)
        return value

    return check


def values_of(key: str, value: Any, check: Callable[[str, Any, str], Any]) -> tuple[Any, ...]:
    """A non-empty list without repeats, each entry checked; a bare value is a list of one."""
    listed = isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, (str, bytes))
    entries = list(value) if listed else [value]
    if not entries:
        raise refuse(key, [], "a list of at least one value")
    checked = tuple(check(key, entry, "contains" if listed else "is") for entry in entries)
    for i, entry in enumerate(checked):
        if entry in checked[:i]:
            raise ValueError(f"{key} contains {entry} twice; allowed: each value once")
    return checked
