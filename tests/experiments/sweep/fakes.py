"""Stand-ins for the computation, importable by name so that other processes can run them."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

from experiments import provenance
from experiments.sweep import engine, execute
from experiments.sweep.execute import compute_chunk
from experiments.sweep.grid import Grid
from experiments.sweep.outcome import Compute
from experiments.sweep.spec import Chunk, Spec, chunks

FROZEN = "FROZEN_CODE"
"""Environment variable: the digest and the commit of the code, for processes that import this module."""
SPEC = Spec(
    num_steps=10, num_curve=2, tuning_seeds=2, seeds=3, steps=(0.1, 1.0), max_runs=14,
    grid=Grid(coherence=(0.0, 0.3, 0.6, 0.9), group_size=(4, "exact"), rule=("none", "group", "batch")),
)  # fmt: skip
"""24 settings of 7 runs; 4 programs, of 8, 8, 4 and 4 settings; 12 chunks of 2."""
EARNEST = Spec(
    num_steps=4, num_curve=2, seeds=2, max_runs=4, steps=(1.0,), adam_steps=(0.1,), tuning_seeds=1, clip_norm=1.0,
    grid=Grid(num_prompts=4, num_arms=2, dimension=2, labels="teacher", coherence=0.6, group_size=2,
              optimiser=("sgd", "adam"), prompts_per_update=2, updates_per_batch=2, filter=True, held_out=3,
              rule=("none", "group", "pooled")),
)  # fmt: skip
"""Four small programs, with every axis beside the oldest: 6 chunks of one setting of 3 runs."""
SIZES = {"num_prompts": 6, "num_arms": 3}
TUNED = Spec(
    num_steps=12, num_curve=4, tuning_seeds=2, seeds=3, steps=(0.5, 5.0, 50.0),
    grid=Grid(**SIZES, coherence=(0.5,), conflict=(1.0,), spread=(1.0,), group_size=(4,), rule=("none", "power(2)")),
)  # fmt: skip
"""Steps are tuned: one chunk."""


def compute(spec: Spec, chunk: Chunk, memory: int) -> dict[str, np.ndarray]:
    """Numbers that depend on the setting alone, rows in the order of settings and seeds."""
    rng = np.random.default_rng([spec.seed, chunk.index])
    rows = [(s.coherence, s.rule, seed) for s in chunk.settings for seed in range(spec.seeds)]
    return {
        "coherence": np.array([row[0] for row in rows]),
        "rule": np.array([row[1] for row in rows]),
        "seed": np.array([row[2] for row in rows]),
        "curve": rng.random((len(rows), spec.num_curve)),
    }


def slow(spec: Spec, chunk: Chunk, memory: int) -> dict[str, np.ndarray]:
    time.sleep(0.2)
    return compute(spec, chunk, memory)


def one_thread(spec: Spec, chunk: Chunk, memory: int) -> dict[str, np.ndarray]:
    """What a worker is told and finds about threads; who it is; where it keeps what it compiles."""
    columns = compute(spec, chunk, memory)
    import jax

    jax.block_until_ready(jax.jit(lambda x: x @ x)(np.eye(256)))
    n = len(columns["seed"])
    pools = sum(name.startswith("tf_XLAEigen") for name in _threads())
    return columns | {
        "pools": np.full(n, pools),
        "process": np.full(n, os.getpid()),
        "cache": np.full(n, str(jax.config.jax_compilation_cache_dir)),
        "program": np.full(n, str(chunk.settings[0].program)),
    }


def parts(out: Path) -> dict[str, bytes]:
    """The parts of a sweep, byte for byte."""
    return {path.name: path.read_bytes() for path in (out / "parts").iterdir()}


def tuned_in_small_blocks() -> dict[str, np.ndarray]:
    """The rows of `TUNED`, a few runs at a time."""
    execute.BLOCK_NUMBERS = 100
    (chunk,) = chunks(TUNED)
    return dict(execute.compute_chunk(TUNED, chunk, 2**28))


def _threads() -> list[str]:
    names = []
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        with contextlib.suppress(OSError):  # it has ended meanwhile
            names.append((task / "comm").read_text())
    return names


class Signals:
    """A signal to the process that computes this chunk: every time, or with a marker, which gets its number, once."""

    def __init__(self, number: signal.Signals, index: int, marker: Path | None = None):
        self.number, self.index, self.marker = number, index, marker

    def __call__(self, spec: Spec, chunk: Chunk, memory: int) -> dict[str, np.ndarray]:
        if chunk.index == self.index and not (self.marker and self.marker.exists()):
            if self.marker:
                self.marker.with_suffix(".new").write_text(str(os.getpid()))
                self.marker.with_suffix(".new").rename(self.marker)
            os.kill(os.getpid(), self.number)
        return slow(spec, chunk, memory)


class Away:
    """Who computes this chunk first stops; who does next wakes it, and lets it come to the end of the chunk before."""

    def __init__(self, index: int, folder: Path):
        self.index = index
        self.stopped, self.again, self.back = folder / "stopped", folder / "again", folder / "back"

    def __call__(self, spec: Spec, chunk: Chunk, memory: int) -> dict[str, np.ndarray]:
        if chunk.index != self.index:
            return slow(spec, chunk, memory)
        if not self.stopped.exists():
            self.stopped.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGSTOP)
            columns = slow(spec, chunk, memory)
            self.back.write_text(str(os.getpid()))
            return columns
        self.again.write_text(str(os.getpid()))
        os.kill(int(self.stopped.read_text()), signal.SIGCONT)
        deadline = time.monotonic() + 60
        while not self.back.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        return slow(spec, chunk, memory)


class Told:
    """Another computation; who did it is added to a file."""

    def __init__(self, compute: Compute, file: Path):
        self.compute, self.file = compute, file

    def __call__(self, spec: Spec, chunk: Chunk, memory: int) -> dict[str, np.ndarray]:
        with self.file.open("a") as file:
            file.write(f"{os.getpid()}\n")
        return self.compute(spec, chunk, memory)


def serve(workers: int) -> None:
    """A scheduler with workers in this process and below it, until it is killed; its address is the first line."""
    import dask.config

    from experiments.sweep import cluster

    preload = {"distributed.worker.preload": ["tests.experiments.sweep.fakes"]}
    with dask.config.set(preload), cluster.local(workers) as address:
        print(address, flush=True)
        time.sleep(600)


def fails(spec: Spec, chunk: Chunk, memory: int) -> dict[str, np.ndarray]:
    if chunk.index == 2:
        raise FloatingPointError("not a number")
    return compute(spec, chunk, memory)


def slow_in_earnest(spec: Spec, chunk: Chunk, memory: int) -> dict[str, np.ndarray]:
    time.sleep(0.3)
    return compute_chunk(spec, chunk, memory)


if FROZEN in os.environ:  # who edits the code while it is tested is not taken for a failure
    DIGEST, COMMIT = os.environ[FROZEN].split()
    provenance.code_digest, provenance.commit = lambda: DIGEST, lambda: COMMIT


if __name__ == "__main__":
    if sys.argv[2] == "serve":
        serve(int(sys.argv[1]))
    elif sys.argv[2] == "earnest":
        engine.run_sweep(EARNEST, Path(sys.argv[1]), slow_in_earnest)
    else:
        engine.run_sweep(SPEC, Path(sys.argv[1]), slow)
