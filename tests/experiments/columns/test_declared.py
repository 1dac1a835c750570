"""Rows that commands write are those that they declare, and others are refused; docs/rows.md is made from the same."""

import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from experiments import store
from experiments.columns.declared import PROVENANCE, TABLES, checked
from experiments.columns.logs import LOGGED, RULES
from experiments.columns.sweep import AXES as DECLARED_AXES
from experiments.columns.sweep import RUNS
from experiments.columns.table import KINDS, Table, flag, integer, maybe, number, numbers, text
from experiments.convergence.config import Reproduce
from experiments.convergence.run import parts_of
from experiments.logs.report import measure
from experiments.provenance import provenance
from experiments.study import Study
from experiments.sweep.execute import compute_chunk
from experiments.sweep.grid import AXES
from experiments.sweep.spec import Spec, chunks

ROOT = Path(__file__).resolve().parents[3]
TABLE = Table("test", "*.parquet", "a step", {
    "time": integer("number"), "p": number("pass rate"), "rule": text("name"), "finite": flag("whether"),
    "curve": numbers("J"), "extra": maybe(number("sometimes")),
})  # fmt: skip
ROWS = {
    "time": np.arange(2), "p": np.ones(2, np.float32), "rule": np.array(["a", "b"]), "finite": np.ones(2, bool),
    "curve": np.ones((2, 3)),
}  # fmt: skip


def test_rows_as_declared_are_taken() -> None:
    assert TABLE.fault(ROWS) is None
    assert TABLE.fault(ROWS | {"extra": np.ones(2)}) is None


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"other": np.ones(2)}, "'other' is not declared"),
        ({"time": np.ones(2)}, "'time' is declared as integer and is float64"),
        ({"p": np.arange(2)}, "'p' is declared as number and is int64"),
        ({"p": np.ones((2, 2))}, "'p' is declared as number and is float64"),
        ({"rule": np.arange(2)}, "'rule' is declared as text and is int64"),
        ({"finite": np.ones(2)}, "'finite' is declared as flag and is float64"),
        ({"curve": np.ones(2)}, "'curve' is declared as numbers and is float64"),
        ({"extra": np.array(["a", "b"])}, "'extra' is declared as number and is <U1"),
    ],
)
def test_other_rows_are_refused(change: dict, fault: str) -> None:
    assert TABLE.fault(ROWS | change) == fault


@pytest.mark.parametrize("name", ["time", "p", "rule", "finite", "curve"])
def test_a_column_that_is_missing_is_named(name: str) -> None:
    assert TABLE.fault({key: values for key, values in ROWS.items() if key != name}) == f"{name!r} is missing"


def test_a_study_writes_nothing_that_its_command_does_not_declare(tmp_path: Path) -> None:
    declared = {"alpha": np.ones(1), "pass_rate": np.ones(1), "measured": np.ones(1), "flow": np.ones(1)}
    with Study(tmp_path / "out", {"command": "reproduce"}, seed=0) as study:
        with pytest.raises(ValueError, match=r"rows of hitting.parquet by reproduce: 'more' is not declared; allowed"):
            study.part("hitting", lambda: declared | {"more": np.ones(1)})
        with pytest.raises(ValueError, match=r"rows of new.parquet by reproduce: no such file is declared; allowed"):
            study.part("new", lambda: declared)
        assert not list(study.rows.iterdir())
        study.part("hitting", lambda: declared)


def test_every_command_that_writes_rows_declares_them() -> None:
    """Commands name themselves in their configuration; those that write no rows are named here."""
    said = set()
    for path in (ROOT / "experiments").rglob("*.py"):
        said |= set(
            re.findall(r"(?:COMMAND = |\"command\": |_identity\()\"([\w ]+)\"", path.read_text(encoding="utf-8"))
        )
    assert {table.command for table in TABLES} == said - {"prove", "gsm8k fetch", "test"}


def test_every_part_of_reproduce_is_declared() -> None:
    parts = parts_of(Reproduce(), Reproduce().read())
    assert [f"{name}.parquet" for name in parts] == [table.file for table in TABLES if table.command == "reproduce"]


def test_quick_parts_of_reproduce_are_as_declared() -> None:
    parts = parts_of(Reproduce(), Reproduce().read())
    for name in ("hitting", "window", "counterexamples", "own_sums", "divisors"):
        checked("reproduce", f"{name}.parquet", parts[name][1]())


def test_runs_of_a_sweep_are_as_declared() -> None:
    assert tuple(DECLARED_AXES) == tuple(AXES)
    spec = Spec(num_steps=4, num_curve=2, tuning_seeds=1, seeds=2, steps=(1.0,))
    rows = compute_chunk(spec, chunks(spec)[0], 2**30)
    assert set(rows) == set(RUNS.columns)
    with pytest.raises(ValueError, match=r"rows of chunk-00000.parquet by sweep: 'area' is missing"):
        checked("sweep", "chunk-00000.parquet", {name: values for name, values in rows.items() if name != "area"})


def test_rules_of_the_report_on_logs_are_declared() -> None:
    assert {*measure.BINARY, *measure.REAL, measure.LOGGED} == set(RULES)
    assert LOGGED == measure.LOGGED


def test_the_columns_that_every_file_has_are_told(tmp_path: Path) -> None:
    store.write_rows(tmp_path / "a.parquet", {"x": np.ones(1)}, provenance({"command": "test"}, seed=1), 0.5)
    assert [name for name in pq.read_schema(tmp_path / "a.parquet").names if name != "x"] == list(PROVENANCE)


def test_declarations_can_be_read() -> None:
    for table in TABLES:
        assert table.columns, table
        for name, column in table.columns.items():
            assert column.kind in (*KINDS, "numbers"), (table.file, name)
            assert column.meaning == column.meaning.strip() != "", (table.file, name)
            assert name not in PROVENANCE or name == "seed", (table.file, name)
