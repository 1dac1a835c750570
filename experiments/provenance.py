"""Where rows come from: configuration, inputs, code, libraries, device. What is equal in all of these is the same run.

A run's id hashes the configuration, the inputs, the libraries and the code, so rows that are found with the same id are
what would be computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

SCHEMA_VERSION = 1
ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("curvature", "bandits", "experiments")
LIBRARIES = ("grpo-curvature", "jax", "numpy", "scipy", "equinox", "pyarrow")
OPTIONAL = ("numba",)
"""Named where they are installed: with numba, sweeps use the kernel (experiments/sweep/fast.py)."""


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
    """The commit the code is at, with "+changes" where the packages differ; "unknown" outside a checkout of its own.

    A run's own folder, or a page of docs, is no change of the code.

    An environment inside somebody's repository is none: that repository's commits say nothing of this code. No lock is
    taken in the repository: a process that is killed would leave it.
    """

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")) != ROOT:
            return "unknown"
        changed = git("--no-optional-locks", "status", "--porcelain", "--", *PACKAGES)
        return git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def versions() -> dict[str, str]:
    """Of the libraries that decide numbers, and of Python."""
    found = {name: importlib.metadata.version(name) for name in LIBRARIES}
    for name in OPTIONAL:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found | {"python": platform.python_version()}


def device() -> str:
    """What JAX computes on."""
    import jax  # a second and more, which a refused command need not wait for

    first = jax.devices()[0]
    return f"{first.platform}:{first.device_kind}"


def run_id(config: Mapping[str, Any], inputs: bytes = b"") -> str:
    """The id of a run with this configuration; `inputs` is the content of the files that it reads."""
    parts = [
        str(SCHEMA_VERSION),
        json.dumps(config, sort_keys=True),
        json.dumps(versions()),
        code_digest(),
        hashlib.sha256(inputs).hexdigest(),
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def provenance(config: Mapping[str, Any], seed: int, inputs: bytes = b"") -> Provenance:
    """The provenance of a run with this configuration and these inputs, here and now."""
    return Provenance(
        run_id=run_id(config, inputs),
        config=json.dumps(config, sort_keys=True),
        seed=seed,
        commit=commit(),
        versions=json.dumps(versions()),
        device=device(),
    )


def fingerprint() -> dict[str, Any]:
    """What must be the same on every machine and at every start: code, libraries, device."""
    return {"code_digest": code_digest(), "versions": versions(), "device": device()}


@cache
def process_fingerprint() -> dict[str, Any]:
    """`fingerprint` of this process, found once: a worker keeps the code that it has imported."""
    return fingerprint()


def difference(there: Mapping[str, Any], here: Mapping[str, Any]) -> str | None:
    """The first difference between two fingerprints in words, or None; what `here` lacks is not compared.

    >>> difference({"versions": {"jax": "1"}}, {"versions": {"jax": "2"}})
    'jax 1, not 2'
    """
    old, new = dict(there.get("versions", {})), dict(here.get("versions", {}))
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            return f"{name} {old.get(name)}, not {new.get(name)}"
    if "device" in here and there.get("device") != here["device"]:
        return f"device {there.get('device')}, not {here['device']}"
    if there.get("code_digest") != here.get("code_digest"):
        return f"other code (digest {str(there.get('code_digest'))[:12]}, not {str(here.get('code_digest'))[:12]})"
    return None
