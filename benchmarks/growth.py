"""How the cost of a sweep's chunk grows with every size, in time and memory, and what the axes of practice add.

Slopes are by least squares of log seconds on log size, over a factor of 64: 1 expected in prompts N, arms K, dimensions
d of the features and seeds, at most 1 in answers G. Of the fastest repeat, since a disturbed one would tilt the line.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.machine import Timing, make_rows, measure
from benchmarks.sweeps import PROGRAM, engine, engines
from experiments.sweep.engine import MEMORY
from experiments.sweep.execute import compute_chunk
from experiments.sweep.grid import Grid
from experiments.sweep.spec import Spec, chunks, num_runs

GROWTH = Spec(
    num_steps=50, num_curve=10, steps=(10.0,), tuning_seeds=8, seeds=8,
    grid=Grid(coherence=(0.0, 0.3, 0.6, 0.9), rule=("group",)),
)  # fmt: skip
SIZES: dict[str, tuple[str, tuple[int, ...]]] = {
    "num_prompts": ("prompts N (K = 8, G = 8)", (64, 512, 4096)),
    "num_arms": ("arms K (N = 32, G = 8)", (16, 128, 1024)),
    "dimension": ("dimensions d (N = 32, K = 8, G = 8)", (16, 128, 1024)),
    "group_size": ("group size G (N = 32, K = 8)", (8, 64, 512)),
    "seeds": ("seeds (N = 32, K = 8, G = 8)", (8, 64, 512)),
}
PRACTICE: dict[str, dict[str, Any]] = {
    "all prompts, SGD, one update a batch": {},
    "Adam": {"optimiser": "adam"},
    "a quarter of the prompts an update": {"prompts_per_update": 8},
    "dead groups drawn again": {"filter": True},
    "32 held-out prompts": {"held_out": 32},
    "four updates a batch": {"updates_per_batch": 4},
}


def slope(sizes: tuple[int, ...], seconds: list[float]) -> float:
    """Least squares of log seconds on log size."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])


def measure_slope(
    what: str,
    sizes: tuple[int, ...],
    call: Callable[[int], Callable[[], Any]],
    repeats: int,
    units: Callable[[int], float] | None = None,
) -> dict:
    """One axis: sizes, seconds, the slope, and nanoseconds a unit at the largest size where `units` counts them."""
    times = [measure({"": call(size)}, repeats if size < sizes[-1] else 1)[""] for size in sizes]
    seconds = [min(timing.seconds) for timing in times]
    each = None if units is None else 1e9 * seconds[-1] / units(sizes[-1])
    return {"what": what, "sizes": list(sizes), "seconds": seconds, "slope": slope(sizes, seconds), "nanoseconds": each}


def sized(axis: str, size: int, spec: Spec = GROWTH) -> Spec:
    """The spec with one size changed; one chunk."""
    spec = replace(spec, max_runs=10**6)
    if axis == "seeds":
        return replace(spec, tuning_seeds=size, seeds=size)
    return replace(spec, grid=replace(spec.grid, **{axis: size}))


def compute(spec: Spec, name: str = PROGRAM) -> None:
    """All of it by an engine."""
    with engine(name):
        for chunk in chunks(spec):
            compute_chunk(spec, chunk, MEMORY)


def arms_and_updates(spec: Spec) -> float:
    """Arms of all prompts, updates and runs."""
    (N,), (K,) = spec.grid.num_prompts, spec.grid.num_arms
    return float(num_runs(spec) * spec.num_steps * N * K)


def benchmark_slopes(*, repeats: int = 2) -> list[dict]:
    """How the warm time of a chunk grows with N, K, d, G and seeds, by each engine."""
    return [
        measure_slope(
            f"{what}, {name.removeprefix('the ')}",
            sizes,
            lambda size, axis=axis, name=name: partial(compute, sized(axis, size), name),
            repeats,
            lambda size, axis=axis: arms_and_updates(sized(axis, size)),
        )
        for axis, (what, sizes) in SIZES.items()
        for name in engines()
    ]


def benchmark_practice(*, repeats: int = 3) -> list[dict]:
    """Rows: what an axis of practice costs by the JAX program, which alone has most of them."""
    spec = replace(GROWTH, num_steps=200, num_curve=20, adam_steps=(0.1,))
    calls: dict[str, Callable[[], Any]] = {
        name: partial(compute, replace(spec, grid=replace(spec.grid, **axes))) for name, axes in PRACTICE.items()
    }
    times: dict[str, Timing] = measure(calls, repeats)
    return make_rows(f"the axes of practice: {num_runs(spec)} runs x {spec.num_steps} updates, N = 32, K = 8", times)


def peak_memory(axis: str, size: int) -> float:
    """Run in this process by the JAX program and return its peak resident memory, MiB (Linux)."""
    compute(sized(axis, size))
    return machine.peak_memory()


def benchmark_memory() -> list[dict]:
    """Peak memory of a fresh process that computes a chunk, at the smallest and the largest size of an axis."""
    rows = []
    for axis in ("num_prompts", "num_arms"):
        what, sizes = SIZES[axis]
        for size in (sizes[0], sizes[-1]):
            code = f"from benchmarks.growth import peak_memory; print(peak_memory({axis!r}, {size}))"
            done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
            rows.append({"what": f"{what}: {size:,}", "peak_mib": float(done.stdout.split()[-1])})
    return rows
