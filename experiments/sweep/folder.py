"""A sweep's folder: who may write to it, which sweep it holds, and which parts of it are done.

    DIR/manifest.json             the specification, the code, the libraries, the device; written first, never again
    DIR/parts/chunk-00012.parquet the rows of one chunk, whole or not there
    DIR/log.jsonl                 seconds and runs of each chunk, as they were finished
    DIR/lock                      held by the process that computes

Rows carry what the manifest says, not when or where they were computed, so a sweep that was killed and resumed holds
the same bytes as one that was not. Resuming is refused where anything that could change a number differs.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import platform
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from experiments import store
from experiments.sweep.spec import Spec, identity

MANIFEST_VERSION = 1
CHUNK = "chunk"
"""The column that says which chunk a row is of."""
STAMP = ("schema_version", "run_id", "config", "seed", "commit", "versions", "device")
"""Columns that `store.write_rows` adds; `run_` stands before a name that the rows have already."""


class SweepError(RuntimeError):
    """A sweep could not go on; finished chunks are kept."""


@contextlib.contextmanager
def locked(out: Path) -> Iterator[None]:
    """Hold the folder. The lock is the kernel's, so that of a process that was killed is free.

    Raises:
        ValueError: another process holds it; the message names it.
    """
    path = out / "lock"
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine = os.path.samestat(os.fstat(descriptor), path.stat())
        except BlockingIOError:
            holder = os.read(descriptor, 100).decode(errors="replace").strip() or "another process"
            os.close(descriptor)
            raise ValueError(f"--out is {out}, where {holder} is at work; allowed: one sweep at a time") from None
        except FileNotFoundError:  # its last holder removed it in between
            mine = False
        except BaseException:
            os.close(descriptor)
            raise
        if mine:
            break
        os.close(descriptor)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {platform.node()}\n".encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def fingerprint() -> dict[str, Any]:
    """What must be the same on every machine and at every start: code, libraries, device."""
    source = store.provenance({}, 0)
    return {"code_digest": store.code_digest(), "versions": json.loads(source.versions), "device": source.device}


@cache
def process_fingerprint() -> dict[str, Any]:
    """`fingerprint` of this process, found once: a worker keeps the code that it has imported."""
    return fingerprint()


def difference(there: Mapping[str, Any], here: Mapping[str, Any]) -> str | None:
    """The first difference between two fingerprints in words, or None.

    >>> difference({"versions": {"jax": "1"}}, {"versions": {"jax": "2"}})
    'jax 1, not 2'
    """
    old, new = dict(there.get("versions", {})), dict(here.get("versions", {}))
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            return f"{name} {old.get(name)}, not {new.get(name)}"
    if there.get("device") != here.get("device"):
        return f"device {there.get('device')}, not {here.get('device')}"
    if there.get("code_digest") != here.get("code_digest"):
        return f"other code (digest {str(there.get('code_digest'))[:12]}, not {str(here.get('code_digest'))[:12]})"
    return None


def _flat(spec: Mapping[str, Any]) -> dict[str, Any]:
    grid = spec.get("grid", {})
    return {k: v for k, v in spec.items() if k != "grid"} | {f"grid.{k}": v for k, v in grid.items()}


def begin(spec: Spec, out: Path, num_chunks: int) -> store.Provenance:
    """The provenance of the folder's rows: of the first start. Writes the manifest if there is none yet.

    Raises:
        ValueError: the folder holds another sweep, or one of other code, libraries or device; it says which.
    """
    source = store.provenance({"command": "sweep", "spec": identity(spec)}, spec.seed)
    here = fingerprint()
    path = out / "manifest.json"
    if not path.exists():
        manifest = {
            "manifest_version": MANIFEST_VERSION,
            "run_id": source.run_id,
            "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            "commit": source.commit,
            "num_chunks": num_chunks,
            **here,
            "spec": identity(spec),
        }
        store.write_bytes(path, (json.dumps(manifest, indent=2) + "\n").encode())
        return source
    manifest = read_manifest(out)
    was, now = _flat(manifest["spec"]), _flat(identity(spec))
    for key in [*now, *was]:
        if was.get(key) != now.get(key):
            raise ValueError(
                f"{out} holds a sweep with {key} = {_short(was.get(key))}, this one has {_short(now.get(key))}; "
                "allowed: the same specification, or another --out"
            )
    found = difference(manifest, here)
    if found is not None:
        raise ValueError(f"{out} holds a sweep begun with {found}; allowed: the same again, or another --out")
    return stored_provenance(manifest)


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else text[:117] + "..."


def stored_provenance(manifest: Mapping[str, Any]) -> store.Provenance:
    """The provenance that the first start wrote down."""
    return store.Provenance(
        run_id=manifest["run_id"],
        config=json.dumps({"command": "sweep", "spec": manifest["spec"]}, sort_keys=True),
        seed=manifest["spec"]["seed"],
        commit=manifest["commit"],
        versions=json.dumps(manifest["versions"]),
        device=manifest["device"],
    )


def read_manifest(out: Path) -> dict[str, Any]:
    """The manifest of a folder.

    Raises:
        ValueError: there is none, or it is damaged.
    """
    try:
        manifest = json.loads((out / "manifest.json").read_bytes())
    except OSError as error:
        raise ValueError(
            f"DIR is {out}, which holds no sweep ({error.strerror}); allowed: an --out of sweep"
        ) from error
    except ValueError as error:
        raise ValueError(f"{out / 'manifest.json'} is damaged ({error}); allowed: another --out") from error
    needed = {"run_id", "num_chunks", "commit", "code_digest", "versions", "device", "spec"}
    if not isinstance(manifest, dict) or not needed <= manifest.keys():
        raise ValueError(f"{out / 'manifest.json'} is damaged (keys are missing); allowed: another --out")
    if manifest.get("manifest_version") != MANIFEST_VERSION:
        raise ValueError(
            f"{out / 'manifest.json'} has version {manifest.get('manifest_version')}; allowed: {MANIFEST_VERSION}"
        )
    return manifest


def part_path(out: Path, index: int) -> Path:
    """Where the rows of a chunk are."""
    return out / "parts" / f"chunk-{index:05d}.parquet"


def is_finished(out: Path, index: int, source: store.Provenance) -> bool:
    """Whether this chunk's part can be read to its end and is of this sweep."""
    path = part_path(out, index)
    if not store.is_finished(path, source):
        return False
    try:
        column = pq.read_table(path)[CHUNK].to_numpy()
    except (OSError, KeyError, pa.ArrowException):
        return False
    return column.size > 0 and bool((column == index).all())


def write_part(out: Path, index: int, columns: Mapping[str, np.ndarray], source: store.Provenance) -> int:
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


def read_part(path: Path) -> dict[str, np.ndarray]:
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
