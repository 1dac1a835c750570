"""All tables that commands write, and the check that writers make: rows of other columns are refused, not written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from experiments.columns import language, logs, phases, reproduce, sweep
from experiments.columns.table import Table, integer, number, text

TABLES: tuple[Table, ...] = (
    *reproduce.TABLES,
    *sweep.TABLES,
    *phases.TABLES,
    *language.TABLES,
    *logs.TABLES,
)
PROVENANCE = {
    "schema_version": integer("of the columns that every file has"),
    "run_id": text("of the configuration, seed, input and code: equal where rows would be equal"),
    "config": text("what the run was told, as JSON"),
    "seed": integer("of the command; `run_seed` where the rows have a seed of their own"),
    "commit": text("of the code; `+changes` where files differed from it"),
    "versions": text("of Python and the libraries, as JSON"),
    "device": text("that JAX computed on"),
    "wall_time_s": number(
        "what computing the part took; not in sweeps and reports on logs, whose rows are the same bytes anywhere", "s"
    ),
}
"""Columns that `experiments.store.write_rows` adds to every file."""
_Rows = TypeVar("_Rows", bound=Mapping[str, Any])


def checked(command: str, file: str, rows: _Rows) -> _Rows:
    """The same rows, if they are as declared. A command that declares no table is free to write what it likes.

    Arguments:
        command: that writes.
        file: the name of the file, without its folder.
        rows: the columns.

    Raises:
        ValueError: columns other than those declared for that file.
    """
    if command not in {table.command for table in TABLES}:
        return rows
    fitting = [table for table in TABLES if table.is_of(command, file)]
    faults = [table.fault(rows) for table in fitting]
    if None not in faults:
        why = min(filter(None, faults), key=len, default="no such file is declared")
        raise ValueError(f"rows of {file} by {command}: {why}; allowed: what experiments/columns/ declares")
    return rows
