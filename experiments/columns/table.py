"""A table as it is declared: the file that it is in, what a row is, and every column with its type, meaning and unit.

    Table("reproduce", "tails.parquet", "a run and time", {"time": integer("…", "updates")})

Writers ask `experiments.columns.declared`, which refuses rows that are of no declared table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from typing import Any

import numpy as np

KINDS = {"number": "f", "integer": "iu", "text": "UOT", "flag": "b"}
"""Kinds of columns, and the kinds of NumPy's types that hold them."""


@dataclass(frozen=True)
class Column:
    """One column."""

    kind: str
    """Of `KINDS`; "numbers" is a list of numbers in every row."""
    meaning: str
    unit: str = ""
    """Empty: a pure number, or none."""
    optional: bool = False
    """Whether a file may lack it; `meaning` then says when."""

    def holds(self, values: Any) -> bool:
        """Whether values are of this kind."""
        array = np.asarray(values)
        if self.kind == "numbers":
            return array.ndim == 2 and array.dtype.kind == "f"
        return array.ndim == 1 and array.dtype.kind in KINDS[self.kind]


def number(meaning: str, unit: str = "") -> Column:
    """A column of floating-point numbers."""
    return Column("number", meaning, unit)


def integer(meaning: str, unit: str = "") -> Column:
    """A column of whole numbers."""
    return Column("integer", meaning, unit)


def text(meaning: str) -> Column:
    """A column of words."""
    return Column("text", meaning)


def flag(meaning: str) -> Column:
    """A column of true and false."""
    return Column("flag", meaning)


def numbers(meaning: str, unit: str = "") -> Column:
    """A column of lists of numbers."""
    return Column("numbers", meaning, unit)


def maybe(column: Column) -> Column:
    """The same column where a file may lack it."""
    return replace(column, optional=True)


@dataclass(frozen=True)
class Table:
    """One kind of file."""

    command: str
    """That writes it."""
    file: str
    """Its name, with * for what differs from part to part."""
    row: str
    """One row is …"""
    columns: Mapping[str, Column] = field(default_factory=dict)

    def is_of(self, command: str, file: str) -> bool:
        """Whether this is declared for that file of that command."""
        return command == self.command and fnmatch(file, self.file)

    def fault(self, rows: Mapping[str, Any]) -> str | None:
        """What is wrong with rows, or None.

        >>> table = Table("test", "*.parquet", "a step", {"time": integer("number of the step")})
        >>> table.fault({"time": np.arange(2)}) is None
        True
        >>> table.fault({"time": np.arange(2), "p": np.ones(2)})
        "'p' is not declared"
        """
        if foreign := [name for name in rows if name not in self.columns]:
            return f"{foreign[0]!r} is not declared"
        if lacking := [name for name, column in self.columns.items() if not column.optional and name not in rows]:
            return f"{lacking[0]!r} is missing"
        for name, values in rows.items():
            if not self.columns[name].holds(values):
                return f"{name!r} is declared as {self.columns[name].kind} and is {np.asarray(values).dtype}"
        return None
