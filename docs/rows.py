"""Writes docs/rows.md: every column of every Parquet file that a command writes, as declared. `python docs/rows.py`."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

from experiments.columns.declared import PROVENANCE, TABLES  # noqa: E402
from experiments.columns.table import Column  # noqa: E402

HEAD = """# Rows

Every column of every Parquet file, written by `python docs/rows.py` from `experiments/columns/`, where commands declare
them: a writer refuses rows of other columns. Read them with anything: `pandas.read_parquet`, `polars`, DuckDB's
`select * from 'sweep/parts/*.parquet'`. Words and symbols: [glossary.md](glossary.md). A unit of "reward" is the
reward's own, 1 where answers are right or wrong; an empty one is a pure number. The log that `logs example` writes has
TRL's columns and is not here.
"""


def lines(columns: dict[str, Column]) -> list[str]:
    """A table of Markdown."""
    found = ["| column | type | unit | meaning |", "|---|---|---|---|"]
    for name, column in columns.items():
        kind = column.kind + (", may be absent" if column.optional else "")
        found.append("| " + " | ".join((f"`{name}`", kind, column.unit, column.meaning.replace("|", "\\|"))) + " |")
    return found


def page() -> str:
    """The page."""
    found = [HEAD, "## In every file", "", *lines(PROVENANCE), ""]
    for command in dict.fromkeys(table.command for table in TABLES):
        found += [f"## {command}", ""]
        for table in (table for table in TABLES if table.command == command):
            found += [f"### `{table.file}`: {table.row}", "", *lines(dict(table.columns)), ""]
    return "\n".join(found).rstrip() + "\n"


if __name__ == "__main__":
    (DOCS / "rows.md").write_text(page(), encoding="utf-8")
