"""The command on a few made-up problems, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.command import COMMAND


def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Compile fast rather than well, once a session."""
    return os.environ | {
        "JAX_COMPILATION_CACHE_DIR": str(tmp_path_factory.getbasetemp() / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
    }


def call(arguments: list[str], env: dict[str, str], program: list[str] | None = None):
    return subprocess.run(
        [*(program or [COMMAND]), *arguments], env=env, capture_output=True, text=True, check=False, timeout=300
    )


def row(i: int) -> dict[str, str]:
    a, b = 3 + i % 7, 2 + i // 7
    return {
        "question": f"Ann has {a} pens and buys {b} more. How many pens has she now?",
        "answer": f"She has {a} + {b} = <<{a}+{b}={a + b}>>{a + b} pens.\n#### {a + b}",
    }


def write_rows(folder: Path, rows: list[dict], number: int = 28) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (("train", rows[:number]), ("test", rows[number:])):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(r) + "\n" for r in part), encoding="utf-8")
    return folder
