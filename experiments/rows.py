"""Rows: columns of one length by their name, the one shape in which measurements are passed on, kept and drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

Rows: TypeAlias = dict[str, np.ndarray]
"""{column: values}; the first axis counts rows."""
Tables: TypeAlias = dict[str, Rows]
"""Several tables of one part, by their name."""


def stack(rows: Sequence[Mapping[str, float]], **constants: float) -> Rows:
    """Single rows as float columns, with constant columns added; a value that a row lacks is NaN.

    >>> {name: values.tolist() for name, values in stack([{"x": 1.0}, {"x": 2.0}], seed=7).items()}
    {'x': [1.0, 2.0], 'seed': [7, 7]}
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: np.array([row.get(name, np.nan) for row in rows], np.float64) for name in names}
    return columns | {name: np.full(len(rows), value) for name, value in constants.items()}


def join(tables: Iterable[Rows]) -> Rows:
    """Tables one below the other; the columns of the first.

    >>> join([{"x": np.array([1])}, {"x": np.array([2, 3])}])["x"].tolist()
    [1, 2, 3]
    """
    kept = list(tables)
    return {name: np.concatenate([table[name] for table in kept]) for name in kept[0]}


def where(rows: Rows, keep: np.ndarray) -> Rows:
    """The rows at which `keep` (booleans or indices) says so."""
    return {name: values[keep] for name, values in rows.items()}


def of(rows: Rows, **equal: object) -> Rows:
    """The rows whose columns have these values.

    >>> of({"rule": np.array(["none", "group"]), "x": np.array([1.0, 2.0])}, rule="group")["x"].tolist()
    [2.0]
    """
    keep = np.ones(length(rows), bool)
    for name, value in equal.items():
        keep &= rows[name] == value
    return where(rows, keep)


def length(rows: Mapping[str, np.ndarray]) -> int:
    """How many rows; 0 where there is no column."""
    return len(next(iter(rows.values()), ()))
