"""The whole sweep: every chunk in earnest, on as many processes as the machine has cores."""

from __future__ import annotations

import jax

from experiments.compilation import num_cores
from experiments.sweep import engine, execute
from experiments.sweep.config import Sweep
from experiments.sweep.spec import Spec, chunks, num_runs


def run(command: Sweep, spec: Spec, memory: int) -> str:
    """Compute what is not finished; what there is, in a sentence.

    Arguments:
        command: where it runs.
        spec: what is run.
        memory: bytes that a slice of runs may take in each process.

    Raises:
        ValueError: a block of runs larger than `memory`, and what `engine.run_sweep` refuses.
        SweepError, OSError: as `engine.run_sweep`; finished chunks are kept.
    """
    execute.check_memory(spec, memory)
    number = len(chunks(spec))
    one_a_core = min(num_cores(), number) if jax.default_backend() == "cpu" else 1
    workers = one_a_core if command.workers is None else command.workers
    engine.run_sweep(
        spec, command.out, execute.compute_chunk, workers=workers, scheduler=command.scheduler, memory=memory
    )
    return f"{num_runs(spec):,} runs in {number} chunks: {command.out / 'parts'}"
