"""Rows on disk: Parquet with a schema version and full provenance, written whole or not at all, finished parts kept.

A part is one table of a run. Its run id hashes the configuration, the inputs and the code, so a part that is found with
the same id holds what would be computed again, and is skipped.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA_VERSION = 1
ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("curvature", "bandits", "experiments")
LIBRARIES = ("grpo-curvature", "jax", "numpy", "scipy", "equinox", "pyarrow")


@dataclass(frozen=True)
class Provenance:
    """Where rows come from; every row carries it."""

    run_id: str
    config: str
    """JSON."""
    seed: int
    commit: str
    versions: str
    """JSON of library versions."""
    device: str


def code_digest() -> str:
    """SHA-256 over the sources of the packages, so that rows of older code are never taken for this code's."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            digest.update(path.relative_to(ROOT).as_posix().encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def commit() -> str:
    """The commit the code is at, with "+changes" where the tree differs; "unknown" outside a checkout."""
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
        dirty = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+changes" if dirty.stdout.strip() else "")


def provenance(config: Mapping[str, Any], seed: int, inputs: bytes = b"") -> Provenance:
    """The provenance of a run with this configuration; `inputs` is the content of the files that it reads."""
    text = json.dumps(config, sort_keys=True)
    versions = json.dumps(
        {name: importlib.metadata.version(name) for name in LIBRARIES} | {"python": platform.python_version()}
    )
    device = jax.devices()[0]
    identity = "\n".join([str(SCHEMA_VERSION), text, versions, code_digest(), hashlib.sha256(inputs).hexdigest()])
    return Provenance(
        run_id=hashlib.sha256(identity.encode()).hexdigest()[:16],
        config=text,
        seed=seed,
        commit=commit(),
        versions=versions,
        device=f"{device.platform}:{device.device_kind}",
    )


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


def read_rows(path: Path) -> dict[str, np.ndarray]:
    """The columns of a part, without its provenance dictionaries decoded twice."""
    table = pq.read_table(path)
    return {name: table[name].to_numpy() for name in table.column_names}


def writable_folder(path: Path) -> Path:
    """Create the folder and prove that it can be written to; sweep what killed processes left half written.

    Raises:
        ValueError: it cannot; the message says why.
    """
    probe = path / f".write-test-{os.getpid()}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise ValueError(f"--out is {path}: {error.strerror}; allowed: a folder that can be written to") from error
    for litter in path.glob(".*.tmp"):
        if not _is_running(litter.name.split(".")[-2]):
            litter.unlink(missing_ok=True)
    return path


def _is_running(process: str) -> bool:
    """Whether a process of this number exists; True for what is no number."""
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OverflowError, PermissionError):
        return True
    return True
