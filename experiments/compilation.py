"""Compiled programs are kept in the user's cache folder: what was compiled once, by any process, is only loaded.

    ~/.cache/grpo-curvature/jax/DIGEST/        DIGEST: processor, its features, number of cores, version of jaxlib
    ~/.cache/grpo-curvature/numba/             of the sweep's kernel, where numba is installed

An executable is machine code for one processor, split for its number of cores, and JAX's own key has neither: hence the
folder's name. The numbers are those of a run without a cache, to the bit; a damaged entry is compiled again. Settings
go into the environment, so that workers and other child processes share them. JAX's own limit of size is not used: it
reads the whole folder at every entry written (0.15 s at 5,000 entries), and fails for good after a kill between two of
its writes. Independent check: tests/experiments/test_compilation.py compares rows with a cold, a warm, a damaged cache
and none.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
import platform
import sys
import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

FLAG = "--no-cache"
LIMIT = 2**29
"""Bytes of all entries, beyond which the least recently used go. An entry has 7 KB on average, all tests together make
some 50 MB: room for many versions of the code, few enough files to be looked through at every start."""
SETTINGS = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
}
"""Every program is worth keeping: hundreds of small ones are most of the time."""
KINDS: dict[str, Callable[[str], Any]] = {
    "JAX_ENABLE_COMPILATION_CACHE": lambda text: text != "false",
    "JAX_COMPILATION_CACHE_DIR": str,
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": float,
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": int,
}
"""What JAX takes where the environment has text."""
HARMLESS = tuple(f"Error {doing} persistent compilation cache entry" for doing in ("reading", "writing"))
"""JAX's warnings of an entry that is damaged, or of a disk that is full: it goes on without it."""
PROCESSOR = {
    "vendor_id", "cpu family", "model", "model name", "stepping", "flags",  # x86
    "CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision", "Features",  # ARM
}  # fmt: skip
"""The lines of /proc/cpuinfo that say for what a compiler may write."""


def take_flag(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """The arguments without `--no-cache`, wherever it stands, and whether the cache is to be used.

    >>> take_flag(["sweep", "quick", "--no-cache", "--out", "DIR"])
    (['sweep', 'quick', '--out', 'DIR'], False)
    """
    left = [argument for argument in arguments if argument != FLAG]
    return left, len(left) == len(arguments)


def use_cache(enabled: bool = True) -> None:
    """Keep compiled programs on disk, in this process and those that it starts; or do not.

    What the environment says already (JAX_COMPILATION_CACHE_DIR and its like) wins. A folder that cannot be written to
    means no cache, and no error.

    Arguments:
        enabled: False switches off any cache, also one that the environment asks for.
    """
    if not enabled:
        _set({"JAX_ENABLE_COMPILATION_CACHE": "false"})
        return
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        try:
            folder = cache_folder()
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # whoever writes here has his code run
            with tempfile.TemporaryFile(dir=folder):
                pass
        except (OSError, RuntimeError):
            return
        prune(folder)
        _set({"JAX_COMPILATION_CACHE_DIR": str(folder)})
        os.environ.setdefault("NUMBA_CACHE_DIR", str(folder.parent.parent / "numba"))
    _set({name: os.environ.get(name, value) for name, value in SETTINGS.items()})
    _quiet()


def _set(settings: dict[str, str]) -> None:
    """In the environment, which JAX reads when it is imported; and in JAX, should that have happened."""
    os.environ |= settings
    if "jax" in sys.modules:
        import jax

        for name, value in settings.items():
            jax.config.update(name.lower(), KINDS[name](value))


def _quiet() -> None:
    """Here and in child processes."""
    asked = [entry for entry in os.environ.get("PYTHONWARNINGS", "").split(",") if entry]
    for message in HARMLESS:
        warnings.filterwarnings("ignore", message=message, category=UserWarning)
        entry = f"ignore:{message}:UserWarning"
        asked += [] if entry in asked else [entry]
    os.environ["PYTHONWARNINGS"] = ",".join(asked)


def cache_folder() -> Path:
    """The folder in the user's cache that is this machine's."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "grpo-curvature" / "jax" / machine_digest()


def num_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine_digest() -> str:
    """Names all that decides which machine code XLA makes of a program."""
    cores = os.environ.get("NPROC") or str(num_cores())  # as XLA counts them
    lines = [f"{platform.system()} {platform.machine()} {platform.processor()}", cores]
    with contextlib.suppress(OSError):
        first, _, _ = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")
        lines += [line for line in first.splitlines() if line.partition(":")[0].strip() in PROCESSOR]
    lines.append(importlib.metadata.version("jaxlib"))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def prune(folder: Path, limit: int = LIMIT) -> None:
    """Remove the least recently used entries until they take at most `limit` bytes, and those that hold nothing.

    Processes may do this at the same time, or read and write: an entry that is gone is compiled again.
    """
    entries = []
    with os.scandir(folder) as found:
        for entry in found:
            with contextlib.suppress(FileNotFoundError):
                if entry.is_file():
                    status = entry.stat()
                    entries.append((max(status.st_atime, status.st_mtime), status.st_size, entry.path))
    total = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if total > limit or size == 0:
            Path(path).unlink(missing_ok=True)
            total -= size
