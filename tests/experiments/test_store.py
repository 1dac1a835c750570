"""Rows on disk: written whole or not at all, recognised by what made them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from experiments import store
from experiments.provenance import SCHEMA_VERSION, Provenance, provenance


@pytest.fixture
def source() -> Provenance:
    return provenance({"command": "test", "n": 3}, seed=5)


def test_rows_come_back_with_their_provenance(tmp_path: Path, source: Provenance) -> None:
    path = tmp_path / "a.parquet"
    store.write_rows(path, {"x": np.arange(3.0), "rule": np.array(["a", "b", "c"])}, source, 1.5)
    rows = store.read_rows(path)
    np.testing.assert_array_equal(rows["x"], [0, 1, 2])
    assert rows["rule"].tolist() == ["a", "b", "c"]
    assert set(rows["run_id"]) == {source.run_id}
    assert set(rows["wall_time_s"]) == {1.5}
    assert set(rows["schema_version"]) == {SCHEMA_VERSION}


def test_a_part_is_finished_only_for_the_run_that_wrote_it(tmp_path: Path, source: Provenance) -> None:
    path = tmp_path / "a.parquet"
    assert not store.is_finished(path, source)
    store.write_rows(path, {"x": np.arange(3.0)}, source, 0.0)
    assert store.is_finished(path, source)
    assert not store.is_finished(path, replace(source, run_id="another"))
    path.write_bytes(path.read_bytes()[:-8])
    assert not store.is_finished(path, source)


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


def test_rows_are_parquet_with_a_schema_version(tmp_path: Path, source: Provenance) -> None:
    store.write_rows(tmp_path / "a.parquet", {"x": np.arange(2)}, source, 0.0)
    assert pq.read_schema(tmp_path / "a.parquet").metadata[b"schema_version"] == b"1"
