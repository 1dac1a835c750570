"""What computing a chunk gives, wherever it is computed: columns of rows, and the seconds that they took."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeAlias

from experiments.rows import Rows
from experiments.sweep.spec import Chunk, Spec

Compute: TypeAlias = Callable[[Spec, Chunk, int], Rows]
"""compute(spec, chunk, memory_bytes) → columns [rows] or [rows, n]. Pure: the same rows wherever it runs."""
Outcome: TypeAlias = Callable[[], tuple[Rows, float]]
"""Gives a chunk's columns and its seconds, or raises what went wrong."""


def timed(compute: Compute, spec: Spec, chunk: Chunk, memory: int) -> tuple[Rows, float]:
    """The columns of a chunk, and its seconds."""
    begun = time.perf_counter()
    columns = compute(spec, chunk, memory)
    return columns, time.perf_counter() - begun
