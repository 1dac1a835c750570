"""Runs a sweep chunk by chunk: finished chunks are kept and skipped, so that it may be killed at any time.

    manifest → for every chunk without a part: compute → part → log

What is computed is passed in (`experiments.sweep.execute` in earnest), and so is where: this process, local worker
processes, or the workers of a cluster; the rows are the same. Independent check: sweeps that are killed in the middle
are compared byte for byte in tests/experiments/sweep/test_engine.py.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Generator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from tqdm import tqdm

from experiments import folder
from experiments.rows import Rows, join
from experiments.sweep import fast, parts
from experiments.sweep.memory import check_memory
from experiments.sweep.outcome import Compute, Outcome, timed
from experiments.sweep.spec import Chunk, Spec, chunk_runs, chunk_work, chunks

MEMORY = 2 * 2**30
"""Bytes that one process's slice of runs may take, unless told otherwise."""


def _serial(compute: Compute, spec: Spec, todo: list[Chunk], memory: int) -> Generator[tuple[Chunk, Outcome]]:
    for chunk in todo:
        yield chunk, partial(timed, compute, spec, chunk, memory)


def run_sweep(
    spec: Spec,
    out: Path,
    compute: Compute,
    *,
    workers: int = 1,
    scheduler: str | None = None,
    memory: int = MEMORY,
    progress: bool = True,
) -> None:
    """Compute every chunk that has no part yet.

    Arguments:
        spec: the sweep.
        out: folder of the manifest, the parts and the log; made if absent.
        compute: gives the rows of a chunk; importable by name where there are workers.
        workers: processes on this machine, one run of a program at a time each; 1 is this process.
        scheduler: address of a dask scheduler, whose workers compute instead.
        memory: bytes that a slice of runs may take in each process.
        progress: a bar, where standard error is a terminal.

    Raises:
        ValueError: a folder that cannot be written to, is in use, or holds another sweep; a run larger than `memory`;
            a scheduler that does not answer, or workers of other code.
        SweepError: a chunk failed (the message names it), or the cluster was lost. Finished parts are kept.
        OSError: a part could not be written. Finished parts are kept.
    """
    check_memory(spec, memory)
    folder.look(out, parts.config_of(spec))
    with contextlib.ExitStack() as stack:
        client = None
        if scheduler is not None:  # before the folder: an address without a scheduler leaves nothing behind
            client = stack.enter_context(_client(workers, scheduler))
        stack.enter_context(folder.locked(out))
        everything = chunks(spec)
        by_kernel = sum(fast.serves(spec, chunk.settings[0]) for chunk in everything)
        source = parts.begin(spec, out, len(everything), by_kernel)
        todo = [chunk for chunk in everything if not parts.is_finished(out, chunk.index, source)]
        if not todo:
            return
        if client is None and workers == 1:
            outcomes = _serial(compute, spec, todo, memory)
        else:
            from experiments.sweep import cluster

            client = client or stack.enter_context(_client(workers, None))
            outcomes = cluster.outcomes(client, compute, spec, todo, memory)
        bar = stack.enter_context(_Bar(spec, everything, todo, progress))
        for chunk, outcome in stack.enter_context(contextlib.closing(outcomes)):
            try:
                columns, seconds = outcome()
            except parts.SweepError:  # of no chunk: it says what
                raise
            except Exception as error:
                raise parts.SweepError(_failure(chunk, len(everything), error)) from error
            num_rows = parts.write_part(out, chunk.index, columns, source)
            runs = chunk_runs(spec, chunk)
            parts.append_log(out, {"chunk": chunk.index, "seconds": round(seconds, 3), "runs": runs, "rows": num_rows})
            bar.finished(chunk)


@contextlib.contextmanager
def _client(workers: int, scheduler: str | None) -> Generator[Any]:
    """A client whose workers compute what this process would."""
    from experiments.sweep import cluster  # dask takes a second to import

    with cluster.client(workers, scheduler) as connected:
        cluster.check_workers(connected)
        yield connected


def _failure(chunk: Chunk, total: int, error: Exception) -> str:
    first = chunk.settings[0]
    return (
        f"chunk {chunk.index} of {total} failed ({len(chunk.settings)} settings, the first {first}): "
        f"{type(error).__name__}: {error}; finished chunks are kept"
    )


class _Bar(contextlib.AbstractContextManager["_Bar"]):
    """Progress in work, which foretells time better than chunks do; the text has chunks and runs per second."""

    def __init__(self, spec: Spec, everything: list[Chunk], todo: list[Chunk], progress: bool):
        total, left = (sum(chunk_work(spec, chunk) for chunk in each) for each in (everything, todo))
        self.spec, self.total, self.done, self.runs = spec, len(everything), len(everything) - len(todo), 0
        self.begun = time.perf_counter()
        self.bar = tqdm(
            total=total,
            initial=total - left,
            disable=None if progress else True,
            smoothing=0,
            bar_format="{desc} {percentage:3.0f}%|{bar}| {postfix}[{elapsed}<{remaining}]",
        )
        self._show()

    def _show(self) -> None:
        self.bar.set_description_str(f"{self.done}/{self.total} chunks")

    def finished(self, chunk: Chunk) -> None:
        """One chunk more."""
        self.done += 1
        self.runs += chunk_runs(self.spec, chunk)
        speed = self.runs / (time.perf_counter() - self.begun)
        self.bar.set_postfix_str(f"{speed:,.0f} runs/s ", refresh=False)
        self._show()
        self.bar.update(chunk_work(self.spec, chunk))

    def __exit__(self, *_: object) -> None:
        self.bar.close()


def collect(out: Path, *, unfinished: bool = False) -> Rows:
    """All rows of a sweep's folder, by chunk and row, without the provenance that the manifest has.

    Arguments:
        out: the folder of `run_sweep`.
        unfinished: take what is there of a sweep that is not done; at least one part.

    Raises:
        ValueError: no sweep, a damaged part, or missing parts (it says how many).
    """
    manifest = parts.read_manifest(out)
    source, total = folder.stored_provenance(manifest), int(manifest["num_chunks"])
    done = [i for i in range(total) if parts.is_finished(out, i, source)]
    if not done or (len(done) < total and not unfinished):
        raise ValueError(
            f"{out} holds {len(done)} of {total} chunks; allowed: all of them (the same sweep command goes on)"
        )
    try:
        return join(parts.read_part(parts.part_path(out, i)) for i in done)
    except (OSError, pa.ArrowException) as error:
        raise ValueError(f"{out} holds a part that cannot be read: {error}; allowed: the parts of sweep") from error
