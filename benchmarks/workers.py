"""A sweep in one process and on a worker a core, each from a fresh process that finds its programs compiled.

One setting is computed beforehand, into a cache that both use: what is compared is computing, since compiling is paid
once on a machine. The engine is the one that the command would take: the numba kernel where numba is installed, else
the JAX program; the number of updates is such that one process needs about half a minute.
"""

from __future__ import annotations

import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.machine import Timing, make_rows
from benchmarks.sweep_rival import together
from benchmarks.sweeps import KERNEL, PROGRAM, RULES, Measured
from experiments.compilation import num_cores, use_cache
from experiments.sweep import cluster, fast
from experiments.sweep.engine import collect, run_sweep
from experiments.sweep.execute import compute_chunk
from experiments.sweep.grid import Grid
from experiments.sweep.spec import Spec, chunks, num_runs

UPDATES = {PROGRAM: 500, KERNEL: 1500}
"""About half a minute on one core."""
SCALING = Spec(
    max_runs=960,  # 8 settings: both stages of a chunk are whole blocks
    grid=Grid(
        coherence=(0.0, 0.3, 0.6, 0.9), conflict=(0.0, 0.5), pass_rate=(0.05, 0.25), spread=(0.5, 1.0), rule=RULES[:2]
    ),
)


def sweep_here(how: str, spec: Spec, out: str) -> None:
    """In a fresh process: the sweep, and a line of JSON with its seconds and those until workers were ready."""
    use_cache()
    begun, startup = time.perf_counter(), 0.0
    if how == "workers":
        with cluster.local(num_cores()) as address:
            with cluster.client(0, address) as connected:
                cluster.check_workers(connected)
            startup = time.perf_counter() - begun
            begun = time.perf_counter()
            run_sweep(spec, Path(out), compute_chunk, scheduler=address, progress=False)
            seconds = time.perf_counter() - begun
    else:
        run_sweep(spec, Path(out), compute_chunk, progress=False)
        seconds = time.perf_counter() - begun
    print(json.dumps({"seconds": seconds, "startup": startup}))


def benchmark_workers(num_steps: int | None = None, spec: Spec = SCALING) -> list[dict]:
    """Rows: a sweep in one process of one thread, and on a worker a core; error: of all rows."""
    engine = KERNEL if fast.installed() else PROGRAM
    num_steps = num_steps or UPDATES[engine]
    spec = replace(spec, num_steps=num_steps)
    few = replace(spec, grid=replace(spec.grid, coherence=(0.3,), conflict=(0.0,), pass_rate=(0.25,), spread=(1.0,)))
    times: dict[str, Timing] = {}
    errors: dict[str, float] = {}
    found: list[Measured] = []
    cores = num_cores()
    with tempfile.TemporaryDirectory() as folder:
        caches = {
            "JAX_COMPILATION_CACHE_DIR": str(Path(folder) / "jax"),
            "NUMBA_CACHE_DIR": str(Path(folder) / "numba"),
        } | cluster.ONE_THREAD  # the key of a compiled program has the number of cores

        def run(how: str, spec: Spec, out: str) -> tuple[list[str], float, float]:
            return together([f"from {__name__} import *; sweep_here({how!r}, {spec!r}, {out!r})"], caches)

        run("one", few, str(Path(folder) / "few"))
        for how in ("one", "workers"):
            out = str(Path(folder) / how)
            printed, wall, cpu = run(how, spec, out)
            got = json.loads(printed[0].splitlines()[-1])
            name = {"one": "one process", "workers": f"{cores} workers, a thread each"}[how]
            times[name] = Timing((got["seconds"],), (cpu,))
            if how == "workers":
                times[f"{name}, their start included"] = Timing((got["seconds"] + got["startup"],), (cpu,))
                times["their start alone"] = Timing((got["startup"],), (float("nan"),))
            times[f"{name}, the whole command"] = Timing((wall,), (cpu,))
            found.append(collect(Path(out)))
            errors[name] = max(
                float(np.abs(found[-1][column] - found[0][column]).max()) for column in ("area", "final", "step_size")
            )
    title = (
        f"a sweep of {num_runs(spec):,} runs x {num_steps:,} updates in {len(chunks(spec))} chunks by {engine}, "
        "compiled before"
    )
    return make_rows(title, times, errors=errors)
