"""Chunks on the workers of a dask cluster, local processes or other machines; a worker that dies is survived.

Every free thread of a worker gets one chunk, of the program that this worker has compiled already if there is one left;
else of the program with most work left that nobody else has. Results come back to the coordinator, which alone writes,
so workers share no disk. Workers of other code, libraries or devices are refused: their rows would be other rows.
Independent check: tests/experiments/sweep/test_cluster.py kills a worker in the middle and compares bytes.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import functools
import logging
import time
from collections.abc import Generator, Iterator
from typing import Any, NoReturn, TypeAlias

import dask.config
from distributed import CancelledError, Client, Future, LocalCluster, wait
from distributed.client import ClosedClientError
from distributed.comm.core import CommClosedError

from experiments import provenance
from experiments.rows import Rows
from experiments.sweep.grid import Program
from experiments.sweep.outcome import Compute, Outcome, timed
from experiments.sweep.parts import SweepError
from experiments.sweep.spec import Chunk, Spec, chunk_work

Connected: TypeAlias = Any
"""A `distributed.Client`; its types say that whatever it returns may be a coroutine, which here it never is."""
ALLOWED_FAILURES = 10
"""Workers that may die under a chunk before it is taken for the cause (local clusters; others have their own)."""
CONNECT_TIMEOUT = 10.0
"""Seconds that a scheduler has to answer."""
PATIENCE = 60.0
"""Seconds without any worker before giving up."""
ONE_THREAD = {
    "NPROC": "1",  # what XLA takes for the number of cores, for both of its pools of threads
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "false",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""Environment of local workers: N of them on N cores shall not start N² threads, nor each take the whole GPU."""

KEEP_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**30), "MALLOC_MMAP_THRESHOLD_": str(2**28)}
"""Let malloc keep what a block of runs has used: at dask's own setting (64 KiB) workers give it back and fetch it again
at every step, at half the speed."""


@contextlib.contextmanager
def local(workers: int) -> Iterator[str]:
    """A cluster of processes on this machine, one thread each, and its address (loopback only).

    Nannies start a worker anew when it is killed; memory is the sweep's own affair, so they do not watch it.
    """
    settings = {
        "distributed.scheduler.allowed-failures": ALLOWED_FAILURES,
        "distributed.worker.multiprocessing-method": "spawn",  # JAX is not safe to fork
        "distributed.nanny.pre-spawn-environ": KEEP_MEMORY,
    }
    options: dict[str, Any] = {
        "n_workers": workers,
        "threads_per_worker": 1,
        "processes": True,
        "host": "127.0.0.1",
        "dashboard_address": "127.0.0.1:0",  # None would still bind port 8787, which two sweeps cannot share
        "memory_limit": 0,
        "silence_logs": logging.CRITICAL,
        "env": ONE_THREAD,
    }
    with dask.config.set(settings):
        cluster: Any = LocalCluster(**options)
        with cluster:
            yield cluster.scheduler_address


@contextlib.contextmanager
def client(workers: int, scheduler: str | None) -> Iterator[Connected]:
    """A client of the scheduler, or of a local cluster of `workers`.

    Raises:
        ValueError: the scheduler does not answer.
    """
    with contextlib.ExitStack() as stack:
        address = scheduler if scheduler is not None else stack.enter_context(local(workers))
        try:
            connected = Client(address, timeout=CONNECT_TIMEOUT, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"--scheduler is {address}, which does not answer ({error}); "
                "allowed: tcp://HOST:PORT of a running dask scheduler"
            ) from error
        yield stack.enter_context(connected)


def check_workers(connected: Connected) -> None:
    """Refuse workers whose rows would be other rows.

    Raises:
        ValueError: a worker with other code, libraries or device.
    """
    here = provenance.fingerprint()
    for address, found in connected.run(provenance.process_fingerprint).items():
        wrong = provenance.difference(found, here)
        if wrong is not None:
            raise ValueError(f"--scheduler has the worker {address} with {wrong}; allowed: workers like this machine")


def _task(compute: Compute, spec: Spec, chunk: Chunk, memory: int, here: dict[str, Any]) -> tuple[Rows, float]:
    """On a worker. It may have joined after `check_workers`."""
    wrong = provenance.difference(provenance.process_fingerprint(), here)
    if wrong is not None:
        raise ValueError(f"a worker joined with {wrong}; allowed: workers like the coordinator")
    return timed(compute, spec, chunk, memory)


def _next(left: dict[Program, list[Chunk]], home: dict[str, Program], address: str, spec: Spec) -> Chunk:
    """A chunk for this worker, taken out of what is left."""
    if home.get(address) not in left:
        taken = set(home.values())
        home[address] = max(
            left, key=lambda program: (program not in taken, sum(chunk_work(spec, chunk) for chunk in left[program]))
        )
    program = home[address]
    chunk = left[program].pop(0)
    if not left[program]:
        del left[program]
    return chunk


def _first(connected: Connected, futures: list[Future]) -> set[Future]:
    """Those that are done, after at most a second: workers may have come or gone in between."""
    if not futures:
        time.sleep(0.1)
        return set()
    try:
        with connected.as_current():
            found: Any = wait(futures, timeout=1, return_when="FIRST_COMPLETED")
    except TimeoutError:
        return set()
    return found.done


@contextlib.contextmanager
def _lost(*errors: type[Exception]) -> Iterator[None]:
    """A connection that ends, as a sentence; `errors` are taken for that too. The next run computes what is missing."""
    try:
        yield
    except (CancelledError, ClosedClientError, *errors) as error:
        raise SweepError(f"the scheduler was lost ({_first_line(error)}); finished chunks are kept") from error


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _outcome(connected: Connected, future: Future) -> Outcome | None:
    """Of a future that is done, its rows fetched; None where the worker that had them died before they were."""
    fetched = asyncio.run_coroutine_threadsafe(connected.gather(future, asynchronous=True), connected.loop.asyncio_loop)
    while not fetched.done() and future.done():
        concurrent.futures.wait([fetched], timeout=1)
    if not fetched.done():  # dask would wait for somebody to compute it again, which nobody may
        fetched.cancel()
        return None
    try:
        with _lost(CommClosedError):
            found: Any = fetched.result()
    except SweepError:
        raise
    except Exception as error:  # of the computation: the engine names the chunk
        return functools.partial(_raise, error)
    return lambda: found


def _raise(error: Exception) -> NoReturn:
    raise error


def outcomes(
    connected: Connected, compute: Compute, spec: Spec, todo: list[Chunk], memory: int
) -> Generator[tuple[Chunk, Outcome]]:
    """Chunks in the order in which they are finished.

    Raises:
        SweepError: no workers for a minute, a chunk that ends every worker, or the scheduler is lost.
    """
    here = provenance.fingerprint()
    left: dict[Program, list[Chunk]] = {}
    for chunk in todo:
        left.setdefault(chunk.settings[0].program, []).append(chunk)
    home: dict[str, Program] = {}
    flying: dict[Future, tuple[Chunk, str]] = {}
    deaths: dict[int, int] = {}
    computed: set[int] = set()
    """Chunks that were computed once: whose rows are lost, but not by them."""
    seen = time.monotonic()

    def rescue(slots: dict[str, int]) -> None:
        """Take back what nobody computes: dask leaves a task to its worker's address where that was the only one."""
        lost = [future for future, (_, where) in flying.items() if where not in slots and not future.done()]
        if lost and slots:
            busy = {key for keys in connected.processing().values() for key in keys}
            for future in lost:
                if future.key not in busy:
                    chunk, _ = flying.pop(future)
                    future.release()
                    deaths[chunk.index] = deaths.get(chunk.index, 0) + (chunk.index not in computed)
                    if deaths[chunk.index] > ALLOWED_FAILURES:
                        raise SweepError(
                            f"chunk {chunk.index} ended the worker that computed it {deaths[chunk.index]} times; "
                            "finished chunks are kept"
                        )
                    left.setdefault(chunk.settings[0].program, []).insert(0, chunk)

    def fill() -> bool:
        """Give free threads work; whether there are workers at all."""
        if connected.status != "running":  # asking would wait for half a minute; a new connection has lost the work
            raise ClosedClientError("no connection")
        slots: dict[str, int] = connected.nthreads()
        for gone in home.keys() - slots.keys():
            del home[gone]
        rescue(slots)
        for address, threads in slots.items():
            free = threads - sum(where == address for _, where in flying.values())
            for _ in range(min(free, sum(map(len, left.values())))):
                chunk = _next(left, home, address, spec)
                future = connected.submit(
                    functools.partial(_task, compute, spec, chunk, memory, here),
                    workers=[address],
                    allow_other_workers=True,  # should this one die
                    pure=False,
                )
                flying[future] = (chunk, address)
        return bool(slots)

    while left or flying:
        with _lost(OSError):
            if fill():
                seen = time.monotonic()
            elif time.monotonic() - seen > PATIENCE:
                raise SweepError(f"no workers for {PATIENCE:.0f} s; finished chunks are kept")
            finished: list[tuple[Chunk, Outcome]] = []
            for future in _first(connected, list(flying)):
                computed.add(flying[future][0].index)
                outcome = _outcome(connected, future)
                if outcome is not None:  # else it flies on, not done: dask or `rescue` has it computed again
                    finished.append((flying.pop(future)[0], outcome))
                    future.release()
            fill()  # fetched before their worker is given what it may die of, and before they are written
        yield from finished
