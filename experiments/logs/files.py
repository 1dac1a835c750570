"""Reading files that may be damaged: JSON lines one by one, Parquet by columns, and numbers that may be anything.

Everything that is wrong with a file is a ValueError of one line that names it.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.logs.groups import UNKNOWN_STEP, Note

LARGEST_STEP = 2**62
STEP = "([0-9]{1,18})"
"""A step in the name of a file or folder, for patterns: a number that `LARGEST_STEP` is above."""


class TruncatedError(ValueError):
    """The last line of a file was not written to its end."""


def step_in(name: str, pattern: re.Pattern[str]) -> int:
    """The step in a name of this pattern, its first group; `UNKNOWN_STEP` in others.

    >>> step_in("completions_00012.parquet", re.compile(rf"completions_{STEP}.parquet"))
    12
    """
    found = pattern.fullmatch(name)
    return int(found[1]) if found else UNKNOWN_STEP


def other_steps(name: str, step: int, column: Sequence[float] | np.ndarray) -> tuple[Note, ...]:
    """A note where a file's name and its rows name different steps.

    >>> other_steps("2.jsonl", 2, [2.0, 7.0])[0].text
    '2.jsonl: 1 of 2 rows say step 7 where the name says 2, which is taken'
    """
    said = np.asarray(column, float)
    other = said[np.isfinite(said) & (said != step)]
    if step == UNKNOWN_STEP or not other.size:
        return ()
    text = (
        f"{name}: {other.size} of {said.size} rows say step {other[0]:.0f} where the name says {step}, which is taken"
    )
    return (Note("other", int(other.size), text),)


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of every line that is not blank.

    Raises:
        TruncatedError: the last line is cut off; all lines before it were yielded.
        ValueError: a line that is no JSON object, or a text that is not UTF-8.
        OSError: reading failed.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            raw = line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line
            if not raw.strip():
                continue
            try:
                row = json.loads(raw)
            except (ValueError, RecursionError) as error:
                if not line.endswith(b"\n"):
                    raise TruncatedError(f"{path.name}: line {number} is cut off; allowed: whole lines") from error
                raise ValueError(
                    f"{path}: line {number} is no JSON ({_short(error)}); allowed: one JSON object per line"
                ) from error
            if not isinstance(row, dict):
                raise ValueError(f"{path}: line {number} is a JSON {_kind(row)}; allowed: one JSON object per line")
            yield number, row


def first_row(path: Path) -> dict[str, Any]:
    """The first JSON object of a file of JSON lines; {} where there is none.

    Raises:
        ValueError: as `json_lines`.
    """
    try:
        return next((row for _, row in json_lines(path)), {})
    except TruncatedError:
        return {}


def parquet_schema(path: Path) -> Mapping[str, Any]:
    """{column: Arrow type} of a Parquet file.

    Raises:
        ValueError: no Parquet, or a truncated one.
    """
    import pyarrow.parquet

    with _ParquetErrors(path):
        schema = pyarrow.parquet.read_schema(path)
        return {name: schema.field(i).type for i, name in enumerate(schema.names)}


def parquet_columns(path: Path, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Batches of {column: Arrow array} of the named columns; others are not read.

    Raises:
        ValueError: no Parquet, a truncated one, or a column that two columns share the name of.
    """
    import pyarrow.parquet

    with _ParquetErrors(path):
        file = pyarrow.parquet.ParquetFile(path)
        for name in names:
            if file.schema_arrow.names.count(name) > 1:
                raise ValueError(f"{path} has several columns {name!r}; allowed: one")
        for batch in file.iter_batches(columns=list(names)):
            yield {name: batch.column(name) for name in names}


class _ParquetErrors:
    """Turn what Arrow raises on damaged files into one line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type | None, error: BaseException | None, _: object) -> None:
        import pyarrow as pa

        if error is None:
            return
        if isinstance(error, OSError) and error.errno is not None:  # Arrow's own words name the file in the middle
            raise OSError(error.errno, os.strerror(error.errno), str(self.path)) from error
        damaged = (pa.ArrowException, UnicodeDecodeError, EOFError, MemoryError, OverflowError, OSError)
        if isinstance(error, damaged):
            said = _short(error).rstrip(".")
            raise ValueError(f"{self.path} cannot be read as Parquet ({said}); allowed: a whole file") from error


def arrow_numbers(path: Path, name: str, column: Any) -> np.ndarray:
    """[n] float64 of a column of numbers or booleans, NaN where missing.

    Raises:
        ValueError: another type.
    """
    import pyarrow as pa

    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    if pa.types.is_boolean(column.type) or pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        with _ParquetErrors(path):
            return column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False).astype(float)
    if pa.types.is_decimal(column.type):
        return np.array([math.nan if v is None else float(v) for v in column.to_pylist()])
    raise ValueError(f"{path}: column {name} holds {column.type}; allowed: numbers")


def number(value: object, where: str, name: str) -> float:
    """A JSON value as a float; None is NaN.

    Raises:
        ValueError: no number, or one that is too large for a float.
    """
    if value is None:
        return math.nan
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError as error:
            raise ValueError(f"{where}: {name} is an integer beyond 1e308; allowed: numbers or null") from error
    raise ValueError(f"{where}: {name} is a JSON {_kind(value)}; allowed: numbers or null")


def integer(value: object, where: str, name: str) -> int:
    """A JSON value, or the digits of one as a text, as a whole number.

    Raises:
        ValueError: anything else, or a number beyond 2^62.
    """
    found: object = value
    if isinstance(value, str) and len(value) < 20 and value.strip().lstrip("-").isascii() and value.strip().isdigit():
        found = int(value)
    if isinstance(value, float) and value.is_integer():
        found = int(value)
    if isinstance(found, bool) or not isinstance(found, int) or abs(found) > LARGEST_STEP:
        kind = repr(value) if isinstance(value, float) else f"a JSON {_kind(value)}"
        raise ValueError(f"{where}: {name} is {kind}; allowed: whole numbers below 2^62")
    return found


def _kind(value: object) -> str:
    kinds = {bool: "boolean", str: "text", list: "list", dict: "object", float: "number", int: "number"}
    return kinds.get(type(value), "null" if value is None else type(value).__name__)


def _short(error: BaseException) -> str:
    return " ".join(str(error).split())[:120]
