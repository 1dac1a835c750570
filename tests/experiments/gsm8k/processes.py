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


DOUBLE = """
import jax
import jax.numpy as jnp
import numpy as np
jax.config.update("jax_enable_x64", True)
jnp.float32 = jnp.float64
from experiments.language.learning import checkpoint
load, save = checkpoint.load_model, checkpoint.save_model
def load_double(*arguments):
    architecture, parameters = load(*arguments)
    return architecture, jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), parameters)
def save_single(folder, architecture, parameters):
    save(folder, architecture, jax.tree.map(lambda x: np.asarray(x, np.float32), parameters))
checkpoint.load_model, checkpoint.save_model = load_double, save_single
"""
"""Before a program: the language model computes in double precision, files hold single. For golden files: in single
precision, sums in another order, as other processors make them, grow to tenths through tens of updates of Adam."""


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
