"""Refuse plain numbers out of range in one sentence. Needs no JAX, so that a command can refuse a flag at once."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np


def is_concrete(value: Any) -> bool:
    """Whether the values of an array can be looked at (it is not a tracer)."""
    core = sys.modules.get("jax.core")
    return core is None or not isinstance(value, core.Tracer)


def digits(value: float) -> str:
    """A number as short as it can be, with every digit that tells it from another.

    >>> digits(5.0), digits(0.25), digits(1.0000001)
    ('5', '0.25', '1.0000001')
    """
    short = f"{value:g}"
    return short if float(short) == value else str(float(value))


def check_interval(name: str, value: Any, low: float, high: float, *, open_ends: str = "") -> None:
    """Low ≤ value ≤ high, with "l" or "h" in `open_ends` making that end strict; a tracer passes.

    Raises:
        ValueError: not numbers, NaN, or out of range.
    """
    if not is_concrete(value):
        return
    try:  # NumPy, not JAX: inside a trace JAX would make a tracer of a plain number
        values = np.asarray(value)
        if values.dtype.kind in "OSUMmc":  # text, dates and the like, some of which NumPy would take for numbers
            raise TypeError(f"dtype {values.dtype}")
        values = values.astype(float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is {value!r}; allowed: numbers") from error
    ok = (values > low if "l" in open_ends else values >= low) & (values < high if "h" in open_ends else values <= high)
    if not ok.all():  # a NaN fails both comparisons
        left, right = "(" if "l" in open_ends else "[", ")" if "h" in open_ends else "]"
        bad = values[~ok].flat[0] if values.ndim else float(values)
        raise ValueError(f"{name} contains {bad}; allowed: numbers in {left}{digits(low)}, {digits(high)}{right}")


def check_count(name: str, value: Any, low: int) -> None:
    """An integer of at least `low`.

    Raises:
        ValueError: another type, or a smaller number.
    """
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < low:
        raise ValueError(f"{name} is {value!r}; allowed: an integer of at least {low}")
