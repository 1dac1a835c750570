"""Rows on disk: Parquet with a schema version and full provenance, written whole or not at all.

A part is one table of a run; one that is found with the run's id holds what would be computed again, and is skipped.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from experiments.provenance import SCHEMA_VERSION, Provenance, code_digest, commit, provenance  # noqa: F401  # until gsm8k is a Study
from experiments.rows import Rows


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: a crash or a full disk leaves the old one, or none."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_rows(
    path: Path, columns: Mapping[str, np.ndarray | list], source: Provenance, wall_time: float | None
) -> None:
    """Write columns of equal length as Parquet, with the provenance as further columns (dictionaries: no space).

    A `wall_time` of None leaves that column out, for rows that must be equal byte for byte when computed again.
    """
    table = pa.table(
        {
            name: pa.array(np.asarray(values).tolist() if isinstance(values, list) else values)
            for name, values in columns.items()
        }
    )
    stamp: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "run_id": source.run_id,
        "config": source.config,
        "seed": source.seed,
        "commit": source.commit,
        "versions": source.versions,
        "device": source.device,
    }
    if wall_time is not None:
        stamp["wall_time_s"] = wall_time
    for name, value in stamp.items():
        column = pa.DictionaryArray.from_arrays(pa.array(np.zeros(table.num_rows, np.int32)), pa.array([value]))
        table = table.append_column(name if name not in columns else f"run_{name}", column)
    table = table.replace_schema_metadata({"run_id": source.run_id, "schema_version": str(SCHEMA_VERSION)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    write_bytes(path, sink.getvalue().to_pybytes())


def is_finished(path: Path, source: Provenance) -> bool:
    """Whether this part was written by a run with the same id. A file that cannot be read counts as not written."""
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowException):
        return False
    return metadata.get(b"run_id") == source.run_id.encode()


def read_rows(path: Path) -> Rows:
    """The columns of a part, without its provenance dictionaries decoded twice."""
    table = pq.read_table(path)
    return {name: table[name].to_numpy() for name in table.column_names}


def writable_folder(path: Path) -> Path:
    """Until gsm8k is a Study."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"--out is {path}: {error.strerror}; allowed: a folder that can be written to") from error
    return path
