"""The limits of this machine, measured in the same process as everything that is compared with them.

    time limit of a piece of work =
        floating-point operations / peak_flops + exponentials / peak_exps + random numbers / peak_draws

Each peak is the best of what NumPy and XLA reach with all cores, in float64 (the language model: float32): matrix
products of 2048 x 2048 (far from any memory limit), exponentials and uniform random numbers of blocks that stay in
cache. Only these three are counted as work; sums, comparisons, divisions and moving data are not, so that 100% cannot
be reached. Random numbers are those of NumPy's fastest generator (SFC64) or of JAX's (threefry).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


@dataclass(frozen=True)
class Timing:
    """Seconds of one call over several repeats, compilation excluded."""

    seconds: tuple[float, ...]
    cpu_seconds: tuple[float, ...]
    """Processor time over all threads: what is left of the work where other programs share the machine."""

    @property
    def median(self) -> float:
        """The middle repeat."""
        return float(np.median(self.seconds))

    @property
    def spread(self) -> str:
        """Fastest and slowest repeat, relative to the median."""
        low, high = min(self.seconds) / self.median, max(self.seconds) / self.median
        return f"{low:.2f}-{high:.2f}"

    @property
    def cpu(self) -> float:
        """Median processor time."""
        return float(np.median(self.cpu_seconds))

    def scaled(self, factor: float) -> Timing:
        """The time of `factor` times the work, where the cost is proportional."""
        return Timing(tuple(s * factor for s in self.seconds), tuple(s * factor for s in self.cpu_seconds))


def measure(calls: dict[str, Callable[[], Any]], repeats: int) -> dict[str, Timing]:
    """Time each call `repeats` times, taking turns, so that a busy moment of the machine hits all of them alike."""
    for call in calls.values():
        jax.block_until_ready(call())  # compiles, and warms the caches
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    cpu: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            start, start_cpu = time.perf_counter(), time.process_time()
            jax.block_until_ready(call())
            seconds[name].append(time.perf_counter() - start)
            cpu[name].append(time.process_time() - start_cpu)
    return {name: Timing(tuple(seconds[name]), tuple(cpu[name])) for name in calls}


def make_rows(
    group: str,
    times: dict[str, Timing],
    *,
    limit: float | None = None,
    errors: dict[str, float] | None = None,
    **work: float | None,
) -> list[dict]:
    """A row a timing; ratios to the first. `tokens=…`, `runs=…`: what was done, for a column `tokens_per_second`, …"""
    base = next(iter(times.values()))
    return [
        {
            "group": group,
            "what": what,
            "seconds": timing.median,
            "spread": timing.spread,
            "ratio": timing.median / base.median,
            "cpu_ratio": timing.cpu / base.cpu,
            "limit": None if limit is None else limit / timing.median,
            "error": (errors or {}).get(what),
        }
        | {f"{name}_per_second": None if n is None else n / timing.median for name, n in work.items()}
        for what, timing in times.items()
    ]


def peak_memory() -> float:
    """Of this process, MiB (Linux); not ru_maxrss, which a child inherits from its parent."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024


UNITS = {"GEMM": "GFLOP/s", "exp": "G exp/s", "uniforms": "G draws/s"}
"""Of what is measured, by how its name begins."""


@dataclass(frozen=True)
class Limits:
    """Peaks per second, and by whom they were reached."""

    peak_flops: float
    peak_exps: float
    peak_draws: float
    measured: dict[str, float]
    """Everything that was tried."""

    def time_limit(self, flops: float, exps: float, draws: float = 0.0) -> float:
        """Seconds below which this machine cannot do that much work."""
        return flops / self.peak_flops + exps / self.peak_exps + draws / self.peak_draws


def measure_limits(*, size: int = 2048, repeats: int = 7, dtype: str = "float64") -> Limits:
    """Peaks of the matrix product, the exponential and the uniform random number, all cores."""
    cores = os.cpu_count() or 1
    rng = np.random.default_rng(0)
    A = rng.standard_normal((size, size)).astype(dtype)
    A_jax, product = jnp.asarray(A), jax.jit(jnp.matmul)

    block, num_blocks = 2**14, 64
    x = rng.standard_normal((cores, block)).astype(dtype)
    x_jax = jnp.asarray(x)
    pool = ThreadPoolExecutor(cores)

    def numpy_exps(row: np.ndarray) -> None:
        out = np.empty_like(row)
        for _ in range(num_blocks):
            np.exp(row, out=out)

    generators = [np.random.Generator(np.random.SFC64(seed)) for seed in range(cores)]
    number = np.dtype(dtype).type

    def numpy_draws(generator: np.random.Generator) -> None:
        out = np.empty(block, number)
        for _ in range(num_blocks):
            generator.random(out=out, dtype=number)

    def xla_draws(key: jax.Array) -> jax.Array:
        def more(index: jax.Array, total: jax.Array) -> jax.Array:
            return total + jax.random.uniform(jax.random.fold_in(key, index), (block,), dtype)

        return jax.lax.fori_loop(0, num_blocks, more, jnp.zeros(block, dtype))

    drawn, keys = jax.jit(xla_draws), jax.random.split(jax.random.key(0), cores)
    # each round's result feeds the next one: nothing can be hoisted out of the loop
    xla_exps = jax.jit(lambda row: jax.lax.fori_loop(0, num_blocks, lambda _, y: jnp.exp(-y), row))
    large = jnp.asarray(rng.standard_normal(cores * block * num_blocks).astype(dtype))
    exp = jax.jit(jnp.exp)
    times = measure(
        {
            "GEMM, NumPy": lambda: A @ A,
            "GEMM, XLA": lambda: product(A_jax, A_jax),
            "exp, NumPy, in cache": lambda: list(pool.map(numpy_exps, x)),
            "exp, XLA, in cache": lambda: list(pool.map(lambda row: jax.block_until_ready(xla_exps(row)), x_jax)),
            "exp, XLA, large array": lambda: exp(large),
            "uniforms, NumPy, in cache": lambda: list(pool.map(numpy_draws, generators)),
            "uniforms, XLA, in cache": lambda: list(pool.map(lambda key: jax.block_until_ready(drawn(key)), keys)),
        },
        repeats,
    )
    pool.shutdown()
    work = {name: 2 * size**3 if name.startswith("GEMM") else cores * block * num_blocks for name in times}
    rates = {name: work[name] / min(timing.seconds) for name, timing in times.items()}  # a limit: the fastest repeat
    best = {kind: max(rate for name, rate in rates.items() if name.startswith(kind)) for kind in UNITS}
    return Limits(best["GEMM"], best["exp"], best["uniforms"], rates)
