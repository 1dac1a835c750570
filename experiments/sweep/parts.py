"""A sweep's parts: the rows of each chunk in a file of its own, whole or not there, and a log of when they were done.

    DIR/manifest.json             as every run's (experiments/folder.py), with the number of chunks
    DIR/parts/chunk-00012.parquet the rows of one chunk
    DIR/log.jsonl                 seconds and runs of each chunk, as they were finished

Rows carry what the manifest says, not when or where they were computed, so a sweep that was killed and resumed holds
the same bytes as one that was not. Resuming is refused where anything that could change a number differs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from experiments import folder, store
from experiments.command import StoppedError
from experiments.provenance import Provenance
from experiments.rows import Rows
from experiments.sweep.spec import Spec, identity

COMMAND = "sweep"
CHUNK = "chunk"
"""The column that says which chunk a row is of."""
STAMP = ("schema_version", "run_id", "config", "seed", "commit", "versions", "device")
"""Columns that `store.write_rows` adds; `run_` stands before a name that the rows have already."""


class SweepError(StoppedError):
    """A sweep could not go on; finished chunks are kept."""


def config_of(spec: Spec) -> dict[str, Any]:
    """What decides the results, for the manifest."""
    return {"command": COMMAND, **identity(spec)}


def spec_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """The specification that a manifest tells of."""
    return {key: value for key, value in manifest["config"].items() if key != "command"}


def begin(spec: Spec, out: Path, num_chunks: int, kernel_chunks: int = 0) -> Provenance:
    """The provenance of the folder's rows: of the first start. Writes the manifest if there is none yet.

    Arguments:
        spec: the sweep.
        out: its folder.
        num_chunks: of the sweep.
        kernel_chunks: those that the numba kernel computes, for the manifest.

    Raises:
        ValueError: the folder holds another run, or one of other code, libraries or device; it says which.
    """
    source = folder.claim(
        out, config_of(spec), seed=spec.seed, extra={"num_chunks": num_chunks, "kernel_chunks": kernel_chunks}
    )
    (out / "parts").mkdir(exist_ok=True)
    return source


def read_manifest(out: Path) -> dict[str, Any]:
    """The manifest of a sweep's folder.

    Raises:
        ValueError: there is none, it is damaged, or another command's.
    """
    if not (out / folder.MANIFEST).is_file():
        raise ValueError(f"DIR is {out}, which holds no sweep; allowed: an --out of sweep")
    manifest = folder.read_manifest(out)
    if manifest["config"].get("command") != COMMAND:
        raise ValueError(f"DIR is {out}, a run of `{manifest['config'].get('command')}`; allowed: an --out of sweep")
    if "num_chunks" not in manifest:
        raise ValueError(f"{out / folder.MANIFEST} is damaged (keys are missing); allowed: another --out")
    return manifest


def part_path(out: Path, index: int) -> Path:
    """Where the rows of a chunk are."""
    return out / "parts" / f"chunk-{index:05d}.parquet"


def is_finished(out: Path, index: int, source: Provenance) -> bool:
    """Whether this chunk's part can be read to its end and is of this sweep."""
    path = part_path(out, index)
    if not store.is_finished(path, source):
        return False
    try:
        column = pq.read_table(path)[CHUNK].to_numpy()
    except (OSError, KeyError, pa.ArrowException):
        return False
    return column.size > 0 and bool((column == index).all())


def write_part(out: Path, index: int, columns: Mapping[str, np.ndarray], source: Provenance) -> int:
    """Write the rows of a chunk, and give their number; arrays [rows, n] become lists of n.

    Raises:
        ValueError: columns of unequal length, none, or one named "chunk".
        OSError: the file could not be written; it is then not there.
    """
    lengths = {name: len(values) for name, values in columns.items()}
    num_rows = next(iter(lengths.values()), 0)
    flat = all(np.ndim(values) <= 2 for values in columns.values())
    if num_rows < 1 or set(lengths.values()) != {num_rows} or CHUNK in columns or not flat:
        raise ValueError(
            f"columns are {lengths}; allowed: at least one row, equal lengths, one or two axes, none named {CHUNK!r}"
        )
    rows: dict[str, np.ndarray | list] = {CHUNK: np.full(num_rows, index, np.int32)}
    rows |= {name: values.tolist() if np.ndim(values) > 1 else values for name, values in columns.items()}
    path = part_path(out, index)
    try:
        store.write_rows(path, rows, source, None)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    return num_rows


def append_log(out: Path, entry: Mapping[str, Any]) -> None:
    """One line more; a line that a killed process left half written is ended first."""
    with (out / "log.jsonl").open("a+b") as file:
        torn = False
        if file.tell():
            file.seek(-1, os.SEEK_END)
            torn = file.read(1) != b"\n"
        file.write((b"\n" if torn else b"") + json.dumps(entry).encode() + b"\n")


def read_part(path: Path) -> Rows:
    """The columns that the computation gave and `chunk`; lists as arrays [rows, n]. Provenance is the manifest's."""
    names = pq.read_schema(path).names
    stamps = {f"run_{name}" if f"run_{name}" in names else name for name in STAMP}
    table = pq.read_table(path, columns=[name for name in names if name not in stamps])
    columns = {name: table[name].to_numpy() for name in table.column_names}
    return {
        name: np.stack(values)
        if values.dtype == object and len(values) and isinstance(values[0], np.ndarray)
        else values
        for name, values in columns.items()
    }
