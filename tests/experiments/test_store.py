"""Rows on disk: written whole or not at all, recognised by what made them."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from experiments import store


@pytest.fixture
def source() -> store.Provenance:
    return store.provenance({"command": "test", "n": 3}, seed=5)


def test_rows_come_back_with_their_provenance(tmp_path: Path, source: store.Provenance) -> None:
    path = tmp_path / "a.parquet"
    store.write_rows(path, {"x": np.arange(3.0), "rule": np.array(["a", "b", "c"])}, source, 1.5)
    rows = store.read_rows(path)
    np.testing.assert_array_equal(rows["x"], [0, 1, 2])
    assert rows["rule"].tolist() == ["a", "b", "c"]
    assert set(rows["run_id"]) == {source.run_id}
    assert set(rows["wall_time_s"]) == {1.5}
    assert set(rows["schema_version"]) == {store.SCHEMA_VERSION}


def test_a_part_is_finished_only_for_the_run_that_wrote_it(tmp_path: Path, source: store.Provenance) -> None:
    path = tmp_path / "a.parquet"
    assert not store.is_finished(path, source)
    store.write_rows(path, {"x": np.arange(3.0)}, source, 0.0)
    assert store.is_finished(path, source)
    assert not store.is_finished(path, replace(source, run_id="another"))
    path.write_bytes(path.read_bytes()[:-8])
    assert not store.is_finished(path, source)


def test_the_id_depends_on_configuration_and_inputs(source: store.Provenance) -> None:
    assert store.provenance({"n": 3, "command": "test"}, seed=5).run_id == source.run_id
    assert store.provenance({"command": "test", "n": 4}, seed=5).run_id != source.run_id
    assert store.provenance({"command": "test", "n": 3}, seed=5, inputs=b"x").run_id != source.run_id


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.bin"
    store.write_bytes(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        store.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_a_folder_under_a_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ValueError, match=r"--out is .*file/out: Not a directory; allowed"):
        store.writable_folder(tmp_path / "file" / "out")


def test_rows_are_parquet_with_a_schema_version(tmp_path: Path, source: store.Provenance) -> None:
    store.write_rows(tmp_path / "a.parquet", {"x": np.arange(2)}, source, 0.0)
    assert pq.read_schema(tmp_path / "a.parquet").metadata[b"schema_version"] == b"1"


def test_what_a_killed_process_left_is_swept_and_a_running_one_s_is_not(tmp_path: Path) -> None:
    gone = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    dead, own = tmp_path / f".a.parquet.{int(gone.stdout)}.tmp", tmp_path / f".b.parquet.{os.getpid()}.tmp"
    for path in (dead, own, tmp_path / ".c.tmp", tmp_path / "rows.parquet"):
        path.write_bytes(b"half")
    store.writable_folder(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([own.name, ".c.tmp", "rows.parquet"])
