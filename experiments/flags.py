"""Checks of what the command is told, by the flag's name. Needs no JAX, so that a bad flag is refused at once."""

from __future__ import annotations

import math
from pathlib import Path

LARGEST_SEED = 2**31 - 1


def check_out(out: Path) -> None:
    """A folder of its own.

    Raises:
        ValueError: empty, or the current folder.
    """
    if out == Path():
        raise ValueError("--out is empty or the current folder; allowed: a folder of its own")


def check_integer(flag: str, value: object, low: int, high: int | None = None) -> None:
    """An integer in [low, high].

    Raises:
        ValueError: anything else.

    >>> check_integer("--num-steps", 9, 10)
    Traceback (most recent call last):
    ValueError: --num-steps is 9; allowed: an integer of at least 10
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ValueError(f"{flag} is {value!r}; allowed: an integer of at least {low}")
    if high is not None and value > high:
        raise ValueError(f"{flag} is {value}; allowed: {low} to {high}")


def check_seed(seed: int) -> None:
    """A seed of random draws.

    Raises:
        ValueError: no integer from 0 to 2^31 − 1.
    """
    check_integer("--seed", seed, 0, LARGEST_SEED)


def check_positive(flag: str, value: float) -> None:
    """A positive, finite number.

    Raises:
        ValueError: anything else.
    """
    if not 0 < value < math.inf:
        raise ValueError(f"{flag} is {value}; allowed: positive numbers")
