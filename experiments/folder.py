"""A run's folder: whose it is, who writes to it now, and what killed processes left half written.

    DIR/manifest.json   the command, what decides its results, code, libraries, device; written first
    DIR/lock            held by the process that computes

A folder belongs to the run that its manifest names. Another run, another command or a second process is refused before
anything is touched, and nothing is ever deleted but the litter of processes that are gone.
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from experiments import provenance, store

MANIFEST = "manifest.json"
MANIFEST_VERSION = 2
MARKS = ("rows", "parts", "figures", "summary.json", "report.html", "step_*")
"""What only a run writes: a folder that has one of these and no manifest is somebody's."""
LITTER = (".*.tmp", ".write-test-*", ".step_*.partial", ".step_*.old")
"""What a killed process may leave in a run's folder, or one level below."""


def look(out: Path, config: Mapping[str, Any], *, inputs: bytes | None = b"", fresh: bool = False) -> None:
    """Refuse a folder that this run may not write to; leaves nothing there.

    Arguments:
        out: the folder; it need not exist.
        config: what decides the results; "command" in it names the command.
        inputs: content of the files that the run reads; None before they are read, and `config` then holds what is
            known so far.
        fresh: whether rows of other settings or code of the same command may be replaced.

    Raises:
        ValueError: no folder, in use, or another run's; the message says which.
    """
    above = out
    while not above.exists() and above != above.parent:
        above = above.parent
    if not above.is_dir():
        raise ValueError(f"--out is {out}: {above} is not a folder; allowed: a folder that can be written to")
    try:
        tempfile.TemporaryFile(dir=above).close()  # permissions alone say nothing to root, or of /proc
    except OSError as error:
        raise ValueError(f"--out is {out}: {error.strerror}; allowed: a folder that can be written to") from error
    if not out.exists():
        return
    holder = _holder(out)
    if holder:
        raise _busy(out, holder)
    if not (out / MANIFEST).exists():
        found = next((path.name for mark in MARKS for path in sorted(out.glob(mark))), None)
        if found:
            raise ValueError(
                f"--out is {out}, which holds {found} of a run that left no {MANIFEST}; allowed: an empty folder"
            )
        return
    manifest = read_manifest(out)
    there = manifest["config"]
    if there.get("command") != config.get("command"):
        raise ValueError(f"--out is {out}, which holds a run of `{there.get('command')}`; allowed: a folder of its own")
    if fresh:
        return
    was, now = _flat(there), _flat(json.loads(json.dumps(config)))
    for key in now if inputs is None else [*now, *was]:
        if was.get(key) != now.get(key):
            raise ValueError(
                f"--out is {out}, which holds a run with {key} = {_short(was.get(key))}, this one has "
                f"{_short(now.get(key))}; allowed: the same command, or another --out"
            )
    here = {"code_digest": provenance.code_digest(), "versions": provenance.versions()}
    found = provenance.difference(manifest, here)
    if found is None and inputs is not None and manifest["run_id"] != provenance.run_id(config, inputs):
        found = "other input files"
    if found is not None:
        raise ValueError(f"--out is {out}, which holds a run begun with {found}; allowed: the same, or another --out")


def claim(
    out: Path,
    config: Mapping[str, Any],
    *,
    seed: int,
    inputs: bytes = b"",
    fresh: bool = False,
    extra: Mapping[str, Any] | None = None,
    clock: bool = True,
) -> provenance.Provenance:
    """The provenance of the folder's rows: of the first start. Writes the manifest where there is none.

    The folder is there and locked. The manifest says when it was written, unless `clock` is False.

    Raises:
        ValueError: as `look`, or the folder's run began on another device.
        OSError: writing failed.
    """
    source = provenance.provenance(config, seed, inputs)
    here = provenance.fingerprint()
    if (out / MANIFEST).exists() and not fresh:
        manifest = read_manifest(out)
        found = provenance.difference(manifest, here)
        if found is not None or manifest["run_id"] != source.run_id:
            what = found or "other settings or input files"
            raise ValueError(
                f"--out is {out}, which holds a run begun with {what}; allowed: the same, or another --out"
            )
        return stored_provenance(manifest)
    manifest = {
        "manifest_version": MANIFEST_VERSION,
        "run_id": source.run_id,
        **({"created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")} if clock else {}),
        "commit": source.commit,
        "seed": seed,
        **(extra or {}),
        **here,
        "config": json.loads(json.dumps(config)),
    }
    store.write_bytes(out / MANIFEST, (json.dumps(manifest, indent=2) + "\n").encode())
    return source


def stored_provenance(manifest: Mapping[str, Any]) -> provenance.Provenance:
    """The provenance that the first start wrote down."""
    return provenance.Provenance(
        run_id=manifest["run_id"],
        config=json.dumps(manifest["config"], sort_keys=True),
        seed=manifest["seed"],
        commit=manifest["commit"],
        versions=json.dumps(manifest["versions"]),
        device=manifest["device"],
    )


def read_manifest(out: Path) -> dict[str, Any]:
    """The manifest of a folder.

    Raises:
        ValueError: there is none, or it is damaged, or of another version.
    """
    path = out / MANIFEST
    try:
        manifest = json.loads(path.read_bytes())
    except OSError as error:
        raise ValueError(f"{out} holds no run ({path.name}: {error.strerror}); allowed: the --out of a run") from error
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); allowed: another --out") from error
    needed = {"run_id", "seed", "commit", "code_digest", "versions", "device", "config"}
    if not isinstance(manifest, dict) or "manifest_version" not in manifest:
        raise ValueError(f"{path} is damaged (no manifest); allowed: another --out")
    if manifest["manifest_version"] != MANIFEST_VERSION:
        raise ValueError(f"{path} has version {manifest['manifest_version']}; allowed: {MANIFEST_VERSION}")
    if not needed <= manifest.keys() or not isinstance(manifest["config"], dict):
        raise ValueError(f"{path} is damaged (keys are missing); allowed: another --out")
    return manifest


@contextlib.contextmanager
def locked(out: Path) -> Iterator[None]:
    """Make the folder, hold it, and sweep what killed processes left. The kernel frees the lock of one that dies.

    Raises:
        ValueError: it cannot be written to, or another process holds it; the message names it.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        descriptor = _take(out)
    except OSError as error:
        raise ValueError(f"--out is {out}: {error.strerror}; allowed: a folder that can be written to") from error
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"process {os.getpid()} on {platform.node()}\n".encode())
        sweep(out)
        yield
    finally:
        (out / "lock").unlink(missing_ok=True)
        os.close(descriptor)


def _take(out: Path, patience: float = 0.2) -> int:
    """The descriptor of the lock, held. `patience` in seconds: another process's `look` holds it for a moment."""
    path, deadline = out / "lock", time.monotonic() + patience
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            mine = os.path.samestat(os.fstat(descriptor), path.stat())
        except BlockingIOError:
            holder = _named(descriptor)
            os.close(descriptor)
            if time.monotonic() > deadline:
                raise _busy(out, holder) from None
            time.sleep(0.01)
            continue
        except FileNotFoundError:  # its last holder removed it in between
            mine = False
        except BaseException:
            os.close(descriptor)
            raise
        if mine:
            return descriptor
        os.close(descriptor)


def _holder(out: Path) -> str | None:
    """Who holds the folder, or None."""
    try:
        descriptor = os.open(out / "lock", os.O_RDWR)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return _named(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def _named(descriptor: int) -> str:
    return os.pread(descriptor, 100, 0).decode(errors="replace").strip() or "another process"


def _busy(out: Path, holder: str) -> ValueError:
    return ValueError(f"--out is {out}, where {holder} is at work; allowed: one run at a time")


def sweep(out: Path) -> None:
    """Remove the litter of killed processes; whoever holds the folder is the only one alive that writes to it."""
    for pattern in LITTER:
        for path in (*out.glob(pattern), *out.glob(f"*/{pattern}")):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested keys joined by dots."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        flat |= _flat(value, f"{name}.") if isinstance(value, Mapping) else {name: value}
    return flat


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 120 else text[:117] + "..."
